package main

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"housephone/phone/audio"
	"housephone/phone/codec"
	"housephone/phone/phonetest"
)

// voice is what the driver says in a call: payloads of 20 ms, over and over.
type voice struct {
	codec    string // name in the session description
	pt       byte
	step     uint32 // timestamp units in 20 ms
	payloads [][]byte
}

// silence is G.711 A-law without a sound (RFC 3551 4.5.14).
func silence() voice {
	payload := make([]byte, 160)
	for i := range payload {
		payload[i] = 0xd5
	}
	return voice{codec: "PCMA", pt: 8, step: 160, payloads: [][]byte{payload}}
}

// opusTone is a second of a tone in Opus.
func opusTone() (voice, error) {
	c, _ := codec.ByName("opus")
	v := voice{codec: "opus", pt: c.PayloadType, step: c.Timestamps(frame)}
	enc, err := c.NewEncoder()
	if err != nil {
		return v, err
	}
	tone, err := audio.NewTone(c.SampleRate, -12, 700)
	if err != nil {
		return v, err
	}
	pcm, payload := make([]int16, c.Samples(frame)), make([]byte, 1280)
	for range 50 {
		tone.Read(pcm)
		n := enc.Encode(payload, pcm)
		v.payloads = append(v.payloads, append([]byte(nil), payload[:n]...))
	}
	return v, nil
}

// agreed takes over the payload type that the offer has for the codec (RFC 3264 6.1).
func (v voice) agreed(offer *phonetest.Msg) voice {
	if m := regexp.MustCompile(`(?i)a=rtpmap:(\d+) ` + v.codec + `/`).FindSubmatch(offer.Body); m != nil {
		if pt, err := strconv.ParseUint(string(m[1]), 10, 7); err == nil {
			v.pt = byte(pt)
		}
	}
	return v
}

// sdp is the answer.
func (v voice) sdp(port uint16) []byte {
	text := phonetest.SDP(int(port), v.codec)
	if v.codec == "opus" { // the only one without a payload type of its own
		pt := fmt.Sprint(v.pt)
		text = strings.NewReplacer("RTP/AVP 96", "RTP/AVP "+pt, "rtpmap:96", "rtpmap:"+pt).Replace(text)
	}
	return []byte(text)
}

// packet fills the header that is in data and appends the payload (RFC 3550 5.1).
func (v voice) packet(data []byte, seq uint16) []byte {
	data[0], data[1] = 0x80, v.pt
	binary.BigEndian.PutUint16(data[2:], seq)
	binary.BigEndian.PutUint32(data[4:], uint32(seq)*v.step)
	copy(data[8:], "BNCH")
	return append(data, v.payloads[int(seq)%len(v.payloads)]...)
}

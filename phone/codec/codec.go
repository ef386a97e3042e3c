package codec

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"housephone/phone/codec/g711"
	"housephone/phone/codec/g722"
	"housephone/phone/codec/opus"
)

// ErrUnknown is returned for a codec that this build cannot encode or decode.
var ErrUnknown = errors.New("unknown codec")

// Codec describes one audio codec as it appears in an SDP rtpmap. It is
// comparable.
type Codec struct {
	// Name is the encoding name of the rtpmap in the case of its registration,
	// for example "PCMU".
	Name string
	// PayloadType is the static RTP payload type (RFC 3551 table 4), or the
	// dynamic one proposed for it (96 and above).
	PayloadType uint8
	// ClockRate counts RTP timestamp units a second. It differs from
	// SampleRate for G.722 (RFC 3551 4.5.2).
	ClockRate int
	// SampleRate counts PCM samples a second and channel.
	SampleRate int
	// Channels is 1 for all telephone codecs.
	Channels int
}

// Encoder turns one frame of PCM into one RTP payload.
type Encoder interface {
	// Encode writes the payload of pcm to dst and returns its length in
	// bytes. It encodes no more than fits into dst and does not allocate.
	Encode(dst []byte, pcm []int16) int
}

// Decoder turns RTP payloads into PCM.
type Decoder interface {
	// Decode writes the samples of payload to dst and returns their number.
	// It decodes no more than fits into dst, never fails (damaged input gives
	// samples, or none) and does not allocate.
	Decode(dst []int16, payload []byte) int
}

// Table lists the codecs of this build in the default order of preference. Payload types
// of 96 and above are proposals.
func Table() []Codec {
	return append(Default(),
		Codec{Name: "opus", PayloadType: 96, ClockRate: 48000, SampleRate: 48000, Channels: 1}, // RFC 7587 4.1
		Codec{Name: "L16", PayloadType: 97, ClockRate: 16000, SampleRate: 16000, Channels: 1},  // RFC 3551 4.5.11
		Codec{Name: "L16", PayloadType: 98, ClockRate: 8000, SampleRate: 8000, Channels: 1},
	)
}

// Default lists the codecs that a phone offers when nothing else is wished: those that
// every house switch has, the one of best sound first. Opus takes many times their
// processor time and L16 many times their bandwidth, so they are to be asked for by name.
func Default() []Codec {
	return []Codec{
		{Name: "G722", PayloadType: 9, ClockRate: 8000, SampleRate: 16000, Channels: 1}, // RFC 3551 4.5.2
		{Name: "PCMA", PayloadType: 8, ClockRate: 8000, SampleRate: 8000, Channels: 1},  // RFC 3551 4.5.14
		{Name: "PCMU", PayloadType: 0, ClockRate: 8000, SampleRate: 8000, Channels: 1},  // RFC 3551 4.5.14
	}
}

// ByName finds a codec of [Table] by its encoding name, alone or with its clock rate as in
// "L16/8000"; case does not matter (RFC 4855 3).
func ByName(name string) (Codec, bool) {
	for _, c := range Table() {
		if strings.EqualFold(c.Name, name) || strings.EqualFold(fmt.Sprintf("%s/%d", c.Name, c.ClockRate), name) {
			return c, true
		}
	}
	return Codec{}, false
}

// NewEncoder makes the encoder for one direction of one call, or says
// [ErrUnknown].
func (c Codec) NewEncoder() (Encoder, error) { return c.NewEncoderFor("") }

// NewEncoderFor is NewEncoder for a far end that has stated format parameters (the value
// of a=fmtp behind the payload type). Of these Opus heeds useinbandfec and
// maxaveragebitrate (RFC 7587 6.1); all else is passed over.
func (c Codec) NewEncoderFor(fmtp string) (Encoder, error) {
	switch strings.ToUpper(c.Name) {
	case "PCMU":
		return g711.ULaw{}, nil
	case "PCMA":
		return g711.ALaw{}, nil
	case "G722":
		return g722.NewEncoder(), nil
	case "OPUS":
		return opus.NewEncoder(opusConfig(c.SampleRate, fmtp))
	case "L16":
		return l16{}, nil
	}
	return nil, fmt.Errorf("encode %q: %w", c.Name, ErrUnknown)
}

// NewDecoder makes the decoder for one direction of one call, or says
// [ErrUnknown].
func (c Codec) NewDecoder() (Decoder, error) {
	switch strings.ToUpper(c.Name) {
	case "PCMU":
		return g711.ULaw{}, nil
	case "PCMA":
		return g711.ALaw{}, nil
	case "G722":
		return g722.NewDecoder(), nil
	case "OPUS":
		return opus.NewDecoder(c.SampleRate)
	case "L16":
		return l16{}, nil
	}
	return nil, fmt.Errorf("decode %q: %w", c.Name, ErrUnknown)
}

// Fmtp is what we state of a codec in a=fmtp behind the payload type, or "". It tells what
// we like to receive.
func (c Codec) Fmtp() string {
	if strings.EqualFold(c.Name, "opus") {
		return "useinbandfec=1;stereo=0" // RFC 7587 6.1
	}
	return ""
}

// Ptime is the packet length nearest to wished that the encoder can make: Opus has frames
// of 20 ms, and a packet of L16 must fit the network.
func (c Codec) Ptime(wished time.Duration) time.Duration {
	switch strings.ToUpper(c.Name) {
	case "OPUS":
		return 20 * time.Millisecond
	case "L16":
		const most = 1280 // bytes, 40 ms at 16 kHz
		longest := most * time.Second / time.Duration(max(2*c.SampleRate, 1))
		return min(wished, longest.Truncate(10*time.Millisecond))
	}
	return wished
}

// Samples is the number of PCM samples (all channels) in a frame of length d.
func (c Codec) Samples(d time.Duration) int {
	return int(int64(c.SampleRate)*int64(d)/int64(time.Second)) * max(c.Channels, 1)
}

// Timestamps is the number of RTP timestamp units in a frame of length d.
func (c Codec) Timestamps(d time.Duration) uint32 {
	return uint32(int64(c.ClockRate) * int64(d) / int64(time.Second))
}

// String is the rtpmap form, for example "PCMU/8000".
func (c Codec) String() string {
	if c.Channels > 1 {
		return fmt.Sprintf("%s/%d/%d", c.Name, c.ClockRate, c.Channels)
	}
	return fmt.Sprintf("%s/%d", c.Name, c.ClockRate)
}

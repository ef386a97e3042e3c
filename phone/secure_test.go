package phone_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"housephone/phone"
	"housephone/phone/codec"
	"housephone/phone/phonetest"
	"housephone/phone/sdp"
)

// crypto is a key line, and secureSDP a description with it.
func crypto(tag int, seed byte) string {
	return fmt.Sprintf("a=crypto:%d AES_CM_128_HMAC_SHA1_80 inline:%s", tag, base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(seed)), 30))))
}

func secureSDP(port int, lines ...string) string {
	return strings.Replace(phonetest.SDP(port, append([]string{"PCMA"}, lines...)...), "RTP/AVP", "RTP/SAVP", 1)
}

func encrypted(c *phone.Config) { c.SRTP = sdp.SRTPRequired }

var inline = regexp.MustCompile(`a=crypto:(\d+) (\S+) inline:(\S+)`)

// key gives tag and key of the first key line of a body.
func key(t *testing.T, m *phonetest.Msg) (tag, key string) {
	t.Helper()
	f := inline.FindStringSubmatch(string(m.Body))
	if f == nil {
		t.Fatalf("no key in\n%s", m.Body)
	}
	return f[1], f[3]
}

// Where encryption is required plain calls are refused with 488 in both directions, and it is told why.
func TestPlainCallsAreRefused(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, encrypted, p)
	invite := p.Invite(r.uri(), r.addr, phonetest.WithSDP(phonetest.SDP(4000)))
	p.Ack(invite, p.Expect(t, "488"))
	if e := r.ended(t, phone.CauseFailed, false, 488); !strings.Contains(e.Reason, "without SRTP") {
		t.Errorf("%+v", e)
	}

	w := r.Call(p.URI("bob"))
	out := p.Expect(t, "INVITE", phonetest.HasBody("RTP/SAVP"))
	p.Reply(out, 488, "Not Acceptable Here")
	p.Expect(t, "ACK")
	err := wait(w)
	if err == nil || !strings.Contains(err.Error(), "encrypt") {
		t.Errorf("the result says %v", err)
	}
	if e := r.ended(t, phone.CauseFailed, true, 488); !strings.Contains(e.Reason, "encrypt") {
		t.Errorf("%+v", e)
	}

	// A far end that answers in the clear is hung up on.
	w = r.Call(p.URI("bob"))
	out = p.Expect(t, "INVITE", phonetest.HasBody("RTP/SAVP"))
	p.Reply(out, 200, "OK", phonetest.WithSDP(phonetest.SDP(p.RTP().Port(), "PCMA")))
	p.Expect(t, "ACK")
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	if err := wait(w); err == nil {
		t.Error("a call in the clear counts as a success")
	}
	r.noCalls(t)
}

// A re-INVITE with another key re-keys both ways; one with the same key changes nothing; one without is refused, and the
// call goes on.
func TestRekeyByReInvite(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, encrypted, p)
	rtp := p.RTP()
	d := r.receive(t, p, phonetest.WithSDP(secureSDP(rtp.Port(), crypto(1, 'A'))))
	_, first := key(t, d.ok)
	r.call(t, "secure", func(c phone.Call) bool { return c.Secure })

	d.Invite(secureSDP(rtp.Port(), crypto(1, 'A')))
	ok := p.Expect(t, "200")
	d.Ack(ok)
	if _, same := key(t, ok); same != first {
		t.Error("the same offer changes our key")
	}
	d.Invite(secureSDP(rtp.Port(), crypto(3, 'B')))
	ok = p.Expect(t, "200")
	d.Ack(ok)
	tag, second := key(t, ok)
	if second == first || tag != "3" {
		t.Errorf("tag %s; our key changed: %v", tag, second != first)
	}
	bad := d.Invite(phonetest.SDP(rtp.Port(), "PCMA"))
	p.Ack(bad, p.Expect(t, "488"))
	for _, line := range []string{
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=", // too short
		"a=crypto:1 ROT13 inline:" + strings.Repeat("A", 40), // unknown
		"a=crypto:x", "",
	} {
		bad := d.Invite(secureSDP(rtp.Port(), line))
		p.Ack(bad, p.Expect(t, "488"))
	}
	rtp.AwaitPackets(t, 3)
	if s := r.snapshot(t); !s.Calls[0].Secure || s.Calls[0].Status != phone.StatusActive {
		t.Errorf("%+v", s.Calls[0])
	}
	d.Bye()
	p.Expect(t, "200 BYE")
}

// Each end names its own payload types: we send with the far end's and take our own.
func TestPayloadTypesOfEachEnd(t *testing.T) {
	t.Parallel()
	opus, _ := codec.ByName("opus")
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Codecs = []codec.Codec{opus}; c.Capture = device(t, "tone:440") }, p)
	rtp := p.RTP()
	w := r.Call(p.URI("bob"))
	invite := p.Expect(t, "INVITE")
	offered := regexp.MustCompile(`a=rtpmap:(\d+) telephone-event/48000`).FindStringSubmatch(string(invite.Body))
	if offered == nil {
		offered = regexp.MustCompile(`a=rtpmap:(\d+) telephone-event/`).FindStringSubmatch(string(invite.Body))
	}
	if offered == nil {
		t.Fatalf("no telephone-event in\n%s", invite.Body)
	}
	theirs := strings.NewReplacer("RTP/AVP 96", "RTP/AVP 111 126", "rtpmap:96", "rtpmap:111").Replace(
		phonetest.SDP(rtp.Port(), "opus", "a=rtpmap:126 telephone-event/48000", "a=fmtp:126 0-16"))
	p.Reply(invite, 200, "OK", phonetest.WithSDP(theirs))
	p.Expect(t, "ACK")
	do(t, w)
	rtp.AwaitPackets(t, 3)
	if pt := rtp.Packets()[0].PT; pt != 111 {
		t.Errorf("sent with payload type %d, want the far end's 111", pt)
	}
	var ours uint8
	if _, err := fmt.Sscan(offered[1], &ours); err != nil {
		t.Fatal(err)
	}
	rtp.SendKeys(invite.MediaAddr(), ours, "7")
	if k := next[phone.Key](t, r); k.Key != "7" {
		t.Errorf("key %q", k.Key)
	}
}

// The codec changes by re-INVITE, ours stays the same call.
func TestCodecChangesByReInvite(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.Capture = device(t, "tone:440") }, p)
	d := r.receive(t, p, phonetest.WithSDP(phonetest.SDP(p.RTP().Port(), "PCMA")))
	id := r.snapshot(t).Calls[0].ID
	for _, c := range []struct {
		codec string
		pt    uint8
	}{{"G722", 9}, {"PCMU", 0}, {"PCMA", 8}} {
		rtp := p.RTP()
		d.Invite(phonetest.SDP(rtp.Port(), c.codec))
		d.Ack(p.Expect(t, "200"))
		r.call(t, c.codec, func(k phone.Call) bool { return k.Codec == c.codec && k.ID == id })
		rtp.AwaitPackets(t, 3)
		if pt := rtp.Packets()[2].PT; pt != c.pt {
			t.Errorf("%s: payload type %d", c.codec, pt)
		}
	}
}

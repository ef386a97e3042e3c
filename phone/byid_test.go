package phone_test

import (
	"sync"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/audio"
	"housephone/phone/phonetest"
)

// loudness is a sink that remembers how loud its last frame was, in dBFS.
type loudness struct {
	mu    sync.Mutex
	level float64
	n     int
}

func (l *loudness) Write(frame []int16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.level, l.n = audio.Level(frame), l.n+1
}

func (l *loudness) await(t *testing.T, what string, ok func(float64) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		l.mu.Lock()
		good := l.n > 0 && ok(l.level)
		l.mu.Unlock()
		if good {
			return
		}
	}
	t.Fatalf("%s: %d frames, the last one of %g dBFS", what, l.n, l.level)
}

// Nobody answers: the call is taken without the devices of this end, until somebody answers after all.
func TestUnattended(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) {
		c.RingTimeout, c.AnswerUnanswered, c.Capture = 100*time.Millisecond, true, device(t, "tone:440")
	}, p)
	rtp := p.RTP()
	invite := p.Invite(r.uri(), r.addr, phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMA")))
	p.Expect(t, "180")
	answer := p.Expect(t, "200 INVITE")
	d := p.Dialog(invite, answer)
	d.Ack(answer)
	c := r.status(t, phone.StatusActive)
	if !c.Unattended || c.KeyEvents {
		t.Errorf("%+v", c)
	}
	rtp.AwaitPackets(t, 20)
	if rtp.Level() > -60 {
		t.Error("the caller hears the room")
	}
	near, far := &loudness{}, &loudness{}
	tone, err := audio.NewTone(c.Rate, -10, 700)
	if err != nil {
		t.Fatal(err)
	}
	do(t, r.TapCall(c.ID, near, far))
	do(t, r.SpeakInto(c.ID, tone))
	rtp.AwaitTone(t, 700)
	near.await(t, "what is sent", func(l float64) bool { return l > -20 })
	refused(t, r.TapCall("another", near, far), phone.Refused, 0)
	refused(t, r.SpeakInto("another", tone), phone.Refused, 0)
	refused(t, r.HangupCall("another"), phone.Refused, 0)
	refused(t, r.TransferCall("another", "sip:601@127.0.0.1"), phone.Refused, 0)

	do(t, r.Mute(0, true)) // nor does a recording hear who is muted
	near.await(t, "muted", func(l float64) bool { return l < -60 })
	do(t, r.Mute(0, false))

	do(t, r.Answer(0))
	do(t, r.SpeakInto(c.ID, nil))
	rtp.AwaitTone(t, 440)
	if c := r.snapshot(t).Calls[0]; c.Unattended {
		t.Errorf("%+v", c)
	}
	do(t, r.HangupCall(c.ID))
	p.Reply(p.Expect(t, "BYE"), 200, "OK")
	r.ended(t, phone.CauseCompleted, false, 0)
}

// What may not be dialled is not reached by a transfer either.
func TestTransferCallMayNotDial(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) { c.BarInternational, c.CallsPerHour = true, 2 }, p)
	r.place(t, p)
	id := r.snapshot(t).Calls[0].ID
	for _, to := range []string{"sip:+441234@127.0.0.1", "sip:00441234@127.0.0.1"} {
		refused(t, r.TransferCall(id, to), phone.Refused, 0)
		refused(t, r.Transfer(0, to), phone.Refused, 0)
	}
	w := r.TransferCall(id, "sip:601@127.0.0.1")
	p.Reply(p.Expect(t, "REFER", phonetest.Has("Refer-To", "sip:601@")), 603, "Decline")
	refused(t, w, phone.Refused, 603)
	refused(t, r.TransferCall(id, "sip:602@127.0.0.1"), phone.Refused, 0) // the third within an hour
	p.ExpectNone(t, "REFER", 50*time.Millisecond)
}

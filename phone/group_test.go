package phone_test

import (
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// ringAll lets the phone call several peers at once, which all ring.
func ringAll(t *testing.T, r *rig, peers ...*phonetest.Peer) []*phonetest.Msg {
	t.Helper()
	uris := make([]string, len(peers))
	for i, p := range peers {
		uris[i] = p.URI("bob")
	}
	w := r.CallAll(uris)
	invites := make([]*phonetest.Msg, len(peers))
	for i, p := range peers {
		invites[i] = p.Expect(t, "INVITE")
		p.Reply(invites[i], 180, "Ringing")
	}
	do(t, w)
	return invites
}

// Three phones ring; the second one answers and has the call, the others stop without a missed call.
func TestGroupFirstAnswerWins(t *testing.T) {
	t.Parallel()
	peers := []*phonetest.Peer{phonetest.NewPeer(t), phonetest.NewPeer(t), phonetest.NewPeer(t)}
	r := newRig(t, nil, peers...)
	invites := ringAll(t, r, peers...)
	rtp := peers[1].RTP()
	ok := peers[1].Reply(invites[1], 200, "OK", phonetest.WithSDP(phonetest.SDP(rtp.Port())))
	peers[1].Expect(t, "ACK")
	for _, i := range []int{0, 2} {
		cancel := peers[i].Expect(t, "CANCEL", phonetest.Has("Reason", `SIP;cause=200;text="Call completed elsewhere"`))
		peers[i].Reply(cancel, 200, "OK")
		peers[i].Reply(invites[i], 487, "Request Terminated")
		peers[i].Expect(t, "ACK")
	}
	if c := r.status(t, phone.StatusActive); c.Remote.URI != peers[1].URI("bob") || c.Slot != 1 {
		t.Errorf("the call is %+v", c)
	}
	peers[1].Dialog(invites[1], ok).Bye()
	if e := r.ended(t, phone.CauseCompleted, true, 0); e.Call.Remote.URI != peers[1].URI("bob") {
		t.Errorf("the record is of %+v", e.Call.Remote)
	}
	r.one(t)
}

// A group fails when its last phone has, and is one call all the while.
func TestGroupAllFail(t *testing.T) {
	t.Parallel()
	a, b := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, nil, a, b)
	w := r.CallAll([]string{a.URI("bob"), b.URI("bob")})
	ia, ib := a.Expect(t, "INVITE"), b.Expect(t, "INVITE")
	a.Reply(ia, 486, "Busy Here")
	a.Expect(t, "ACK")
	b.Reply(ib, 603, "Decline")
	b.Expect(t, "ACK")
	refused(t, w, phone.Refused, 603)
	r.ended(t, phone.CauseDeclined, true, 603)
	r.one(t)
}

// Hanging up cancels every leg.
func TestGroupHangup(t *testing.T) {
	t.Parallel()
	a, b := phonetest.NewPeer(t), phonetest.NewPeer(t)
	r := newRig(t, nil, a, b)
	ringAll(t, r, a, b)
	do(t, r.Hangup(0))
	a.Expect(t, "CANCEL")
	b.Expect(t, "CANCEL")
	r.ended(t, phone.CauseCancelled, false, 0)
	r.one(t)
}

// one checks that the group was one call: told once, ended once, and that nothing is left.
func (r *rig) one(t *testing.T) {
	t.Helper()
	time.Sleep(100 * time.Millisecond)
	r.noCalls(t)
	if out, end := count[phone.Outgoing](r), count[phone.Ended](r); out != 1 || end != 1 {
		t.Errorf("told %d times, ended %d times", out, end)
	}
}

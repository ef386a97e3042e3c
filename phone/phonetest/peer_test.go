package phonetest

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probe is a testing.TB that notes a failure instead of ending the test.
type probe struct {
	testing.TB
	failure string
}

type stop struct{}

func (p *probe) Helper() {}
func (p *probe) Fatalf(format string, args ...any) {
	p.failure = format
	panic(stop{})
}

func failureOf(t *testing.T, f func(testing.TB)) (failed string) {
	p := &probe{TB: t}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(stop); !ok {
				panic(r)
			}
			failed = p.failure
		}
	}()
	f(p)
	return ""
}

func TestCallBetweenPeers(t *testing.T) {
	for _, tc := range []struct {
		name string
		open func(testing.TB) *Peer
	}{
		{"udp", NewPeer},
		{"tcp", NewTCPPeer},
		{"tls", func(t testing.TB) *Peer {
			cert, _ := SelfSigned(t)
			return NewTLSPeer(t, cert)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := tc.open(t), tc.open(t)
			invite := a.Invite(b.URI("bob"), b.Addr(), WithSDP(SDP(4000)))
			in := b.Expect(t, "INVITE", HasBody("PCMA/8000"), Has("Content-Type", "application/sdp"))
			b.Reply(in, 100, "Trying")
			b.Reply(in, 180, "Ringing")
			a.Expect(t, "100 INVITE")
			ringing := a.Expect(t, "180")
			if ringing.ToTag() == "" || ringing.Contact() != b.URI("peer") {
				t.Fatalf("180 without tag or contact:\n%s", ringing.Raw)
			}
			accepted := b.Reply(in, 200, "OK", WithSDP(SDP(4002, "PCMA")))
			ok := a.Expect(t, "2xx INVITE")
			if ok.ToTag() != ringing.ToTag() {
				t.Fatalf("tag of 200 is %q, of 180 %q", ok.ToTag(), ringing.ToTag())
			}
			if got := ok.MediaAddr().Port(); got != 4002 {
				t.Fatalf("media port %d", got)
			}
			d := a.Dialog(invite, ok)
			d.Ack(ok)
			ack := b.Expect(t, "ACK")
			if n, _ := ack.CSeq(); n != 1 || ack.URI != b.URI("peer") || ack.ToTag() != ok.ToTag() {
				t.Fatalf("wrong ACK:\n%s", ack.Raw)
			}
			d.Invite("")
			b.Expect(t, "INVITE")
			back := b.Dialog(in, accepted)
			back.Bye()
			bye := a.Expect(t, "BYE")
			if bye.ToTag() != invite.FromTag() || bye.FromTag() != ok.ToTag() {
				t.Fatalf("wrong tags in BYE:\n%s", bye.Raw)
			}
			a.Reply(bye, 200, "OK")
			b.Expect(t, "200 BYE")
			if !strings.Contains(b.Trace(), "INVITE") {
				t.Fatal("trace lacks the INVITE")
			}
		})
	}
}

func TestCancelAndFailure(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	invite := a.Invite(b.URI("bob"), b.Addr())
	in := b.Expect(t, "INVITE")
	a.Cancel(invite)
	cancel := b.Expect(t, "CANCEL")
	if cancel.Branch() != in.Branch() || cancel.ToTag() != "" {
		t.Fatalf("wrong CANCEL:\n%s", cancel.Raw)
	}
	b.Reply(cancel, 200, "OK")
	b.Reply(in, 487, "Request Terminated")
	got := a.ExpectAll(t, "487 INVITE", "200 CANCEL")
	a.Ack(invite, got[0])
	ack := b.Expect(t, "ACK")
	if ack.Branch() != in.Branch() || ack.ToTag() != got[0].ToTag() || ack.URI != in.URI {
		t.Fatalf("wrong ACK:\n%s", ack.Raw)
	}
}

func TestCopiesAreSkippedAndCounted(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	m := a.Request("OPTIONS", b.URI(""))
	for range 3 {
		a.Send(m, b.Addr())
	}
	a.Send(a.Request("INFO", b.URI("")), b.Addr())
	first := b.Expect(t, "OPTIONS")
	b.Expect(t, "INFO")
	if n := b.Copies(first); n != 2 {
		t.Fatalf("%d copies, want 2", n)
	}
	b.AwaitCount(t, "OPTIONS", 3)
	b.KeepCopies()
	a.Send(m, b.Addr())
	if !b.Expect(t, "OPTIONS").Copy {
		t.Fatal("the copy is not marked")
	}
}

func TestFailuresAreSeen(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	b.Timeout = 50 * time.Millisecond
	if failureOf(t, func(tb testing.TB) { b.Expect(tb, "INVITE") }) == "" {
		t.Error("Expect is content with nothing")
	}
	a.Send(a.Request("OPTIONS", b.URI("")), b.Addr())
	b.AwaitCount(t, "OPTIONS", 1)
	if failureOf(t, func(tb testing.TB) { b.ExpectNone(tb, "OPTIONS", time.Millisecond) }) == "" {
		t.Error("ExpectNone overlooks what has arrived before")
	}
	if failureOf(t, func(tb testing.TB) { b.Expect(tb, "INVITE") }) == "" {
		t.Error("Expect takes an OPTIONS for an INVITE")
	}
	b.ExpectNone(t, "any", 5*time.Millisecond)
	a.Send(a.Request("OPTIONS", b.URI("")), b.Addr())
	if failureOf(t, func(tb testing.TB) { b.Expect(tb, "OPTIONS", HasNo("Via")) }) == "" {
		t.Error("a condition that fails is overlooked")
	}
}

func TestHandleGarbageAndKeepalive(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	b.Handle("OPTIONS", func(m *Msg) { b.Reply(m, 200, "OK") })
	a.Send(a.Request("OPTIONS", b.URI("")), b.Addr())
	a.Expect(t, "200 OPTIONS", Has("Via", "received=127.0.0.1"))
	a.SendRaw([]byte("\r\n\r\n"), b.Addr())
	a.SendRaw([]byte("hello\r\n\r\n"), b.Addr())
	a.Send(a.Request("INFO", b.URI("")), b.Addr())
	b.Expect(t, "INFO")
	if b.Keepalives() != 1 || b.Garbage() != 1 {
		t.Fatalf("%d keep-alives, %d garbage", b.Keepalives(), b.Garbage())
	}
}

func TestStreamKeepsMessagesApart(t *testing.T) {
	a, b := NewTCPPeer(t), NewTCPPeer(t)
	one := a.Request("MESSAGE", b.URI("bob"), WithBody("text/plain", "one\r\n\r\n")).Bytes()
	two := a.Request("MESSAGE", b.URI("bob"), WithBody("text/plain", "two")).Bytes()
	a.SendRaw(append(append(one, "\r\n\r\n"...), two...), b.Addr())
	b.Expect(t, "MESSAGE", HasBody("one"))
	m := b.Expect(t, "MESSAGE", HasBody("two"))
	if string(m.Body) != "two" || b.Keepalives() != 2 {
		t.Fatalf("body %q, %d keep-alives", m.Body, b.Keepalives())
	}
	b.Reply(m, 200, "OK")
	a.Expect(t, "200 MESSAGE")
	if b.Connections() != 1 {
		t.Fatalf("%d connections", b.Connections())
	}
	b.Disconnect()
}

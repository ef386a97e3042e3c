package phone

import (
	"net/netip"
	"testing"
	"time"

	"housephone/phone/transport"
)

func TestLimiter(t *testing.T) {
	l, now := newLimiter(), time.Unix(1000, 0)
	a := netip.MustParseAddr("192.0.2.1")
	for i := range limitBurst {
		if !l.take(a, now) {
			t.Fatalf("refused at %d", i)
		}
	}
	if l.take(a, now) || l.take(a, now.Add(-time.Hour)) {
		t.Error("more than the burst")
	}
	now = now.Add(time.Second)
	n := 0
	for l.take(a, now) {
		n++
	}
	if n != limitRate {
		t.Errorf("%d after a second", n)
	}
	now = now.Add(time.Hour)
	for n = 0; l.take(a, now); n++ {
	}
	if n != limitBurst {
		t.Errorf("%d after an hour", n)
	}
}

// The addresses of one IPv6 network are one stranger.
func TestLimiterNetwork(t *testing.T) {
	l, now := newLimiter(), time.Unix(1000, 0)
	addr := netip.MustParseAddr("2001:db8::1")
	n := 0
	for ; l.take(addr, now); n++ {
		addr = addr.Next()
	}
	if n != limitBurst {
		t.Errorf("%d", n)
	}
}

func TestScanner(t *testing.T) {
	for head, want := range map[string]bool{
		"OPTIONS sip:a SIP/2.0\r\nUser-Agent: friendly-scanner\r\n\r\n":         true,
		"OPTIONS sip:a SIP/2.0\r\nuser-agent : SIPVicious 1\r\n\r\n":            true,
		"OPTIONS sip:a SIP/2.0\r\nUser-Agent: Linphone\r\n\r\nfriendly-scanner": false,
		"OPTIONS sip:sipcli@a SIP/2.0\r\n\r\n":                                  false,
		"":                                                                      false,
	} {
		if scanner([]byte(head)) != want {
			t.Errorf("%q: %v", head, !want)
		}
	}
}

// A long datagram of somebody whom nobody knows is not even looked at; it may come by TCP.
func TestLongDatagramsOfStrangers(t *testing.T) {
	a := newAllowList(Config{AllowFrom: nil})
	stranger, home := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1")
	long := make([]byte, maxStranger+1)
	if a.admit(transport.UDP, stranger, long) || !a.admit(transport.UDP, stranger, long[1:]) {
		t.Error("the bound does not hold")
	}
	if !a.admit(transport.TCP, stranger, long) || !a.admit(transport.UDP, home, long) {
		t.Error("what must pass does not")
	}
}

// All strangers together are held to a rate too; what is listed is not.
func TestAllStrangersTogether(t *testing.T) {
	l, now := newLimiter(), time.Unix(1000, 0)
	addr, n := netip.MustParseAddr("10.0.0.0"), 0
	for range 5 * limitAll {
		addr = addr.Next()
		if l.take(addr, now) {
			n++
		}
	}
	if n != limitAll {
		t.Errorf("%d at once", n)
	}
	if !l.take(addr, now.Add(time.Second)) {
		t.Error("no more after a second")
	}
}

// While the line has no time, nothing more of strangers is read.
func TestBusyLine(t *testing.T) {
	a := newAllowList(Config{AllowFrom: nil})
	waiting := maxWaiting
	a.waiting = func() int { return waiting }
	stranger, home := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1")
	if !a.admit(transport.TCP, stranger, nil) {
		t.Error("refused too early")
	}
	waiting++
	if a.admit(transport.TCP, stranger, nil) || !a.admit(transport.UDP, home, nil) {
		t.Error("not told apart")
	}
}

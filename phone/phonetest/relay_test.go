package phonetest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sendThrough sends n numbered OPTIONS through a relay with rules and gives their numbers
// as they arrive.
func sendThrough(t *testing.T, n, want int, rules ...Rule) string {
	t.Helper()
	a, b := NewPeer(t), NewPeer(t)
	b.KeepCopies()
	relay := NewRelay(t, b.Addr(), 7, rules...)
	for i := range n {
		a.Send(a.Request("OPTIONS", "sip:x", WithHeader("N", fmt.Sprint(i+1))), relay.Addr())
	}
	var got []string
	for range want {
		got = append(got, b.Expect(t, "OPTIONS").Header("N"))
	}
	b.ExpectNone(t, "any", 20*time.Millisecond)
	passed, lost := relay.Counts()
	if passed != want {
		t.Errorf("%d passed, %d lost, want %d passed", passed, lost, want)
	}
	return strings.Join(got, " ")
}

func TestRelayRules(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rules []Rule
		want  string
	}{
		{"no rule", nil, "1 2 3 4"},
		{"drop all", []Rule{{}}, ""},
		{"drop second", []Rule{{Nth: 2}}, "1 3 4"},
		{"other method", []Rule{{Begins: "INVITE "}}, "1 2 3 4"},
		{"other direction", []Rule{{Back: true}}, "1 2 3 4"},
		{"duplicate", []Rule{{Action: Duplicate, Nth: 3}}, "1 2 3 3 4"},
		{"swap", []Rule{{Action: Swap, Nth: 2}}, "1 3 2 4"},
		{"swap two", []Rule{{Action: Swap, Nth: 1}, {Action: Swap, Nth: 2}}, "1 3 2 4"},
		{"swap last", []Rule{{Action: Swap, Nth: 4}}, "1 2 3 4"},
		{"delay", []Rule{{Action: Delay, Nth: 1, Delay: 100 * time.Millisecond}}, "2 3 4 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sendThrough(t, 4, len(strings.Fields(tc.want)), tc.rules...); got != tc.want {
				t.Errorf("arrived %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRelayChance(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	relay := NewRelay(t, b.Addr(), 1, Rule{Chance: 0.3})
	for sent := 1; sent <= 200; sent++ { // one at a time: a burst could overflow a socket
		a.Send(a.Request("OPTIONS", "sip:x"), relay.Addr())
		seen := 0
		for wait := 0; seen < sent && wait < 5000; wait++ {
			passed, lost := relay.Counts()
			if seen = passed + lost; seen < sent {
				time.Sleep(time.Millisecond)
			}
		}
		if seen != sent {
			t.Fatalf("the relay has seen %d of %d packets", seen, sent)
		}
	}
	if _, lost := relay.Counts(); lost < 35 || lost > 85 {
		t.Fatalf("%d of 200 lost with a chance of 0.3", lost)
	}
}

func TestRelayBothWaysAndBlock(t *testing.T) {
	a, b := NewPeer(t), NewPeer(t)
	relay := NewRelay(t, b.Addr(), 1, Rule{Back: true, Begins: "SIP/2.0 180"})
	b.Advertise = relay.Addr()
	invite := a.Invite(b.URI("bob"), relay.Addr())
	in := b.Expect(t, "INVITE")
	b.Reply(in, 180, "Ringing")
	b.Reply(in, 200, "OK")
	ok := a.Expect(t, "200 INVITE", Has("Contact", relay.Addr().String()))
	a.Ack(invite, ok)
	b.Expect(t, "ACK")
	relay.Block(true)
	a.Dialog(invite, ok).Bye()
	b.ExpectNone(t, "BYE", 30*time.Millisecond)
	relay.Block(false)
	a.Dialog(invite, ok).Bye()
	b.Expect(t, "BYE")
}

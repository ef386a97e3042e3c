package chaos

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/phonetest"
)

// lossy are two services that reach each other through bad networks only.
type lossy struct {
	caller, callee *peers.Housephone
	toCaller       *phonetest.Relay // what the callee sends
	toCallee       *phonetest.Relay // what the caller sends
	address        string           // of the callee
}

func newLossy(t *testing.T) *lossy {
	t.Helper()
	l := &lossy{}
	l.caller, l.toCaller = behindRelay(t, env{"HOUSEPHONE_ID": "caller"}, 1)
	l.callee, l.toCallee = behindRelay(t, env{"HOUSEPHONE_ID": "callee", "PHONE_AUTOANSWER": "1"}, 2)
	l.address = "callee@" + l.toCallee.Addr().String()
	return l
}

func behindRelay(t *testing.T, e env, seed uint64) (*peers.Housephone, *phonetest.Relay) {
	t.Helper()
	ports := peers.NewPorts(t)
	listen := peers.Loopback(ports.Pair())
	relay := phonetest.NewRelay(t, netip.MustParseAddrPort(listen), seed)
	e["SIP_LISTEN"], e["SIP_ADVERTISE"] = listen, relay.Addr().String()
	return peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: chaos.program, Env: e}), relay
}

// call makes a call that is answered, and ends it from one side.
func (l *lossy) call(t *testing.T, by *peers.Housephone) {
	t.Helper()
	mark := l.caller.Mark()
	if r := l.caller.Try("call", l.address, nil); !r.OK {
		t.Fatalf("call: %+v", r)
	}
	l.caller.WaitState(l.caller.Topic("status"), "active", time.Minute)
	l.callee.WaitState(l.callee.Topic("status"), "active", time.Minute)
	by.Do("call", "hangup")
	for _, h := range []*peers.Housephone{l.caller, l.callee} {
		h.WaitState(h.Topic("status"), "hangup", time.Minute)
	}
	l.caller.Event(mark, "call/ended", nil)
}

func (l *lossy) atRest(t *testing.T) {
	t.Helper()
	for _, h := range []*peers.Housephone{l.caller, l.callee} {
		atRest(t, h)
	}
}

// A tenth of all messages is lost, others come late, twice or in another order.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	l := newLossy(t)
	for _, back := range []bool{false, true} {
		rules := []phonetest.Rule{
			{Action: phonetest.Drop, Back: back, Chance: 0.1},
			{Action: phonetest.Swap, Back: back, Chance: 0.1},
			{Action: phonetest.Duplicate, Back: back, Chance: 0.1},
			{Action: phonetest.Delay, Back: back, Chance: 0.5, Delay: 50 * time.Millisecond},
		}
		l.toCaller.Add(rules...)
		l.toCallee.Add(rules...)
	}
	calls := 8
	if chaos.full {
		calls = 100
	}
	for i := range calls {
		by := l.caller
		if i%2 == 1 {
			by = l.callee
		}
		l.call(t, by)
	}
	l.atRest(t)
	for _, h := range []*peers.Housephone{l.caller, l.callee} {
		if n := len(h.Since(0, h.Topic("call/ended"))); n != calls {
			t.Errorf("the %s has %d records of %d calls", h.Env["HOUSEPHONE_ID"], n, calls)
		}
	}
}

// Of one kind of message the first ones are lost, or all of them.
func TestOnlyOneKindLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, begins string
		back         bool
		all          bool // lost for ever: the call cannot come about, or one side never hears of its end
	}{
		{"ACK", "ACK ", false, false},
		{"200", "SIP/2.0 200", true, false},
		{"BYE", "BYE ", false, false},
		{"every ACK", "ACK ", false, true},
		{"every 200", "SIP/2.0 200", true, true},
		{"every BYE", "BYE ", false, true},
	} {
		if c.all && !chaos.full {
			continue // 64*T1 = 32 s each
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLossy(t)
			if !c.all {
				for n := 1; n <= 3; n++ {
					l.toCallee.Add(phonetest.Rule{Begins: c.begins, Back: c.back, Nth: n})
				}
				l.call(t, l.caller)
				l.atRest(t)
				return
			}
			l.toCallee.Add(phonetest.Rule{Begins: c.begins, Back: c.back})
			l.loseAll(t)
		})
	}
}

// loseAll makes a call of which one kind of message never arrives, and waits until nothing is left of it. Who never
// hears of the end hears no sound either, and ends the call for that.
func (l *lossy) loseAll(t *testing.T) {
	t.Helper()
	l.caller.Send("call", l.address, nil)
	l.caller.WaitStateFunc(l.caller.Topic("status"), "a call", patience, func(v string) bool { return v == "dial" || v == "active" })
	time.Sleep(2 * time.Second)
	l.caller.Try("call", "hangup", nil)
	for _, h := range []*peers.Housephone{l.caller, l.callee} {
		name := h.Env["HOUSEPHONE_ID"]
		within(t, fmt.Sprintf("the %s has forgotten the call", name), 3*time.Minute, func() bool {
			v, _ := h.Last(h.Topic("status"))
			return v == "hangup"
		})
	}
	l.atRest(t)
}

package transaction

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// base has round values: T1 1 s, T2 4 s, T4 5 s, so 64*T1 is 64 s.
var base = Timers{T1: time.Second, T2: 4 * time.Second, T4: 5 * time.Second}

func (e effect) String() string {
	var out []string
	for i, name := range []string{"request", "ack", "up", "timeout", "response", "noack"} {
		if e&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, "+")
}

var epoch = time.Unix(1e9, 0)

// play runs a machine until nothing is due any more, giving it inputs at their second,
// and writes down every effect as "second:effect".
func play(start effect, deadline func() time.Time, tick func(time.Time) effect, inputs map[int]func(time.Time) effect) string {
	out := []string{"0:" + start.String()}
	note := func(at time.Duration, e effect) {
		if e != 0 {
			out = append(out, fmt.Sprintf("%g:%s", at.Seconds(), e))
		}
	}
	const end = 200
	for sec := range end {
		limit := time.Duration(sec) * time.Second
		for d := deadline(); !d.IsZero() && d.Sub(epoch) <= limit; d = deadline() {
			note(d.Sub(epoch), tick(d))
		}
		if f := inputs[sec]; f != nil {
			note(limit, f(epoch.Add(limit)))
		}
	}
	return strings.Join(out, " ")
}

func TestClientMachine(t *testing.T) {
	for _, tc := range []struct {
		name             string
		invite, reliable bool
		inputs           map[int]int // second: status
		want             string
		state            state
	}{
		{"INVITE: A doubles without end, B", true, false, nil,
			"0:request 1:request 3:request 7:request 15:request 31:request 63:request 64:timeout", stateTerminated},
		{"INVITE over TCP: B only", true, true, nil, "0:request 64:timeout", stateTerminated},
		{"INVITE: a 1xx ends A and B", true, false, map[int]int{2: 100, 150: 180}, "0:request 1:request 2:up 150:up", stateProceeding},
		{"INVITE: 2xx, copies until M", true, false, map[int]int{1: 180, 2: 200, 3: 200, 60: 200, 70: 200},
			"0:request 1:request 1:up 2:up 3:up 60:up", stateTerminated},
		{"INVITE over TCP: M too", true, true, map[int]int{2: 200, 60: 200, 70: 200}, "0:request 2:up 60:up", stateTerminated},
		{"INVITE: 2xx, then a failure of another fork", true, false, map[int]int{2: 200, 3: 486}, "0:request 1:request 2:up", stateTerminated},
		{"INVITE: failure, ACK of copies until D", true, false, map[int]int{2: 486, 3: 486, 4: 200, 5: 180, 65: 486, 67: 486},
			"0:request 1:request 2:ack+up 3:ack 65:ack", stateTerminated},
		{"INVITE over TCP: no D", true, true, map[int]int{2: 486, 3: 486}, "0:request 2:ack+up", stateTerminated},
		{"other: E grows to T2, F", false, false, nil,
			"0:request 1:request 3:request 7:request 11:request 15:request 19:request 23:request 27:request 31:request 35:request 39:request 43:request 47:request 51:request 55:request 59:request 63:request 64:timeout", stateTerminated},
		{"other over TCP: F only", false, true, nil, "0:request 64:timeout", stateTerminated},
		{"other: a 1xx makes E T2, F stays", false, false, map[int]int{2: 100},
			"0:request 1:request 2:up 3:request 7:request 11:request 15:request 19:request 23:request 27:request 31:request 35:request 39:request 43:request 47:request 51:request 55:request 59:request 63:request 64:timeout", stateTerminated},
		{"other: final, copies absorbed until K", false, false, map[int]int{2: 200, 3: 200, 4: 404, 8: 200}, "0:request 1:request 2:up", stateTerminated},
		{"other over TCP: no K", false, true, map[int]int{2: 200, 3: 200}, "0:request 2:up", stateTerminated},
	} {
		m := clientMachine{timers: base, invite: tc.invite, reliable: tc.reliable}
		inputs := map[int]func(time.Time) effect{}
		for at, code := range tc.inputs {
			inputs[at] = func(now time.Time) effect { return m.response(now, code) }
		}
		got := play(m.start(epoch), m.deadline, m.tick, inputs)
		if got != tc.want || m.state != tc.state {
			t.Errorf("%s:\n got %s\nwant %s\nstate %d", tc.name, got, tc.want, m.state)
		}
	}
}

// step is what happens to a server transaction: a copy of the request (0), an ACK (1), or a status.
const (
	again = 0
	acked = 1
)

func TestServerMachine(t *testing.T) {
	for _, tc := range []struct {
		name             string
		invite, reliable bool
		inputs           map[int]int
		want             string
		state            state
	}{
		{"INVITE: nothing to repeat before an answer", true, false, map[int]int{1: again}, "0:", stateCalling},
		{"INVITE: the last 1xx is repeated", true, false, map[int]int{1: 180, 2: again, 150: again}, "0: 1:response 2:response 150:response", stateProceeding},
		{"INVITE: 2xx is the user's until L", true, false, map[int]int{1: 180, 2: 200, 3: again, 4: 200, 70: 200}, "0: 1:response 2:response 4:response", stateTerminated},
		{"INVITE over TCP: L too", true, true, map[int]int{2: 200, 10: 200}, "0: 2:response 10:response", stateTerminated},
		{"INVITE: its ACK goes up", true, false, map[int]int{2: 200, 3: acked, 4: acked}, "0: 2:response 3:up 4:up", stateTerminated},
		{"INVITE: G doubles to T2, H", true, false, map[int]int{0: 486, 2: again},
			"0: 0:response 1:response 2:response 3:response 7:response 11:response 15:response 19:response 23:response 27:response 31:response 35:response 39:response 43:response 47:response 51:response 55:response 59:response 63:response 64:noack", stateTerminated},
		{"INVITE over TCP: no G, H", true, true, map[int]int{0: 486}, "0: 0:response 64:noack", stateTerminated},
		{"INVITE: ACK ends G, I absorbs", true, false, map[int]int{0: 486, 2: acked, 3: again, 4: acked}, "0: 0:response 1:response", stateTerminated},
		{"INVITE: no final after a final", true, false, map[int]int{0: 486, 1: acked, 2: 200, 3: 180}, "0: 0:response 1:response", stateTerminated},
		{"other: the final is repeated until J", false, false, map[int]int{1: again, 2: 200, 3: again, 60: again, 70: again}, "0: 2:response 3:response 60:response", stateTerminated},
		{"other: a second final is refused", false, false, map[int]int{2: 200, 3: 404}, "0: 2:response", stateTerminated},
		{"other over TCP: no J", false, true, map[int]int{2: 200, 3: again}, "0: 2:response", stateTerminated},
		{"other: 1xx first", false, false, map[int]int{1: 100, 2: again, 3: 200}, "0: 1:response 2:response 3:response", stateTerminated},
	} {
		m := serverMachine{timers: base, invite: tc.invite, reliable: tc.reliable}
		inputs := map[int]func(time.Time) effect{}
		for at, what := range tc.inputs {
			inputs[at] = func(now time.Time) effect {
				switch what {
				case again:
					return m.request()
				case acked:
					return m.ack(now)
				}
				e, err := m.respond(now, what)
				if err != nil && (!errors.Is(err, ErrFinal) || e != 0) {
					t.Errorf("%s: %v with %s", tc.name, err, e)
				}
				return e
			}
		}
		got := play(0, m.deadline, m.tick, inputs)
		if got != tc.want || m.state != tc.state {
			t.Errorf("%s:\n got %s\nwant %s\nstate %d", tc.name, got, tc.want, m.state)
		}
	}
}

func TestTimers(t *testing.T) {
	d := Timers{}.withDefaults()
	if d.T1 != 500*time.Millisecond || d.T2 != 4*time.Second || d.T4 != 5*time.Second || d.GiveUp() != 32*time.Second {
		t.Errorf("%+v", d)
	}
}

package alarm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func text(actions []Action) string {
	var out []string
	for _, a := range actions {
		switch a := a.(type) {
		case Dial:
			out = append(out, fmt.Sprintf("dial%d %s", a.Leg, a.To))
		case Hangup:
			out = append(out, strings.TrimSpace(fmt.Sprintf("hangup%d %s", a.Leg, a.Cause)))
		case Say:
			out = append(out, fmt.Sprintf("say%d", a.Leg))
		case Done:
			tries := make([]string, len(a.Tries))
			for i, try := range a.Tries {
				tries[i] = fmt.Sprintf("%s/%d", try.To, try.Round)
				if try.Answered {
					tries[i] += " answered"
				}
				if try.Cause != "" {
					tries[i] += " " + string(try.Cause)
				}
			}
			out = append(out, fmt.Sprintf("done by %q: %s", a.By, strings.Join(tries, ", ")))
		}
	}
	return strings.Join(out, "; ")
}

// TestAlarm walks through alarms. Inputs: start, +N (N seconds go by), aN
// (leg N answers), sN (the text is heard out), kNx (key x), eN (ends, busy), cancel.
func TestAlarm(t *testing.T) {
	two := Config{To: []string{"601", "602"}, Ack: "1", Attempts: 2, Repeat: 2}
	together := two
	together.Together, together.Lines = true, 9
	heard := two
	heard.Ack, heard.Repeat = "", 0
	twice := heard
	twice.Repeat = 2
	lines := together
	lines.Lines, lines.Patience, lines.To = 2, 4*time.Second, []string{"601", "602", "603"}
	for name, tc := range map[string]struct {
		cfg    Config
		script []string
	}{
		"first one acknowledges": {two, []string{"start", "dial1 601", "k11", "", "a1", "say1", "k12", "", "k11", `hangup1; done by "601": 601/1 answered`, "+99", "", "k11", "", "a2", ""}},
		"next one, next round": {two, []string{"start", "dial1 601", "+24", "", "+1", "hangup1 no_answer; dial2 602", "e2", "", "+9", "", "+1", "dial3 601", "e3", "dial4 602", "a4", "say4", "s4", "", "k41",
			`hangup4; done by "602": 601/1 no_answer, 602/1 busy, 601/2 busy, 602/2 answered`}},
		"answering machine": {two, []string{"start", "dial1 601", "a1", "say1", "+60", "", "s1", "", "+8", "say1", "s1", "", "+8", "hangup1 not_acknowledged; dial2 602", "a2", "say2", "e2", "",
			"+10", "dial3 601", "e3", "dial4 602", "e4", `done by "": 601/1 answered not_acknowledged, 602/1 answered not_acknowledged, 601/2 busy, 602/2 busy`}},
		"together": {together, []string{"start", "dial1 601; dial2 602", "a2", "say2", "+10", "", "a1", "say1", "k21", `hangup1 answered_elsewhere; hangup2; done by "602": 602/1 answered, 601/1 answered answered_elsewhere`}},
		"together, nobody": {together, []string{"start", "dial1 601; dial2 602", "e1", "", "+25", "hangup2 no_answer", "+10", "dial3 601; dial4 602", "+25",
			`hangup3 no_answer; hangup4 no_answer; done by "": 601/1 busy, 602/1 no_answer, 601/2 no_answer, 602/2 no_answer`}},
		"together, one rings while another listens": {together, []string{"start", "dial1 601; dial2 602", "a1", "say1", "+25", "hangup2 no_answer", "s1", "", "k11", `hangup1; done by "601": 602/1 no_answer, 601/1 answered`}},
		"hearing is enough":                         {heard, []string{"start", "dial1 601", "a1", "say1", "k11", "", "e1", "dial2 602", "a2", "say2", "s2", `hangup2; done by "602": 601/1 answered not_acknowledged, 602/1 answered`}},
		"heard once and hung up":                    {twice, []string{"start", "dial1 601", "a1", "say1", "s1", "say1", "e1", `hangup1; done by "601": 601/1 answered`}},
		"heard twice":                               {twice, []string{"start", "dial1 601", "a1", "say1", "s1", "say1", "s1", `hangup1; done by "601": 601/1 answered`}},
		"fewer lines than people":                   {lines, []string{"start", "dial1 601; dial2 602", "e1", "dial3 603", "+25", "hangup2 no_answer; hangup3 no_answer", "+9", "", "+1", "dial4 601; dial5 602"}},
		"no line": {lines, []string{"start", "dial1 601; dial2 602", "n2", "", "+1", "", "+1", "dial3 602", "n3", "", "e1", "", "+2", "dial4 602; dial5 603", "n4", "", "n5", "", "a1", "",
			"+10", "dial6 601; dial7 602"}},
		"cancelled":       {together, []string{"start", "dial1 601; dial2 602", "a1", "say1", "cancel", `hangup1 cancelled; hangup2 cancelled; done by "": 601/1 answered cancelled, 602/1 cancelled`, "cancel", "", "start", ""}},
		"cancelled early": {two, []string{"cancel", `done by "": `, "start", ""}},
		"old news":        {two, []string{"start", "dial1 601", "+25", "hangup1 no_answer; dial2 602", "a1", "", "s1", "", "k11", "", "e1", "", "s2", "", "a2", "say2", "a2", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(tc.cfg)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Unix(0, 0)
			for i := 0; i+1 < len(tc.script); i += 2 {
				in := tc.script[i]
				var out []Action
				var n int
				_, _ = fmt.Sscanf(in[1:], "%1d", &n)
				switch in[0] {
				case '+':
					_, _ = fmt.Sscanf(in, "+%d", &n)
					now = now.Add(time.Duration(n) * time.Second)
					out = m.Tick(now)
				case 'a':
					out = m.Answered(Leg(n))
				case 'k':
					out = m.Key(Leg(n), in[2])
				case 'n':
					out = m.NoLine(Leg(n), now)
				case 'e':
					out = m.Ended(Leg(n), "busy", now)
				case 'c':
					out = m.Cancel()
				case 's':
					if in == "start" {
						out = m.Start(now)
					} else {
						out = m.Said(Leg(n), now)
					}
				}
				if got := text(out); got != tc.script[i+1] {
					t.Fatalf("step %d, %s:\n%s\nwant\n%s", i, in, got, tc.script[i+1])
				}
			}
		})
	}
}

// TestAlwaysEnds: whatever the far ends do, the alarm ends once, every call that
// was dialled has one outcome, and only one is acknowledged.
func TestAlwaysEnds(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for round := range 300 {
		people := 1 + rng.IntN(5)
		cfg := Config{Lines: 1 + rng.IntN(3), Patience: time.Duration(rng.IntN(20)) * time.Second, Ack: []string{"", "1"}[rng.IntN(2)], Attempts: 1 + rng.IntN(3), Together: rng.IntN(2) == 0}
		for i := range people {
			cfg.To = append(cfg.To, fmt.Sprint(600+i))
		}
		m, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(0, 0)
		dialled, undone, outcomes, ends := 0, 0, 0, 0
		take := func(out []Action) {
			for _, a := range out {
				switch a := a.(type) {
				case Dial:
					dialled++
				case Done:
					ends++
					outcomes = len(a.Tries)
					won := 0
					for _, try := range a.Tries {
						if try.Cause == "" {
							won++
						}
					}
					if (won == 1) != (a.By != "") || won > 1 {
						t.Errorf("round %d: by %q, %d acknowledged", round, a.By, won)
					}
				}
			}
		}
		take(m.Start(now))
		for step := 0; m.Running() && step < 10000; step++ {
			id := Leg(1 + rng.IntN(dialled))
			switch rng.IntN(9) {
			case 4:
				had, before := m.find(id) != nil, len(m.tries)
				take(m.NoLine(id, now))
				if had && len(m.tries) == before {
					undone++ // is dialled again
				}
			case 0:
				take(m.Answered(id))
			case 1:
				take(m.Said(id, now))
			case 2:
				take(m.Key(id, byte('0'+rng.IntN(40)/20)))
			case 3:
				take(m.Ended(id, "busy", now))
			default:
				if at, ok := m.Deadline(); ok {
					now = at
				} else { // it speaks
					take(m.Said(id, now))
				}
				take(m.Tick(now))
			}
		}
		if ends != 1 || outcomes != dialled-undone || outcomes > people*cfg.Attempts {
			t.Errorf("round %d: %d ends, %d outcomes of %d calls", round, ends, outcomes, dialled-undone)
		}
		if _, ok := m.Deadline(); ok {
			t.Errorf("round %d: time runs after the end", round)
		}
	}
}

func TestConfig(t *testing.T) {
	good := Config{To: []string{"601"}}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"nobody":        func(c *Config) { c.To = nil },
		"too many":      func(c *Config) { c.To = make([]string, 21) },
		"empty address": func(c *Config) { c.To = []string{""} },
		"no key":        func(c *Config) { c.Ack = "x" },
		"attempts":      func(c *Config) { c.Attempts = 11 },
		"negative":      func(c *Config) { c.Attempts = -1 },
		"ring":          func(c *Config) { c.Ring = time.Hour },
		"pause":         func(c *Config) { c.Pause = -1 },
		"repeat":        func(c *Config) { c.Repeat = 1000 },
	} {
		c := good
		change(&c)
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package phone

import (
	"errors"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestHours(t *testing.T) {
	for text, want := range map[string][4]bool{ // at 00:00, 05:59, 06:00, 22:30
		"06:00-22:30": {false, false, true, false},
		"22:30-06:00": {true, true, false, true},
		"00:00-06:00": {true, true, false, false},
	} {
		h, err := ParseHours(text)
		if err != nil || h.String() != text {
			t.Fatalf("%s: %v, %v", text, h, err)
		}
		for i, at := range []time.Duration{0, 6*time.Hour - time.Second, 6 * time.Hour, 22*time.Hour + 30*time.Minute} {
			if got := h.Contains(time.Date(2026, 3, 1, 0, 0, 0, 0, time.Local).Add(at)); got != want[i] {
				t.Errorf("%s at %v: %v", text, at, got)
			}
		}
	}
	for _, bad := range []string{"", "6", "06:00", "06:00-", "06:00-25:00", "06:00-06:00", "x-y"} {
		if h, err := ParseHours(bad); err == nil {
			t.Errorf("%q is %v", bad, h)
		}
	}
	if !(Hours{}).Contains(time.Now()) {
		t.Error("no hours are all hours")
	}
}

func TestInternationalNumbers(t *testing.T) {
	open, closed := Config{}, Config{BarInternational: true}
	named := Config{BarInternational: true, AllowTo: Patterns{"*", "+39*"}}
	for user, want := range map[string][3]bool{ // open, closed, named
		"100": {true, true, true}, "0891234": {true, true, true}, "+390612": {true, false, true},
		"+4989": {true, false, false}, "0044": {true, false, false}, "bob": {true, true, true},
		// Written otherwise, for a switch the same.
		"%2B4989": {true, false, false}, "%30%3044": {true, false, false}, "0%3044": {true, false, false}, "0-044": {true, false, false},
		"(00)44": {true, false, false}, "0(0)44": {true, false, false}, "(0)89": {true, true, true}, "%zz": {true, true, true},
	} {
		uri := sip.Uri{Scheme: "sip", User: user, Host: "pbx"}
		for i, c := range []Config{open, closed, named} {
			if err := c.mayReach(uri); (err == nil) != want[i] {
				t.Errorf("%s, case %d: %v", user, i, err)
			}
		}
	}
}

// What is always allowed neither counts nor waits.
func TestCallsPerHour(t *testing.T) {
	p := &Phone{cfg: Config{CallsPerHour: 2, AlwaysTo: Patterns{"112"}}}
	number := func(user string) sip.Uri { return sip.Uri{Scheme: "sip", User: user, Host: "pbx"} }
	for i, want := range []bool{true, true, false, false} {
		if err := p.mayDial(number("112")); err != nil {
			t.Errorf("112: %v", err)
		}
		err := p.mayDial(number("100"))
		if (err == nil) != want {
			t.Errorf("call %d: %v", i, err)
		}
		if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Kind != Refused) {
			t.Errorf("%v", err)
		}
	}
	p.dialled[0] = p.dialled[0].Add(-2 * time.Hour)
	if err := p.mayDial(number("100"), number("101")); err == nil {
		t.Error("a group is as many calls as it has members")
	}
	if err := p.mayDial(number("100")); err != nil {
		t.Errorf("after an hour: %v", err)
	}
	p.cfg.CallHours = Hours{time.Duration(time.Now().Hour()+2) % 24 * time.Hour, time.Duration(time.Now().Hour()+3) % 24 * time.Hour}
	if err := p.mayDial(number("100")); err == nil {
		t.Error("dialled out of hours")
	}
	if err := p.mayDial(number("112")); err != nil {
		t.Errorf("112 out of hours: %v", err)
	}
}

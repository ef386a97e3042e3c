package hw

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeypad(t *testing.T) {
	for _, tc := range []struct {
		name string
		keys string // a blank is a second
		want []string
	}{
		{"a code", "4711#", []string{"4711"}},
		{"two codes", "4711#0815#", []string{"4711", "0815"}},
		{"a slow finger", "4 7 1 1 #", []string{"4711"}},
		{"without the last key", "4711    ", []string{"4711"}},
		{"a pause begins anew", "12   4711#", []string{"4711"}},
		{"too short", "471#", nil},
		{"only the last key", "###", nil},
		{"too long", "12345678901234567#", nil},
		{"far too long, then a code", "1234567890123456789012345#4711#", []string{"4711"}},
		{"letters and stars", "A*D0#", []string{"A*D0"}},
		{"what is no key", "4x7\x001,1#", []string{"4711"}},
	} {
		var k Keypad
		var got []string
		now := epoch()
		for _, key := range []byte(tc.keys) {
			if key == ' ' {
				now = now.Add(time.Second)
				if code, ok := k.Pause(now); ok {
					got = append(got, string(code))
				}
				continue
			}
			if code, ok := k.Key(key, now); ok {
				got = append(got, string(code))
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	var k Keypad
	if _, some := k.Due(); some {
		t.Error("a pause is due before the first key")
	}
	k.Key('1', epoch())
	if due, some := k.Due(); !some || due.Sub(epoch()) != entryPause {
		t.Errorf("a pause is due at %v", due)
	}
}

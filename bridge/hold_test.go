package bridge

import (
	"testing"
	"time"
)

func TestHold(t *testing.T) {
	long := Config{BirthTopic: "homeassistant/status", EventAge: time.Minute, RecordHold: time.Hour, BirthHold: time.Hour}
	deaf, impatient := long, long
	deaf.BirthTopic, impatient.BirthHold = "", -1
	const fired, birth = 't', 'b'
	for _, tt := range []struct {
		name   string
		cfg    Config
		oldest time.Duration
		inputs string
		want   string // what each input answers: . wait, ! go
	}{
		{"a short outage", long, time.Minute, "t", "!"},
		{"a long one, and no Home Assistant", long, time.Hour, "tt", ".!"},
		{"Home Assistant is back late", long, time.Hour, "tb", ".!"},
		{"Home Assistant is back soon: others may not be", long, time.Hour, "bt", ".!"},
		{"nobody is announced to", deaf, time.Hour, "t", "!"},
		{"nobody is to be waited for", impatient, time.Hour, "bt", ".!"},
	} {
		h := newHold(tt.cfg, tt.oldest)
		got := ""
		for _, input := range tt.inputs {
			done := map[rune]func() bool{fired: h.fired, birth: h.birth}[input]()
			got += map[bool]string{false: ".", true: "!"}[done]
		}
		h.timer.Stop()
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

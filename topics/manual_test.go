package topics

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestManualHasEveryDatapoint(t *testing.T) {
	page, text := Markdown(), Text()
	for _, row := range Table() {
		if !strings.Contains(page, "| `"+row.Name+"` |") {
			t.Errorf("%s is not on the page", row.Name)
		}
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(row.Name) + ` +` + row.Kind.String()).MatchString(text) {
			t.Errorf("%s is not in the text", row.Name)
		}
	}
	for _, code := range Codes() {
		if !strings.Contains(page, "`"+string(code)+"`") {
			t.Errorf("code %s is not on the page", code)
		}
	}
	for line := range strings.SplitSeq(page, "\n") {
		if strings.Count(line, "```")%2 != 0 && !strings.HasPrefix(line, "```") || strings.Count(strings.ReplaceAll(line, "```", ""), "`")%2 != 0 {
			t.Errorf("unbalanced marks: %s", line)
		}
	}
	golden(t, "topics.md", []byte(page))
}

// The commands and answers that the page shows are true.
func TestManualExamples(t *testing.T) {
	tree := Tree{}
	command := regexp.MustCompile(`(?m)^\w+_pub -t (\S+) -m (?:'([^']*)'|(\S+))$`)
	found := command.FindAllStringSubmatch(Markdown(), -1)
	if len(found) < 8 {
		t.Fatalf("%d commands", len(found))
	}
	for _, m := range found {
		name, ok := tree.Datapoint(m[1])
		if _, err := Decode(name, []byte(m[2]+m[3])); !ok || err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
	}
	c, err := Decode("volume", []byte("21"))
	answer, _ := encode(c.Result(err))
	if !strings.Contains(Markdown(), "\n"+string(answer)+"\n") {
		t.Errorf("the page does not show %s", answer)
	}
	address := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `(sip:[^`]+@SIP_SERVER)`")
	rows := address.FindAllStringSubmatch(Markdown(), -1)
	if len(rows) < 3 {
		t.Fatalf("%d addresses", len(rows))
	}
	for _, m := range rows {
		got, err := Addresses{Server: "pbx"}.Full(m[1])
		if want := strings.Replace(m[2], "SIP_SERVER", "pbx", 1); got != want || err != nil {
			t.Errorf("%s is called as %s, the page says %s (%v)", m[1], got, want, err)
		}
	}
}

func TestDocuments(t *testing.T) {
	at := time.Date(2026, 3, 1, 18, 0, 0, 1999999, time.FixedZone("", 3600))
	tests := []struct {
		document any
		want     string
	}{
		{CallInfo{}, `{}`},
		{Quality{}, `{}`},
		{RegistrationInfo{}, `{}`},
		{CallInfo{ID: "1", Started: At(at)}, `{"id":"1","direction":"","remote":{"uri":"","user":"","name":""},"local":"","status":"",` +
			`"started":"2026-03-01T17:00:00.001Z","codec":"","secure":false,"muted":false,"held":false}`},
		{Quality{Codec: "PCMA", MOS: 4.4, Remote: &RemoteQuality{Loss: math.NaN(), JitterMS: 0.126}}, `{"codec":"PCMA","loss":0,"jitter_ms":0,"mos":4.4,"remote":{"loss":0,"jitter_ms":0.13}}`},
		{Quality{Codec: "opus", Loss: 1.23456, JitterMS: math.NaN(), RTTMS: math.Inf(1), MOS: 4.409}, `{"codec":"opus","loss":1.23,"jitter_ms":0,"mos":4.41}`},
		{CallEnded{Cause: CauseBusy, By: ByRemote, SIP: 486, Reason: "<Busy>", Ended: At(at)},
			`{"id":"","direction":"","remote":{"uri":"","user":"","name":""},"local":"","ended":"2026-03-01T17:00:00.001Z","duration_s":0,` +
				`"cause":"busy","by":"remote","sip":486,"reason":"<Busy>","quality":{}}`},
		{LogLine{Time: At(at), Level: LevelError, Msg: "m", Attrs: map[string]any{"msg": "x", "err": errTest{}, "nan": math.NaN(), "n": 1}},
			`{"err":"broken","level":"error","msg":"m","n":1,"nan":"NaN","time":"2026-03-01T17:00:00.001Z"}`},
	}
	for _, tt := range tests {
		got, err := encode(tt.document)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s\nwant %s (%v)", got, tt.want, err)
		}
	}
	var back CallInfo
	if err := json.Unmarshal([]byte(`{"started":"2026-03-01T17:00:00.001Z"}`), &back); err != nil || !back.Started.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("%v %v", back.Started, err)
	}
	if got := Seconds(1234567 * time.Microsecond); got != 1.235 {
		t.Errorf("Seconds = %v", got)
	}
}

type errTest struct{}

func (errTest) Error() string { return "broken" }

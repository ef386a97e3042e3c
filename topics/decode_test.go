package topics

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestDecodeAccepts(t *testing.T) {
	tests := []struct{ datapoint, payload, want string }{
		{"call", "601", "call=601"},
		{"call", " 601 ", "call=601"},
		{"call", "Answer", "call=answer"},
		{"call", "HANGUP", "call=hangup"},
		{"call", "+39 02 123-456", "call=+39 02 123-456"},
		{"call", "*21#", "call=*21#"},
		{"call", "127.0.0.1:5070", "call=127.0.0.1:5070"},
		{"call", "host.local;transport=tcp", "call=host.local;transport=tcp"},
		{"call", `{"value":"601","id":7}`, "call=601 id=7"},
		{"call", `{"value":601}`, "call=601"},
		{"call", `{"value":["601", 602]}`, "call=601,602 values=[601 602]"},
		{"call", `{"value":"1","value":"601"}`, "call=601"},
		{"call", `{"value":"601","id":null}`, "call=601"},
		{"call", `{"value":"601","id":{"a": [1, 2]},"from":"x", "n": 3}`, `call=601 id={"a":[1,2]} options=map[from:"x" n:3]`},
		{"call", "\n {\"value\":\"601\"} \n", "call=601"},
		{"calls/2/call", "hangup", "calls/2/call=hangup"},
		{"transfer", "602@other:5070", "transfer=602@other:5070"},
		{"registration", "1", "registration=1"},
		{"registration", "ON", "registration=1"},
		{"registration", `{"value":true}`, "registration=1"},
		{"mute", "On", "mute=1"},
		{"mute", "FALSE\n", "mute=0"},
		{"hold", `{"value":true}`, "hold=1"},
		{"dnd", `{"value":0}`, "dnd=0"},
		{"active", "off", "active=0"},
		{"backlit", "true", "backlit=1"},
		{"volume", "OFF", "volume=off"},
		{"volume", "0", "volume=off"},
		{"volume", "20", "volume=20"},
		{"volume", `{"value":7.0}`, "volume=7"},
		{"display/brightness", "15", "display/brightness=15"},
		{"dtmf", "12a,#", "dtmf=12A,#"},
		{"dtmf", `{"value":5}`, "dtmf=5"},
		{"calls/3/dtmf", "9", "calls/3/dtmf=9"},
		{"dtmf/collect", `{}`, "dtmf/collect="},
		{"dtmf/collect", `{"max":4,"timeout":2.5,"terminator":"","id":"x"}`, `dtmf/collect= id="x" options=map[max:4 terminator:"" timeout:2.5]`},
		{"generic", "call 601", "generic=call 601"},
		{"message", `{"to":"601","body":"two\nlines"}`, `message= options=map[body:"two\nlines" to:"601"]`},
		{"play", "Stop", "play=stop"},
		{"play/file", "chimes/bell.wav", "play/file=chimes/bell.wav"},
		{"play/file", `{"value":"bell.wav","repeat":3,"interrupt":"12#"}`, `play/file=bell.wav options=map[interrupt:"12#" repeat:3]`},
		{"play/voice/de", "Guten Tag", "play/voice/de=Guten Tag"},
		{"calls/1/play/voice/default", "hi", "calls/1/play/voice/default=hi"},
		{"play/voice/de", `{"value":"{curly}"}`, "play/voice/de={curly}"},
		{"record", "start", "record=start"},
		{"record", "START  Visitor 1.wav", "record=start Visitor 1.wav"},
		{"record", "stop", "record=stop"},
		{"message/voice", "Heard voice/20260301-172005.wav", "message/voice=heard 20260301-172005.wav"},
		{"message/voice", "unheard a.wav", "message/voice=unheard a.wav"},
		{"message/voice", " delete  all ", "message/voice=delete all"},
		{"message/voice", "listen", "message/voice=listen"},
		{"exec", "uptime", "exec=uptime"},
		{"doorbell", "press", "doorbell=press"},
		{"doorbell/front", "Ring", "doorbell/front=ring"},
		{"door", "Unlock", "door=unlock"},
		{"display", "", "display="},
		{"display", `{"value":null}`, "display="},
		{"display", "[a] two\r\nlines", "display=[a] two\nlines"},
		{"display", `{"value":12,"scroll":"on","seconds":1.5}`, `display=12 options=map[scroll:"on" seconds:1.5]`},
		{"display", strings.Repeat("x", MaxPayload), "display=" + strings.Repeat("x", MaxPayload)},
	}
	for _, tt := range tests {
		c, err := Decode(tt.datapoint, []byte(tt.payload))
		if err != nil {
			t.Errorf("%s %.60q: %v", tt.datapoint, tt.payload, err)
			continue
		}
		if got := show(c); got != tt.want {
			t.Errorf("%s %.60q = %.80s, want %.80s", tt.datapoint, tt.payload, got, tt.want)
		}
		if r := c.Result(nil); !r.OK || r.Datapoint != tt.datapoint || r.Code != "" || r.Error != "" {
			t.Errorf("%s: result %+v", tt.datapoint, r)
		}
	}
}

func show(c Command) string {
	s := c.Path() + "=" + c.Value
	if c.Values != nil {
		s += fmt.Sprintf(" values=%v", c.Values)
	}
	if c.ID != nil {
		s += " id=" + string(c.ID)
	}
	if c.Options != nil {
		options := map[string]string{}
		for k, v := range c.Options {
			options[k] = string(v)
		}
		s += fmt.Sprintf(" options=%v", options)
	}
	return s
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ datapoint, payload, sentence string }{
		{"nothing", "1", "there is no datapoint"},
		{"play/voice", "hi", "there is no datapoint"},
		{"calls/2/volume", "1", "there is no datapoint"},
		{"status", "ring", "status cannot be set"},
		{"mode", "ivr", "mode cannot be set"},
		{"call/info", "{}", "call/info cannot be set"},
		{"display", strings.Repeat("x", MaxPayload+1), "at most 16384"},
		{"display", "a\xffb", "not UTF-8"},
		{"display", "a\x00b", "control"},
		{"display", "{oops", "not a JSON object"},
		{"exec", `{"value":"ls"} x`, "not a JSON object"},
		{"call", `{"value":"601"`, "not a JSON object"},
		{"call", `{"valeu":"601"}`, `needs "value"`},
		{"call", `{"value":{"a":1}}`, "a text, a number or a boolean"},
		{"mute", `{"value":[1]}`, "a text, a number or a boolean"},
		{"call", `{"value":"601","id":"` + strings.Repeat("x", 2000) + `"}`, "id has"},
		{"call", "", "call needs a value"},
		{"call", "  \n", "call needs a value"},
		{"call", `{"value":""}`, "call needs a value"},
		{"call", `{"value":null}`, "call needs a value"},
		{"call", "601\r\nX-Evil: 1", "control"},
		{"call", "601\n", "control"},
		{"call", `{"value":"601\u0000"}`, "control"},
		{"call", "601\u0085", "control"},
		{"call", `{"value":"601","name":"a\r\nb"}`, "option"},
		{"call", `{"value":"601","headers":{"X":["a\nb"]}}`, "option"},
		{"call", `{"value":"601","headers":{"X\n":"a"}}`, "option"},
		{"call", `"Anna" <sip:601@pbx>`, "not an address"},
		{"call", "two words", "not an address"},
		{"call", "601@host?Replaces=1", "not a host"},
		{"call", `{"value":[]}`, "1 to 16"},
		{"call", `{"value":["601",["602"]]}`, "texts or numbers"},
		{"call", `{"value":["601","answer"]}`, "cannot be in a list"},
		{"call", `{"value":["601","a\nb"]}`, "control"},
		{"call", `{"value":["601"],"name":"a\nb"}`, "option"},
		{"transfer", "", "transfer needs a value"},
		{"transfer", "a b", "not an address"},
		{"registration", "0", "accepts 1"},
		{"mute", "maybe", "mute must be 0 or 1"},
		{"mute", "2", "mute must be 0 or 1"},
		{"volume", "21", "1 to 20"},
		{"volume", "-1", "1 to 20"},
		{"volume", "7.5", "1 to 20"},
		{"volume", "0x1p3", "1 to 20"},
		{"volume", "loud", "1 to 20"},
		{"volume", "1e999", "1 to 20"},
		{"display/brightness", "16", "0 to 15"},
		{"dtmf", "12E", "0-9"},
		{"dtmf", "1 2", "0-9"},
		{"dtmf", "1x2", "0-9"},
		{"dtmf", strings.Repeat("1", 65), "1 to 64"},
		{"dtmf/collect", "4", "needs a JSON object"},
		{"dtmf/collect", `{"value":4}`, `has no "value"`},
		{"dtmf/collect", `{"max":0}`, "max must be"},
		{"dtmf/collect", `{"max":"many"}`, "max must be"},
		{"dtmf/collect", `{"timeout":-1}`, "timeout must be"},
		{"dtmf/collect", `{"timeout":"NaN"}`, "timeout must be"},
		{"dtmf/collect", `{"terminator":"##"}`, "terminator must be"},
		{"dtmf/collect", `{"terminator":"x"}`, "terminator must be"},
		{"dtmf/collect", `{"prompt":{}}`, "prompt must be"},
		{"generic", "a\nb", "one line"},
		{"message", "hello", "needs a JSON object"},
		{"message", `{"body":"x"}`, `needs "to"`},
		{"message", `{"to":"601"}`, `needs "body"`},
		{"message", `{"to":"601","body":""}`, `needs "body"`},
		{"message", `{"to":"601\n","body":"x"}`, "control"},
		{"message", `{"to":"601","body":"x","subject":"a\nb"}`, "option"},
		{"play", "start", "play accepts stop"},
		{"play/file", "../etc/passwd", "below MEDIA_DIR"},
		{"play/file", "/etc/passwd", "below MEDIA_DIR"},
		{"play/file", "-o", "below MEDIA_DIR"},
		{"play/file", `{"value":"a.wav","repeat":0}`, "repeat must be"},
		{"play/file", `{"value":"a.wav","interrupt":"x"}`, "interrupt must be"},
		{"play/voice/de", "", "play/voice needs a value"},
		{"record", "begin", "record accepts start"},
		{"record", "stop now", "record accepts start"},
		{"message/voice", "erase a.wav", "message/voice accepts heard"},
		{"message/voice", "delete", "message/voice accepts heard"},
		{"message/voice", "listen now", "message/voice accepts heard"},
		{"message/voice", "delete ../a.wav", "a voice message is named"},
		{"message/voice", "delete voice/../a.wav", "a voice message is named"},
		{"message/voice", "delete voice/", "a voice message is named"},
		{"message/voice", "delete .index.json", "a voice message is named"},
		{"record", "start ../x", "without folders"},
		{"record", "start .hidden", "without folders"},
		{"record", `start a\b`, "without folders"},
		{"exec", "", "exec needs a value"},
		{"doorbell", "knock", "ring or press"},
		{"door", "open", "unlock or lock"},
		{"display", `{"value":"x","scroll":"maybe"}`, "scroll must be"},
		{"display", `{"value":"x","seconds":-1}`, "seconds must be"},
	}
	for _, tt := range tests {
		c, err := Decode(tt.datapoint, []byte(tt.payload))
		var e *Error
		if !errors.As(err, &e) || e.Code != Invalid || !strings.Contains(e.Message, tt.sentence) {
			t.Errorf("%s %.60q: %v, want %q", tt.datapoint, tt.payload, err, tt.sentence)
			continue
		}
		if strings.ContainsAny(e.Message, "\r\n\x00") || len(e.Message) > 400 {
			t.Errorf("%s %.60q: not one sentence: %q", tt.datapoint, tt.payload, e.Message)
		}
		r := c.Result(err)
		if r.OK || r.Code != Invalid || r.Error == "" || r.Datapoint != tt.datapoint || len(r.Value) > 1000 {
			t.Errorf("%s %.60q: result %+v", tt.datapoint, tt.payload, r)
		}
	}
}

func TestDecodeKeepsTheIDOfWhatItRefuses(t *testing.T) {
	for _, datapoint := range []string{"nothing", "status", "volume"} {
		c, err := Decode(datapoint, []byte(`{"value":"99","id":"k"}`))
		if err == nil || string(c.Result(err).ID) != `"k"` {
			t.Errorf("%s: %v, id %s", datapoint, err, c.ID)
		}
	}
}

func TestDecodeDoesNotKeepThePayload(t *testing.T) {
	payload := []byte(`{"value":"601","id":"abc","x":"def"}`)
	c, err := Decode("call", payload)
	if err != nil {
		t.Fatal(err)
	}
	for i := range payload {
		payload[i] = '!'
	}
	if got := show(c); got != `call=601 id="abc" options=map[x:"def"]` {
		t.Errorf("after the payload changed: %s", got)
	}
}

func TestCommandOptions(t *testing.T) {
	c, err := Decode("call", []byte(`{"value":"1","s":"on","n":2,"f":1.5,"b":true,"z":null,"o":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := c.OptionBool("s"); !v || !ok {
		t.Error("s")
	}
	if v, ok := c.OptionBool("b"); !v || !ok {
		t.Error("b")
	}
	if v, ok := c.OptionInt("n"); v != 2 || !ok {
		t.Error("n")
	}
	if v, ok := c.OptionSeconds("f"); v != 1.5 || !ok {
		t.Error("f")
	}
	for _, name := range []string{"z", "o", "absent"} {
		if _, ok := c.Option(name); ok {
			t.Error(name)
		}
	}
	if _, ok := c.OptionInt("s"); ok {
		t.Error("s is no number")
	}
}

func TestCommandDocuments(t *testing.T) {
	c, _ := Decode("dtmf/collect", []byte(`{}`))
	if got := c.Collect(); got != (DTMFCollect{Max: 32, Timeout: 5, Terminator: "#"}) {
		t.Errorf("defaults %+v", got)
	}
	c, _ = Decode("dtmf/collect", []byte(`{"max":"4","timeout":1,"terminator":"a","prompt":"press"}`))
	if got := c.Collect(); got != (DTMFCollect{Max: 4, Timeout: 1, Terminator: "A", Prompt: "press"}) {
		t.Errorf("given %+v", got)
	}
	c, _ = Decode("message", []byte(`{"to":" 601 ","body":"hi"}`))
	if to, body := c.Message(); to != "601" || body != "hi" {
		t.Errorf("message %q %q", to, body)
	}
	c, _ = Decode("record", []byte("start one two"))
	if got := c.RecordName(); got != "one two" {
		t.Errorf("record name %q", got)
	}
}

func TestResultJSON(t *testing.T) {
	c := Command{Datapoint: "call", Value: "601", ID: json.RawMessage(`"k"`)}
	sip := fmt.Errorf("calling: %w", &Error{Code: Busy, Message: "601 is busy", SIP: 486})
	tests := []struct {
		command Command
		err     error
		want    string
	}{
		{c, nil, `{"id":"k","datapoint":"call","value":"601","ok":true}`},
		{Command{Datapoint: "display"}, nil, `{"datapoint":"display","ok":true}`},
		{Command{Datapoint: "play/voice", Arg: "de", Call: 2, Value: "<b>"}, nil, `{"datapoint":"calls/2/play/voice/de","value":"<b>","ok":true}`},
		{c, sip, `{"id":"k","datapoint":"call","value":"601","ok":false,"error":"calling: 601 is busy","code":"busy","sip":486}`},
		{c, errors.New("line\none"), `{"id":"k","datapoint":"call","value":"601","ok":false,"error":"line one","code":"failed"}`},
		{c, &Error{Message: "odd"}, `{"id":"k","datapoint":"call","value":"601","ok":false,"error":"odd","code":"failed"}`},
	}
	for _, tt := range tests {
		m, err := Tree{}.JSON("result", tt.command.Result(tt.err))
		if err != nil || string(m.Payload) != tt.want || m.Retain {
			t.Errorf("%s\nwant %s (%v)", m.Payload, tt.want, err)
		}
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[int]string{-3: "off", 0: "off", 1: "1", 20: "20", 21: "20"} {
		if got := Volume(in); got != want {
			t.Errorf("Volume(%d) = %q", in, got)
		}
	}
	for v := 0; v <= MaxVolume; v++ {
		if got, err := ParseVolume(Volume(v)); got != v || err != nil {
			t.Errorf("volume %d came back as %d, %v", v, got, err)
		}
	}
	for _, v := range []bool{true, false} {
		if got, ok := ParseBool(Bool(v)); got != v || !ok {
			t.Errorf("%v came back as %v, %v", v, got, ok)
		}
	}
	if got := TransferFailed(486); got != "failed 486" {
		t.Errorf("transfer %q", got)
	}
	if got := cut("äöüß", 3); got != "äö…" {
		t.Errorf("cut = %q", got)
	}
	if got := cut("äöü", 3); got != "äöü" {
		t.Errorf("cut = %q", got)
	}
}

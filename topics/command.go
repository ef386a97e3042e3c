package topics

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Command is a decoded and checked command.
type Command struct {
	Datapoint string                     // row name without <...>: "call", "play/voice", "doorbell"
	Arg       string                     // voice of play/voice/<voice>, name of doorbell/<button>
	Call      int                        // n of calls/<n>/..., 0 for the plain topics
	Value     string                     // normalised: booleans "0" or "1", volume "off" or "7", words lower case, keys upper case
	Values    []string                   // the addresses, when "value" was an array (call only); Value then joins them with commas
	ID        json.RawMessage            // compact JSON as given, nil when absent or null
	Options   map[string]json.RawMessage // the other members of the JSON object; nil when there are none
}

// Path is the datapoint as it was addressed: "calls/2/play/voice/de".
func (c Command) Path() string {
	path := c.Datapoint
	if c.Arg != "" {
		path += "/" + c.Arg
	}
	return CallPath(c.Call, path)
}

// CallPath is a datapoint of call number n: "calls/2/dtmf"; the plain datapoint for 0. Without a datapoint it is the
// prefix, with its slash.
func CallPath(call int, datapoint string) string {
	if call == 0 {
		return datapoint
	}
	return "calls/" + strconv.Itoa(call) + "/" + datapoint
}

// Option reads an option as text: strings as they are, numbers and booleans as written. It is false when the option is
// absent, null, an object or an array.
func (c Command) Option(name string) (string, bool) {
	raw, ok := c.Options[name]
	if !ok || string(raw) == "null" {
		return "", false
	}
	text, err := scalar(raw)
	return text, err == nil
}

// OptionBool reads an option by the rules of booleans; false when it is absent or something else.
func (c Command) OptionBool(name string) (v, ok bool) {
	text, ok := c.Option(name)
	if !ok {
		return false, false
	}
	return ParseBool(text)
}

// OptionInt reads an option that is a whole number.
func (c Command) OptionInt(name string) (int, bool) {
	text, ok := c.Option(name)
	if !ok {
		return 0, false
	}
	return parseInt(text)
}

// OptionSeconds reads an option that is a number of seconds, fractions allowed.
func (c Command) OptionSeconds(name string) (float64, bool) {
	text, ok := c.Option(name)
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// RecordName is the name in the command "start <name>" of record, else empty.
func (c Command) RecordName() string {
	_, name, _ := strings.Cut(c.Value, " ")
	return name
}

// Voice reads the command of message/voice: the word, and the file without its folder, all or heard.
func (c Command) Voice() (verb, file string) {
	verb, file, _ = strings.Cut(c.Value, " ")
	return verb, file
}

// DTMFCollect is what dtmf/collect asks for: the keys of the caller are gathered until Max are there, the Terminator is
// pressed or no key came for Timeout seconds.
type DTMFCollect struct {
	Max        int     `json:"max"`        // 1..64, 32 when absent
	Timeout    float64 `json:"timeout"`    // seconds, above 0 up to 300, 5 when absent
	Terminator string  `json:"terminator"` // one key, or empty for none; # when absent
	Prompt     string  `json:"prompt"`     // file below the media folder or text to speak; may be empty
}

// Collect reads the command of dtmf/collect; [Decode] has checked it.
func (c Command) Collect() DTMFCollect {
	d := DTMFCollect{Max: 32, Timeout: 5, Terminator: "#"}
	if n, ok := c.OptionInt("max"); ok {
		d.Max = n
	}
	if s, ok := c.OptionSeconds("timeout"); ok {
		d.Timeout = s
	}
	if t, ok := c.Option("terminator"); ok {
		d.Terminator = strings.ToUpper(t)
	}
	d.Prompt, _ = c.Option("prompt")
	return d
}

// Message reads the command of message: the address and the text to send; [Decode] has checked both.
func (c Command) Message() (to, body string) {
	to, _ = c.Option("to")
	body, _ = c.Option("body")
	return strings.TrimSpace(to), body
}

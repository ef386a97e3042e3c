package topics

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Kind says how a datapoint is published.
type Kind int

// The kinds of datapoints. A row that is published and takes commands has the kind of what is published and Settable.
const (
	StateKind   Kind = iota + 1 // retained; changes only when the thing has really happened
	EventKind                   // not retained
	CommandKind                 // never published, only /set
)

// String names the kind as the manual does.
func (k Kind) String() string {
	switch k {
	case StateKind:
		return "state"
	case EventKind:
		return "event"
	case CommandKind:
		return "command"
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Type is the shape of what /set accepts.
type Type string

// The types of commands.
const (
	NoType         Type = ""           // not settable
	WordType       Type = "word"       // one of Datapoint.Words, any case
	BoolType       Type = "boolean"    // 0, 1, on, off, true, false
	VolumeType     Type = "volume"     // off, 1..20
	BrightnessType Type = "brightness" // 0..15
	CallType       Type = "call"       // address (or several as a JSON array), answer, hangup
	AddressType    Type = "address"    // a SIP address
	KeysType       Type = "keys"       // DTMF keys and commas
	RecordType     Type = "record"     // start, start <name>, stop
	VoiceType      Type = "voice"      // a word for voice messages and the file it is for
	FileType       Type = "file"       // path below a folder
	TextType       Type = "text"       // any text, line breaks allowed
	LineType       Type = "line"       // one line of text
	ClearableType  Type = "clearable"  // any text, also none
	CollectType    Type = "collect"    // JSON object of dtmf/collect
	MessageType    Type = "message"    // JSON object of message
)

// Feature is what must be switched on for a datapoint to be offered.
type Feature string

// The features. The empty one is always there.
const (
	FeatureBase      Feature = ""
	FeaturePhone     Feature = "phone"
	FeatureRegistrar Feature = "registrar" // SIP_SERVER is set; adds entities, no datapoints
	FeatureIVR       Feature = "ivr"
	FeatureRecord    Feature = "record"
	FeatureVoicemail Feature = "voicemail"
	FeatureDoorbell  Feature = "doorbell"
	FeatureDoor      Feature = "door"
	FeatureDisplay   Feature = "display"
	FeatureBacklight Feature = "backlight"
	FeatureExec      Feature = "exec"
	FeaturePBX       Feature = "pbx"  // an event socket or AMI of a switch is set
	FeaturePair      Feature = "pair" // one of two instances; adds entities, no datapoints
)

// Features is a set of what is switched on.
type Features map[Feature]bool

// Has says whether a feature is on; the empty one always is.
func (f Features) Has(name Feature) bool { return name == FeatureBase || f[name] }

// Names lists what is on, sorted, for bridge/info.
func (f Features) Names() []string {
	names := []string{}
	for name, on := range f {
		if on && name != FeatureBase {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

// Datapoint is a row of the table.
type Datapoint struct {
	Name      string   // topic below the base; a last level in <...> stands for any one level
	Kind      Kind     // how it is published
	Record    bool     // an event that is worth telling hours late
	Settable  bool     // takes commands on /set
	Type      Type     // what /set accepts
	Words     []string // closed list of accepted words (WordType)
	Values    []string // closed list of published values, nil when open
	Feature   Feature  // what must be switched on
	PerCall   bool     // exists below calls/<n> too
	Initial   string   // state before anything has happened
	Published string   // what is published, for people; empty when nothing is
	Accepted  string   // what /set accepts, for people; empty when nothing is
}

// Key is the name without a last level in <...>, as in [Command].Datapoint.
func (d Datapoint) Key() string {
	if i := strings.Index(d.Name, "/<"); i >= 0 {
		return d.Name[:i]
	}
	return d.Name
}

func (d Datapoint) hasArg() bool { return strings.HasSuffix(d.Name, ">") }

// Lookup finds the row of a datapoint as it is addressed: "play/voice/de" finds play/voice/<voice>, "calls/2/dtmf" finds
// dtmf. The name of a row finds that row.
func Lookup(name string) (Datapoint, bool) {
	row, _, ok := resolve(name)
	return row, ok
}

// resolve splits an addressed datapoint into its row and the variable parts.
// rows is the table, made once and never changed.
//
//nolint:gochecknoglobals // looked up for every message; a constant in all but name
var rows = sync.OnceValue(Table)

func resolve(name string) (Datapoint, Command, bool) {
	call, rest, ok := splitCall(name)
	if !ok {
		return Datapoint{}, Command{}, false
	}
	for _, row := range rows() {
		if call > 0 && !row.PerCall {
			continue
		}
		if rest == row.Name && !row.hasArg() {
			return row, Command{Datapoint: row.Name, Call: call}, true
		}
		arg, found := strings.CutPrefix(rest, row.Key()+"/")
		if row.hasArg() && found && (rest == row.Name || validArg(arg)) {
			return row, Command{Datapoint: row.Key(), Arg: arg, Call: call}, true
		}
	}
	return Datapoint{}, Command{}, false
}

// splitCall takes calls/<n>/ off a name; n has up to three digits and no leading zero.
func splitCall(name string) (call int, rest string, ok bool) {
	after, found := strings.CutPrefix(name, "calls/")
	if !found {
		return 0, name, true
	}
	number, rest, _ := strings.Cut(after, "/")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 999 || number != strconv.Itoa(n) {
		return 0, "", false
	}
	return n, rest, rest != ""
}

// validArg is a voice or a button name: one topic level that is not an option for a program when it is an argument, and
// not "set", which would make a state topic look like a command.
func validArg(s string) bool {
	return s != "" && s != "set" && len(s) <= 64 && utf8.ValidString(s) && s[0] != '-' && s[0] != '.' &&
		!strings.ContainsAny(s, "/+#<>") && !strings.ContainsFunc(s, unicode.IsControl)
}

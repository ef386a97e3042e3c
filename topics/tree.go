package topics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tree is the place of one phone among the topics of a broker: everything it speaks lies below <Prefix>/<ID>.
type Tree struct {
	Prefix string // may have several levels, "housephone" by default
	ID     string // one level, "phone" by default
}

// Message is one MQTT publication. It is always sent with QoS 1; an empty retained payload clears the topic.
type Message struct {
	Topic   string
	Payload []byte
	Retain  bool
	Record  bool // an event that is told even when it is hours old, see [Datapoint]
}

// Base is the topic above all others of this phone, without a slash at the end.
func (t Tree) Base() string {
	prefix, id := t.levels()
	return prefix + "/" + id
}

func (t Tree) levels() (prefix, id string) {
	prefix, id = t.Prefix, t.ID
	if prefix == "" {
		prefix = "housephone"
	}
	if id == "" {
		id = "phone"
	}
	return prefix, id
}

// Topic is where a datapoint is published.
func (t Tree) Topic(datapoint string) string { return t.Base() + "/" + datapoint }

// PairTopic is where the instances of one phone agree at a broker which of them is the active one; one level below it,
// each says what it is. It is not below the base, because it is written every half second.
func (t Tree) PairTopic() string {
	prefix, id := t.levels()
	return prefix + "/pair/" + id
}

// SetTopic is where a datapoint takes commands.
func (t Tree) SetTopic(datapoint string) string { return t.Topic(datapoint) + "/set" }

// setLevels is the depth of the longest datapoint: calls/<n>/play/voice/<voice>.
const setLevels = 5

// SetFilters are the subscriptions that together match every command topic once, and no state topic: nothing that is
// published has a last level called "set".
func (t Tree) SetFilters() []string {
	filters := make([]string, 0, setLevels)
	for n := 1; n <= setLevels; n++ {
		filters = append(filters, t.Base()+strings.Repeat("/+", n)+"/set")
	}
	return filters
}

// Datapoint is the reverse of SetTopic: "<base>/play/voice/de/set" gives "play/voice/de". The datapoint need not exist;
// [Decode] says so with a sentence.
func (t Tree) Datapoint(setTopic string) (string, bool) {
	rest, ok := strings.CutPrefix(setTopic, t.Base()+"/")
	if !ok {
		return "", false
	}
	name, ok := strings.CutSuffix(rest, "/set")
	return name, ok && name != ""
}

// Message publishes a value of a datapoint: retained when the table calls it a state, as an event otherwise. What cannot
// be in an MQTT UTF-8 string is left out of the value.
func (t Tree) Message(datapoint, value string) Message {
	row, ok := Lookup(datapoint)
	return Message{Topic: t.Topic(datapoint), Payload: []byte(cleanText(value)), Retain: ok && row.Kind == StateKind, Record: ok && row.Record}
}

// JSON publishes a document of this package (or anything else that encoding/json takes) as the value of a datapoint.
func (t Tree) JSON(datapoint string, document any) (Message, error) {
	payload, err := encode(document)
	if err != nil {
		return Message{}, fmt.Errorf("encode %s: %w", datapoint, err)
	}
	row, ok := Lookup(datapoint)
	return Message{Topic: t.Topic(datapoint), Payload: payload, Retain: ok && row.Kind == StateKind, Record: ok && row.Record}, nil
}

// Validate says whether the topics can be published, and that the ID is one level.
func (t Tree) Validate() error {
	base := t.Base()
	switch {
	case len(base) > 200:
		return fmt.Errorf("topic %.40q... is longer than 200 bytes", base)
	case !utf8.ValidString(base) || strings.ContainsFunc(base, unicode.IsControl):
		return fmt.Errorf("topic %q is not plain text", base)
	case strings.ContainsAny(base, "+#"):
		return fmt.Errorf("topic %q holds + or #, which MQTT keeps for subscriptions", base)
	case strings.HasPrefix(base, "$"):
		return fmt.Errorf("topic %q starts with $, which brokers keep for themselves", base)
	case strings.HasPrefix(base, "/"), strings.HasSuffix(base, "/"), strings.Contains(base, "//"):
		return fmt.Errorf("topic %q has an empty level", base)
	case strings.Contains(t.ID, "/"):
		return fmt.Errorf("id %q holds a slash", t.ID)
	}
	return nil
}

// encode is json.Marshal without the escaping for web pages, which would make addresses hard to read.
func encode(document any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(document); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// cleanText drops what MQTT 3.1.1 section 1.5.3 forbids or advises against in text: bad UTF-8, NUL and other controls
// than line feed and tab.
func cleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

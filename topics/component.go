package topics

import (
	"encoding/json"
	"strconv"
	"strings"
)

// component is one entity or device trigger of a Home Assistant device document. A struct instead of a map, because Home
// Assistant drops keys that it does not know without a word.
type component struct {
	Platform        string   `json:"p"`
	UniqueID        string   `json:"unique_id,omitempty"`
	Name            label    `json:"name,omitempty"`
	DefaultEntityID string   `json:"default_entity_id,omitempty"`
	Icon            string   `json:"icon,omitempty"`
	EntityCategory  string   `json:"entity_category,omitempty"`
	Enabled         *bool    `json:"enabled_by_default,omitempty"`
	DeviceClass     string   `json:"device_class,omitempty"`
	StateClass      string   `json:"state_class,omitempty"`
	Unit            string   `json:"unit_of_measurement,omitempty"`
	Precision       *int     `json:"suggested_display_precision,omitempty"`
	StateTopic      string   `json:"state_topic,omitempty"`
	ValueTemplate   string   `json:"value_template,omitempty"`
	CommandTopic    string   `json:"command_topic,omitempty"`
	CommandTemplate string   `json:"command_template,omitempty"`
	AttributesTopic string   `json:"json_attributes_topic,omitempty"`
	Options         []string `json:"options,omitempty"`
	EventTypes      []string `json:"event_types,omitempty"`
	PayloadOn       string   `json:"payload_on,omitempty"`
	PayloadOff      string   `json:"payload_off,omitempty"`
	StateOn         string   `json:"state_on,omitempty"`
	StateOff        string   `json:"state_off,omitempty"`
	PayloadPress    string   `json:"payload_press,omitempty"`
	PayloadLock     string   `json:"payload_lock,omitempty"`
	PayloadUnlock   string   `json:"payload_unlock,omitempty"`
	PayloadOpen     string   `json:"payload_open,omitempty"`
	StateLocked     string   `json:"state_locked,omitempty"`
	StateUnlocked   string   `json:"state_unlocked,omitempty"`
	Min             *int     `json:"min,omitempty"`
	Max             *int     `json:"max,omitempty"`
	Step            int      `json:"step,omitempty"`
	Mode            string   `json:"mode,omitempty"`
	Pattern         string   `json:"pattern,omitempty"`
	AutomationType  string   `json:"automation_type,omitempty"`
	Topic           string   `json:"topic,omitempty"`
	Payload         string   `json:"payload,omitempty"`
	Type            string   `json:"type,omitempty"`
	Subtype         string   `json:"subtype,omitempty"`
	QoS             int      `json:"qos,omitempty"` // in each of them, since older Home Assistants ignore the root's
}

// label is the name of an entity; thePhone is null in JSON: the entity bears the name of the device alone.
type label string

const thePhone label = "\x00"

// MarshalJSON writes the name or null.
func (l label) MarshalJSON() ([]byte, error) {
	if l == thePhone {
		return []byte("null"), nil
	}
	return encode(string(l))
}

// entity is a component before the device adds what all have in common.
type entity struct {
	key     string
	feature Feature
	kind    string // key of the name, where several share it; the key itself when empty
	about   string // button or voice the entity is for, shown behind its name
	component
}

// Platforms of Home Assistant that are used here.
const (
	aSensor       = "sensor"
	aBinarySensor = "binary_sensor"
	aButton       = "button"
	aSwitch       = "switch"
	aNumber       = "number"
	aText         = "text"
	anEvent       = "event"
	aLock         = "lock"
	aNotify       = "notify"
	aTrigger      = "device_automation"
)

const (
	diagnostic = "diagnostic"
	config     = "config"
)

// Templates of Home Assistant. A text that becomes part of JSON goes through to_json, whatever it holds.
const (
	valueAsJSON = `{{ {"value": value} | to_json }}`     // a command that may start with {
	shortText   = `{{ value[:255] }}`                    // longer states are refused
	textOrNone  = `{{ value[:255] if value else None }}` // None makes the state unknown
	missedCall  = `{{ 'missed' if value_json.direction == 'incoming' and value_json.cause in ['no_answer', 'cancelled', 'busy', 'failed'] else '' }}`
)

// eventOf makes an event of a fixed type out of plain text, which becomes an attribute.
func eventOf(eventType, attribute string) string {
	return `{{ {"event_type": ` + strconv.Quote(eventType) + `, ` + strconv.Quote(attribute) + `: value} | to_json }}`
}

// eventFrom makes an event out of a JSON object; eventType is an expression.
func eventFrom(eventType string) string {
	return `{{ dict(value_json, event_type=` + eventType + `) | to_json }}`
}

// member reads a member of a JSON state that may be {}.
func member(name string) string { return `{{ value_json.get('` + name + `') }}` }

func off() *bool { return new(bool) }

func number(n int) *int { return &n }

// slug is a name as it may stand in an entity id: [a-z0-9_], no underscore at the ends or twice.
func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !isAlphanumeric(r) })
	if len(words) == 0 {
		return "x"
	}
	return strings.Join(words, "_")
}

// slugs gives each name a slug of its own.
func slugs(names []string) []string {
	used := map[string]bool{}
	out := make([]string, 0, len(names))
	for _, name := range names {
		s := slug(name)
		for n := 2; used[s]; n++ {
			s = slug(name) + "_" + strconv.Itoa(n)
		}
		used[s] = true
		out = append(out, s)
	}
	return out
}

// Components reads from a device document which components it has, each as "<platform>.<key>", also those that it only
// takes away. It is what [Device.Discovery] wants as previous; a payload that is no such document has none.
func Components(payload []byte) []string {
	var document struct {
		Components map[string]struct {
			Platform string `json:"p"`
		} `json:"cmps"`
	}
	if json.Unmarshal(payload, &document) != nil {
		return nil
	}
	list := make([]string, 0, len(document.Components))
	for key, c := range document.Components {
		if isID(key) && isID(c.Platform) {
			list = append(list, c.Platform+"."+key)
		}
	}
	return list
}

// isID: what Home Assistant takes as part of a discovery topic.
func isID(s string) bool {
	return s != "" && len(s) <= 100 && onlyOf(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
}

package topics

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// DiscoveryOff is the discovery prefix that switches Home Assistant discovery off.
const DiscoveryOff = "none"

// ErrDiscoveryOff is what [Device.Discovery] returns then.
var ErrDiscoveryOff = errors.New("discovery is off")

// Device describes the phone to Home Assistant.
type Device struct {
	Tree             Tree
	DiscoveryPrefix  string   // "homeassistant" when empty; DiscoveryOff = none
	NodeID           string   // "housephone_<id>" when empty
	Name             string   // friendly name, "Housephone" when empty
	Version          string   // of the service
	Language         string   // of the entity names: en, de, fr, it, es, nl; others and empty are English
	Area             string   // suggested area, may be empty
	ConfigurationURL string   // http or https page of the device, may be empty
	Features         Features // what is switched on; entities of other datapoints are left out
	Buttons          []string // names of the doorbell buttons when there are several; else the plain doorbell is used
	Voices           []string // voices besides "default"
}

// Root of a device document. Home Assistant refuses the whole document for a single unknown key here or in the device.
type deviceDocument struct {
	Device       deviceBlock    `json:"dev"`
	Origin       originBlock    `json:"o"`
	Availability []availability `json:"availability"`
	Components   map[string]any `json:"cmps"` // component or tombstone
	QoS          int            `json:"qos"`
}

type deviceBlock struct {
	Identifiers      []string `json:"ids"`
	Name             string   `json:"name"`
	Manufacturer     string   `json:"mf"`
	Model            string   `json:"mdl"`
	Version          string   `json:"sw,omitempty"`
	Area             string   `json:"sa,omitempty"`
	ConfigurationURL string   `json:"cu,omitempty"`
}

type originBlock struct {
	Name    string `json:"name"`
	Version string `json:"sw,omitempty"`
}

type availability struct {
	Topic string `json:"topic"`
}

// tombstone removes a component: leaving it out would not.
type tombstone struct {
	Platform string `json:"p"`
}

// maxTombstones bounds what is carried over from a document that somebody else may have written.
const maxTombstones = 200

// Node is the identity of the device in Home Assistant: [a-zA-Z0-9_-].
func (d Device) Node() string {
	node := d.NodeID
	if node == "" {
		_, id := d.Tree.levels()
		node = "housephone_" + id
	}
	return strings.Map(func(r rune) rune {
		if isAlphanumeric(r) || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, node)
}

// Enabled says whether there is anything to discover.
func (d Device) Enabled() bool { return d.DiscoveryPrefix != DiscoveryOff }

func (d Device) prefix() string {
	if d.DiscoveryPrefix == "" {
		return "homeassistant"
	}
	return d.DiscoveryPrefix
}

// DiscoveryTopic is where the document of the device is retained.
func (d Device) DiscoveryTopic() string { return d.prefix() + "/device/" + d.Node() + "/config" }

// BirthTopic is where Home Assistant says "online" when it has started; empty when discovery is off.
func (d Device) BirthTopic() string {
	if !d.Enabled() {
		return ""
	}
	return d.prefix() + "/status"
}

// Removal takes the whole device out of Home Assistant.
func (d Device) Removal() Message { return Message{Topic: d.DiscoveryTopic(), Retain: true} }

// Discovery is the device document of Home Assistant (2024.11 and later), and the components in it as "<platform>.<key>".
// Those in previous that are gone are taken away by the document. They are taken away again for as long as previous has
// them, so that a Home Assistant that was off in the meantime learns of it too: give it what [Components] reads from the
// retained document.
func (d Device) Discovery(previous []string) (Message, []string, error) {
	if !d.Enabled() {
		return Message{}, nil, ErrDiscoveryOff
	}
	if err := d.Validate(); err != nil {
		return Message{}, nil, err
	}
	components, list := map[string]any{}, []string{}
	for _, e := range d.entities() {
		if d.Features.Has(e.feature) {
			components[e.key] = d.finish(e)
			list = append(list, e.Platform+"."+e.key)
		}
	}
	buried := 0
	for _, name := range slices.Sorted(slices.Values(previous)) {
		platform, key, ok := strings.Cut(name, ".")
		if _, taken := components[key]; taken || !ok || !isID(platform) || !isID(key) || buried == maxTombstones {
			continue
		}
		components[key] = tombstone{Platform: platform}
		buried++
	}
	slices.Sort(list)
	payload, err := encode(deviceDocument{
		Device: deviceBlock{
			Identifiers: []string{d.Node()}, Name: d.name(), Manufacturer: "housephone", Model: "SIP phone",
			Version: d.Version, Area: d.Area, ConfigurationURL: d.ConfigurationURL,
		},
		Origin:       originBlock{Name: "housephone", Version: d.Version},
		Availability: []availability{{Topic: d.Tree.Topic("connection")}},
		Components:   components,
		QoS:          1,
	})
	if err != nil {
		return Message{}, nil, fmt.Errorf("encode discovery: %w", err)
	}
	return Message{Topic: d.DiscoveryTopic(), Payload: payload, Retain: true}, list, nil
}

// Validate says whether Home Assistant would take the document.
func (d Device) Validate() error {
	if err := d.Tree.Validate(); err != nil {
		return err
	}
	if p := d.prefix(); strings.ContainsAny(p, "+#") || strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || cleanText(p) != p {
		return fmt.Errorf("discovery prefix %q is not a topic", p)
	}
	if d.prefix() == d.Tree.Base() {
		return fmt.Errorf("discovery prefix %q is the phone's own topic", d.prefix())
	}
	if d.ConfigurationURL != "" {
		u, err := url.Parse(d.ConfigurationURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("configuration url %q is not an http or https page", d.ConfigurationURL)
		}
	}
	for _, name := range slices.Concat(d.Buttons, d.Voices) {
		if !validArg(name) {
			return fmt.Errorf("the name %q cannot be one level of a topic", name)
		}
	}
	return nil
}

func (d Device) name() string {
	if d.Name == "" {
		return "Housephone"
	}
	return cleanText(d.Name)
}

// finish adds what all components have in common.
func (d Device) finish(e entity) component {
	c := e.component
	c.QoS = 1
	if c.Platform == aTrigger {
		c.AutomationType = "trigger"
		return c
	}
	c.UniqueID = d.Node() + "_" + e.key
	c.DefaultEntityID = c.Platform + "." + slug(d.Node()+"_"+e.key)
	if c.Name == "" {
		c.Name = label(d.translate(e))
		if e.about != "" {
			c.Name += label(" (" + e.about + ")")
		}
	}
	return c
}

package topics

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is built (-update writes it anew):\n%s", path, got)
	}
}

func everything() Device {
	return Device{
		Tree: Tree{Prefix: "housephone", ID: "front"}, Name: "Front door phone", Version: "1.0.0", Area: "Entrance",
		ConfigurationURL: "http://door.local:8080/", Voices: []string{"default", "de", "en_US-lessac"},
		Features: Features{FeaturePhone: true, FeatureRegistrar: true, FeatureIVR: true, FeatureRecord: true, FeatureVoicemail: true,
			FeatureDoorbell: true, FeatureDoor: true, FeatureDisplay: true, FeatureBacklight: true, FeatureExec: true,
			FeaturePBX: true, FeaturePair: true},
	}
}

// read gives the components of a device as plain JSON members.
func read(t *testing.T, d Device) map[string]map[string]any {
	t.Helper()
	m, _, err := d.Discovery(nil)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components map[string]map[string]any `json:"cmps"`
	}
	if err := json.Unmarshal(m.Payload, &document); err != nil {
		t.Fatal(err)
	}
	return document.Components
}

func TestDiscoveryGolden(t *testing.T) {
	buttons := everything()
	buttons.Buttons, buttons.Language = []string{"Front gate", "garden"}, "de-AT"
	small := Device{Tree: Tree{ID: "hall.1"}, Features: Features{FeaturePhone: true}}
	for name, d := range map[string]Device{"discovery-all.json": everything(), "discovery-buttons-de.json": buttons, "discovery-phone.json": small} {
		m, _, err := d.Discovery([]string{"button.gone", "sensor.status"})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := json.Indent(&b, m.Payload, "", " "); err != nil {
			t.Fatal(err)
		}
		golden(t, name, append(b.Bytes(), '\n'))
		if !m.Retain || m.Topic != "homeassistant/device/"+d.Node()+"/config" {
			t.Errorf("%s: topic %q retain %v", name, m.Topic, m.Retain)
		}
	}
	if got := small.Node(); got != "housephone_hall_1" {
		t.Errorf("node %q", got)
	}
}

// knownKeys are what each platform of Home Assistant takes, of what is used here; it drops any other silently.
func knownKeys() map[string]string {
	common := "p unique_id name default_entity_id icon entity_category enabled_by_default qos json_attributes_topic "
	return map[string]string{
		"sensor":            common + "state_topic value_template device_class options state_class unit_of_measurement suggested_display_precision",
		"binary_sensor":     common + "state_topic value_template payload_on payload_off device_class",
		"button":            common + "command_topic command_template payload_press device_class",
		"switch":            common + "state_topic command_topic command_template value_template payload_on payload_off state_on state_off device_class",
		"number":            common + "state_topic command_topic command_template value_template min max step mode unit_of_measurement device_class",
		"text":              common + "state_topic command_topic command_template value_template min max mode pattern",
		"event":             common + "state_topic value_template event_types device_class",
		"lock":              common + "state_topic command_topic value_template payload_lock payload_unlock payload_open state_locked state_unlocked",
		"notify":            common + "command_topic command_template",
		"device_automation": "p automation_type topic payload type subtype value_template qos",
	}
}

func requiredKeys() map[string]string {
	entity := "p unique_id name default_entity_id qos "
	return map[string]string{
		"sensor": entity + "state_topic", "binary_sensor": entity + "state_topic", "button": entity + "command_topic payload_press",
		"switch": entity + "state_topic command_topic payload_on payload_off", "number": entity + "state_topic command_topic min max",
		"text": entity + "command_topic", "event": entity + "state_topic event_types value_template",
		"lock": entity + "command_topic state_topic", "notify": entity + "command_topic",
		"device_automation": "p automation_type topic type subtype qos",
	}
}

func TestDiscoveryKeys(t *testing.T) {
	entityID := regexp.MustCompile(`^[a-z_]+\.[a-z0-9]+(_[a-z0-9]+)*$`)
	d := everything()
	d.Buttons = []string{"Front gate", "front-gate", "Ω"}
	d.Voices = []string{"de", "DE", "日本"}
	seen := map[string]string{}
	for key, c := range read(t, d) {
		platform, _ := c["p"].(string)
		known := strings.Fields(knownKeys()[platform])
		for k := range c {
			if !slices.Contains(known, k) {
				t.Errorf("%s: %s does not know %q", key, platform, k)
			}
		}
		for _, k := range strings.Fields(requiredKeys()[platform]) {
			if _, ok := c[k]; !ok {
				t.Errorf("%s: %s needs %q", key, platform, k)
			}
		}
		if !isID(key) || c["qos"] != 1.0 {
			t.Errorf("%s: key or qos %v", key, c["qos"])
		}
		if platform == aTrigger {
			continue
		}
		id, _ := c["default_entity_id"].(string)
		if !entityID.MatchString(id) || !strings.HasPrefix(id, platform+".") || seen[id] != "" {
			t.Errorf("%s: entity id %q (also of %q)", key, id, seen[id])
		}
		seen[id] = key
		if c["unique_id"] != d.Node()+"_"+key {
			t.Errorf("%s: unique id %v", key, c["unique_id"])
		}
		// the icons of these two change with their state, which one of their own would not
		if c["icon"] == nil && platform != aLock && c["device_class"] != "connectivity" {
			t.Errorf("%s has no icon", key)
		}
		if name, ok := c["name"].(string); (c["name"] == nil) != (key == "status") || ok && name == "" {
			t.Errorf("%s: name %v", key, c["name"])
		}
		if c["device_class"] == "enum" && (c["options"] == nil || c["unit_of_measurement"] != nil || c["state_class"] != nil) {
			t.Errorf("%s: enum %v", key, c)
		}
	}
}

// Each topic exists in the table and is used as what it is; each datapoint is in some entity, but for those named here.
func TestDiscoveryTopics(t *testing.T) {
	unused := map[string]string{
		"connection": "availability", "exec": "nothing to click on", "play/file": "for automations", "dtmf/collect": "for automations", "menu": "for automations",
		"result": "for programs", "doorbell/<button>": "in the test of buttons",
	}
	tree := everything().Tree
	used := map[string]bool{}
	for key, c := range read(t, everything()) {
		for _, k := range []string{"state_topic", "topic", "json_attributes_topic"} {
			topic, ok := c[k].(string)
			if !ok {
				continue
			}
			row, found := Lookup(strings.TrimPrefix(topic, tree.Base()+"/"))
			if !found || row.Kind == CommandKind {
				t.Errorf("%s: nothing is published on %s", key, topic)
			}
			if c["p"] == anEvent && row.Kind != EventKind {
				t.Errorf("%s: %s is no event", key, topic)
			}
			used[row.Name] = true
		}
		if topic, ok := c["command_topic"].(string); ok {
			name, _ := tree.Datapoint(topic)
			row, found := Lookup(name)
			if !found || !row.Settable {
				t.Errorf("%s: %s takes no commands", key, topic)
			}
			used[row.Name] = true
			for _, k := range []string{"payload_press", "payload_on", "payload_off", "payload_lock", "payload_unlock", "payload_open"} {
				if payload, ok := c[k].(string); ok {
					if _, err := Decode(name, []byte(payload)); err != nil {
						t.Errorf("%s: %s %q: %v", key, k, payload, err)
					}
				}
			}
		}
	}
	for _, row := range Table() {
		if _, left := unused[row.Name]; used[row.Name] == left {
			t.Errorf("%s: used %v", row.Name, used[row.Name])
		}
	}
}

// What can be published is what is declared, neither more nor less.
func TestDiscoveryDeclaresWhatIsPublished(t *testing.T) {
	row := func(name string) []string {
		d, _ := Lookup(name)
		return d.Values
	}
	want := map[string][]string{
		"status": row("status"), "mode": row("mode"), "dtmf": row("dtmf"), "doorbell": row("doorbell"),
		"transfer": {TransferTrying, TransferAccepted, strings.Fields(TransferFailed(486))[0]}, "call_ended": Causes(),
		"call_refused": {"refused"}, "message": {"received"}, "voice_message": {"received"}, "pbx": {"call"}, "pbx_event": {"channel"},
		"console_answer": {"answer"}, "dtmf_collected": {CollectTerminator, CollectMax, CollectTimeout},
		"door_event": {DoorOpened, DoorRefused}, "log": {LevelWarning, LevelError},
	}
	for key, c := range read(t, everything()) {
		list, ok := c["event_types"]
		if !ok {
			list, ok = c["options"]
		}
		if !ok {
			continue
		}
		var got []string
		for _, v := range list.([]any) {
			got = append(got, v.(string))
		}
		if !slices.Equal(got, want[key]) {
			t.Errorf("%s declares %q, published are %q", key, got, want[key])
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestDiscoveryButtons(t *testing.T) {
	d := everything()
	for _, buttons := range [][]string{nil, {"front"}} {
		d.Buttons = buttons
		if c := read(t, d)["doorbell"]; c["state_topic"] != "housephone/front/doorbell" {
			t.Errorf("%q: %v", buttons, c)
		}
	}
	d.Buttons = []string{"front", "garden"}
	c := read(t, d)
	if c["doorbell"] != nil || c["doorbell_front"]["state_topic"] != "housephone/front/doorbell/front" ||
		c["press_doorbell_garden"]["command_topic"] != "housephone/front/doorbell/garden/set" ||
		c["trigger_long_press_garden"]["subtype"] != "garden" {
		t.Errorf("%v", c)
	}
}

func TestDiscoveryFeatures(t *testing.T) {
	d := everything()
	for f := range d.Features {
		less := everything()
		delete(less.Features, f)
		if f != FeatureExec && len(read(t, less)) >= len(read(t, d)) {
			t.Errorf("without %s nothing is missing", f)
		}
	}
	if got := read(t, Device{}); len(got) != 3 || got["version"] == nil || got["started"] == nil || got["log"] == nil {
		t.Errorf("without features: %v", got)
	}
}

func TestDiscoveryTombstones(t *testing.T) {
	first, keys, err := everything().Discovery(nil)
	if err != nil {
		t.Fatal(err)
	}
	before := Components(first.Payload)
	slices.Sort(before)
	if !slices.Equal(before, keys) {
		t.Fatalf("read %q, built %q", before, keys)
	}
	small := everything()
	delete(small.Features, FeatureDoor)
	second, now, err := small.Discovery(before)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(second.Payload, []byte(`"door":{"p":"lock"}`)) || slices.Contains(now, "lock.door") {
		t.Errorf("the door was not taken away: %s", second.Payload)
	}
	third, _, err := small.Discovery(Components(second.Payload))
	if err != nil || !bytes.Equal(second.Payload, third.Payload) {
		t.Error("the door is not taken away for a Home Assistant that starts later")
	}
	fourth, _, err := everything().Discovery(Components(third.Payload))
	if err != nil || !bytes.Equal(fourth.Payload, first.Payload) {
		t.Error("the door does not come back")
	}
	for _, payload := range []string{"", "null", "[]", `{"cmps":{"a b":{"p":"x"},"k":{"p":"x/y"},"n":{}}}`, `{"cmps":7}`} {
		if got := Components([]byte(payload)); len(got) != 0 {
			t.Errorf("%s: %q", payload, got)
		}
	}
	many := make([]string, 0, 1000)
	for _, a := range "abcdefghij" {
		for n := range 100 {
			many = append(many, "sensor."+string(a)+strings.Repeat("x", n))
		}
	}
	m, _, err := everything().Discovery(append(many, "nonsense", "a.b.c", "."))
	if err != nil || len(Components(m.Payload)) != len(keys)+maxTombstones {
		t.Errorf("%d components, %v", len(Components(m.Payload)), err)
	}
}

func TestDiscoveryRefuses(t *testing.T) {
	for name, change := range map[string]func(*Device){
		"base":    func(d *Device) { d.Tree.ID = "a/b" },
		"prefix":  func(d *Device) { d.DiscoveryPrefix = "home+" },
		"same":    func(d *Device) { d.DiscoveryPrefix = "housephone/front" },
		"url":     func(d *Device) { d.ConfigurationURL = "door.local" },
		"scheme":  func(d *Device) { d.ConfigurationURL = "ftp://door.local" },
		"button":  func(d *Device) { d.Buttons = []string{"a/b"} },
		"command": func(d *Device) { d.Buttons = []string{"set"} },
		"voice":   func(d *Device) { d.Voices = []string{"a+b"} },
	} {
		d := everything()
		change(&d)
		if _, _, err := d.Discovery(nil); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	d := everything()
	d.DiscoveryPrefix = DiscoveryOff
	if _, _, err := d.Discovery(nil); !errors.Is(err, ErrDiscoveryOff) || d.BirthTopic() != "" || d.Enabled() {
		t.Errorf("off: %v", err)
	}
	d.DiscoveryPrefix = "ha/discovery"
	if d.BirthTopic() != "ha/discovery/status" || d.DiscoveryTopic() != "ha/discovery/device/housephone_front/config" {
		t.Errorf("%q %q", d.BirthTopic(), d.DiscoveryTopic())
	}
	if m := d.Removal(); m.Topic != d.DiscoveryTopic() || len(m.Payload) != 0 || !m.Retain {
		t.Errorf("removal %+v", m)
	}
}

func TestNamesInEveryLanguage(t *testing.T) {
	table := names()
	used := map[string]bool{}
	for _, buttons := range [][]string{nil, {"a", "b"}} {
		d := everything()
		d.Buttons = buttons
		for _, e := range d.entities() {
			if e.kind != "" {
				used[e.kind] = true
			}
			used[e.key] = true
		}
	}
	for _, language := range []string{"", "en", "de", "de-AT", "fr_FR", "IT", "es", "nl", "xx"} {
		inUse := map[string]string{}
		for key, n := range table {
			text := n.in(language)
			if text == "" || inUse[text] != "" {
				t.Errorf("%q: %s is called %q, as is %q", language, key, text, inUse[text])
			}
			inUse[text] = key
			if !used[key] {
				t.Errorf("%s is a name of nothing", key)
			}
		}
	}
	if names()["door"].in("de-AT") != "Tür" || names()["door"].in("xx") != "Door" {
		t.Error("language is not told by its first part")
	}
}

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"housephone/topics"
)

// entities are the ids of the entities of a phone with everything switched on, under its default name.
func entities(t *testing.T) map[string]bool {
	t.Helper()
	features := topics.Features{topics.FeatureRegistrar: true, topics.FeaturePair: true}
	for _, row := range topics.Table() {
		features[row.Feature] = true
	}
	m, _, err := topics.Device{Features: features}.Discovery(nil)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components map[string]struct {
			EntityID string `json:"default_entity_id"`
		} `json:"cmps"`
	}
	if err := json.Unmarshal(m.Payload, &document); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, c := range document.Components {
		all[c.EntityID] = true
	}
	return all
}

// coreCards are the cards, badges and tile features of Home Assistant itself that the dashboard may use.
func coreCards() []string {
	return strings.Fields("sections grid heading tile button entities entity markdown logbook todo-list lock-open-door numeric-input")
}

// The dashboard names entities that exist and cards that Home Assistant has without anything installed.
func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../examples/home-assistant/dashboard.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	all, used := entities(t), map[string]bool{}
	entityID := regexp.MustCompile(`^[a-z_]+\.housephone_phone_[a-z_]+$`)
	var walk func(key string, node any)
	walk = func(key string, node any) {
		switch v := node.(type) {
		case map[string]any:
			for k, child := range v {
				walk(k, child)
			}
		case []any:
			for _, child := range v {
				walk(key, child)
			}
		case string:
			if key == "type" && !slices.Contains(coreCards(), v) {
				t.Errorf("%q is no card that this test knows as one of Home Assistant's own", v)
			}
			if !entityID.MatchString(v) {
				return
			}
			used[v] = true
			if !all[v] {
				t.Errorf("there is no entity %s", v)
			}
		}
	}
	walk("", tree)
	if len(used) < 20 {
		t.Errorf("only %d entities on the dashboard", len(used))
	}
}

// Every topic in an example is one of the phone's, and what is sent to it is a command that it takes.
func TestExampleTopics(t *testing.T) {
	t.Parallel()
	known := func(file, topic string) {
		tree := topics.Tree{}
		name := strings.TrimPrefix(topic, tree.Base()+"/")
		set, isSet := tree.Datapoint(topic)
		if isSet {
			name = set
		}
		row, ok := topics.Lookup(name)
		switch {
		case !ok:
			t.Errorf("%s: there is no topic %s", file, topic)
		case isSet && !row.Settable:
			t.Errorf("%s: %s takes no commands", file, topic)
		case !isSet && row.Kind == topics.CommandKind:
			t.Errorf("%s: nothing is published on %s", file, topic)
		}
	}
	seen := 0
	for pattern, base := range map[string]string{
		"../examples/node-red/*.json":                  `"\$\{PHONE\}/([a-z/]+)"`,
		"../examples/home-assistant/blueprints/*.yaml": `\{\{ topic \}\}/([a-z/]+)`,
		"../examples/openhab/*":                        `housephone/phone/([a-z/]+)`,
		"../examples/scripts/*":                        `\$(?:PHONE|base)/([a-z/+]+[a-z])`,
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %v %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(base).FindAllSubmatch(text, -1) {
				seen++
				known(file, topics.Tree{}.Topic(strings.Replace(string(m[1]), "calls/+/", "calls/1/", 1)))
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d topics found: the search is broken", seen)
	}
}

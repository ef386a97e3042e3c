package e2e

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"housephone/e2e/peers"
)

// variables are the names that housephone -h lists.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "-h").Output()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  ([A-Z][A-Z0-9_]+)  `).FindAllSubmatch(out, -1) {
		known[string(m[1])] = true
	}
	if len(known) < 50 {
		t.Fatalf("housephone -h lists only %d variables", len(known))
	}
	return known
}

// namedIn finds what looks like one of the service's variables, also in comments.
func namedIn(text []byte) []string {
	prefixes := `HOUSEPHONE|LOG|MQTT|SIP|PHONE|AUDIO|HTTP|TTS|HW|EXEC|ESL|AMI|PAIR|IVR|STATE_DIR|MEDIA_DIR|RECORD_DIR`
	found := map[string]bool{}
	for _, name := range regexp.MustCompile(`\b(`+prefixes+`)(_[A-Z0-9]+)*\b`).FindAll(text, -1) {
		if s := string(name); strings.Contains(s, "_") {
			found[s] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Whatever is shipped names only variables that the service has.
func TestShippedVariablesExist(t *testing.T) {
	t.Parallel()
	known := variables(t)
	known["MQTT_HOST"], known["MQTT_PORT"] = true, true // of the flows and the scripts
	known["HOUSEPHONE_IMAGE"] = true                    // an argument of the app's Dockerfile
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../Dockerfile", "../docker-compose.yml", "../README.md", "../app/Dockerfile", "../app/DOCS.md")
	err = filepath.WalkDir("../charts", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, "schema") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range namedIn(text) {
			seen++
			if !known[name] {
				t.Errorf("%s names %s, which housephone -h does not list", file, name)
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d names found: the search is broken", seen)
	}
}

// compose is docker-compose.yml as far as the tests look at it.
type compose struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Profiles    []string          `yaml:"profiles"`
		NetworkMode string            `yaml:"network_mode"`
		ReadOnly    bool              `yaml:"read_only"`
		CapDrop     []string          `yaml:"cap_drop"`
		Environment map[string]string `yaml:"environment"`
		Command     []string          `yaml:"command"`
		Entrypoint  []string          `yaml:"entrypoint"`
		Ports       []string          `yaml:"ports"`
		DependsOn   map[string]any    `yaml:"depends_on"`
		Volumes     []string          `yaml:"volumes"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

func readCompose(t *testing.T) compose {
	t.Helper()
	text, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// What starts without a profile is the phone and its broker; every volume is declared, every dependency there.
func TestCompose(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	var plain []string
	for name, s := range c.Services {
		if len(s.Profiles) == 0 {
			plain = append(plain, name)
		} else if !slices.Equal(s.Profiles, []string{name}) {
			t.Errorf("%s has the profiles %v, want its own name", name, s.Profiles)
		}
		for dependency := range s.DependsOn {
			if _, ok := c.Services[dependency]; !ok {
				t.Errorf("%s depends on %s, which is no service", name, dependency)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[volume]; !ok {
				t.Errorf("%s mounts %s, which is no volume", name, volume)
			}
		}
	}
	slices.Sort(plain)
	if !slices.Equal(plain, []string{"housephone", "mosquitto", "password"}) {
		t.Errorf("without a profile %v start", plain)
	}
	h := c.Services["housephone"]
	if !h.ReadOnly || !slices.Equal(h.CapDrop, []string{"ALL"}) || h.NetworkMode != "host" {
		t.Errorf("housephone: read_only %v, cap_drop %v, network_mode %q", h.ReadOnly, h.CapDrop, h.NetworkMode)
	}
}

// The profiles fit what they are for: Node-RED has every variable of the flows' broker node, Piper is where TTS_URL says.
func TestComposeProfiles(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	files, err := filepath.Glob("../examples/node-red/*.json")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d flows: %v", len(files), err)
	}
	red := c.Services["node-red"]
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\$\{(MQTT_[A-Z]+)\}`).FindAllSubmatch(text, -1)
		if len(names) != 4 {
			t.Errorf("%s has %d variables of the broker", file, len(names))
		}
		for _, m := range names {
			name := string(m[1])
			if red.Environment[name] == "" && !strings.Contains(strings.Join(red.Entrypoint, " "), name+"=") {
				t.Errorf("%s wants %s, which node-red does not get", file, name)
			}
		}
	}
	if host := red.Environment["MQTT_HOST"]; c.Services[host].Image == "" || !slices.Contains(c.Services[host].Ports, red.Environment["MQTT_PORT"]+":1883") {
		t.Errorf("node-red's broker is %s:%s", host, red.Environment["MQTT_PORT"])
	}
	if name := c.Services["housephone"].Environment["MQTT_USERNAME"]; red.Environment["MQTT_USERNAME"] != name {
		t.Errorf("node-red is %s at the broker, housephone %s", red.Environment["MQTT_USERNAME"], name)
	}
	text, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	speech := regexp.MustCompile(`TTS_URL: wyoming://(\S+)`).FindSubmatch(text)
	if speech == nil || !slices.Contains(c.Services["piper"].Ports, string(speech[1])+":10200") {
		t.Errorf("piper publishes %v, TTS_URL says %s", c.Services["piper"].Ports, speech)
	}
	if c.Services["homeassistant"].NetworkMode != "host" || !strings.HasPrefix(c.Services["homeassistant"].Image, "ghcr.io/home-assistant/home-assistant:2026.2") {
		t.Errorf("homeassistant is %+v", c.Services["homeassistant"])
	}
}

// Values and recorded manifests are YAML, and each manifest has a kind and a name.
func TestChartFiles(t *testing.T) {
	t.Parallel()
	golden, err := filepath.Glob("testdata/ship/*.golden.yaml")
	if err != nil || len(golden) < 4 {
		t.Fatalf("recorded manifests: %v, %v", golden, err)
	}
	for _, file := range golden {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		documents := manifests(t, text)
		if len(documents) < 2 {
			t.Errorf("%s holds %d manifests", file, len(documents))
		}
		for _, m := range documents {
			if m.Kind == "" || m.Metadata.Name == "" {
				t.Errorf("%s: a manifest without kind or name", file)
			}
		}
	}
}

// manifest is the head of a Kubernetes object.
type manifest struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
}

func manifests(t *testing.T, text []byte) []manifest {
	t.Helper()
	var all []manifest
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var m manifest
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}

// What is linked into the service is not kept from the image's build.
func TestImageIsGivenTheSources(t *testing.T) {
	t.Parallel()
	ignore, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	given := strings.Fields(string(ignore))
	folders := map[string]bool{}
	for path := range strings.FieldsSeq(peers.Run(t, "go", "list", "-deps", "housephone/cmd/housephone")) {
		if below, ok := strings.CutPrefix(path, "housephone/"); ok {
			top, _, _ := strings.Cut(below, "/")
			folders[top] = true
		}
	}
	if len(folders) < 5 {
		t.Fatalf("only the folders %v", folders)
	}
	for folder := range folders {
		if !slices.Contains(given, "!"+folder) {
			t.Errorf(".dockerignore leaves out %s", folder)
		}
	}
}

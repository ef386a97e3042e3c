package e2e

import (
	"encoding/json"
	"fmt"
	"image/png"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"housephone/e2e/peers"
)

// appKeys are the keys of an app's config.yaml that are used here, and what their values look like: Home Assistant's
// Supervisor refuses an app with another value, and drops keys that it does not know.
func appKeys() map[string]string {
	return map[string]string{
		"name": `^.+$`, "version": `^\d+\.\d+\.\d+$`, "slug": `^[-_.A-Za-z0-9]+$`, "description": `^.+$`,
		"arch": `^\[(aarch64|amd64)( (aarch64|amd64))*\]$`, "init": `^(true|false)$`,
		"startup": `^(initialize|system|services|application|once)$`, "boot": `^(auto|manual|manual_only)$`,
		"host_network": `^(true|false)$`, "audio": `^(true|false)$`, "gpio": `^(true|false)$`, "devices": `^\[(/dev/\S+ ?)+\]$`,
		"map": `^\[(map\[(read_only:(true|false) )?type:(media|share|ssl|app_config)\] ?)+\]$`, "services": `^\[[a-z]+:(provide|want|need)\]$`,
		"watchdog": `^(?:https?|\[PROTO:\w+\]|tcp)://\[HOST\]:(\[PORT:\d+\]|\d+).*$`, "backup": `^(hot|cold)$`,
		"options": `^map\[`, "schema": `^map\[`,
	}
}

// optionType is what the Supervisor knows as the type of an option.
var optionType = regexp.MustCompile(`^(str|bool|int|float|email|url|password|port|match\(.+\)|list\([^|)]+(\|[^|)]+)*\))\??$`)

type app struct {
	Version string         `yaml:"version"`
	Options map[string]any `yaml:"options"`
	Schema  map[string]any `yaml:"schema"`
}

func readYAML(t *testing.T, path string, out any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// The app is described in the words of the Supervisor, and its options are variables of the service.
func TestApp(t *testing.T) {
	t.Parallel()
	var keys map[string]any
	var a app
	readYAML(t, "../app/config.yaml", &keys)
	readYAML(t, "../app/config.yaml", &a)
	known := appKeys()
	for key, value := range keys {
		if known[key] == "" || !regexp.MustCompile(known[key]).MatchString(fmt.Sprint(value)) {
			t.Errorf("config.yaml: %s: %v", key, value)
		}
	}
	for _, key := range []string{"name", "version", "slug", "description", "arch"} {
		if keys[key] == nil {
			t.Errorf("config.yaml lacks %s", key)
		}
	}
	all := variables(t)
	for option, kind := range a.Schema {
		if list, ok := kind.([]any); ok && option == "environment" && len(list) == 1 {
			kind = list[0]
		} else if !all[strings.ToUpper(option)] {
			t.Errorf("there is no variable for the option %s", option)
		}
		if text, _ := kind.(string); !optionType.MatchString(text) {
			t.Errorf("option %s has the type %v", option, kind)
		}
	}
	for option := range a.Options {
		if a.Schema[option] == nil {
			t.Errorf("option %s has a value and no type", option)
		}
	}
	var chart struct {
		AppVersion string `yaml:"appVersion"`
	}
	readYAML(t, "../charts/housephone/Chart.yaml", &chart)
	if log, err := os.ReadFile("../app/CHANGELOG.md"); err != nil || chart.AppVersion != a.Version || !strings.Contains(string(log), "## "+a.Version+"\n") {
		t.Errorf("the app is %s, the chart %s, the changelog %q: %v", a.Version, chart.AppVersion, log, err)
	}
}

// Every option has a name and a description in every language; pictures have their sizes; the Supervisor, which searches
// the whole repository, finds one app.
func TestAppFiles(t *testing.T) {
	t.Parallel()
	var a app
	readYAML(t, "../app/config.yaml", &a)
	for _, language := range []string{"en", "de", "fr", "it", "es", "nl"} {
		var text struct {
			Configuration map[string]struct {
				Name        string `yaml:"name"`
				Description string `yaml:"description"`
			} `yaml:"configuration"`
		}
		readYAML(t, "../app/translations/"+language+".yaml", &text)
		for option := range a.Schema {
			if c := text.Configuration[option]; c.Name == "" || c.Description == "" {
				t.Errorf("%s: %s has no name or description", language, option)
			}
		}
		if len(text.Configuration) != len(a.Schema) {
			t.Errorf("%s has %d texts for %d options", language, len(text.Configuration), len(a.Schema))
		}
	}
	for name, size := range map[string][2]int{"icon.png": {128, 128}, "logo.png": {250, 100}} {
		file, err := os.Open("../app/" + name)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := png.DecodeConfig(file)
		_ = file.Close()
		if err != nil || picture.Width != size[0] || picture.Height != size[1] {
			t.Errorf("%s: %dx%d, %v", name, picture.Width, picture.Height, err)
		}
	}
	var found []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{"config.yaml", "config.yml", "config.json", "repository.yaml"}, d.Name()) {
			found = append(found, path)
		}
		return err
	})
	if err != nil || !slices.Equal(found, []string{"../app/config.yaml", "../repository.yaml"}) {
		t.Errorf("the Supervisor finds %v: %v", found, err)
	}
	docker, err := os.ReadFile("../app/Dockerfile")
	if err != nil || !strings.Contains(string(docker), "ARG VERSION="+a.Version+"\n") || !strings.Contains(string(docker), "HTTP_LISTEN=:8480") {
		t.Errorf("the Dockerfile is not that of %s: %v", a.Version, err)
	}
}

// appToken is what the Supervisor gives an app to ask with.
const appToken = "supervisor-token-8812"

// scriptedSupervisor names a broker to whom has the token. It starts at the same time as the app: the first question comes too early.
func scriptedSupervisor(host string, broker *peers.Mosquitto) http.Handler {
	asked := 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/services/mqtt" || r.Header.Get("Authorization") != "Bearer "+appToken {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if asked++; asked == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"result": "ok", "data": map[string]any{
			"addon": "core_mosquitto", "host": host, "port": broker.Port, "ssl": false, "protocol": "3.1.1",
			"username": broker.Username, "password": broker.Password,
		}})
	})
}

// The app as the Supervisor starts it: options in a file, the broker asked for with the token. The Supervisor is scripted,
// broker and telephone are real.
func TestAppStarts(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{Username: "addons", Password: "broker-secret-4410"})
	supervisor := httptest.NewServer(scriptedSupervisor("127.0.0.1", broker))
	defer supervisor.Close()
	options := filepath.Join(t.TempDir(), "options.json")
	text := `{"sip_server":"","sip_user":"","sip_password":"","phone_mode":"ivr","housephone_name":"Hall phone","environment":["HW_DOOR=sim"]}`
	if err := os.WriteFile(options, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client := peers.NewMQTT(t, broker.URL(), broker.Username, broker.Password, "")
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Down: true, Secrets: []string{appToken, broker.Password}, Env: env{
		"SUPERVISOR_TOKEN": appToken, "SUPERVISOR_URL": supervisor.URL, "OPTIONS_FILE": options, "AUDIO_CAPTURE": "none",
	}})
	client.WaitState(h.Topic("connection"), "online", patience)
	client.WaitState(h.Topic("mode"), "ivr", patience)
	client.WaitState(h.Topic("door"), "locked", patience)
	client.WaitStateFunc("homeassistant/device/housephone_phone/config", "the name", patience, func(v string) bool { return strings.Contains(v, `"name":"Hall phone"`) })
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{})
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	client.WaitState(h.Topic("status"), "ring", patience)
}

// A wrong options file: one line, status 78.
func TestAppRefusesOptions(t *testing.T) {
	t.Parallel()
	options := filepath.Join(t.TempDir(), "options.json")
	if err := os.WriteFile(options, []byte(`{"sip_sever":"fritz.box"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := peers.Start(t, peers.Command{Path: program, Env: []string{"SUPERVISOR_TOKEN=x", "OPTIONS_FILE=" + options}})
	exit := p.Wait(patience)
	if log := p.Log(); exit.Code != 78 || strings.Count(log, "\n") != 1 || !strings.Contains(log, "sip_sever: there is no variable SIP_SEVER") {
		t.Errorf("status %d: %s", exit.Code, log)
	}
}

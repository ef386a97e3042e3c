package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// HomeAssistant is a real Home Assistant without a screen, connected to a broker.
type HomeAssistant struct {
	*Process
	URL   string
	t     testing.TB
	token string
}

// hassTimeout is for its start, which loads half of Python.
const hassTimeout = 2 * time.Minute

// HomeAssistantConfig is what its configuration has beside the integrations that every test needs.
type HomeAssistantConfig struct {
	YAML  string            // more of configuration.yaml
	Files map[string]string // contents of files beside it, by name
}

// NewHomeAssistant starts it, makes its first user and adds the MQTT integration for the broker.
// scripts/homeassistant must have built it.
func NewHomeAssistant(t testing.TB, ports *Ports, broker *Mosquitto, c HomeAssistantConfig) *HomeAssistant {
	t.Helper()
	script := filepath.Join(Checkout(t), "scripts", "homeassistant")
	dir, inside := insideChroot(t, script)
	port := ports.Next()
	a := &HomeAssistant{URL: "http://" + Loopback(port), t: t}
	render(t, dir, "configuration.yaml", struct {
		Port int
		More string
	}{port, c.YAML})
	for name, text := range c.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.Process = Start(t, Command{
		Name: "homeassistant", Path: script, Args: []string{"run", inside}, Env: scriptEnv(), Quiet: true,
		Ready: func(*Process) bool { return accepts(port) }, ReadyTimeout: hassTimeout,
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("home assistant warned:\n%s", strings.Join(a.Complaints(""), "\n"))
		}
	})
	a.onboard()
	a.addBroker(broker)
	return a
}

// scriptEnv keeps the cache of the chroots where the user's own HOME has it.
func scriptEnv() []string {
	if dir, err := os.UserCacheDir(); err == nil {
		return []string{"XDG_CACHE_HOME=" + dir}
	}
	return nil
}

// insideChroot makes a temporary folder in the chroot of a script: its path from outside and from inside.
func insideChroot(t testing.TB, script string) (outside, inside string) {
	t.Helper()
	root := strings.TrimSpace(Run(t, script, "root"))
	base := filepath.Join(root, "var", "tmp")
	if !Exists(base) {
		t.Fatalf("%s is not built: run %s build", root, script)
	}
	outside, err := os.MkdirTemp(base, "test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(outside) })
	return outside, "/var/tmp/" + filepath.Base(outside)
}

// Checkout is the folder of the module.
func Checkout(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !Exists(filepath.Join(dir, "go.mod")) {
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working folder")
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

const hassClient = "http://127.0.0.1/"

// onboard goes through the dialogue of the first start.
func (a *HomeAssistant) onboard() {
	a.t.Helper()
	user := map[string]string{
		"client_id": hassClient, "name": "test", "username": "test", "password": "hass-secret-5567", "language": "en",
	}
	var created struct {
		AuthCode string `json:"auth_code"`
	}
	if !Eventually(hassTimeout, func() bool {
		return a.call(http.MethodPost, "/api/onboarding/users", user, &created) == http.StatusOK
	}) {
		a.t.Fatal("home assistant does not take its first user")
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {created.AuthCode}, "client_id": {hassClient}}
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	if code := a.call(http.MethodPost, "/auth/token", form, &granted); code != http.StatusOK {
		a.t.Fatalf("home assistant gives no token: %d", code)
	}
	a.token = granted.AccessToken
	for _, step := range []string{"core_config", "analytics"} {
		a.call(http.MethodPost, "/api/onboarding/"+step, map[string]string{"client_id": hassClient}, nil)
	}
}

func (a *HomeAssistant) addBroker(broker *Mosquitto) {
	a.t.Helper()
	var flow struct {
		ID   string `json:"flow_id"`
		Type string `json:"type"`
	}
	const path = "/api/config/config_entries/flow"
	if code := a.call(http.MethodPost, path, map[string]any{"handler": "mqtt", "show_advanced_options": false}, &flow); code != http.StatusOK {
		a.t.Fatalf("home assistant starts no MQTT flow: %d", code)
	}
	entry := map[string]any{"broker": "127.0.0.1", "port": broker.Port}
	if broker.Username != "" {
		entry["username"], entry["password"] = broker.Username, broker.Password
	}
	if code := a.call(http.MethodPost, path+"/"+flow.ID, entry, &flow); code != http.StatusOK || flow.Type != "create_entry" {
		a.t.Fatalf("home assistant does not take the broker: %d, %s", code, flow.Type)
	}
}

// Call asks its REST API; what comes back is decoded into out unless that is nil. It returns the HTTP status, 0 for none.
func (a *HomeAssistant) call(method, path string, in, out any) int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.t.Context()), 20*time.Second)
	defer cancel()
	kind, body := "application/json", io.Reader(nil)
	if form, ok := in.(url.Values); ok {
		kind, body = "application/x-www-form-urlencoded", strings.NewReader(form.Encode())
	} else if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			a.t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.URL+path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err == nil && out != nil && res.StatusCode < http.StatusMultipleChoices {
		err = json.Unmarshal(data, out)
	}
	if err != nil {
		a.t.Fatalf("home assistant %s: %v: %.300s", path, err, data)
	}
	return res.StatusCode
}

// Entity is a state as Home Assistant shows it.
type Entity struct {
	ID         string         `json:"entity_id"`
	State      string         `json:"state"`
	Attributes map[string]any `json:"attributes"`
}

// Entities are all states, by entity id.
func (a *HomeAssistant) Entities() map[string]Entity {
	a.t.Helper()
	var list []Entity
	if code := a.call(http.MethodGet, "/api/states", nil, &list); code != http.StatusOK {
		a.t.Fatalf("home assistant /api/states: %d", code)
	}
	all := map[string]Entity{}
	for _, e := range list {
		all[e.ID] = e
	}
	return all
}

// WaitEntity waits until an entity's state pleases ok.
func (a *HomeAssistant) WaitEntity(id, what string, timeout time.Duration, ok func(Entity) bool) Entity {
	a.t.Helper()
	var e Entity
	if !Eventually(timeout, func() bool { e = a.Entities()[id]; return e.ID != "" && ok(e) }) {
		a.t.Fatalf("%s is %q %v, want %s", id, e.State, e.Attributes, what)
	}
	return e
}

// WaitValue waits until an entity has a state.
func (a *HomeAssistant) WaitValue(id, state string, timeout time.Duration) {
	a.t.Helper()
	a.WaitEntity(id, fmt.Sprintf("%q", state), timeout, func(e Entity) bool { return e.State == state })
}

// Act calls a service, like "button/press", on an entity.
func (a *HomeAssistant) Act(service, id string, data map[string]any) {
	a.t.Helper()
	body := map[string]any{"entity_id": id}
	for k, v := range data {
		body[k] = v
	}
	if code := a.call(http.MethodPost, "/api/services/"+service, body, nil); code != http.StatusOK {
		a.t.Fatalf("home assistant %s %s: %d", service, id, code)
	}
}

// Template evaluates a template, for instance to ask the registries.
func (a *HomeAssistant) Template(text string, out any) {
	a.t.Helper()
	if code := a.call(http.MethodPost, "/api/template", map[string]string{"template": text}, out); code != http.StatusOK {
		a.t.Fatalf("home assistant template %s: %d", text, code)
	}
}

// Complaints are the warnings and errors in its log that name a component, "" for any.
func (a *HomeAssistant) Complaints(component string) []string {
	re := regexp.MustCompile(`(?m)^.*(?:WARNING|ERROR|CRITICAL) .*` + regexp.QuoteMeta(component) + `.*$`)
	return re.FindAllString(a.Log(), -1)
}

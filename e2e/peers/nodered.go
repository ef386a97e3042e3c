package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// NodeRED is a real Node-RED without its editor, whose MQTT variables name a broker.
type NodeRED struct {
	*Process
	URL   string
	t     testing.TB
	begun int // what it had said when it had started
}

const noderedSettings = `module.exports = {
	uiHost: "127.0.0.1", uiPort: %d, flowFile: "flows.json", credentialSecret: false,
	editorTheme: { tours: false, projects: { enabled: false } }, telemetry: { enabled: false },
	logging: { console: { level: "info", metrics: false, audit: false } },
};
`

// noderedTimeout is for its start on a busy machine.
const noderedTimeout = time.Minute

// NewNodeRED starts it without flows. scripts/nodered must have installed it.
func NewNodeRED(t testing.TB, ports *Ports, broker *Mosquitto) *NodeRED {
	t.Helper()
	script := filepath.Join(Checkout(t), "scripts", "nodered")
	if root := strings.TrimSpace(Run(t, script, "root")); !Exists(filepath.Join(root, "complete")) {
		t.Fatalf("%s is not installed: run %s build", root, script)
	}
	dir, port := t.TempDir(), ports.Next()
	if err := os.WriteFile(filepath.Join(dir, "settings.js"), fmt.Appendf(nil, noderedSettings, port), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &NodeRED{URL: "http://" + Loopback(port), t: t}
	n.Process = Start(t, Command{
		Name: "node-red", Path: script, Args: []string{"run", dir},
		Env:   append(scriptEnv(), "MQTT_HOST=127.0.0.1", "MQTT_PORT="+itoa(broker.Port), "MQTT_USERNAME="+broker.Username, "MQTT_PASSWORD="+broker.Password),
		Ready: func(p *Process) bool { return strings.Contains(p.Log(), "Started flows") && accepts(port) }, ReadyTimeout: noderedTimeout,
	})
	n.begun = len(n.Log())
	return n
}

// Complaints are the warnings and errors since it has started, such as of a node that is not there.
func (n *NodeRED) Complaints() []string {
	return regexp.MustCompile(`(?m)^.*(?:\[(?:warn|error|fatal)\]|[Mm]issing).*$`).FindAllString(n.Log()[n.begun:], -1)
}

// Deploy imports a file of flows in the place of all others, with values for the environment variables of its tab, and
// waits until it is connected to the broker.
func (n *NodeRED) Deploy(file string, values map[string]string) {
	n.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	var nodes []map[string]any
	if err := json.Unmarshal(text, &nodes); err != nil {
		n.t.Fatalf("%s: %v", file, err)
	}
	left := maps.Clone(values)
	for _, node := range nodes {
		list, _ := node["env"].([]any)
		for _, item := range list {
			variable, _ := item.(map[string]any)
			name, _ := variable["name"].(string)
			if value, ok := left[name]; ok {
				variable["value"] = value
				delete(left, name)
			}
		}
	}
	if len(left) > 0 {
		n.t.Fatalf("%s has no variables %v", file, left)
	}
	body, err := json.Marshal(nodes)
	if err != nil {
		n.t.Fatal(err)
	}
	said := len(n.Log())
	n.post("/flows", body, http.StatusNoContent)
	if !Eventually(noderedTimeout, func() bool { return strings.Contains(n.Log()[said:], "Connected to broker") }) {
		n.t.Fatalf("%s does not connect: %s", file, n.Log()[said:])
	}
}

// Inject clicks the button of an inject node, which is found by its name.
func (n *NodeRED) Inject(file, name string) {
	n.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	var nodes []struct{ ID, Type, Name string }
	if err := json.Unmarshal(text, &nodes); err != nil {
		n.t.Fatal(err)
	}
	for _, node := range nodes {
		if node.Type == "inject" && node.Name == name {
			n.post("/inject/"+node.ID, nil, http.StatusOK)
			return
		}
	}
	n.t.Fatalf("%s has no inject node %q", file, name)
}

func (n *NodeRED) post(path string, body []byte, want int) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.t.Context()), noderedTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL+path, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		n.t.Fatalf("node-red %s: %v", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode != want {
		n.t.Fatalf("node-red %s: %d %.300s", path, res.StatusCode, answer)
	}
}

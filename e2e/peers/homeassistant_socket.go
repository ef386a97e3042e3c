package peers

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// socketTimeout is for one command of the websocket.
const socketTimeout = 30 * time.Second

// Ask sends one command of its websocket, like "blueprint/import", and decodes what comes back into out unless that is nil.
// The error is what Home Assistant says against the command, empty when it took it.
func (a *HomeAssistant) Ask(kind string, fields map[string]any, out any) (failure string) {
	a.t.Helper()
	dialer := websocket.Dialer{HandshakeTimeout: socketTimeout}
	conn, res, err := dialer.DialContext(a.t.Context(), strings.Replace(a.URL, "http", "ws", 1)+"/api/websocket", http.Header{})
	if err != nil {
		a.t.Fatalf("home assistant's websocket: %v", err)
	}
	_ = res.Body.Close()
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(socketTimeout)); err != nil {
		a.t.Fatal(err)
	}
	command := map[string]any{"id": 1, "type": kind}
	maps.Copy(command, fields)
	var answer struct {
		Type    string          `json:"type"`
		Success bool            `json:"success"`
		Result  json.RawMessage `json:"result"`
		Error   struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	for answer.Type != "result" {
		if err := conn.ReadJSON(&answer); err != nil {
			a.t.Fatalf("home assistant %s: %v", kind, err)
		}
		var next any
		switch answer.Type {
		case "auth_required":
			next = map[string]string{"type": "auth", "access_token": a.token}
		case "auth_ok":
			next = command
		case "auth_invalid":
			a.t.Fatal("home assistant refuses the token on its websocket")
		default:
			continue
		}
		if err := conn.WriteJSON(next); err != nil {
			a.t.Fatalf("home assistant %s: %v", kind, err)
		}
	}
	if !answer.Success {
		return answer.Error.Message
	}
	if out != nil {
		if err := json.Unmarshal(answer.Result, out); err != nil {
			a.t.Fatalf("home assistant %s: %v: %.300s", kind, err, answer.Result)
		}
	}
	return ""
}

// Import takes a blueprint from an address, as "Import blueprint" does, and returns its path for an automation.
func (a *HomeAssistant) Import(url, domain string) string {
	a.t.Helper()
	var found struct {
		Raw       string `json:"raw_data"`
		Filename  string `json:"suggested_filename"`
		Blueprint struct {
			Metadata struct {
				Domain string `json:"domain"`
			} `json:"metadata"`
		} `json:"blueprint"`
		Errors []string `json:"validation_errors"`
	}
	if failure := a.Ask("blueprint/import", map[string]any{"url": url}, &found); failure != "" {
		a.t.Fatalf("home assistant does not import %s: %s", url, failure)
	}
	if len(found.Errors) > 0 || found.Blueprint.Metadata.Domain != domain {
		a.t.Fatalf("%s is no %s blueprint: %v", url, domain, found.Errors)
	}
	path := found.Filename + ".yaml"
	save := map[string]any{"domain": domain, "path": path, "yaml": found.Raw, "source_url": url}
	if failure := a.Ask("blueprint/save", save, nil); failure != "" {
		a.t.Fatalf("home assistant does not keep %s: %s", path, failure)
	}
	return path
}

// Configure makes, or makes anew, an "automation" or a "script" from a blueprint.
func (a *HomeAssistant) Configure(domain, id, blueprint string, input map[string]any) {
	a.t.Helper()
	a.Save(domain, id, map[string]any{"use_blueprint": map[string]any{"path": blueprint, "input": input}})
}

// Save makes, or makes anew, an "automation" or a "script" under a name, and waits until it is there.
func (a *HomeAssistant) Save(domain, id string, body map[string]any) {
	a.t.Helper()
	body["alias"] = id
	if code := a.call(http.MethodPost, "/api/config/"+domain+"/config/"+id, body, nil); code != http.StatusOK {
		a.t.Fatalf("home assistant does not take %s %s: %d", domain, id, code)
	}
	a.WaitEntity(domain+"."+id, "there", socketTimeout, func(e Entity) bool { return e.State == "on" || domain == "script" })
}

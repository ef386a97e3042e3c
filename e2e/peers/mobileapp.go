package peers

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// MobileApp is a telephone with Home Assistant's app: it is registered as the app does it, takes the notifications from
// where the app's push service would, and presses their buttons.
type MobileApp struct {
	Device string // id in the device registry
	t      testing.TB
	hass   *HomeAssistant
	hook   string

	mu     sync.Mutex // guards following
	pushes []Push
}

// Push is one notification.
type Push struct {
	Title   string `json:"title"`
	Message string `json:"message"`
	Data    struct {
		Tag     string `json:"tag"`
		Actions []struct {
			Action string `json:"action"`
			Title  string `json:"title"`
		} `json:"actions"`
	} `json:"data"`
}

// Action is what the button with that title sends; empty when there is none.
func (p Push) Action(title string) string {
	for _, b := range p.Data.Actions {
		if b.Title == title {
			return b.Action
		}
	}
	return ""
}

// NewMobileApp registers a telephone. The integration mobile_app has to be in the configuration.
func NewMobileApp(t testing.TB, hass *HomeAssistant, name string) *MobileApp {
	t.Helper()
	m := &MobileApp{t: t, hass: hass}
	registration := map[string]any{
		"app_id": "test", "app_name": "Test", "app_version": "1", "device_id": name, "device_name": name, "manufacturer": "Test",
		"model": "Test", "os_name": "Test", "os_version": "1", "supports_encryption": false,
		"app_data": map[string]string{"push_token": name, "push_url": m.serve()},
	}
	var registered struct {
		Hook string `json:"webhook_id"`
	}
	if code := hass.call(http.MethodPost, "/api/mobile_app/registrations", registration, &registered); code != http.StatusCreated {
		t.Fatalf("home assistant does not register the app: %d", code)
	}
	m.hook = registered.Hook
	if !Eventually(socketTimeout, func() bool {
		var devices []struct{ ID, Name string }
		if failure := hass.Ask("config/device_registry/list", nil, &devices); failure != "" {
			t.Fatal(failure)
		}
		for _, d := range devices {
			if d.Name == name {
				m.Device = d.ID
			}
		}
		return m.Device != ""
	}) {
		t.Fatalf("home assistant has no device %s", name)
	}
	return m
}

// serve takes notifications and returns where.
func (m *MobileApp) serve() string {
	m.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.WithoutCancel(m.t.Context()), "tcp4", Loopback(0))
	if err != nil {
		m.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: socketTimeout, Handler: http.HandlerFunc(m.receive)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	m.t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return "http://" + listener.Addr().String() + "/push"
}

func (m *MobileApp) receive(w http.ResponseWriter, r *http.Request) {
	var p Push
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	m.pushes = append(m.pushes, p)
	m.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	limits := map[string]any{"successful": 1, "errors": 0, "maximum": 500, "remaining": 499, "resetsAt": "2099-01-01T00:00:00.000Z"}
	_ = json.NewEncoder(w).Encode(map[string]any{"rateLimits": limits})
}

// Mark is the place after its newest notification.
func (m *MobileApp) Mark() Mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Mark(len(m.pushes))
}

// WaitPush waits for a notification after the mark that pleases ok.
func (m *MobileApp) WaitPush(mark Mark, timeout time.Duration, ok func(Push) bool) Push {
	m.t.Helper()
	var found Push
	if !Eventually(timeout, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, p := range m.pushes[mark:] {
			if ok(p) {
				found = p
				return true
			}
		}
		return false
	}) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.t.Fatalf("no such notification; there were: %+v", m.pushes[mark:])
	}
	return found
}

// reaction is how long a person takes at least. The automation waits for the button a moment after it has notified.
const reaction = 500 * time.Millisecond

// Press presses a button of a notification.
func (m *MobileApp) Press(action string) {
	m.t.Helper()
	if action == "" {
		m.t.Fatal("the notification has no such button")
	}
	time.Sleep(reaction)
	event := map[string]any{"type": "fire_event", "data": map[string]any{
		"event_type": "mobile_app_notification_action", "event_data": map[string]string{"action": action},
	}}
	if code := m.hass.call(http.MethodPost, "/api/webhook/"+m.hook, event, nil); code != http.StatusOK {
		m.t.Fatalf("home assistant does not take the button: %d", code)
	}
}

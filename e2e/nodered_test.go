//go:build nodered

package e2e

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// reds is a Node-RED with a door station and a softphone.
type reds struct {
	*peers.Housephone
	red *peers.NodeRED
	b   *peers.Baresip
}

func flow(name string) string { return filepath.Join("..", "examples", "node-red", name+".json") }

// Each flow runs in a real Node-RED, on a real broker, with the service and a real telephone.
func TestNodeRED(t *testing.T) {
	ports := peers.NewPorts(t)
	broker, h := onBroker(t, ports, peers.MosquittoConfig{Username: "house", Password: "broker-secret-4410"}, env{
		"HW_DOORBELL": "sim", "HW_DOOR": "sim", "HW_DOOR_PULSE": "1s", "PHONE_MODE": "ivr", "AUDIO_CAPTURE": "none",
	})
	r := reds{Housephone: h, red: peers.NewNodeRED(t, ports, broker), b: peers.NewBaresip(t, ports, peers.BaresipConfig{})}
	r.notify(t)
	r.door(t)
	r.alarm(t)
	r.menu(t)
	r.log(t)
	if c := r.red.Complaints(); len(c) > 0 {
		t.Errorf("node-red complains:\n%s", strings.Join(c, "\n"))
	}
}

func (r reds) notify(t *testing.T) {
	texts := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		texts <- string(body)
	}))
	defer server.Close()
	r.red.Deploy(flow("ring-notify"), map[string]string{"NOTIFY_URL": server.URL + "/house"})
	next := func(want string) {
		t.Helper()
		select {
		case got := <-texts:
			if got != want {
				t.Errorf("notified %q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Errorf("never notified: %s", want)
		}
	}
	r.press(t)
	next("Somebody is at the door")
	ring(t, r.Housephone, r.b)
	next(r.b.User + " rings")
	r.Do("call", "answer")
	r.Do("mute", "1") // changes call/info, and is no new ring
	r.Do("call", "hangup")
	r.Idle()
	ring(t, r.Housephone, r.b)
	next(r.b.User + " rings")
	r.b.Do("hangup", "")
	r.Idle()
	if len(texts) > 0 {
		t.Errorf("one text more: %s", <-texts)
	}
}

// press presses the bell, when the last press is long enough ago to be another one.
func (r reds) press(t *testing.T) {
	t.Helper()
	if !peers.Eventually(patience, func() bool { return r.Try("doorbell", "press", nil).OK }) {
		t.Fatal("the bell is not pressed")
	}
}

func (r reds) door(t *testing.T) {
	values := map[string]string{"FROM": "00:00", "TO": "24:00", "DAYS": "0,1,2,3,4,5,6", "CALLERS": "600, " + r.b.User}
	r.red.Deploy(flow("door-window"), values)
	mark := r.Mark()
	r.press(t)
	r.Event(mark, "door", func(v string) bool { return v == "unlocked" })
	r.State("door", "locked")
	keys := r.b.Mark()
	r.b.Do("dial", "sip:phone@"+r.SIPAddr)
	r.b.WaitEvent(keys, "CALL_CLOSED", patience)
	if got := r.b.Keys(keys); got != "#9" {
		t.Errorf("the door station heard %q", got)
	}
	r.Idle()

	// a stranger, and then the wrong time
	for name, change := range map[string]map[string]string{"stranger": {"CALLERS": "600"}, "closed": {"TO": "00:00"}} {
		closed := maps.Clone(values)
		maps.Copy(closed, change)
		r.red.Deploy(flow("door-window"), closed)
		mark = r.Mark()
		ring(t, r.Housephone, r.b)
		if name == "closed" {
			r.press(t)
		}
		time.Sleep(1500 * time.Millisecond)
		r.State("status", "ring")
		for _, m := range r.Since(mark, r.Topic("door")) {
			t.Errorf("%s: door %s", name, m.Payload)
		}
		r.b.Do("hangup", "")
		r.Idle()
	}
}

func (r reds) alarm(t *testing.T) {
	values := map[string]string{"NUMBERS": r.b.Address(), "SENSOR": "test/leak", "ANSWER": "test/answer"}
	r.red.Deploy(flow("alarm-call"), values)
	for _, alarm := range []func(){
		func() { r.Publish("test/leak", "ON") },
		func() { r.red.Inject(flow("alarm-call"), "try it") },
	} {
		mark, calls := r.Mark(), r.b.Mark()
		alarm()
		r.b.WaitEvent(calls, "CALL_INCOMING", patience)
		r.b.Do("accept", "")
		r.State("play", "Water in the cellar. Press 1 to acknowledge.")
		r.b.Do("sndcode", "1")
		r.WaitEvent(mark, "test/answer", patience, func(v string) bool { return v == r.b.Address()+" knows" })
		r.Idle()
	}
	// what the phone refuses is told too
	values["KEY"] = "one"
	r.red.Deploy(flow("alarm-call"), values)
	mark := r.Mark()
	r.Publish("test/leak", "ON")
	r.WaitEvent(mark, "test/answer", patience, func(v string) bool { return strings.HasPrefix(v, "not possible: ") })
}

func (r reds) menu(t *testing.T) {
	r.red.Deploy(flow("dtmf-menu"), map[string]string{"LIGHT": "test/light", "TEMPERATURE": "test/temperature"})
	r.PublishRetained("test/temperature", "21.5")
	r.Do("autoanswer", "1")
	mark := r.Mark()
	r.b.Do("dial", "sip:phone@"+r.SIPAddr)
	r.State("play", "Press 1 for the light, 2 for the temperature, 0 to end.")
	r.b.Do("sndcode", "1")
	r.WaitEvent(mark, "test/light", patience, func(v string) bool { return v == "TOGGLE" })
	r.State("play", "The light is switched.")
	r.b.Do("sndcode", "2")
	r.State("play", "It is 21.5 degrees.")
	r.b.Do("sndcode", "7")
	r.State("play", "There is nothing on this key.")
	r.b.Do("sndcode", "0")
	r.Idle()
	r.Do("autoanswer", "0")
}

func (r reds) log(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log", "calls.csv")
	r.red.Deploy(flow("call-log"), map[string]string{"LOG": file})
	talk(t, r.Housephone, r.b)
	r.b.Do("hangup", "")
	r.Idle()
	ring(t, r.Housephone, r.b)
	r.b.Do("hangup", "")
	r.Idle()
	var lines []string
	if !peers.Eventually(patience, func() bool {
		text, _ := os.ReadFile(file)
		lines = strings.Split(strings.TrimSpace(string(text)), "\r\n")
		return len(lines) == 2
	}) {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, want := range []string{",outgoing," + r.b.User + ",", ",incoming," + r.b.User + ","} {
		if !strings.Contains(lines[i], want) || strings.Count(lines[i], ",") != 5 {
			t.Errorf("line %q lacks %q", lines[i], want)
		}
	}
	if !strings.HasSuffix(lines[0], ",completed") || !strings.HasSuffix(lines[1], ",cancelled") {
		t.Errorf("causes: %q", lines)
	}
}

package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Build builds the service into dir, with the race detector when race is set, and returns the program's path.
// It is for TestMain, where there is no testing.TB yet.
func Build(ctx context.Context, dir string, race bool) (string, error) {
	path := filepath.Join(dir, "housephone")
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "housephone/cmd/housephone")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// HousephoneConfig says how to start the service.
type HousephoneConfig struct {
	Program string            // what Build returned
	Env     map[string]string // settings; what is missing gets free ports and quiet sound
	Broker  *Mosquitto        // nil = the embedded broker
	Secrets []string          // words that must never appear in its log
	// Bare leaves out everything but the ports: the first start of a new user.
	Bare bool
	// Down: do not wait until the service runs.
	Down bool
}

// Housephone is the service as a user runs it.
type Housephone struct {
	*Process
	*MQTT
	Base      string // topics
	SIPPort   int
	SIPAddr   string // host:port of its SIP socket
	HTTP      string // http://host:port
	MQTTPort  int
	Recording string // what it hears, while AUDIO_PLAYBACK is not set by the test
	Env       map[string]string
	t         testing.TB
	config    HousephoneConfig
	home      string
}

// HousephoneTone is what the service sends unless the test sets AUDIO_CAPTURE.
const HousephoneTone = 440

// NewHousephone starts the service and waits until it listens to commands; a client listens to all its topics.
func NewHousephone(t testing.TB, ports *Ports, c HousephoneConfig) *Housephone {
	t.Helper()
	h := &Housephone{t: t, config: c, home: t.TempDir(), Env: map[string]string{}}
	h.SIPPort = ports.Pair()
	first, last := ports.Range(16, 2)
	h.SIPAddr = Loopback(h.SIPPort)
	httpPort := ports.Next()
	h.HTTP = "http://" + Loopback(httpPort)
	h.Recording = filepath.Join(h.home, "heard.wav")
	h.Env["SIP_LISTEN"] = h.SIPAddr
	h.Env["HTTP_LISTEN"] = Loopback(httpPort)
	h.Env["SIP_RTP_PORTS"] = fmt.Sprintf("%d-%d", first, last)
	if c.Broker == nil {
		h.MQTTPort = ports.Next()
		h.Env["MQTT_LISTEN"] = Loopback(h.MQTTPort)
	} else {
		h.MQTTPort = c.Broker.Port
		maps.Copy(h.Env, c.Broker.Env())
	}
	if !c.Bare {
		h.Env["AUDIO_CAPTURE"] = fmt.Sprintf("tone:%d", HousephoneTone)
		h.Env["AUDIO_PLAYBACK"] = "file:" + h.Recording
		h.Env["STATE_DIR"] = filepath.Join(h.home, "state")
		h.Env["LOG_LEVEL"] = "debug"
	}
	maps.Copy(h.Env, c.Env)
	h.Base = "housephone/phone"
	if id := h.Env["HOUSEPHONE_ID"]; id != "" {
		h.Base = "housephone/" + id
	}
	t.Cleanup(h.checkLog)
	if b := c.Broker; b != nil {
		h.MQTT = NewMQTT(t, b.URL(), b.Username, b.Password, b.TLS.CAFile)
	}
	h.Start()
	if c.Broker == nil && !c.Down {
		h.MQTT = NewMQTT(t, "tcp://"+h.Env["MQTT_LISTEN"], h.Env["MQTT_USERNAME"], h.Env["MQTT_PASSWORD"], "")
	}
	if !c.Down {
		h.State("connection", "online") // a command sent before that would be lost
	}
	return h
}

// Start starts the service, again after Stop or Kill.
func (h *Housephone) Start() {
	h.t.Helper()
	var env []string
	for _, k := range slices.Sorted(maps.Keys(h.Env)) {
		env = append(env, k+"="+h.Env[k])
	}
	c := Command{Path: h.config.Program, Home: h.home, Env: env, Ready: func(*Process) bool { return h.alive() }}
	if h.config.Down {
		c.Ready = nil
	}
	h.Process = Start(h.t, c)
}

// alive asks /healthz, which a phone without a registration passes too.
func (h *Housephone) alive() bool {
	code, _ := h.Get("/healthz")
	return code == http.StatusOK
}

// Ready asks /readyz.
func (h *Housephone) Ready() bool {
	code, _ := h.Get("/readyz")
	return code == http.StatusOK
}

// Get asks the service's HTTP server; the status is 0 when it does not answer.
func (h *Housephone) Get(path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.HTTP+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(data)
}

// Topic is the full name of a datapoint's topic.
func (h *Housephone) Topic(datapoint string) string { return h.Base + "/" + datapoint }

// Result is the answer to a command.
type Result struct {
	ID        json.RawMessage `json:"id"`
	Datapoint string          `json:"datapoint"`
	Value     any             `json:"value"`
	OK        bool            `json:"ok"`
	Error     string          `json:"error"`
	Code      string          `json:"code"`
	SIP       int             `json:"sip"`
}

// resultTimeout is above SIP's longest wait, 64*T1 = 32 s.
const resultTimeout = 45 * time.Second

// Try sends a command with an id of its own and returns its result.
func (h *Housephone) Try(datapoint, value string, options map[string]any) Result {
	h.t.Helper()
	return h.WaitResult(h.Send(datapoint, value, options))
}

// Sent is a command under way.
type Sent struct {
	id   string
	mark Mark
}

// Send sends a command with an id of its own and returns at once.
func (h *Housephone) Send(datapoint, value string, options map[string]any) Sent {
	h.t.Helper()
	s := Sent{id: fmt.Sprintf("t%d", time.Now().UnixNano()), mark: h.Mark()}
	object := map[string]any{"value": value, "id": s.id}
	maps.Copy(object, options)
	body, err := json.Marshal(object)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Publish(h.Topic(datapoint)+"/set", string(body))
	return s
}

// WaitResult waits for the result of a command.
func (h *Housephone) WaitResult(s Sent) Result {
	h.t.Helper()
	quoted := fmt.Sprintf("%q", s.id)
	return h.waitResult(s.mark, func(r Result) bool { return string(r.ID) == quoted })
}

// Raw sends a payload as it is and returns the next result for that datapoint.
func (h *Housephone) Raw(datapoint, payload string) Result {
	h.t.Helper()
	mark := h.Mark()
	h.Publish(h.Topic(datapoint)+"/set", payload)
	return h.waitResult(mark, func(r Result) bool { return r.Datapoint == datapoint })
}

func (h *Housephone) waitResult(mark Mark, ok func(Result) bool) Result {
	h.t.Helper()
	var found Result
	h.WaitEvent(mark, h.Topic("result"), resultTimeout, func(payload string) bool {
		var r Result
		if json.Unmarshal([]byte(payload), &r) != nil || !ok(r) {
			return false
		}
		found = r
		return true
	})
	return found
}

// Do sends a command that must work.
func (h *Housephone) Do(datapoint, value string) {
	h.t.Helper()
	if r := h.Try(datapoint, value, nil); !r.OK {
		h.t.Fatalf("%s %q: %s (%s, SIP %d)", datapoint, value, r.Error, r.Code, r.SIP)
	}
}

// Refused sends a command that must not work and checks the result's code and that it has a sentence.
func (h *Housephone) Refused(datapoint, value string, codes ...string) Result {
	h.t.Helper()
	r := h.Try(datapoint, value, nil)
	if r.OK || r.Error == "" || !slices.Contains(codes, r.Code) {
		h.t.Errorf("%s %q: want a refusal of %v, got %+v", datapoint, value, codes, r)
	}
	return r
}

// stateTimeout says "broken", not "slow".
const stateTimeout = 15 * time.Second

// State waits until a datapoint has a value.
func (h *Housephone) State(datapoint, want string) {
	h.t.Helper()
	h.WaitState(h.Topic(datapoint), want, stateTimeout)
}

// JSON waits until a datapoint's JSON pleases ok, and returns it.
func (h *Housephone) JSON(datapoint, what string, ok func(map[string]any) bool) map[string]any {
	h.t.Helper()
	var object map[string]any
	h.WaitStateFunc(h.Topic(datapoint), what, stateTimeout, func(v string) bool {
		object = nil
		return json.Unmarshal([]byte(v), &object) == nil && ok(object)
	})
	return object
}

// Event waits for an event of a datapoint after the mark.
func (h *Housephone) Event(mark Mark, datapoint string, ok func(string) bool) string {
	h.t.Helper()
	return h.WaitEvent(mark, h.Topic(datapoint), stateTimeout, ok).Payload
}

// Ended waits for the record of a call that ended after the mark.
func (h *Housephone) Ended(mark Mark) map[string]any {
	h.t.Helper()
	var record map[string]any
	text := h.Event(mark, "call/ended", nil)
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		h.t.Fatalf("call/ended is not JSON: %v: %s", err, text)
	}
	return record
}

// Idle waits until there is no call.
func (h *Housephone) Idle() {
	h.t.Helper()
	h.State("status", "hangup")
	h.State("call", "")
	h.State("call/info", "{}")
}

// Terminate asks the service to end, as an init system does, and checks that it does so cleanly within 5 s.
func (h *Housephone) Terminate() {
	h.t.Helper()
	start := time.Now()
	h.Signal(syscall.SIGTERM)
	exit := h.Wait(15 * time.Second)
	if took := exit.At.Sub(start); exit.Code != 0 || took > 5*time.Second {
		h.t.Errorf("SIGTERM: exit %d after %v, want 0 within 5s", exit.Code, took)
	}
}

// HearingFirst runs f, such as the start of a broker that was away, and lets the service go on only when the test's
// client hears the broker again: what the service tells at once is not missed.
func (h *Housephone) HearingFirst(f func()) {
	h.t.Helper()
	h.Signal(syscall.SIGSTOP)
	defer h.Signal(syscall.SIGCONT)
	f()
	const probe = "test/probe"
	mark := h.Mark()
	if !Eventually(readyTimeout, func() bool {
		h.Publish(probe, "")
		return len(h.Since(mark, probe)) > 0
	}) {
		h.t.Fatal("the test's client does not hear the broker")
	}
}

// checkLog finds data races and secrets in the service's log.
func (h *Housephone) checkLog() {
	if h.Process == nil {
		return
	}
	log := h.Log()
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:") {
		h.t.Errorf("the service's log:\n%s", tail(log, shownLog))
	}
	secrets := append(secretsOf(h.Env), h.config.Secrets...)
	for _, secret := range secrets {
		if strings.Contains(log, secret) || h.MQTT != nil && h.Holds(secret) {
			h.t.Errorf("the service's log or a topic holds the secret %q", secret)
		}
	}
	if err := record(log, secrets); err != nil {
		h.t.Error(err)
	}
}

// WaitTone waits until the service hears a frequency (in the file that AUDIO_PLAYBACK names).
func (h *Housephone) WaitTone(hz float64, timeout time.Duration) {
	h.t.Helper()
	if !Eventually(timeout, func() bool { return HearsTone(h.Recording, hz) }) {
		s, err := ReadWAV(h.Recording)
		s = s.Last(heard)
		h.t.Fatalf("the service does not hear %v Hz: %v, level %.0f, error %v", hz, s.Length(), s.RMS(), err)
	}
}

// Exists tells whether a program or file is there.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

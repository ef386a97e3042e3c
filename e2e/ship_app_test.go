//go:build ship

package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/audio/device/pulsetest"
)

// appMark holds the app whose root file system a test that started itself again shall start.
const appMark = "E2E_APP"

// shippedApp is Home Assistant's app, built for a platform.
type shippedApp struct {
	Platform string
	Qemu     string // runs its programs; empty for this machine's platform
	Root     string
	Env      []string
}

// check builds the app on the platform's image as the Supervisor does, and starts it so, in a network of its own where the
// addresses and ports are those of Home Assistant's box.
func (a shippedApp) check(t *testing.T) {
	t.Helper()
	image(t, "app", a.Platform)
	c := configOf(t, a.Platform, "app")
	if c.User != "0:0" || c.WorkingDir != "/data" || !slices.Equal(c.Entrypoint, []string{"/usr/bin/housephone"}) ||
		!slices.Equal(c.Healthcheck.Test, []string{"CMD", "/usr/bin/housephone", "-health"}) {
		t.Errorf("the app's image is %+v", c)
	}
	a.Root, a.Env = unpack(t, a.Platform, "app"), c.Env
	mark, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), peers.Program(t, "unshare"), "--net", "/bin/sh", "-c", `ip link set lo up && exec "$@"`, "network",
		self, "-test.run=^TestShipImage$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), appMark+"="+string(mark), programMark+"="+program)
	out, err := cmd.CombinedOutput()
	t.Logf("inside of the network:\n%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: TestShipImage") {
		t.Error(err)
	}
}

// appOptions writes what the Supervisor writes: the app's own options, and on top what the user has set.
func appOptions(t *testing.T, data string) {
	t.Helper()
	var a app
	readYAML(t, "../app/config.yaml", &a)
	a.Options["housephone_name"], a.Options["environment"] = "Hall phone", []string{"HW_DOOR=sim"}
	text, err := json.Marshal(a.Options)
	if err == nil {
		err = os.WriteFile(filepath.Join(data, "options.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// appServes is the test inside of the network: the app has what the Supervisor gives it, the folder /data, the socket of the
// sound server, names, a token, and nothing else. It finds the broker, is healthy, and lets a caller talk.
func appServes(t *testing.T) {
	t.Helper()
	var a shippedApp
	if err := json.Unmarshal([]byte(os.Getenv(appMark)), &a); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	data, hosts := filepath.Join(dir, "data"), filepath.Join(dir, "hosts")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost supervisor hassio core-mosquitto\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	appOptions(t, data)
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{Username: "addons", Password: "broker-secret-4410"})
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	supervisor := http.Server{Handler: scriptedSupervisor("core-mosquitto", broker), ReadHeaderTimeout: time.Minute}
	go func() { _ = supervisor.Serve(listener) }()
	defer func() { _ = supervisor.Close() }()
	sound := pulsetest.Start(t, pulsetest.Wire)

	c := container{root: a.Root, user: "0:0", rights: usualRights,
		mounts: []string{data, "/data", hosts, "/etc/hosts", sound.Socket(), "/run/audio/pulse.sock", "/dev", "/dev"},
		env:    append(a.Env, "TZ=Europe/Berlin", "SUPERVISOR_TOKEN="+appToken, "HASSIO_TOKEN="+appToken)}
	if a.Qemu != "" {
		c.emulate(a.Qemu)
	}
	p := c.start(t)
	m := peers.NewMQTT(t, broker.URL(), broker.Username, broker.Password, "")
	m.WaitState("housephone/phone/connection", "online", patience)
	m.WaitState("housephone/phone/mode", "phone", patience)
	m.WaitState("housephone/phone/door", "locked", patience)
	m.WaitStateFunc("homeassistant/device/housephone_phone/config", "the name", patience, func(v string) bool { return strings.Contains(v, `"name":"Hall phone"`) })
	watchdog(t)
	// what the caller says goes through the sound server and comes back
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{ToneHz: 1000})
	b.Do("dial", "sip:phone@127.0.0.1")
	m.WaitState("housephone/phone/status", "ring", patience)
	m.Publish("housephone/phone/call/set", "answer")
	b.WaitTone(1000, patience)
	m.Publish("housephone/phone/volume/set", "7")
	m.WaitState("housephone/phone/volume", "7", patience)

	terminate(t, p)
	m.WaitState("housephone/phone/connection", "offline", patience)
	if kept, err := os.ReadDir(filepath.Join(data, "state")); err != nil || len(kept) == 0 {
		t.Errorf("/data/state holds %v: %v", kept, err)
	}
	for _, secret := range []string{appToken, broker.Password} {
		if strings.Contains(p.Log(), secret) || m.Holds(secret) {
			t.Errorf("log or topics hold the secret %s", secret)
		}
	}
}

// watchdog asks the address that config.yaml names.
func watchdog(t *testing.T) {
	t.Helper()
	var a struct {
		Watchdog string `yaml:"watchdog"`
	}
	readYAML(t, "../app/config.yaml", &a)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(a.Watchdog, "[HOST]", "127.0.0.1", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Errorf("watchdog: %v", err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Errorf("watchdog: %s", res.Status)
	}
}

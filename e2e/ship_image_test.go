//go:build ship

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"housephone/e2e/peers"
)

// imageBytes is what the image may hold, without espeak-ng's voices.
const imageBytes = 60 << 20

// firstStart runs the Compose file's own script of the service password and returns the folders it filled.
func firstStart(t *testing.T) (broker, password, state string) {
	t.Helper()
	dir := t.TempDir()
	letIn(t, dir)
	broker, password, state = filepath.Join(dir, "broker"), filepath.Join(dir, "password"), filepath.Join(dir, "state")
	s := readCompose(t).Services["password"]
	script := strings.ReplaceAll(s.Command[0], "$$", "$")
	for range 2 { // the second start changes nothing
		before, _ := os.ReadFile(filepath.Join(password, "password"))
		for _, d := range []string{broker, password, state} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-euc", script)
		cmd.Env = append(os.Environ(), "BROKER="+broker, "PASSWORD="+password, "STATE="+state)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		after, err := os.ReadFile(filepath.Join(password, "password"))
		if err != nil || len(after) < 20 || len(before) > 0 && string(before) != string(after) {
			t.Fatalf("the password was %d bytes and is %d: %v", len(before), len(after), err)
		}
		if !strings.Contains(string(out), strings.TrimSpace(string(after))) {
			t.Errorf("the password is not shown but %s", out)
		}
	}
	return broker, password, state
}

// TestShipImage builds the Dockerfile and uses its root file system as Compose does: it connects to the broker with the password
// of the first start, is healthy, speaks, writes its state, and ends on SIGTERM.
func TestShipImage(t *testing.T) {
	if os.Getenv(appMark) != "" {
		appServes(t)
		return
	}
	image(t, "build", "linux/amd64")
	root := unpack(t, "linux/amd64")
	checkContent(t, root)
	checkConfig(t)
	t.Run("compose", func(t *testing.T) { composeServes(t, root) })
	t.Run("app", func(t *testing.T) { shippedApp{Platform: "linux/amd64"}.check(t) })
}

// composeServes runs the root file system as user 10001 without capabilities; state and password are its only folders from outside.
func composeServes(t *testing.T, root string) {
	brokerDir, password, state := firstStart(t)
	ports := peers.NewPorts(t)
	port := startBroker(t, ports, brokerDir)
	first, last := ports.Range(4, 2)
	c := container{root: root, user: "10001:10001", rights: noRights, mounts: []string{state, "/var/lib/housephone", password, "/run/housephone"},
		env: append(configOf(t).Env, "MQTT_URL=mqtt://127.0.0.1:"+fmt.Sprint(port), "MQTT_USERNAME=housephone",
			"MQTT_PASSWORD_FILE=/run/housephone/password", "AUDIO_CAPTURE=none", "AUDIO_PLAYBACK=none", "HTTP_LISTEN="+peers.Loopback(ports.Next()),
			"SIP_LISTEN="+peers.Loopback(ports.Pair()), "SIP_RTP_PORTS="+fmt.Sprint(first)+"-"+fmt.Sprint(last))}
	if out, err := c.run(t, "/usr/bin/espeak-ng", "--stdout", "hello"); err != nil || !strings.HasPrefix(out, "RIFF") {
		t.Errorf("espeak-ng: %v, %d bytes", err, len(out))
	}
	if out, err := c.run(t, "/usr/bin/housephone", "-devices"); err != nil {
		t.Errorf("housephone -devices: %v\n%s", err, out)
	}
	p := c.start(t)
	secret, err := os.ReadFile(filepath.Join(password, "password"))
	if err != nil {
		t.Fatal(err)
	}
	m := peers.NewMQTT(t, "tcp://"+peers.Loopback(port), "housephone", strings.TrimSpace(string(secret)), "")
	m.WaitState("housephone/phone/connection", "online", patience)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Uid:\t10001\t10001", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), line) {
			t.Errorf("no %q in\n%s", line, status)
		}
	}
	m.Publish("housephone/phone/volume/set", "7")
	m.WaitState("housephone/phone/volume", "7", patience)
	if !peers.Eventually(patience, func() bool {
		kept, _ := filepath.Glob(filepath.Join(state, "*"))
		return len(kept) > 0
	}) {
		t.Error("STATE_DIR stays empty")
	}
	terminate(t, p)
	m.WaitState("housephone/phone/connection", "offline", patience)
}

// startBroker starts Mosquitto with the configuration of the first start, but for its folders and a free port, which it returns.
func startBroker(t *testing.T, ports *peers.Ports, dir string) int {
	t.Helper()
	port := ports.Next()
	conf, err := os.ReadFile(filepath.Join(dir, "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("listener 1883", "listener "+fmt.Sprint(port)+" 127.0.0.1", "/mosquitto/config", dir,
		"/mosquitto/data/", dir+"/").Replace(string(conf)) + "user root\n"
	file := filepath.Join(dir, "test.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	peers.Start(t, peers.Command{Path: peers.Program(t, "mosquitto"), Args: []string{"-v", "-c", file}, Ready: func(p *peers.Process) bool {
		return strings.Contains(p.Log(), "running")
	}})
	return port
}

// checkContent: small, without a shell, no file with special rights, all owned by root but the one folder.
func checkContent(t *testing.T, root string) {
	t.Helper()
	var total, voices int64
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
		own := name == "/var/lib/housephone"
		if s, ok := info.Sys().(*syscall.Stat_t); ok && (s.Uid == 10001) != own {
			t.Errorf("%s belongs to %d", name, s.Uid)
		}
		if strings.HasPrefix(name, "/usr/bin/") && !slices.Contains([]string{"housephone", "espeak-ng"}, d.Name()) {
			t.Errorf("%s is in the image", name)
		}
		if info.Mode().IsRegular() {
			total += info.Size()
			if strings.Contains(name, "/espeak-ng-data/") {
				voices += info.Size()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the image holds %.1f MiB, %.1f of them voices", float64(total)/(1<<20), float64(voices)/(1<<20))
	if total-voices > imageBytes {
		t.Errorf("the image holds %d bytes without voices, want at most %d", total-voices, imageBytes)
	}
	for _, name := range []string{"bin/sh", "usr/bin/apt", "usr/bin/dpkg"} {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			t.Errorf("%s is in the image", name)
		}
	}
}

// checkConfig: the image says who it is and how its health is asked.
func checkConfig(t *testing.T) {
	t.Helper()
	c := configOf(t)
	if c.User != "10001:10001" || c.StopSignal != "SIGTERM" || !slices.Equal(c.Entrypoint, []string{"/usr/bin/housephone"}) {
		t.Errorf("user %q, stop signal %q, entry point %q", c.User, c.StopSignal, c.Entrypoint)
	}
	if want := []string{"CMD", "/usr/bin/housephone", "-health"}; !slices.Equal(c.Healthcheck.Test, want) {
		t.Errorf("health check %q, want %q", c.Healthcheck.Test, want)
	}
	for _, label := range []string{"title", "description", "licenses", "version"} {
		if c.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("no label %s", label)
		}
	}
	if _, ok := c.ExposedPorts["5060/udp"]; !ok {
		t.Errorf("exposed: %v", c.ExposedPorts)
	}
}

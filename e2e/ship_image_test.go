//go:build ship

package e2e

import (
	"debug/elf"
	"encoding/json"
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

// image runs scripts/image, which keeps its work outside of the checkout.
func image(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "../scripts/image", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/image %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// imageRoot builds the image for a platform and unpacks it.
func imageRoot(t *testing.T, platform string) string {
	t.Helper()
	image(t, "build", platform)
	root := image(t, "root", platform)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	return root
}

// jail is the command line that runs a program of the image as an engine would: as user 10001 without capabilities (the
// change of user drops what chroot(2) needs), with a read-only root, below which state and password are the only folders
// from outside.
func jail(root, state, password string, args ...string) []string {
	script := `set -e
mount --bind "$1" "$1"
mkdir -p "$1/run/housephone"
mount --bind "$2" "$1/var/lib/housephone"
mount --bind "$3" "$1/run/housephone"
mount -t tmpfs tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
root=$1; shift 3
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
  /usr/sbin/chroot --groups= --userspec=10001:10001 "$root" "$@"`
	return append([]string{"--mount", "--propagation", "private", "/bin/sh", "-c", script, "jail", root, state, password}, args...)
}

// imageEnv is ENV of the image.
func imageEnv(t *testing.T) []string {
	t.Helper()
	var c struct{ Env []string }
	if err := json.Unmarshal([]byte(image(t, "config")), &c); err != nil {
		t.Fatal(err)
	}
	return c.Env
}

// firstStart runs the Compose file's own script of the service password and returns the folders it filled.
func firstStart(t *testing.T) (broker, password, state string) {
	t.Helper()
	dir := t.TempDir()
	// user 10001 has to get to its folders
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
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
	root := imageRoot(t, "linux/amd64")
	checkContent(t, root)
	checkConfig(t)
	brokerDir, password, state := firstStart(t)

	ports := peers.NewPorts(t)
	port := ports.Next()
	conf, err := os.ReadFile(filepath.Join(brokerDir, "mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	// its own folders, and a free port
	text := strings.NewReplacer("listener 1883", "listener "+fmt.Sprint(port)+" 127.0.0.1", "/mosquitto/config", brokerDir,
		"/mosquitto/data/", brokerDir+"/").Replace(string(conf)) + "user root\n"
	file := filepath.Join(brokerDir, "test.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	peers.Start(t, peers.Command{Path: peers.Program(t, "mosquitto"), Args: []string{"-v", "-c", file}, Ready: func(p *peers.Process) bool {
		return strings.Contains(p.Log(), "running")
	}})

	health := "127.0.0.1:" + fmt.Sprint(ports.Next())
	first, last := ports.Range(4, 2)
	env := append(imageEnv(t), "MQTT_URL=mqtt://127.0.0.1:"+fmt.Sprint(port), "MQTT_USERNAME=housephone",
		"MQTT_PASSWORD_FILE=/run/housephone/password", "AUDIO_CAPTURE=none", "AUDIO_PLAYBACK=none", "HTTP_LISTEN="+health,
		"SIP_LISTEN=127.0.0.1:"+fmt.Sprint(ports.Pair()), "SIP_RTP_PORTS="+fmt.Sprint(first)+"-"+fmt.Sprint(last))
	unshare := peers.Program(t, "unshare")
	inside := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), unshare, jail(root, state, password, args...)...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := inside("/usr/bin/housephone", "-health"); err == nil {
		t.Errorf("healthy before it runs: %s", out)
	}
	if out, err := inside("/usr/bin/espeak-ng", "--stdout", "hello"); err != nil || !strings.HasPrefix(out, "RIFF") {
		t.Errorf("espeak-ng: %v, %d bytes", err, len(out))
	}
	if out, err := inside("/usr/bin/housephone", "-devices"); err != nil {
		t.Errorf("housephone -devices: %v\n%s", err, out)
	}
	p := peers.Start(t, peers.Command{Path: unshare, Args: jail(root, state, password, "/usr/bin/housephone"), Env: env,
		Ready: func(*peers.Process) bool {
			out, err := inside("/usr/bin/housephone", "-health")
			return err == nil && out == "ok\n"
		}})
	secret, err := os.ReadFile(filepath.Join(password, "password"))
	if err != nil {
		t.Fatal(err)
	}
	m := peers.NewMQTT(t, "tcp://127.0.0.1:"+fmt.Sprint(port), "housephone", strings.TrimSpace(string(secret)), "")
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
	p.Signal(syscall.SIGTERM)
	if exit := p.Wait(patience); exit.Code != 0 {
		t.Errorf("SIGTERM: %+v\n%s", exit, p.Log())
	}
	m.WaitState("housephone/phone/connection", "offline", patience)
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
	var c struct {
		User, StopSignal string
		Entrypoint       []string
		Labels           map[string]string
		ExposedPorts     map[string]any
		Healthcheck      struct{ Test []string }
	}
	if err := json.Unmarshal([]byte(image(t, "config")), &c); err != nil {
		t.Fatal(err)
	}
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

// TestShipImagePlatforms: the other platforms get their own program, loader and libraries without emulation.
func TestShipImagePlatforms(t *testing.T) {
	for _, c := range []struct {
		platform string
		machine  elf.Machine
		loader   string
	}{
		{"linux/arm64", elf.EM_AARCH64, "lib/ld-linux-aarch64.so.1"},
		{"linux/arm/v7", elf.EM_ARM, "lib/ld-linux-armhf.so.3"},
	} {
		t.Run(c.platform, func(t *testing.T) {
			root := imageRoot(t, c.platform)
			checkContent(t, root)
			libraries, err := filepath.Glob(filepath.Join(root, "usr/lib/*/lib*.so*"))
			if err != nil || len(libraries) < 5 {
				t.Fatalf("libraries: %v, %v", libraries, err)
			}
			for _, path := range append(libraries, filepath.Join(root, "usr/bin/housephone"), filepath.Join(root, "usr/bin/espeak-ng"), filepath.Join(root, c.loader)) {
				f, err := elf.Open(path)
				if err != nil {
					t.Errorf("%s: %v", path, err)
					continue
				}
				if f.Machine != c.machine {
					t.Errorf("%s is for %v", path, f.Machine)
				}
				_ = f.Close()
			}
		})
	}
}

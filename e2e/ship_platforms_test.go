//go:build ship

package e2e

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// TestShipImagePlatforms: the other platforms get their own program, loader and libraries from a build that runs none of
// their programs, and these work.
func TestShipImagePlatforms(t *testing.T) {
	for _, c := range []struct {
		platform, qemu, loader string
		machine                elf.Machine
		app                    bool
	}{
		{"linux/arm64", "qemu-aarch64-static", "lib/ld-linux-aarch64.so.1", elf.EM_AARCH64, true},
		{"linux/arm/v7", "qemu-arm-static", "lib/ld-linux-armhf.so.3", elf.EM_ARM, false},
	} {
		t.Run(c.platform, func(t *testing.T) {
			qemu, err := exec.LookPath(c.qemu)
			if err != nil {
				t.Fatalf("%v: apt-get install qemu-user-static", err)
			}
			image(t, "build", c.platform)
			root := unpack(t, c.platform)
			checkContent(t, root)
			checkMachine(t, root, c.loader, c.machine)
			t.Run("serves", func(t *testing.T) { emulatedServes(t, root, qemu) })
			if c.app {
				t.Run("app", func(t *testing.T) { shippedApp{Platform: c.platform, Qemu: qemu}.check(t) })
			}
		})
	}
}

// checkMachine: whatever is loaded is for that machine.
func checkMachine(t *testing.T, root, loader string, machine elf.Machine) {
	t.Helper()
	libraries, err := filepath.Glob(filepath.Join(root, "usr/lib/*/lib*.so*"))
	if err != nil || len(libraries) < 5 {
		t.Fatalf("libraries: %v, %v", libraries, err)
	}
	for _, path := range append(libraries, filepath.Join(root, "usr/bin/housephone"), filepath.Join(root, "usr/bin/espeak-ng"), filepath.Join(root, loader)) {
		f, err := elf.Open(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if f.Machine != machine {
			t.Errorf("%s is for %v", path, f.Machine)
		}
		_ = f.Close()
	}
}

// inMemory copies a root file system to a tmpfs: qemu for 32 bits cannot list the folders of file systems that count them
// in 64 bits, such as ext4, and espeak-ng finds no voice there.
func inMemory(t *testing.T, root string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "housephone")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	copied := filepath.Join(dir, "root")
	peers.Run(t, "cp", "-a", root, copied)
	return copied
}

// emulatedServes runs the root file system's programs by qemu: help, speech, devices, and a call with sound both ways.
func emulatedServes(t *testing.T, root, qemu string) {
	dir := t.TempDir()
	letIn(t, dir)
	if err := os.Chown(dir, 10001, 10001); err != nil {
		t.Fatal(err)
	}
	ports := peers.NewPorts(t)
	sip, broker := peers.Loopback(ports.Pair()), peers.Loopback(ports.Next())
	first, last := ports.Range(4, 2)
	c := container{root: inMemory(t, root), user: "10001:10001", rights: noRights, mounts: []string{dir, "/var/lib/housephone"},
		env: append(configOf(t).Env, "MQTT_LISTEN="+broker, "HTTP_LISTEN="+peers.Loopback(ports.Next()), "SIP_LISTEN="+sip,
			"SIP_RTP_PORTS="+fmt.Sprint(first)+"-"+fmt.Sprint(last), "AUDIO_PLAYBACK=file:/var/lib/housephone/heard.wav",
			"AUDIO_CAPTURE=tone:"+fmt.Sprint(peers.HousephoneTone))}
	c.emulate(qemu)
	if out, err := c.run(t, "/usr/bin/housephone", "-h"); err != nil || !strings.Contains(out, "SIP_LISTEN") {
		t.Errorf("housephone -h: %v\n%s", err, out)
	}
	if out, err := c.run(t, "/usr/bin/espeak-ng", "--stdout", "hello"); err != nil || !strings.HasPrefix(out, "RIFF") {
		t.Errorf("espeak-ng: %v, %d bytes", err, len(out))
	}
	if out, err := c.run(t, "/usr/bin/housephone", "-devices"); err != nil {
		t.Errorf("housephone -devices: %v\n%s", err, out)
	}
	p := c.start(t)
	m := peers.NewMQTT(t, "tcp://"+broker, "", "", "")
	m.WaitState("housephone/phone/connection", "online", patience)
	b := peers.NewBaresip(t, ports, peers.BaresipConfig{ToneHz: 1000})
	b.Do("dial", "sip:phone@"+sip)
	m.WaitState("housephone/phone/status", "ring", patience)
	m.Publish("housephone/phone/call/set", "answer")
	b.WaitTone(peers.HousephoneTone, patience)
	if heard := filepath.Join(dir, "heard.wav"); !peers.Eventually(patience, func() bool { return peers.HearsTone(heard, 1000) }) {
		t.Error("the far end is not heard")
	}
	terminate(t, p)
	m.WaitState("housephone/phone/connection", "offline", patience)
}

package pulsetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// PipeWire is a PipeWire server of a test, with the session manager that connects its streams and the part that
// speaks PulseAudio's protocol.
type PipeWire struct {
	*Server
	processes []*exec.Cmd
}

// policy is what the session manager does: connect streams with devices. What wants a D-Bus or looks for real
// devices is left out.
const policy = `load_module("metadata")
default_access.properties["enable-flatpak-portal"] = false
default_access.enable()
device_defaults.enable()
stream_defaults.enable()
`

// StartPipeWire runs it until the test ends, with a room for each name as [Rooms] makes them.
func StartPipeWire(t testing.TB, rooms ...string) *PipeWire {
	t.Helper()
	p := &PipeWire{Server: &Server{t: t, dir: t.TempDir()}}
	var err error
	if p.output, err = os.Create(filepath.Join(p.dir, "output")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		_ = p.output.Close()
		if t.Failed() {
			said, _ := os.ReadFile(p.output.Name())
			t.Logf("pipewire said:\n%s", said)
		}
	})
	p.configure()
	p.Restart(rooms...)
	return p
}

// configure copies the session manager's configuration and takes out what a test has no use for.
func (p *PipeWire) configure() {
	p.t.Helper()
	const installed = "/usr/share/wireplumber"
	to := filepath.Join(p.dir, "wireplumber")
	if err := os.CopyFS(to, os.DirFS(installed)); err != nil {
		p.t.Fatalf("wireplumber (scripts/deps sound installs it): %v", err)
	}
	conf := filepath.Join(to, "wireplumber.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		p.t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "bluetooth.lua") {
			kept = append(kept, line)
		}
	}
	for path, text := range map[string]string{conf: strings.Join(kept, ""), filepath.Join(to, "main.lua.d", "90-enable-all.lua"): policy} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// Socket is the path of the socket that speaks PulseAudio's protocol.
func (p *PipeWire) Socket() string { return filepath.Join(p.dir, "pulse", "native") }

// Env gives clients the environment that leads to this server and nowhere else.
func (p *PipeWire) Env(key string) string {
	if key == "PULSE_SERVER" {
		return "unix:" + p.Socket()
	}
	return p.Server.Env(key)
}

// Control runs pactl with the arguments and returns what it prints.
func (p *PipeWire) Control(args ...string) string {
	p.t.Helper()
	out, err := p.ask(args...)
	if err != nil {
		p.t.Fatalf("pactl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func (p *PipeWire) ask(args ...string) (string, error) {
	return pactl(p.dir, p.Env("PULSE_SERVER"), args...)
}

// Restart starts the server, again after Kill, and makes the rooms.
func (p *PipeWire) Restart(rooms ...string) {
	p.t.Helper()
	p.run("pipewire")
	p.await("pipewire", func() bool { _, err := os.Stat(filepath.Join(p.dir, "pipewire-0")); return err == nil })
	p.run("wireplumber")
	p.run("pipewire-pulse")
	p.await("pipewire-pulse", func() bool { _, err := p.ask("info"); return err == nil })
	for _, name := range rooms {
		for _, line := range room(name) {
			p.Control(append([]string{"load-module"}, line...)...)
		}
	}
	if len(rooms) > 0 {
		mic := rooms[len(rooms)-1] + "_mic"
		p.await(mic, func() bool {
			out, err := p.ask("list", "short", "sources")
			return err == nil && strings.Contains(out, mic)
		})
	}
}

func (p *PipeWire) run(program string) {
	p.t.Helper()
	cmd := exec.CommandContext(context.Background(), program)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "XDG_RUNTIME_DIR=" + p.dir, "PIPEWIRE_RUNTIME_DIR=" + p.dir, "XDG_CONFIG_HOME=" + p.dir,
		"XDG_STATE_HOME=" + p.dir, "DISABLE_RTKIT=1", "WIREPLUMBER_CONFIG_DIR=" + filepath.Join(p.dir, "wireplumber"),
	}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("%s (scripts/deps sound installs it): %v", program, err)
	}
	p.processes = append(p.processes, cmd)
}

func (p *PipeWire) await(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s does not come up", what)
		}
	}
}

// Kill ends all of it the hard way.
func (p *PipeWire) Kill() {
	for _, cmd := range p.processes {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	p.processes = nil
	_ = os.Remove(p.Socket())
	_ = os.Remove(filepath.Join(p.dir, "pipewire-0"))
}

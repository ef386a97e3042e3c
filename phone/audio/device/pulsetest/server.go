// Package pulsetest runs a real PulseAudio server for tests: its own socket,
// its own folder, null sinks instead of a sound card.
package pulsetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Server is a PulseAudio server of a test.
type Server struct {
	t      testing.TB
	dir    string
	config string
	cmd    *exec.Cmd
	output *os.File
}

// Wire is the configuration of a loudspeaker that a microphone hears: what is
// played to the sink "speaker" comes out of the source "mic". They are the
// default devices. Without norewinds a null sink starts with two seconds of
// silence, which no sound card does.
const Wire = `
load-module module-null-sink sink_name=speaker norewinds=1 sink_properties=device.description=Speaker
load-module module-remap-source source_name=mic master=speaker.monitor source_properties=device.description=Microphone
set-default-sink speaker
set-default-source mic
`

// Rooms is the configuration of one quiet room for each name, with a telephone in it: what is said into the sink
// "NAME_mouth" is what the telephone's source "NAME_mic" hears, and what it plays to the sink "NAME_speaker" can be
// recorded from "NAME_speaker.monitor".
func Rooms(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		for _, line := range room(n) {
			b.WriteString("load-module " + strings.Join(line, " ") + "\n")
		}
	}
	return b.String()
}

// room is what makes one room, module by module.
func room(name string) [][]string {
	const mono = "channels=1 channel_map=mono norewinds=1"
	return [][]string{
		append([]string{"module-null-sink", "sink_name=" + name + "_speaker"}, strings.Fields(mono)...),
		append([]string{"module-null-sink", "sink_name=" + name + "_mouth"}, strings.Fields(mono)...),
		{"module-remap-source", "source_name=" + name + "_mic", "master=" + name + "_mouth.monitor"},
	}
}

// Start runs a server with the configuration, in PulseAudio's script language,
// until the test ends.
func Start(t testing.TB, config string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), config: config}
	var err error
	if s.output, err = os.Create(filepath.Join(s.dir, "output")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		_ = s.output.Close()
		if t.Failed() {
			said, _ := os.ReadFile(s.output.Name())
			t.Logf("pulseaudio said:\n%s", said)
		}
	})
	s.Restart()
	return s
}

// Socket is the path of the server's socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "native") }

// Env gives clients the environment that leads to this server and nowhere else.
func (s *Server) Env(key string) string {
	switch key {
	case "PULSE_SERVER":
		return "unix:" + s.Socket()
	case "HOME":
		return s.dir
	}
	return ""
}

// Restart starts the server, again after Kill.
func (s *Server) Restart() {
	s.t.Helper()
	script := filepath.Join(s.dir, "script.pa")
	text := fmt.Sprintf("load-module module-native-protocol-unix socket=%s\n%s", s.Socket(), s.config)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	_ = os.Remove(s.Socket())
	s.cmd = exec.CommandContext(context.Background(), "pulseaudio", "-n", "-F", script, "--daemonize=no", "--exit-idle-time=-1",
		"--use-pid-file=no", "--disable-shm=yes", "--realtime=no", "--high-priority=no")
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "XDG_RUNTIME_DIR=" + s.dir, "XDG_CONFIG_HOME=" + s.dir, "XDG_STATE_HOME=" + s.dir}
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("pulseaudio (scripts/deps installs it): %v", err)
	}
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		// The script is done when its last default is set.
		if out, err := s.pactl("info"); err == nil && (!strings.Contains(s.config, "set-default-source") || strings.Contains(out, "Default Source: mic")) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("pulseaudio does not answer")
		}
	}
}

// Kill ends the server the hard way.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Signal sends a signal, such as SIGSTOP for a server that hangs.
func (s *Server) Signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Control runs pactl with the arguments and returns what it prints.
func (s *Server) Control(args ...string) string {
	s.t.Helper()
	out, err := s.pactl(args...)
	if err != nil {
		s.t.Fatalf("pactl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func (s *Server) pactl(args ...string) (string, error) {
	return pactl(s.dir, s.Env("PULSE_SERVER"), args...)
}

func pactl(home, server string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "pactl", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PULSE_SERVER=" + server}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

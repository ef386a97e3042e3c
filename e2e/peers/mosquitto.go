package peers

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
)

// Mosquitto is a broker that keeps its port and what is retained over restarts.
type Mosquitto struct {
	*Process
	Port     int
	Username string
	Password string
	TLS      Certificates // zero without TLS
	t        testing.TB
	config   string
}

// MosquittoConfig says how the broker guards itself; the zero value lets everybody in.
type MosquittoConfig struct {
	Username, Password string
	TLS                bool
}

// NewMosquitto starts a broker on loopback.
func NewMosquitto(t testing.TB, ports *Ports, c MosquittoConfig) *Mosquitto {
	t.Helper()
	dir := t.TempDir()
	m := &Mosquitto{Port: ports.Next(), Username: c.Username, Password: c.Password, t: t, config: filepath.Join(dir, "mosquitto.conf")}
	text := fmt.Sprintf("listener %d 127.0.0.1\nset_tcp_nodelay true\nlog_type all\nlog_dest stderr\nuser %s\n", m.Port, currentUser(t)) +
		"persistence true\npersistence_location " + dir + "/\nautosave_on_changes true\nautosave_interval 1\n"
	if c.Username == "" {
		text += "allow_anonymous true\n"
	} else {
		file := filepath.Join(dir, "passwords")
		Run(t, Program(t, "mosquitto_passwd"), "-b", "-c", file, c.Username, c.Password)
		text += "allow_anonymous false\npassword_file " + file + "\n"
	}
	if c.TLS {
		m.TLS = NewCertificates(t)
		text += fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\n", m.TLS.CAFile, m.TLS.CertFile, m.TLS.KeyFile)
	}
	if err := os.WriteFile(m.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m.Start()
	return m
}

// currentUser keeps mosquitto from giving up the rights it needs to read the test's folder.
func currentUser(t testing.TB) string {
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// Start starts the broker, again after Stop or Kill.
func (m *Mosquitto) Start() {
	m.t.Helper()
	m.Process = Start(m.t, Command{
		Path: Program(m.t, "mosquitto"), Args: []string{"-c", m.config}, Quiet: true,
		Ready: func(*Process) bool { return accepts(m.Port) },
	})
}

// URL is the broker's address without credentials.
func (m *Mosquitto) URL() string {
	if m.TLS.CAFile != "" {
		return fmt.Sprintf("mqtts://localhost:%d", m.Port)
	}
	return fmt.Sprintf("mqtt://127.0.0.1:%d", m.Port)
}

// Env is what the service needs to reach this broker.
func (m *Mosquitto) Env() map[string]string {
	env := map[string]string{"MQTT_URL": m.URL()}
	if m.Username != "" {
		env["MQTT_USERNAME"], env["MQTT_PASSWORD"] = m.Username, m.Password
	}
	if m.TLS.CAFile != "" {
		env["MQTT_CA_FILE"] = m.TLS.CAFile
	}
	return env
}

// Freeze makes the broker stop reading and writing while its connections stay up; Thaw ends that.
func (m *Mosquitto) Freeze() { m.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen broker go on.
func (m *Mosquitto) Thaw() { m.Signal(syscall.SIGCONT) }

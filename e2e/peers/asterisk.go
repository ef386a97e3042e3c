package peers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// AsteriskConfig describes the switch; the zero value knows the users of DefaultUsers and challenges with MD5.
type AsteriskConfig struct {
	Users      []User
	Algorithms string // of the challenges, in their order: "SHA-256,MD5"; default MD5
	SRTP       bool   // sound is encrypted with keys by SDES, or there is no call
}

// Asterisk is a switch that keeps its port and its contacts over restarts, but none of its calls.
// Its extensions: 600 echo, 601 a tone of 800 Hz, 602 busy, and each user by name.
type Asterisk struct {
	*Process
	Port  int // UDP and TCP
	Users []User
	t     testing.TB
	file  string // asterisk.conf inside the chroot
}

// NewAsterisk starts the switch on loopback. scripts/asterisk must have built it.
func NewAsterisk(t testing.TB, ports *Ports, c AsteriskConfig) *Asterisk {
	t.Helper()
	if c.Users == nil {
		c.Users = DefaultUsers()
	}
	if c.Algorithms == "" {
		c.Algorithms = "MD5"
	}
	dir, inside := insideChroot(t, asteriskScript(t))
	for _, sub := range []string{"lib", "spool", "run", "log"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	a := &Asterisk{Port: ports.Pair(), Users: c.Users, t: t, file: inside + "/asterisk.conf"}
	first, last := ports.Range(20, 2)
	data := struct {
		AsteriskConfig
		Dir, Modules, Realm     string
		Port, RTPFirst, RTPLast int
	}{c, inside, modulesInside(t, dir), Realm, a.Port, first, last}
	for _, name := range []string{"asterisk", "modules", "logger", "rtp", "pjsip", "extensions"} {
		render(t, dir, "asterisk/"+name+".conf", data)
	}
	a.Start()
	return a
}

func asteriskScript(t testing.TB) string { return filepath.Join(Checkout(t), "scripts", "asterisk") }

// modulesInside finds the folder of the modules, whose name holds the machine's architecture.
func modulesInside(t testing.TB, dir string) string {
	t.Helper()
	root := filepath.Dir(filepath.Dir(filepath.Dir(dir)))
	found, _ := filepath.Glob(filepath.Join(root, "usr/lib/*/asterisk/modules"))
	if len(found) != 1 {
		t.Fatalf("asterisk's modules: %v", found)
	}
	return strings.TrimPrefix(found[0], root)
}

// Start starts the switch, again after Stop or Kill.
func (a *Asterisk) Start() {
	a.t.Helper()
	a.Process = Start(a.t, Command{
		Name: "asterisk", Path: asteriskScript(a.t), Args: []string{"run", a.file}, Env: scriptEnv(),
		Ready: func(p *Process) bool { return strings.Contains(p.Log(), "Asterisk Ready") && accepts(a.Port) },
	})
}

// Address is host:port for UDP and TCP.
func (a *Asterisk) Address() string { return Loopback(a.Port) }

// Env is what the service needs to register here as user over udp or tcp.
func (a *Asterisk) Env(user, transport string) map[string]string {
	a.t.Helper()
	return map[string]string{
		"SIP_SERVER": "127.0.0.1", "SIP_PORT": itoa(a.Port), "SIP_TRANSPORT": transport,
		"SIP_USER": user, "SIP_PASSWORD": passwordOf(a.t, a.Users, user),
	}
}

// BaresipAccount is a softphone that registers here as user over udp or tcp.
func (a *Asterisk) BaresipAccount(user, transport string) BaresipConfig {
	a.t.Helper()
	return BaresipConfig{
		User: user, Domain: a.Address(), URIParam: ";transport=" + transport,
		Account: ";auth_pass=" + passwordOf(a.t, a.Users, user) + ";regint=60",
	}
}

func passwordOf(t testing.TB, users []User, name string) string {
	t.Helper()
	for _, u := range users {
		if u.Name == name {
			return u.Password
		}
	}
	t.Fatalf("there is no user %s", name)
	return ""
}

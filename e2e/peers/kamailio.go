package peers

import (
	"fmt"
	"net"
	"testing"
)

// User is an account of a registrar.
type User struct{ Name, Password string }

// KamailioConfig describes the registrar; the zero value knows the users of DefaultUsers and speaks UDP and TCP.
type KamailioConfig struct {
	Users       []User
	TLS         bool   // also on a port of its own
	Algorithm   string // digest: MD5 when empty, SHA-256
	MinExpires  int    // seconds; a shorter registration is refused with 423; default 1
	NonceExpire int    // seconds after which a nonce is stale; default 300
	Host        string // address it listens on; default 127.0.0.1
	Name        string // host name that it answers to as well
	Namespace   string // network namespace it runs in; its own when empty
}

// DefaultUsers are the accounts that every registrar of the tests has.
func DefaultUsers() []User {
	return []User{{"house", "house-secret-7391"}, {"alice", "alice-secret-5512"}, {"bob", "bob-secret-8846"}}
}

// Kamailio is a registrar and proxy that keeps its ports over restarts; what was registered is lost then.
type Kamailio struct {
	*Process
	Port    int // UDP and TCP
	TLSPort int
	TLS     Certificates
	Users   []User
	t       testing.TB
	host    string
	space   string
	config  string
	dir     string
}

// Realm is what the registrar calls itself in challenges.
const Realm = "house.test"

// NewKamailio starts a registrar on loopback.
func NewKamailio(t testing.TB, ports *Ports, c KamailioConfig) *Kamailio {
	t.Helper()
	if c.Users == nil {
		c.Users = DefaultUsers()
	}
	if c.MinExpires == 0 {
		c.MinExpires = 1
	}
	if c.NonceExpire == 0 {
		c.NonceExpire = 300
	}
	if c.Host == "" {
		c.Host = "127.0.0.1"
	}
	k := &Kamailio{Port: ports.Next(), Users: c.Users, t: t, dir: t.TempDir(), host: c.Host, space: c.Namespace}
	data := struct {
		KamailioConfig
		Port, TLSPort    int
		TLS              Certificates
		Realm, TLSConfig string
	}{KamailioConfig: c, Port: k.Port, Realm: Realm}
	if c.TLS {
		k.TLSPort, k.TLS = ports.Next(), NewCertificates(t)
		data.TLSPort, data.TLS = k.TLSPort, k.TLS
		data.TLSConfig = render(t, k.dir, "kamailio-tls.cfg", data)
	}
	k.config = render(t, k.dir, "kamailio.cfg", data)
	k.Start()
	return k
}

// Start starts the registrar, again after Stop or Kill.
func (k *Kamailio) Start() {
	k.t.Helper()
	c := Command{
		Path: Program(k.t, "kamailio"),
		// -Y keeps its control files in the test's folder
		Args: []string{"-f", k.config, "-DD", "-E", "-m", "32", "-M", "4", "-Y", k.dir, "-w", k.dir},
		Home: k.dir, Quiet: true,
		Ready: func(*Process) bool { return listens(k.host, k.Port) && (k.TLSPort == 0 || listens(k.host, k.TLSPort)) },
	}
	if k.space != "" {
		c.Args = append([]string{"netns", "exec", k.space, c.Path}, c.Args...)
		c.Name, c.Path = "kamailio", Program(k.t, "ip")
	}
	k.Process = Start(k.t, c)
}

// Address is host:port for UDP and TCP.
func (k *Kamailio) Address() string { return net.JoinHostPort(k.host, itoa(k.Port)) }

// Server is host:port for a transport. With TLS the host is a name, since certificates are for names.
func (k *Kamailio) Server(transport string) string {
	if transport == "tls" {
		return fmt.Sprintf("localhost:%d", k.TLSPort)
	}
	return k.Address()
}

// Password is the password of a user.
func (k *Kamailio) Password(user string) string {
	k.t.Helper()
	return passwordOf(k.t, k.Users, user)
}

// Env is what the service needs to register here as user, over udp, tcp or tls.
func (k *Kamailio) Env(user, transport string) map[string]string {
	k.t.Helper()
	env := map[string]string{
		"SIP_SERVER": k.host, "SIP_PORT": itoa(k.Port), "SIP_TRANSPORT": transport,
		"SIP_USER": user, "SIP_PASSWORD": k.Password(user),
	}
	if transport == "tls" {
		env["SIP_SERVER"], env["SIP_PORT"], env["SIP_TLS_CA_FILE"] = "localhost", itoa(k.TLSPort), k.TLS.CAFile
	}
	return env
}

// BaresipAccount is a softphone that registers here as user over udp or tcp.
func (k *Kamailio) BaresipAccount(user, transport string) BaresipConfig {
	k.t.Helper()
	return BaresipConfig{
		User: user, Domain: k.Address(), URIParam: ";transport=" + transport,
		Account: ";auth_pass=" + k.Password(user) + ";regint=60",
	}
}

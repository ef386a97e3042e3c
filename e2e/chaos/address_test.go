package chaos

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"housephone/e2e/peers"
)

// The two sides of a network of our own: the house in one namespace, the switch in another.
const (
	houseNet    = "hpchaos-house"
	switchNet   = "hpchaos-switch"
	switchAddr  = "10.231.7.1"
	houseAddr   = "10.231.7.2"
	movedAddr   = "10.231.7.3"
	houseWire   = "hpchaos0"
	switchWire  = "hpchaos1"
	switchName  = "pbx.house.test"
	insideMark  = "CHAOS_INSIDE" // set in the test's own process inside of the house's namespace
	programMark = "CHAOS_PROGRAM"
)

// The router gives the house another address; then name resolution fails while the switch restarts, and the service
// is started without it.
func TestAddressAndNames(t *testing.T) {
	if os.Getenv(insideMark) != "" {
		moveAndForget(t)
		return
	}
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root: a changed address and lost name resolution are not tested here")
	}
	network(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), peers.Program(t, "ip"), "netns", "exec", houseNet, self, "-test.run=^TestAddressAndNames$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), insideMark+"=1", programMark+"="+chaos.program)
	out, err := cmd.CombinedOutput()
	t.Logf("inside of the namespace:\n%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAddressAndNames") {
		t.Error(err)
	}
}

// network makes both namespaces and a wire between them.
func network(t *testing.T) {
	t.Helper()
	ip := func(args ...string) { peers.Run(t, peers.Program(t, "ip"), args...) }
	resolver := filepath.Join("/etc/netns", houseNet)
	clean := func() { // also what an earlier run that was killed has left
		for _, name := range []string{houseNet, switchNet} {
			_ = exec.Command(peers.Program(t, "ip"), "netns", "del", name).Run()
		}
		_ = os.RemoveAll(resolver)
		_ = os.Remove(filepath.Dir(resolver)) // when it is empty
	}
	clean()
	t.Cleanup(clean)
	if err := os.MkdirAll(resolver, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(resolver, "resolv.conf"), []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ip("netns", "add", houseNet)
	ip("netns", "add", switchNet)
	ip("-n", houseNet, "link", "add", houseWire, "type", "veth", "peer", "name", switchWire, "netns", switchNet)
	for _, side := range [][3]string{{houseNet, houseWire, houseAddr}, {switchNet, switchWire, switchAddr}} {
		ip("-n", side[0], "link", "set", "lo", "up")
		ip("-n", side[0], "link", "set", side[1], "up")
		ip("-n", side[0], "addr", "add", side[2]+"/24", "dev", side[1])
	}
}

// moveAndForget is the test, inside of the house's namespace.
func moveAndForget(t *testing.T) {
	t.Helper()
	names := newNames(t)
	ports := peers.NewPorts(t)
	pbx := peers.NewKamailio(t, ports, peers.KamailioConfig{Host: switchAddr, Name: switchName, Namespace: switchNet})
	e := pbx.Env("house", "udp")
	e["SIP_SERVER"] = switchName
	e["SIP_LISTEN"] = "0.0.0.0:5060"
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: chaos.program, Env: e})
	h.State("registration", "1")
	pbx.WaitLog("registered house at .*@"+houseAddr, patience)

	ip := func(args ...string) { peers.Run(t, peers.Program(t, "ip"), args...) }
	ip("addr", "del", houseAddr+"/24", "dev", houseWire)
	ip("addr", "add", movedAddr+"/24", "dev", houseWire)
	within(t, "registered with the new address", backLimit, func() bool {
		return strings.Contains(pbx.Log(), "@"+movedAddr)
	})
	callsThrough(t, h)

	names.down.Store(true)
	pbx.Kill()
	h.WaitState(h.Topic("registration"), "0", time.Minute)
	pbx.Start()
	within(t, "registered at the restarted switch without DNS", backLimit, func() bool {
		v, _ := h.Last(h.Topic("registration"))
		return v == "1"
	})
	callsThrough(t, h)

	h.Terminate()
	h.Start()
	h.State("connection", "online")
	h.WaitStateFunc(h.Topic("registration/info"), "the name that is not found", patience, func(v string) bool { return strings.Contains(v, "DNS") })
	names.down.Store(false)
	within(t, "registered after the return of DNS", backLimit, func() bool {
		v, _ := h.Last(h.Topic("registration"))
		return v == "1"
	})
	callsThrough(t, h)
	atRest(t, h)
}

// callsThrough proves both directions of the signalling: the switch challenges, is answered and knows no such number.
func callsThrough(t *testing.T, h *peers.Housephone) {
	t.Helper()
	if r := h.Try("call", "nobody", nil); r.SIP != 404 {
		t.Errorf("a call through the switch: %+v", r)
	}
	h.Idle()
}

// names is the DNS server of the house's namespace.
type names struct{ down atomic.Bool }

func newNames(t *testing.T) *names {
	t.Helper()
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{}
	server := &dns.Server{PacketConn: conn, Handler: n}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-done
	})
	return n
}

// ServeDNS answers with the switch's address, with "no such record" for other types, or not at all.
func (n *names) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	if n.down.Load() {
		return
	}
	m := new(dns.Msg)
	m.SetReply(q)
	if len(q.Question) == 1 && q.Question[0].Name == switchName+"." && q.Question[0].Qtype == dns.TypeA {
		m.Answer = append(m.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.ParseIP(switchAddr),
		})
	}
	_ = w.WriteMsg(m)
}

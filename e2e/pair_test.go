package e2e

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// duo is two instances of one phone at one broker and one registrar.
type duo struct {
	t      *testing.T
	ports  *peers.Ports
	broker *peers.Mosquitto
	a, b   *peers.Housephone // a became active first
	watch  *watch
}

// bound is how soon the standby has to have taken over. A machine that is busy with other tests may take longer now and
// then, so a test that looks at it may repeat what it does.
const bound = 3 * time.Second

// newDuo starts both. The last settings are for each of them alone.
func newDuo(t *testing.T, broker *peers.Mosquitto, ports *peers.Ports, both env, each ...env) *duo {
	t.Helper()
	d := &duo{t: t, ports: ports, broker: broker}
	d.a = d.instance("a", append([]env{both}, each[:min(len(each), 1)]...)...)
	d.b = d.instance("b", append([]env{both}, each[min(len(each), 1):]...)...)
	d.watch = newWatch(t, d.a.SIPAddr, d.b.SIPAddr)
	d.watch.await(t, 0, 1) // b has been asked and is not the one
	d.a.WaitState("housephone/pair/phone/a", "active", patience)
	d.a.WaitState("housephone/pair/phone/b", "standby", patience)
	return d
}

func (d *duo) instance(name string, settings ...env) *peers.Housephone {
	all := env{"PAIR_MODE": "mqtt", "PAIR_NAME": name}
	for _, s := range settings {
		maps.Copy(all, s)
	}
	h := peers.NewHousephone(d.t, d.ports, peers.HousephoneConfig{Program: program, Env: all, Broker: d.broker})
	if !peers.Eventually(patience, h.Ready) {
		_, why := h.Get("/readyz")
		d.t.Fatalf("instance %s is not ready: %s", name, why)
	}
	return h
}

// watch asks the instances over SIP, every 20 ms, whether they are active: one that is not answers 480 as it would to a
// call.
type watch struct {
	conn    *net.UDPConn
	targets []*net.UDPAddr
	stop    chan struct{}
	wg      sync.WaitGroup

	mu      sync.Mutex // guards following
	asked   []question
	answers [][]reply // by instance, in order of arrival
}

type question struct {
	who int
	at  time.Time
}

type reply struct {
	asked, heard time.Time
	active       bool
}

func newWatch(t *testing.T, targets ...string) *watch {
	t.Helper()
	w := &watch{stop: make(chan struct{}), answers: make([][]reply, len(targets))}
	for _, s := range targets {
		a, err := net.ResolveUDPAddr("udp4", s)
		if err != nil {
			t.Fatal(err)
		}
		w.targets = append(w.targets, a)
	}
	var err error
	if w.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	w.wg.Go(w.ask)
	w.wg.Go(w.hear)
	t.Cleanup(func() {
		close(w.stop)
		_ = w.conn.Close()
		w.wg.Wait()
		w.check(t)
	})
	return w
}

func (w *watch) ask() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		for who, target := range w.targets {
			w.mu.Lock()
			w.asked = append(w.asked, question{who, time.Now()})
			n := len(w.asked) - 1
			w.mu.Unlock()
			_, _ = w.conn.WriteToUDP(w.request("OPTIONS", target, n), target)
		}
	}
}

func (w *watch) request(method string, target *net.UDPAddr, n int) []byte {
	return fmt.Appendf(nil, "%s sip:phone@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKw%d;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:watch@127.0.0.1>;tag=w%d\r\nTo: <sip:phone@%s>\r\nCall-ID: watch-%d-\r\nCSeq: 1 %s\r\n"+
		"Contact: <sip:watch@%s>\r\nContent-Length: 0\r\n\r\n",
		method, target, w.conn.LocalAddr(), n, n, target, n, method, w.conn.LocalAddr())
}

func (w *watch) hear() {
	buf := make([]byte, 4096)
	id := regexp.MustCompile(`(?mi)^Call-ID: watch-(\d+)-`)
	for {
		n, _, err := w.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		now := time.Now()
		m := id.FindSubmatch(buf[:n])
		if m == nil {
			continue
		}
		var nr int
		_, _ = fmt.Sscan(string(m[1]), &nr)
		code := strings.TrimPrefix(string(buf[:min(n, 11)]), "SIP/2.0 ")
		w.mu.Lock()
		if nr < len(w.asked) && (code == "200" || code == "480") {
			q := w.asked[nr]
			w.answers[q.who] = append(w.answers[q.who], reply{q.at, now, code == "200"})
		}
		w.mu.Unlock()
	}
}

// await waits until an instance has answered that it is active, or not (want 1), to a question of now.
func (w *watch) await(t *testing.T, active, not int) time.Time {
	t.Helper()
	from := time.Now()
	var when time.Time
	is := func(who int, want bool) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, a := range w.answers[who] {
			if a.asked.After(from) && a.active == want {
				when = a.heard
				return true
			}
		}
		return false
	}
	if !peers.Eventually(patience, func() bool { return (not < 0 || is(not, false)) && is(active, true) }) {
		t.Fatalf("instance %d does not become the active one", active)
	}
	return when
}

// reign is a time during which an instance was active without doubt: from its first yes that was heard to the asking of
// its last one, with a yes at least every second and no other answer in between.
type reign struct{ from, to time.Time }

func reigns(answers []reply) []reign {
	var all []reign
	var now *reign
	for _, a := range answers {
		switch {
		case !a.active:
			now = nil
		case now == nil || a.asked.Sub(now.to) > time.Second:
			all = append(all, reign{a.heard, a.asked})
			now = &all[len(all)-1]
		case a.asked.After(now.to):
			now.to = a.asked
		}
	}
	return all
}

// check: nobody has said yes to a question that was asked and answered during the reign of another.
func (w *watch) check(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	total := 0
	for one := range w.answers {
		for two, answers := range w.answers {
			if one == two {
				continue
			}
			for _, r := range reigns(w.answers[one]) {
				for _, a := range answers {
					if a.active && a.asked.After(r.from) && a.heard.Before(r.to) {
						t.Errorf("instance %d was active at %s, during the reign of %d from %s to %s", two, a.heard.Format("05.000"), one,
							r.from.Format("05.000"), r.to.Format("05.000"))
						return
					}
				}
			}
			total += len(reigns(answers))
		}
	}
	if total < 2 {
		t.Errorf("%d reigns were seen: the watch is blind", total)
	}
}

// pairUp starts a broker, a registrar and two instances with one account.
func pairUp(t *testing.T) (*duo, *peers.Kamailio) {
	t.Helper()
	t.Parallel()
	ports := peers.NewPorts(t)
	k := peers.NewKamailio(t, ports, peers.KamailioConfig{})
	d := newDuo(t, peers.NewMosquitto(t, ports, peers.MosquittoConfig{}), ports, k.Env("house", "udp"))
	d.a.State("registration", "1")
	return d, k
}

// The active one is killed: the other has the account, the topics and the settings within three seconds.
func TestPairKilled(t *testing.T) {
	d, k := pairUp(t)
	d.a.Do("volume", "7")
	for try := 1; ; try++ {
		mark := d.a.Mark()
		killed := time.Now()
		d.a.Kill()
		took := d.watch.await(t, 1, -1).Sub(killed)
		d.b.WaitEvent(mark, d.b.Topic("registration"), patience, func(v string) bool { return v == "1" })
		d.b.WaitEvent(mark, d.b.Topic("connection"), patience, func(v string) bool { return v == "online" })
		all := time.Since(killed)
		t.Logf("active after %v, registered and on MQTT after %v", took, all)
		d.truth(mark)
		if all <= bound {
			break
		}
		if try == 3 {
			t.Fatalf("three times in a row it took longer than %v", bound)
		}
		d.a.Start()
		d.a.WaitState("housephone/pair/phone/a", "standby", patience)
		d.b.Do("active", "0")
		d.watch.await(t, 0, 1)
	}
	d.b.State("volume", "7") // of the one that is no more
	alice := peers.NewBaresip(t, d.ports, k.BaresipAccount("alice", "udp"))
	call := alice.Mark()
	d.b.Do("call", "alice")
	alice.WaitEvent(call, "CALL_INCOMING", patience)
	alice.Do("accept", "")
	d.b.State("status", "active")
	d.b.Do("call", "hangup")
	d.b.Idle()
}

// truth: after a takeover the retained states are those of the new one, and nothing was cleared on the way.
func (d *duo) truth(mark peers.Mark) {
	d.t.Helper()
	d.b.State("connection", "online")
	d.b.State("active", "1")
	d.b.State("status", "hangup")
	for _, m := range d.b.Since(mark, "homeassistant/device/housephone_phone/config") {
		if m.Payload == "" {
			d.t.Error("the discovery document was cleared")
		}
	}
	if _, ok := d.b.Last("homeassistant/device/housephone_phone/config"); !ok {
		d.t.Error("there is no discovery document: the test looks at the wrong topic")
	}
}

// The active one is stopped, as by a debugger or a machine that is out of memory. When it goes on it has calls and
// commands in its sockets, and refuses all of them.
func TestPairStopped(t *testing.T) {
	d, _ := pairUp(t)
	d.a.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { d.a.Signal(syscall.SIGCONT) })
	d.a.Publish(d.a.Topic("dnd/set"), "1") // the broker has not missed it yet
	d.watch.await(t, 1, -1)
	invite := newCaller(t, d.a.SIPAddr)
	for range 5 {
		invite.call()
	}
	mark := d.b.Mark()
	d.b.State("registration", "1")
	d.b.State("connection", "online")
	time.Sleep(500 * time.Millisecond) // the reign of b
	d.a.Signal(syscall.SIGCONT)
	for code, n := range invite.final(5) {
		if code != 480 {
			t.Errorf("%d of the calls that came while it was stopped were answered %d, want 480", n, code)
		}
	}
	d.watch.await(t, 1, 0)
	d.a.WaitState("housephone/pair/phone/a", "standby", patience)
	time.Sleep(time.Second) // for last words of the old one
	d.truth(mark)
	d.b.State("dnd", "0")
	for _, m := range d.b.Since(mark, d.b.Topic("registration")) {
		if m.Payload != "1" {
			t.Errorf("registration %q after the takeover", m.Payload)
		}
	}
	// and it is fit to take over in its turn
	mark = d.a.Mark()
	d.b.Kill()
	d.watch.await(t, 0, -1)
	d.a.WaitEvent(mark, d.a.Topic("active"), patience, nil)
	d.a.State("registration", "1")
}

// The way from the active one to the broker is cut and mended later.
func TestPairCutNetwork(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	relay := peers.NewTCPRelay(t, ports, broker.Port)
	d := newDuo(t, broker, ports, nil, env{"MQTT_URL": fmt.Sprintf("mqtt://127.0.0.1:%d", relay.Port)})
	mark := d.b.Mark()
	relay.Cut()
	d.a.Publish(d.a.Topic("volume/set"), "3") // arrives when the way is mended
	d.watch.await(t, 1, 0)
	d.b.WaitEvent(mark, d.b.Topic("connection"), patience, func(v string) bool { return v == "online" })
	if !peers.Eventually(patience, func() bool { return !d.a.Ready() }) {
		t.Error("the one that is cut off says that it is ready")
	}
	mark = d.b.Mark()
	relay.Mend()
	d.b.WaitEvent(mark, "housephone/pair/phone/a", patience, func(v string) bool { return v == "standby" })
	time.Sleep(time.Second)
	d.truth(0)
	d.b.State("volume", "20")
	d.watch.await(t, 1, 0)
	if !peers.Eventually(patience, d.a.Ready) {
		t.Error("the one that is back is not ready")
	}
}

// The broker restarts, quickly and slowly: afterwards one of them is active, and never both.
func TestPairBrokerRestarts(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	d := newDuo(t, peers.NewMosquitto(t, ports, peers.MosquittoConfig{}), ports, nil)
	for _, away := range []time.Duration{0, 3 * time.Second} {
		d.broker.Kill()
		time.Sleep(away)
		if away > bound/2 { // nobody is active without the broker
			if s := d.watch.latest(); s[0] || s[1] {
				t.Errorf("without a broker %v are active", s)
			}
		}
		mark := d.a.Mark()
		d.broker.Start()
		d.a.WaitEvent(mark, d.a.Topic("connection"), patience, func(v string) bool { return v == "online" })
		d.a.State("active", "1")
		if !peers.Eventually(patience, func() bool { s := d.watch.latest(); return s[0] != s[1] }) {
			t.Fatalf("after the restart %v are active", d.watch.latest())
		}
	}
}

// latest is what each has answered last.
func (w *watch) latest() []bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]bool, len(w.answers))
	for i, all := range w.answers {
		out[i] = len(all) > 0 && all[len(all)-1].active
	}
	return out
}

// A person hands the phone over, and it goes without a gap that a lease would need.
func TestPairHandsOver(t *testing.T) {
	d, _ := pairUp(t)
	time.Sleep(2 * time.Second) // b believes only whom it has followed for so long
	mark := d.a.Mark()
	start := time.Now()
	d.a.Do("active", "0")
	d.watch.await(t, 1, 0)
	t.Logf("handed over after %v", time.Since(start))
	d.b.WaitEvent(mark, d.b.Topic("connection"), patience, func(v string) bool { return v == "online" })
	d.b.State("registration", "1")
	d.b.Do("active", "1") // it is
	d.truth(mark)
	d.b.WaitState("housephone/pair/phone/a", "standby", patience)
	d.a.Terminate()
	d.b.WaitState("housephone/pair/phone/a", "", patience)
	if r := d.b.Refused("active", "0", "refused"); !strings.Contains(r.Error, "no other instance") {
		t.Errorf("without another one: %q", r.Error)
	}
	d.b.State("active", "1")
}

// An instance on its own can be taken out of service and back.
func TestInactive(t *testing.T) {
	_, k, h := registered(t, "udp", peers.KamailioConfig{}, nil)
	h.Do("active", "0")
	h.State("active", "0")
	h.State("registration", "0")
	h.JSON("registration/info", "unregistered", func(m map[string]any) bool {
		return m["state"] == "unregistered" && strings.Contains(fmt.Sprint(m["hint"]), "not the active one")
	})
	for _, c := range [][2]string{{"call", "alice"}, {"registration", "1"}, {"dnd", "1"}, {"generic", "help"}} {
		if r := h.Refused(c[0], c[1], "refused"); !strings.Contains(r.Error, "not the active one") {
			t.Errorf("%s: %q", c[0], r.Error)
		}
	}
	caller := newCaller(t, h.SIPAddr)
	caller.call()
	if got := caller.final(1); got[480] != 1 {
		t.Errorf("a call to an inactive instance: %v, want 480", got)
	}
	h.Do("active", "1")
	h.State("registration", "1")
	_ = k
}

// caller sends INVITEs without waiting for anything.
type caller struct {
	*watch
	t      *testing.T
	target *net.UDPAddr
	n      int
}

func newCaller(t *testing.T, target string) *caller {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp4", target)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &caller{watch: &watch{conn: c}, t: t, target: a, n: 1000}
}

func (c *caller) call() {
	c.n++
	if _, err := c.conn.WriteToUDP(c.request("INVITE", c.target, c.n), c.target); err != nil {
		c.t.Fatal(err)
	}
}

// final counts the final answers to n calls by their code.
func (c *caller) final(n int) map[int]int {
	c.t.Helper()
	found, seen := map[int]int{}, map[string]bool{}
	branch := regexp.MustCompile(`branch=(z9hG4bKw\d+)`)
	buf := make([]byte, 4096)
	for len(seen) < n {
		_ = c.conn.SetReadDeadline(time.Now().Add(patience))
		size, _, err := c.conn.ReadFromUDP(buf)
		if err != nil {
			c.t.Fatalf("%d of %d calls were answered: %v", len(seen), n, err)
		}
		var code int
		_, _ = fmt.Sscanf(string(buf[:size]), "SIP/2.0 %d", &code)
		if m := branch.FindSubmatch(buf[:size]); m != nil && code >= 180 && !seen[string(m[1])] {
			seen[string(m[1])] = true
			found[code]++
		}
	}
	return found
}

// Settings that cannot make a pair stop the start with one sentence.
func TestPairSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  env
		say  []string
	}{
		{"no common broker", env{"PAIR_MODE": "mqtt"}, []string{"PAIR_MODE", "MQTT_URL is empty"}},
		{"no pod", env{"PAIR_MODE": "kubernetes", "MQTT_URL": "mqtt://127.0.0.1:1"}, []string{"PAIR_MODE", "KUBERNETES_SERVICE_HOST"}},
		{"no service account", env{
			"PAIR_MODE": "kubernetes", "MQTT_URL": "mqtt://127.0.0.1:1", "KUBERNETES_SERVICE_HOST": "127.0.0.1",
			"KUBERNETES_SERVICE_PORT": "1", "PAIR_ACCOUNT_DIR": "/nonexistent",
		}, []string{"PAIR_MODE", "no service account", "automountServiceAccountToken"}},
		{"lease too short", env{"PAIR_MODE": "mqtt", "MQTT_URL": "mqtt://127.0.0.1:1", "PAIR_LEASE": "100ms"}, []string{"PAIR_LEASE", "1s to 5m"}},
		{"name that is no topic", env{"PAIR_MODE": "mqtt", "MQTT_URL": "mqtt://127.0.0.1:1", "PAIR_NAME": "a/b"}, []string{"PAIR_NAME", "a/b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := peers.NewHousephone(t, peers.NewPorts(t), peers.HousephoneConfig{Program: program, Env: c.env, Down: true})
			if exit := h.Wait(patience); exit.Code != 78 {
				t.Errorf("exit %d, want 78", exit.Code)
			}
			for _, word := range c.say {
				if !strings.Contains(h.Log(), word) {
					t.Errorf("it says %q, want %q in it", h.Log(), word)
				}
			}
		})
	}
}

// Two instances with one name throw each other off the broker; both say so and what to do.
func TestPairOfOneName(t *testing.T) {
	t.Parallel()
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	var all []*peers.Housephone
	for range 2 {
		all = append(all, peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Broker: broker, Down: true,
			Env: env{"PAIR_MODE": "mqtt", "PAIR_NAME": "twin"}}))
	}
	all[0].WaitLog(`another client using the same client id\? Give every instance a PAIR_NAME of its own`, patience)
}

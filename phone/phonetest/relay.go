package phonetest

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// Action is what a Rule does to a packet.
type Action int

// The faults of a network.
const (
	Drop      Action = iota // the packet is lost
	Duplicate               // it arrives twice
	Delay                   // it arrives Rule.Delay later
	Swap                    // it arrives after the next packet of its direction (or after 200 ms)
)

// Rule says what happens to which packets. The zero value drops everything.
type Rule struct {
	Action Action
	Begins string        // only packets that begin so ("INVITE ", "SIP/2.0 200"); "" = any
	Back   bool          // false: towards the target; true: from the target
	Nth    int           // only the nth packet that fits, from 1; 0 = each
	Chance float64       // only with this probability; 0 = always
	Delay  time.Duration // for Delay
}

// Relay is a UDP hop in front of a target that loses, doubles, delays and reorders. The
// target sees each client as a socket of the relay, as behind a NAT.
type Relay struct {
	front  *net.UDPConn
	target netip.AddrPort
	ctx    context.Context //nolint:containedctx // ends delayed packets at the end of the test
	wg     sync.WaitGroup

	mu      sync.Mutex // guards following
	rules   []*relayRule
	random  *rand.Rand
	back    map[netip.AddrPort]*net.UDPConn
	held    [2]*heldPacket // by direction
	blocked bool
	passed  int
	lost    int
}

type relayRule struct {
	Rule
	seen int
}

const maxClients = 64

// NewRelay opens a relay to target. The seed makes Chance repeatable.
func NewRelay(t testing.TB, target netip.AddrPort, seed uint64, rules ...Rule) *Relay {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("phonetest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Relay{
		front: front, target: target, ctx: ctx, back: map[netip.AddrPort]*net.UDPConn{},
		random: rand.New(rand.NewPCG(seed, seed)), //nolint:gosec // repeatable, not secret
	}
	r.Add(rules...)
	r.wg.Go(r.forward)
	t.Cleanup(func() {
		cancel()
		_ = front.Close()
		r.mu.Lock()
		for _, c := range r.back {
			_ = c.Close()
		}
		r.mu.Unlock()
		r.wg.Wait()
	})
	return r
}

// Addr is where clients send instead of to the target.
func (r *Relay) Addr() netip.AddrPort { return addrPort(r.front.LocalAddr()) }

// Add adds rules; the first that fits a packet decides.
func (r *Relay) Add(rules ...Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rule := range rules {
		r.rules = append(r.rules, &relayRule{Rule: rule})
	}
}

// Block cuts the line, or mends it.
func (r *Relay) Block(blocked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocked = blocked
}

// Counts gives the packets passed on (copies included) and lost.
func (r *Relay) Counts() (passed, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed, r.lost
}

func (r *Relay) forward() {
	buf := make([]byte, 64<<10)
	for r.ctx.Err() == nil {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			continue
		}
		if conn := r.clientSocket(from); conn != nil {
			r.handle(append([]byte(nil), buf[:n]...), false, func(b []byte) { _, _ = conn.WriteToUDPAddrPort(b, r.target) })
		}
	}
}

// clientSocket gives the socket that stands for a client, opened at its first packet.
func (r *Relay) clientSocket(client netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.back[client]; c != nil || r.ctx.Err() != nil || len(r.back) >= maxClients {
		return c
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil
	}
	r.back[client] = conn
	r.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for r.ctx.Err() == nil {
			n, _, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				continue
			}
			r.handle(append([]byte(nil), buf[:n]...), true, func(b []byte) { _, _ = r.front.WriteToUDPAddrPort(b, client) })
		}
	})
	return conn
}

// heldPacket waits for the next packet of its direction.
type heldPacket struct {
	once sync.Once
	send func()
	sent chan struct{}
}

func (h *heldPacket) release() {
	if h != nil {
		h.once.Do(func() {
			h.send()
			close(h.sent)
		})
	}
}

// handle does to one packet what the rules say.
func (r *Relay) handle(data []byte, back bool, send func([]byte)) {
	rule, ok := r.decide(data, back)
	if !ok {
		return
	}
	out := func() { send(data) }
	if rule.Action == Delay {
		r.wg.Go(func() { r.after(rule.Delay, nil, out) })
		return
	}
	var held *heldPacket
	if rule.Action == Swap {
		held = &heldPacket{send: out, sent: make(chan struct{})}
		r.wg.Go(func() { r.after(swapTime, held.sent, held.release) })
	} else {
		out()
	}
	if rule.Action == Duplicate {
		out()
	}
	r.hold(held, back).release()
}

// hold keeps a packet (or none) until the next one, and gives the one kept before.
func (r *Relay) hold(h *heldPacket, back bool) *heldPacket {
	side := 0
	if back {
		side = 1
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.held[side]
	r.held[side] = h
	return before
}

// after runs f after a while, unless done or the test ends before.
func (r *Relay) after(d time.Duration, done <-chan struct{}, f func()) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		f()
	case <-done:
	case <-r.ctx.Done():
	}
}

// decide gives the rule for a packet, and false when it is lost.
func (r *Relay) decide(data []byte, back bool) (Rule, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rule := r.find(data, back)
	switch {
	case r.blocked, rule.Action == Drop:
		r.lost++
		return rule, false
	case rule.Action == Duplicate:
		r.passed++
	}
	r.passed++
	return rule, true
}

const (
	pass     Action = -1
	swapTime        = 200 * time.Millisecond
)

// find counts a packet in every rule it fits; the first that takes it decides.
func (r *Relay) find(data []byte, back bool) Rule {
	found := Rule{Action: pass}
	for _, rule := range r.rules {
		if rule.Back != back || !strings.HasPrefix(string(data), rule.Begins) {
			continue
		}
		rule.seen++
		miss := rule.Nth != 0 && rule.seen != rule.Nth || rule.Chance != 0 && r.random.Float64() >= rule.Chance
		if found.Action == pass && !miss {
			found = rule.Rule
		}
	}
	return found
}

package phonetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// Packet is one RTP packet received.
type Packet struct {
	PT      uint8
	Marker  bool
	Seq     uint16
	TS      uint32
	SSRC    uint32
	Payload []byte
	Source  netip.AddrPort
	At      time.Time
}

const maxPackets = 100_000

// RTP is the media side of a peer: an even port on 127.0.0.1 and the port above it for
// RTCP. Payload types 0 and 8 are PCMU and PCMA at 8 kHz; telephone-events are any other
// type with a payload of four octets.
type RTP struct {
	t          testing.TB
	conn, ctrl *net.UDPConn
	ctx        context.Context //nolint:containedctx // ends the senders at the end of the test
	wg         sync.WaitGroup

	sendMu sync.Mutex // guards following, and keeps senders apart
	seq    uint16
	ts     uint32
	ssrc   uint32

	mu      sync.Mutex // guards following
	packets []Packet
	reports [][]byte
	changed chan struct{}
	echo    bool
}

// NewRTP opens the ports, closed at the end of the test.
func NewRTP(t testing.TB) *RTP {
	t.Helper()
	conn, ctrl, err := openPair()
	if err != nil {
		t.Fatalf("phonetest: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &RTP{
		t: t, conn: conn, ctrl: ctrl, ctx: ctx, changed: make(chan struct{}),
		seq: 100, ts: 1000, ssrc: uint32(time.Now().UnixNano()), //nolint:gosec // the low bits are wanted
	}
	r.wg.Go(r.read)
	r.wg.Go(r.readControl)
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
		_ = ctrl.Close()
		r.wg.Wait()
	})
	return r
}

// RTP opens media ports for a peer.
func (p *Peer) RTP() *RTP { p.t.Helper(); return NewRTP(p.t) }

func openPair() (rtp, rtcp *net.UDPConn, err error) {
	for range 50 {
		if rtp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			return nil, nil, err
		}
		port := int(addrPort(rtp.LocalAddr()).Port())
		if port%2 == 0 {
			if rtcp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1}); err == nil {
				return rtp, rtcp, nil
			}
		}
		_ = rtp.Close()
	}
	return nil, nil, fmt.Errorf("no free pair of ports: %w", err)
}

// Addr gives the RTP address.
func (r *RTP) Addr() netip.AddrPort { return addrPort(r.conn.LocalAddr()) }

// Port gives the RTP port, for SDP.
func (r *RTP) Port() int { return int(r.Addr().Port()) }

// Echo sends every packet that arrives back to its source, with an SSRC of its own.
func (r *RTP) Echo() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.echo = true
}

func (r *RTP) read() {
	buf := make([]byte, 2048)
	for r.ctx.Err() == nil {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			continue
		}
		p, ok := parseRTP(buf[:n])
		if !ok {
			continue
		}
		p.Source, p.At = unmap(from), time.Now()
		r.mu.Lock()
		if len(r.packets) < maxPackets {
			r.packets = append(r.packets, p)
		}
		close(r.changed)
		r.changed = make(chan struct{})
		echo := r.echo
		r.mu.Unlock()
		if echo {
			binary.BigEndian.PutUint32(buf[8:], r.ssrc)
			_, _ = r.conn.WriteToUDPAddrPort(buf[:n], from)
		}
	}
}

func (r *RTP) readControl() {
	buf := make([]byte, 2048)
	for r.ctx.Err() == nil {
		n, _, err := r.ctrl.ReadFromUDPAddrPort(buf)
		if err != nil {
			continue
		}
		r.mu.Lock()
		if len(r.reports) < maxPackets {
			r.reports = append(r.reports, append([]byte(nil), buf[:n]...))
		}
		r.mu.Unlock()
	}
}

// parseRTP reads a packet (RFC 3550 5.1); CSRCs and an extension are skipped.
func parseRTP(b []byte) (Packet, bool) {
	if len(b) < 12 || b[0]>>6 != 2 || b[1]&0x7f >= 72 && b[1]&0x7f <= 76 { // RFC 5761 4: RTCP
		return Packet{}, false
	}
	head := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 && len(b) >= head+4 {
		head += 4 + 4*int(binary.BigEndian.Uint16(b[head+2:]))
	}
	if len(b) < head {
		return Packet{}, false
	}
	return Packet{
		PT: b[1] & 0x7f, Marker: b[1]&0x80 != 0, Seq: binary.BigEndian.Uint16(b[2:]),
		TS: binary.BigEndian.Uint32(b[4:]), SSRC: binary.BigEndian.Uint32(b[8:]),
		Payload: append([]byte(nil), b[head:]...),
	}, true
}

// Packets gives what was received so far, in order of arrival.
func (r *RTP) Packets() []Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets[:len(r.packets):len(r.packets)]
}

// Reports gives the RTCP packets received on the port above.
func (r *RTP) Reports() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reports[:len(r.reports):len(r.reports)]
}

// Count gives the number of RTP packets received.
func (r *RTP) Count() int { return len(r.Packets()) }

// Await waits up to 5 s until cond holds, looked at after each packet.
func (r *RTP) Await(t testing.TB, what string, cond func(*RTP) bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if cond(r) {
			return
		}
		if !wait(changed, deadline) {
			t.Fatalf("rtp %s: no %s within 5s; %d packets, frequency %.0f Hz, keys %q",
				r.Addr(), what, r.Count(), r.Frequency(), r.Keys())
		}
	}
}

// AwaitPackets waits until n more packets have arrived.
func (r *RTP) AwaitPackets(t testing.TB, n int) {
	t.Helper()
	n += r.Count()
	r.Await(t, fmt.Sprintf("%d packets", n), func(r *RTP) bool { return r.Count() >= n })
}

// AwaitTone waits until a tone of that frequency is heard.
func (r *RTP) AwaitTone(t testing.TB, hz float64) {
	t.Helper()
	r.Await(t, fmt.Sprintf("tone of %.0f Hz", hz), func(r *RTP) bool { return r.Hears(hz) })
}

// AwaitKeys waits until the keys received are exactly these.
func (r *RTP) AwaitKeys(t testing.TB, keys string) {
	t.Helper()
	r.Await(t, fmt.Sprintf("keys %q", keys), func(r *RTP) bool { return r.Keys() == keys })
}

const telephoneKeys = "0123456789*#ABCD" // RFC 4733 3.2

// Keys gives the telephone-events received, one key per event: packets with one
// timestamp are one event (RFC 4733 2.5.1.2).
func (r *RTP) Keys() string {
	var keys strings.Builder
	last, seen := uint32(0), false
	for _, p := range r.Packets() {
		if p.PT == 0 || p.PT == 8 || len(p.Payload) != 4 || int(p.Payload[0]) >= len(telephoneKeys) || seen && p.TS == last {
			continue
		}
		keys.WriteByte(telephoneKeys[p.Payload[0]])
		last, seen = p.TS, true
	}
	return keys.String()
}

// Send sends one packet; the sequence number goes on by one, the timestamp by samples.
func (r *RTP) Send(to netip.AddrPort, pt uint8, marker bool, payload []byte, samples uint32) {
	r.sendMu.Lock()
	defer r.sendMu.Unlock()
	r.send(to, pt, marker, payload, r.ts)
	r.ts += samples
}

func (r *RTP) send(to netip.AddrPort, pt uint8, marker bool, payload []byte, ts uint32) {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], r.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], r.ssrc)
	r.seq++
	_, _ = r.conn.WriteToUDPAddrPort(append(b, payload...), to)
}

// Tone sends a sine of -12 dBFS in 20 ms packets of PCMU (pt 0) or PCMA (pt 8) for d.
func (r *RTP) Tone(to netip.AddrPort, pt uint8, hz float64, d time.Duration) {
	r.tone(r.ctx, to, pt, hz, int(d/frameTime))
}

// StartTone sends a tone until stop is called or the test ends.
func (r *RTP) StartTone(to netip.AddrPort, pt uint8, hz float64) (stop func()) {
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	r.wg.Go(func() {
		defer close(done)
		r.tone(ctx, to, pt, hz, math.MaxInt)
	})
	return func() {
		cancel()
		<-done
	}
}

const (
	frameTime    = 20 * time.Millisecond
	frameSamples = 160
)

func (r *RTP) tone(ctx context.Context, to netip.AddrPort, pt uint8, hz float64, frames int) {
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for i := range frames {
		payload := make([]byte, frameSamples)
		for j := range payload {
			phase := 2 * math.Pi * hz * float64(i*frameSamples+j) / 8000
			payload[j] = encode(pt, int16(8192*math.Sin(phase)))
		}
		r.Send(to, pt, i == 0, payload, frameSamples)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// SendKeys sends telephone-events of 100 ms with gaps of 60 ms (RFC 4733 2.5.1): one
// timestamp per key, marker on the first packet, the end packet three times.
func (r *RTP) SendKeys(to netip.AddrPort, pt uint8, keys string) {
	r.sendMu.Lock()
	defer r.sendMu.Unlock()
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for _, key := range keys {
		event := strings.IndexRune(telephoneKeys, key)
		if event < 0 {
			continue
		}
		for i := 1; i <= 7; i++ {
			end := byte(0)
			if i >= 5 {
				end = 0x80
			}
			duration := frameSamples * min(i, 5)
			r.send(to, pt, i == 1, []byte{byte(event), end | 10, byte(duration >> 8), byte(duration)}, r.ts)
			select {
			case <-tick.C:
			case <-r.ctx.Done():
				return
			}
		}
		r.ts += 8 * frameSamples
		time.Sleep(3 * frameTime)
	}
}

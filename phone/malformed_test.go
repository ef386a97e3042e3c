package phone_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"housephone/phone"
)

// anomalies take the place of an element of a message, in the manner of the PROTOS c07 suite.
func anomalies() []string {
	out := []string{
		"", " ", "\t", "\r\n ", "\r\n", "\n", "\r", "\r\n\r\n", "\x00", "\xff\xfe", "\xc3\x28", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"%s%s%s%n", "%.9999d", "%00", "%", "-1", "0", "4294967295", "4294967296", "2147483648", "-2147483649",
		"99999999999999999999999999", "1e400", "0x7fffffff", "NaN", "[::", "::1", "\"", "<", "<>", ";;", ",,",
	}
	for _, unit := range []string{"a", "%n", ";", ",", "<", "\"", "(", "::", "9", "\r\n ", "\x00", "\xff", "Via: SIP/2.0/UDP a;branch=z9hG4bKa\r\n", "a=b\r\n"} {
		out = append(out, strings.Repeat(unit, 10), strings.Repeat(unit, 4000/len(unit)))
	}
	return out
}

// elements are the places of a message that a change is made at: each token between two marks of the grammar.
func elements(message string) [][2]int {
	var out [][2]int
	start := -1
	for i := range len(message) + 1 {
		mark := i == len(message) || strings.IndexByte(" \r\n:;=<>@/,\"", message[i]) >= 0
		switch {
		case !mark && start < 0:
			start = i
		case mark && start >= 0:
			out, start = append(out, [2]int{start, i}), -1
		}
	}
	return out
}

// everyElement is an INVITE again and again, each time with another element replaced by another anomaly.
func everyElement(invite string, yield func(string)) {
	for _, e := range elements(invite) {
		for _, a := range anomalies() {
			yield(invite[:e[0]] + a + invite[e[1]:])
		}
	}
}

// malform changes one to three places of a message: elements, whole lines, or octets.
func malform(rng *rand.Rand, out string) string {
	bad := anomalies()
	for range 1 + rng.IntN(3) {
		at := rng.IntN(len(out) + 1)
		lines := strings.SplitAfter(out, "\r\n")
		i := rng.IntN(len(lines))
		switch rng.IntN(7) {
		case 0, 1:
			if all := elements(out); len(all) > 0 {
				e := all[rng.IntN(len(all))]
				out = out[:e[0]] + bad[rng.IntN(len(bad))] + out[e[1]:]
			}
			continue
		case 2: // put in somewhere
			out = out[:at] + bad[rng.IntN(len(bad))] + out[at:]
			continue
		case 3: // the end is missing
			out = out[:at]
			continue
		case 4: // a line twice
			lines[i] += lines[i]
		case 5: // a line folded, or without its end
			lines[i] = strings.TrimSuffix(lines[i], "\r\n") + []string{"", "\r\n\t", "\n", "\r"}[rng.IntN(4)]
		case 6: // a header's value
			if name, _, ok := strings.Cut(lines[i], ":"); ok {
				lines[i] = name + ": " + bad[rng.IntN(len(bad))] + "\r\n"
			}
		}
		out = strings.Join(lines, "")
	}
	return out
}

// malformed are the messages: every element of an INVITE with each anomaly, then other methods at
// random. They are the same each time; PEER stands for the address of who sends them.
func (b *bench) malformed() []string {
	var out []string
	message := func(method string) string {
		raw := strings.ReplaceAll(b.valid(method, "PEER"), b.addr.String(), "127.0.0.1")
		return strings.ReplaceAll(raw, "NUMBER", fmt.Sprint("n", len(out)))
	}
	everyElement(strings.ReplaceAll(b.valid("INVITE", "PEER"), b.addr.String(), "127.0.0.1"), func(raw string) {
		out = append(out, strings.ReplaceAll(raw, "NUMBER", fmt.Sprint("n", len(out))))
	})
	rng := rand.New(rand.NewPCG(7, 2002)) //nolint:gosec // the same messages each time
	methods := []string{"INVITE", "OPTIONS", "MESSAGE", "REGISTER", "BYE", "CANCEL", "ACK", "NOTIFY", "PRACK", "REFER", "UPDATE", "INFO"}
	for range 2000 {
		out = append(out, malform(rng, message(methods[rng.IntN(len(methods))])))
	}
	return out
}

// Thousands of messages of which each is wrong somewhere: none does harm, and a valid call is set up
// after each hundred.
func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *phone.Config) {
		c.AllowFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} // not held to the rate of strangers
	})
	all := b.malformed()
	if len(all) < 5000 {
		t.Fatalf("only %d messages", len(all))
	}
	if testing.Short() {
		all = all[len(all)-1000:]
	}
	for len(all) > 0 {
		n := min(len(all), 100)
		if !t.Run("", func(t *testing.T) { b.hundred(t, all[:n]) }) {
			return
		}
		all = all[n:]
	}
	s := b.Stats().Transport
	t.Logf("%+v", s)
	if s.Malformed < 300 || s.Received < 300 {
		t.Errorf("the messages have not come to where they should be read: %+v", s)
	}
	b.healthy(t)
}

// hundred sends messages over UDP and every tenth over TCP too.
func (b *bench) hundred(t *testing.T, messages []string) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.from(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for i, m := range messages {
		raw := []byte(strings.ReplaceAll(m, "PEER", conn.LocalAddr().String()))
		if len(raw) > 8000 {
			raw = raw[:8000]
		}
		if _, err := conn.WriteToUDPAddrPort(raw, b.addr); err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 || i == len(messages)-1 { // never more than the socket's buffer holds
			b.awaitPing(t, conn)
			b.throughTCP(t, raw)
		}
	}
	b.normalCall(t)
}

// throughTCP sends octets over a connection of their own and waits for its end.
func (b *bench) throughTCP(t *testing.T, raw []byte) {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(b.from(), 0))}
	conn, err := d.DialContext(t.Context(), "tcp", b.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write(raw) // it may be closed before all is written
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
		t.Fatalf("the connection is kept open after %q", raw)
	}
}

// awaitPing sends a request until its answer comes: all before it has been read.
func (b *bench) awaitPing(t *testing.T, conn *net.UDPConn) {
	t.Helper()
	buf := make([]byte, 64<<10)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := conn.WriteToUDPAddrPort(ping(conn.LocalAddr().String(), "UDP"), b.addr); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		for {
			n, err := conn.Read(buf)
			if err != nil {
				break
			}
			if bytes.Contains(buf[:n], []byte("Call-ID: ping-")) {
				return
			}
		}
	}
	t.Fatal("the ping is not answered")
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

package phone_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"housephone/phone/phonetest"
)

// poison is what takes the place of, or is put into, an element of a message.
func poison(rng *rand.Rand) string {
	long := 1 << rng.IntN(14)
	choices := []string{
		"", " ", "\t", "\r\n ", "\r\n", "\n", "\r", "\x00", "\xff\xfe", "\xc3\x28", "\xed\xa0\x80",
		"%s%s%s%n", "%.9999d", "%00", "%", "-1", "0", "4294967295", "4294967296", "2147483648", "-2147483649",
		"99999999999999999999999999", "1e400", "0x7fffffff", "NaN",
		strings.Repeat("a", long), strings.Repeat("%n", long), strings.Repeat(";", long), strings.Repeat(",", long),
		strings.Repeat("<", long), strings.Repeat("\"", long), strings.Repeat("(", long), strings.Repeat("::", long),
		strings.Repeat("9", long), strings.Repeat("\r\n ", long/4), strings.Repeat("\x00", long), strings.Repeat("\xff", long),
		strings.Repeat("Via: SIP/2.0/UDP a;branch=z9hG4bKa\r\n", long/32), strings.Repeat("a=b\r\n", long/8),
	}
	return choices[rng.IntN(len(choices))]
}

// malform changes one to three elements of a valid message: tokens, whole header lines, or octets.
func malform(rng *rand.Rand, valid string) []byte {
	out := valid
	for range 1 + rng.IntN(3) {
		ends := strings.FieldsFunc(out, func(r rune) bool { return strings.ContainsRune(" \r\n:;=<>@/,", r) })
		lines := strings.SplitAfter(out, "\r\n")
		switch i := rng.IntN(len(lines)); rng.IntN(8) {
		case 0, 1, 2: // a token
			if len(ends) > 0 {
				token := ends[rng.IntN(len(ends))]
				out = strings.Replace(out, token, poison(rng), 1)
			}
		case 3: // put in somewhere
			at := rng.IntN(len(out) + 1)
			out = out[:at] + poison(rng) + out[at:]
		case 4: // the end is missing
			out = out[:rng.IntN(len(out)+1)]
		case 5: // a line twice
			lines[i] += lines[i]
			out = strings.Join(lines, "")
		case 6: // a line folded, or without its end
			lines[i] = strings.TrimSuffix(lines[i], "\r\n") + []string{"", "\r\n\t", "\n", "\r"}[rng.IntN(4)]
			out = strings.Join(lines, "")
		case 7: // a header's value
			if name, _, ok := strings.Cut(lines[i], ":"); ok {
				lines[i] = name + ": " + poison(rng) + "\r\n"
				out = strings.Join(lines, "")
			}
		}
		if out == "" {
			return nil
		}
	}
	return []byte(out[:min(len(out), 16000)])
}

// Thousands of messages of which each is wrong somewhere, in the manner of the PROTOS c07 suite:
// a valid call is set up after each hundred.
func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	hundreds := 60
	if testing.Short() {
		hundreds = 10
	}
	b := newBench(t, nil)
	rng := rand.New(rand.NewPCG(7, 2002)) //nolint:gosec // the same messages each time
	for i := range hundreds {
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.from(), 0)))
		if err != nil {
			t.Fatal(err)
		}
		self := conn.LocalAddr().String()
		for j := range 100 {
			method := []string{"INVITE", "INVITE", "INVITE", "OPTIONS", "MESSAGE", "REGISTER", "BYE", "CANCEL", "ACK", "NOTIFY"}[rng.IntN(10)]
			raw := malform(rng, strings.ReplaceAll(b.valid(method, self), "NUMBER", fmt.Sprintf("%d-%d", i, j)))
			if len(raw) == 0 {
				continue
			}
			if _, err := conn.WriteToUDPAddrPort(raw, b.addr); err != nil {
				t.Fatal(err)
			}
			if j%10 == 9 { // not more than the socket's buffer holds
				awaitPing(t, conn, b.addr)
			}
		}
		awaitPing(t, conn, b.addr)
		_ = conn.Close()
		b.normalCall(t)
	}
	s := b.Stats().Transport
	t.Logf("%d read, %d malformed, %d refused", s.Received, s.Malformed, s.Refused)
	if s.Refused != 0 || s.Malformed < uint64(hundreds) || s.Received < uint64(hundreds)*20 {
		t.Errorf("the messages have not come to where they should be read: %+v", s)
	}
	b.healthy(t)
}

func (b *bench) valid(method, self string) string {
	body := ""
	if method == "INVITE" {
		body = phonetest.SDP(40000)
	}
	return fmt.Sprintf("%s sip:phone@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKNUMBER;rport\r\nMax-Forwards: 70\r\n"+
		"From: \"A B\" <sip:a@%s;x=y>;tag=fNUMBER\r\nTo: <sip:phone@%s>\r\nCall-ID: NUMBER@%s\r\nCSeq: 1 %s\r\nContact: <sip:a@%s>\r\n"+
		"Session-Expires: 600;refresher=uac\r\nRecord-Route: <sip:%s;lr>\r\nAlert-Info: <http://a/b>;info=x\r\nEvent: message-summary\r\n"+
		"Supported: timer, 100rel\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, b.addr, self, self, b.addr, self, method, self, self,
		map[bool]string{true: "application/sdp", false: "text/plain"}[body != ""], len(body), body)
}

// awaitPing sends a request until its answer comes: all before it has been read, or lost by the socket.
func awaitPing(t *testing.T, conn *net.UDPConn, to netip.AddrPort) {
	t.Helper()
	buf := make([]byte, 64<<10)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := conn.WriteToUDPAddrPort(ping(conn.LocalAddr().String(), "UDP"), to); err != nil {
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

package phone_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
	"housephone/phone/transaction"
)

// action is what RFC 4475 and RFC 5118 ask for: a status, or silence.
type action struct {
	udp, tcp int // first status that comes back; 0 = nothing
}

func same(code int) action { return action{code, code} }

// rfc4475 is each message of the RFC and what a telephone, which is no registrar and
// no proxy, owes to it. Where the RFC lets an element that cannot read a message answer 400 or
// stay silent it is dropped: a stranger's noise is not worth a reflected answer.
var rfc4475 = map[string]action{
	// 3.1.1 valid: nothing in them may be taken for an error.
	"valid/wsinv": same(180), "valid/esc01": same(180), "valid/longreq": same(180),
	"valid/intmeth": same(501), "valid/esc02": same(501), "valid/escnull": same(405),
	"valid/lwsdisp": same(200), "valid/semiuri": same(200), "valid/transports": same(200),
	"valid/dblreq": same(405), "valid/mpart01": same(415),
	"valid/unreason": same(0), "valid/noreason": same(0), // responses to nothing that was asked

	// 3.1.2 malformed.
	"invalid/badinv01": same(0), "invalid/clerr": same(0), "invalid/ncl": same(0), "invalid/scalar02": same(0),
	"invalid/scalarlg": same(0), "invalid/quotbal": same(0), "invalid/ltgtruri": same(0), "invalid/lwsruri": same(0),
	"invalid/lwsstart": same(0), "invalid/trws": same(0), "invalid/badaspec": same(0), "invalid/baddn": same(0),
	"invalid/bigcode": same(0),
	"invalid/escruri": same(400), "invalid/baddate": same(180), "invalid/regbadct": same(405), "invalid/badvers": same(505),
	"invalid/mismatch01": same(400), "invalid/mismatch02": same(400),

	// 3.2 and 3.3: well formed, but not to be carried out as they stand.
	"invalid/badbranch": same(200), "invalid/insuf": same(0), "invalid/unkscm": same(416), "invalid/novelsc": same(0),
	"invalid/unksm2": same(405), "invalid/bext01": same(420), "invalid/invut": same(415), "invalid/regaut01": same(405),
	"invalid/multi01": same(400), "invalid/mcl01": {400, 0}, "invalid/bcast": same(0), "invalid/zeromf": same(200),
	"invalid/cparam01": same(405), "invalid/cparam02": same(405), "invalid/regescrt": same(405), "invalid/sdp01": same(406),
	"invalid/inv2543": {180, 0}, // a stream needs a Content-Length
}

// Every message of RFC 4475 gets what it is due over UDP and over TCP, and a normal call works after it.
func TestTortureRFC4475(t *testing.T) {
	t.Parallel()
	dir := tortureDir(t)
	if len(rfc4475) != 49 {
		t.Fatalf("%d messages", len(rfc4475))
	}
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			for name, want := range rfc4475 {
				raw, err := os.ReadFile(filepath.Join(dir, name+".dat"))
				if err != nil {
					t.Fatal(err)
				}
				code := want.udp
				if network == "tcp" {
					code = want.tcp
				}
				if network == "tcp" && name == "valid/dblreq" { // in a stream the second message is one of its own
					raw, _, _ = bytes.Cut(raw, []byte("INVITE"))
				}
				if got := b.torture(t, network, raw, code); got != code {
					t.Errorf("%s: %d, want %d", name, got, code)
				}
				b.normalCall(t)
			}
			b.healthy(t)
		})
	}
}

// tortureDir is where the raw messages of RFC 4475 are.
func tortureDir(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		t.Fatalf("where the SIP library is: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "sip", "testdata", "torture")
}

// bench is a stand-alone phone on UDP and TCP, a peer that makes normal calls, and
// as many strangers as wanted.
type bench struct {
	*rig
	peer     *phonetest.Peer
	stranger atomic.Uint32
}

func newBench(t *testing.T, change func(*phone.Config)) *bench {
	t.Helper()
	p := phonetest.NewPeer(t)
	r := newRig(t, func(c *phone.Config) {
		c.TCP = listenTCP(t)
		c.Timers = transaction.Timers{T1: 60 * time.Millisecond, T2: 240 * time.Millisecond, T4: 240 * time.Millisecond}
		if change != nil {
			change(c)
		}
	}, p)
	return &bench{rig: r, peer: p}
}

// from is a loopback address that nobody has used on this bench.
func (b *bench) from() netip.Addr {
	n := b.stranger.Add(1)
	return netip.AddrFrom4([4]byte{127, byte(16 + n>>16), byte(n >> 8), byte(n)})
}

// normalCall is set up from the peer and hung up by the phone. What rings still is sent away first.
func (b *bench) normalCall(t *testing.T) {
	t.Helper()
	if len(b.snapshot(t).Calls) > 0 {
		do(t, b.Hangup(0))
	}
	rtp := b.peer.RTP()
	invite := b.peer.Invite(b.uri(), b.addr, phonetest.WithSDP(phonetest.SDP(rtp.Port())))
	b.peer.Expect(t, "180", phonetest.Has("Call-ID", invite.CallID()))
	do(t, b.Answer(0))
	ok := b.peer.Expect(t, "200 INVITE", phonetest.Has("Call-ID", invite.CallID()))
	d := b.peer.Dialog(invite, ok)
	d.Ack(ok)
	d.Bye()
	b.peer.Expect(t, "200 BYE", phonetest.Has("Call-ID", invite.CallID()))
	b.noCalls(t)
}

// healthy checks that nothing has gone wrong inside and nothing is left.
func (b *bench) healthy(t *testing.T) {
	t.Helper()
	b.drained(t)
	if n := b.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}

var sentBy = regexp.MustCompile(`(?i)^((?s:.*?)\r\nv(?:ia)?\s*:\s*SIP\s*/\s*\d\.\d\s*/\s*\w+\s+(?:\[[0-9a-f:]+\]|[a-z0-9.-]+))(?::\d+)?`)

// torture sends raw from an address of its own and returns the first status that comes back.
// Only the port of the top Via is changed, to where a datagram's answer can be read.
func (b *bench) torture(t *testing.T, network string, raw []byte, want int) int {
	t.Helper()
	from := b.from()
	if network == "tcp" {
		return b.overTCP(t, from, raw, want)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	self := netip.MustParseAddrPort(conn.LocalAddr().String())
	raw = sentBy.ReplaceAll(raw, fmt.Appendf(nil, "${1}:%d", self.Port()))
	probe := ping(self.String(), "UDP")
	for _, data := range [][]byte{raw, probe} {
		if _, err := conn.WriteToUDPAddrPort(data, b.addr); err != nil {
			t.Fatal(err)
		}
	}
	return firstStatus(t, conn)
}

// ping is a request that is always answered by 200. Its answer coming first says that what went before got none.
func ping(self, transport string) []byte {
	return []byte("OPTIONS sip:phone@home SIP/2.0\r\nVia: SIP/2.0/" + transport + " " + self + ";branch=z9hG4bKping;rport\r\n" +
		"From: <sip:ping@" + self + ">;tag=1\r\nTo: <sip:phone@home>\r\nCall-ID: ping-" + self + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
}

func firstStatus(t *testing.T, conn net.Conn) int {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("neither an answer nor one to the ping after it: %v", err)
		}
		if bytes.Contains(buf[:n], []byte("Call-ID: ping-")) {
			return 0
		}
		if code := statusOf(buf[:n]); code != 100 {
			return code
		}
	}
}

func statusOf(data []byte) int {
	var code int
	if _, err := fmt.Sscanf(string(data), "SIP/2.0 %d", &code); err != nil {
		return -1
	}
	return code
}

// overTCP waits long only for an answer that has to come.
func (b *bench) overTCP(t *testing.T, from netip.Addr, raw []byte, want int) int {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	conn, err := d.DialContext(t.Context(), "tcp", b.tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(raw); err != nil {
		t.Fatal(err)
	}
	silence := patience
	if want == 0 {
		silence = 150 * time.Millisecond
	}
	_ = conn.SetReadDeadline(time.Now().Add(silence))
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0
		}
		if code := statusOf([]byte(line)); code > 100 {
			return code
		}
	}
}

// rfc5118 is each case of RFC 5118 4 by its section: start line, top Via address, body.
var rfc5118 = []struct {
	name, start, via, extra, body string
	want                          int
}{
	{"4.1 reference", "REGISTER sip:[2001:db8::10] SIP/2.0", "[2001:db8::9:1]", "", "", 405},
	{"4.2 without brackets", "REGISTER sip:2001:db8::10 SIP/2.0", "[2001:db8::9:1]", "", "", 0},
	{"4.3 port or part of the address", "REGISTER sip:[2001:db8::10:5070] SIP/2.0", "[2001:db8::9:1]", "", "", 405},
	{"4.4 port", "REGISTER sip:[2001:db8::10]:5070 SIP/2.0", "[2001:db8::9:1]", "", "", 405},
	{"4.5 received in brackets", "OPTIONS sip:[2001:db8::10] SIP/2.0", "[2001:db8::9:1];received=[2001:db8::9:255]", "", "", 200},
	{"4.5 received without brackets", "OPTIONS sip:[2001:db8::10] SIP/2.0", "[2001:db8::9:1];received=2001:db8::9:255", "", "", 200},
	{"4.6 session over IPv6", "INVITE sip:user@[2001:db8::10] SIP/2.0", "[2001:db8::20]", "", v6SDP("::1", ""), 180},
	{
		"4.7 several addresses in headers", "OPTIONS sip:user@[2001:db8::10] SIP/2.0", "[2001:db8::9:1]",
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nVia: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bKb;received=[2001:db8::9:256]\r\n", "", 200,
	},
	{"4.8 several addresses in a session", "INVITE sip:user@[2001:db8::10] SIP/2.0", "[2001:db8::9:1]", "", v6SDP("::1", "m=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:107 H263-1998/90000\r\n"), 180},
	{"4.9 mapped IPv4", "INVITE sip:user@[2001:db8::10] SIP/2.0", "[::ffff:192.0.2.10]", "", v6SDP("::ffff:127.0.0.1", ""), 180},
	{"4.10 three colons", "OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0", "[2001:db8::9:1]", "", "", 400},
}

func v6SDP(addr, more string) string {
	return "v=0\r\no=a 1 1 IN IP6 2001:db8::20\r\ns=-\r\nc=IN IP6 " + addr + "\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n" + more
}

// Every case of RFC 5118 on the IPv6 loopback.
func TestTortureRFC5118(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *phone.Config) {
		_ = c.UDP.Close()
		c.UDP, c.Timers = udp, quick
	})
	for i, c := range rfc5118 {
		conn, err := net.DialUDP("udp6", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(udp.LocalAddr().String())))
		if err != nil {
			t.Fatal(err)
		}
		raw := fmt.Sprintf("%s\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d\r\n%sFrom: <sip:u@[2001:db8::1]>;tag=1\r\nTo: <sip:u@[2001:db8::10]>\r\n"+
			"Contact: <sip:u@[2001:db8::1]>\r\nCall-ID: v6-%d\r\nCSeq: 1 %s\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			c.start, c.via, i, c.extra, i, strings.Fields(c.start)[0], len(c.body), c.body)
		for _, data := range []string{raw, string(ping(conn.LocalAddr().String(), "UDP"))} {
			if _, err := conn.Write([]byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		if got := firstStatus(t, conn); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		_ = conn.Close()
		if len(r.snapshot(t).Calls) > 0 {
			do(t, r.Hangup(0))
		}
	}
	r.drained(t)
}

package stun

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/pion/stun/v3"
)

var (
	server   = netip.MustParseAddrPort("192.0.2.10:3478")
	stranger = netip.MustParseAddrPort("192.0.2.66:3478")
	outside  = netip.MustParseAddrPort("198.51.100.7:40123")
)

// Sample answers of RFC 5769 2.2 and 2.3.
const (
	sampleIPv4 = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200008" +
		"0001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
	sampleIPv6 = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f722000200014" +
		"0002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSampleAnswers(t *testing.T) {
	for _, tc := range []struct{ raw, want string }{
		{sampleIPv4, "192.0.2.1:32853"},
		{sampleIPv6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"},
	} {
		raw := unhex(t, tc.raw)
		got, err := answer(raw)
		if err != nil || got.String() != tc.want {
			t.Errorf("%v, %v, want %s", got, err, tc.want)
		}
		raw[len(raw)-1]++ // the fingerprint is wrong then
		if _, err := answer(raw); !errors.Is(err, errNoAnswer) {
			t.Errorf("a damaged answer: %v", err)
		}
	}
}

func TestRequest(t *testing.T) {
	id, raw, err := request()
	if err != nil {
		t.Fatal(err)
	}
	want := append(unhex(t, "000100002112a442"), id[:]...)
	if !bytes.Equal(raw, want) || !Is(raw) || idOf(raw) != id {
		t.Errorf("% x, want % x", raw, want)
	}
	if other, _, _ := request(); other == id {
		t.Error("the transaction id is the same again")
	}
}

// reply builds an answer to a request.
func reply(t testing.TB, raw []byte, setters ...stun.Setter) []byte {
	t.Helper()
	q := &stun.Message{Raw: bytes.Clone(raw)}
	if err := q.Decode(); err != nil {
		t.Fatal(err)
	}
	m, err := stun.Build(append([]stun.Setter{q}, setters...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func seen(a netip.AddrPort) *stun.XORMappedAddress {
	return &stun.XORMappedAddress{IP: a.Addr().AsSlice(), Port: int(a.Port())}
}

func TestMapped(t *testing.T) {
	plain := &stun.MappedAddress{IP: outside.Addr().AsSlice(), Port: int(outside.Port())}
	for _, tc := range []struct {
		name string
		from netip.AddrPort
		with []stun.Setter
		edit func([]byte) []byte
		left bool
		err  error
	}{
		{name: "answer", from: server, with: []stun.Setter{stun.BindingSuccess, seen(outside)}},
		{name: "with fingerprint", from: server, with: []stun.Setter{stun.BindingSuccess, seen(outside), stun.Fingerprint}},
		{name: "plain address", from: server, with: []stun.Setter{stun.BindingSuccess, plain}},
		{name: "mapped source", from: netip.AddrPortFrom(netip.AddrFrom16(server.Addr().As16()), server.Port()), with: []stun.Setter{stun.BindingSuccess, seen(outside)}},
		{name: "stranger", from: stranger, with: []stun.Setter{stun.BindingSuccess, seen(outside)}, left: true, err: ErrSilent},
		{name: "other port", from: netip.AddrPortFrom(server.Addr(), 1), with: []stun.Setter{stun.BindingSuccess, seen(outside)}, left: true, err: ErrSilent},
		{name: "other id", from: server, with: []stun.Setter{stun.BindingSuccess, seen(outside)}, edit: func(b []byte) []byte { b[9]++; return b }, left: true, err: ErrSilent},
		{name: "cut", from: server, with: []stun.Setter{stun.BindingSuccess, seen(outside)}, edit: func(b []byte) []byte { return b[:len(b)-3] }, err: ErrSilent},
		{name: "huge", from: server, with: []stun.Setter{stun.BindingSuccess, seen(outside)}, edit: func(b []byte) []byte { return append(b, make([]byte, maxAnswer)...) }, err: ErrSilent},
		{name: "own request", from: server, with: []stun.Setter{stun.BindingRequest}, err: ErrSilent},
		{name: "other method", from: server, with: []stun.Setter{stun.NewType(stun.MethodAllocate, stun.ClassSuccessResponse), seen(outside)}, err: ErrSilent},
		{name: "no address", from: server, with: []stun.Setter{stun.BindingSuccess}, err: ErrNoAddress},
		{name: "port zero", from: server, with: []stun.Setter{stun.BindingSuccess, seen(netip.AddrPortFrom(outside.Addr(), 0))}, err: ErrNoAddress},
		{name: "unspecified", from: server, with: []stun.Setter{stun.BindingSuccess, seen(netip.MustParseAddrPort("0.0.0.0:7"))}, err: ErrNoAddress},
		{name: "refused", from: server, with: []stun.Setter{stun.BindingError, stun.CodeServerError}, err: ErrRefused},
		{name: "refused without a code", from: server, with: []stun.Setter{stun.BindingError}, err: ErrRefused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var c Client
			sent := 0
			got, err := c.Mapped(t.Context(), server, func(raw []byte, to netip.AddrPort) error {
				sent++
				if to != server {
					t.Errorf("sent to %v", to)
				}
				b := reply(t, raw, tc.with...)
				if tc.edit != nil {
					b = tc.edit(b)
				}
				for range 3 { // copies do no harm
					if c.Receive(b, tc.from) == tc.left {
						t.Errorf("left to others: %v", !tc.left)
					}
				}
				return nil
			})
			want := outside
			if tc.err != nil {
				want = netip.AddrPort{}
			}
			if !errors.Is(err, tc.err) || got != want {
				t.Errorf("%v, %v", got, err)
			}
			if n := map[bool]int{true: tries, false: 1}[errors.Is(tc.err, ErrSilent)]; sent != n {
				t.Errorf("%d requests, want %d", sent, n)
			}
			if len(c.open) != 0 {
				t.Error("a question is kept")
			}
		})
	}
}

// The answer to the retransmission counts as well: its id is that of the first request.
func TestRetransmission(t *testing.T) {
	var c Client
	var first []byte
	got, err := c.Mapped(t.Context(), server, func(raw []byte, _ netip.AddrPort) error {
		if first == nil {
			first = bytes.Clone(raw)
			return nil
		}
		if !bytes.Equal(first, raw) {
			t.Error("the retransmission differs")
		}
		c.Receive(reply(t, raw, stun.BindingSuccess, seen(outside)), server)
		return nil
	})
	if got != outside || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func TestMappedEnds(t *testing.T) {
	var c Client
	if _, err := c.Mapped(t.Context(), server, func([]byte, netip.AddrPort) error { return io.ErrClosedPipe }); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("send failed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.Mapped(ctx, server, func([]byte, netip.AddrPort) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Questions of one socket do not mix.
func TestManyAtOnce(t *testing.T) {
	var c Client
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			want := netip.AddrPortFrom(outside.Addr(), uint16(1000+i))
			got, err := c.Mapped(t.Context(), server, func(raw []byte, _ netip.AddrPort) error {
				c.Receive(reply(t, raw, stun.BindingSuccess, seen(want)), server)
				return nil
			})
			if got != want || err != nil {
				t.Errorf("%v, %v, want %v", got, err, want)
			}
		})
	}
	wg.Wait()
}

func TestIs(t *testing.T) {
	ok := unhex(t, sampleIPv4)
	rtp := bytes.Clone(ok)
	rtp[0] = 0x80
	cookie := bytes.Clone(ok)
	cookie[4]++
	for name, tc := range map[string]struct {
		raw  []byte
		want bool
	}{
		"answer": {ok, true}, "header": {ok[:20], true}, "short": {ok[:19], false}, "empty": {nil, false}, "RTP": {rtp, false},
		"no cookie": {cookie, false}, "SIP": {[]byte("OPTIONS sip:a SIP/2.0\r\n\r\n"), false},
	} {
		if Is(tc.raw) != tc.want {
			t.Errorf("%s: %v", name, !tc.want)
		}
		if new(Client).Receive(tc.raw, server) {
			t.Errorf("%s is taken though nobody has asked", name)
		}
	}
}

// What is neither asked nor STUN costs nothing.
func TestReceiveDoesNotAllocate(t *testing.T) {
	var c Client
	forged, rtp := unhex(t, sampleIPv4), make([]byte, 172)
	rtp[0] = 0x80
	if n := testing.AllocsPerRun(100, func() { c.Receive(forged, server); c.Receive(rtp, server) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port int
	}{
		"stun.example.com": {"stun.example.com", 3478}, "stun.example.com:19302": {"stun.example.com", 19302},
		"192.0.2.1": {"192.0.2.1", 3478}, "192.0.2.1:1": {"192.0.2.1", 1}, "2001:db8::1": {"2001:db8::1", 3478},
		"[2001:db8::1]": {"2001:db8::1", 3478}, "[2001:db8::1]:99": {"2001:db8::1", 99},
	} {
		if host, port, err := ParseServer(text); host != want.host || port != want.port || err != nil {
			t.Errorf("%s: %s %d %v", text, host, port, err)
		}
	}
	for _, text := range []string{
		"", ":3478", "a:", "a:0", "a:65536", "a:b", "a:1:2", "a b", "a/b", "stun:a:b", "a\r\nb", "user@host", strings.Repeat("a", 254),
	} {
		if host, port, err := ParseServer(text); !errors.Is(err, ErrServer) {
			t.Errorf("%q: %s %d %v", text, host, port, err)
		}
	}
}

// Only an answer with the id that was asked, from who was asked, ends a question.
func FuzzReceive(f *testing.F) {
	f.Add(unhex(f, sampleIPv4), true)
	f.Add(unhex(f, sampleIPv6), false)
	f.Add(unhex(f, "011100102112a442b7e7a701bc34d686fa87dfae0009000800000401206e6f00"), true)
	f.Fuzz(func(t *testing.T, raw []byte, right bool) {
		id := transactionID(unhex(t, "b7e7a701bc34d686fa87dfae"))
		var c Client
		q := &question{server: server, result: make(chan result, 1)}
		c.put(id, q)
		from := server
		if !right {
			from = stranger
		}
		before := bytes.Clone(raw)
		if c.Receive(raw, from) != (right && Is(raw) && idOf(raw) == id) || !bytes.Equal(raw, before) {
			t.Error("not told apart, or changed")
		}
		select {
		case r := <-q.result:
			if !right || idOf(raw) != id || (r.err == nil) != r.mapped.IsValid() {
				t.Errorf("answered with %v, %v", r.mapped, r.err)
			}
		default:
		}
	})
}

package phone_test

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/phonetest"
)

// Each test is named after the advisory about another product whose fault must not be here.

// Garbage and requests from ever new addresses keep coming: memory is bounded and a call is still set up.
func TestES2021_06_FloodOfNewSources(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.normalCall(t)
	before := heap()
	stop := make(chan struct{})
	var flood sync.WaitGroup
	halt := sync.OnceFunc(func() { close(stop); flood.Wait() })
	t.Cleanup(halt)
	flood.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.from(), 0)))
			if err != nil {
				continue
			}
			for j := range 10 {
				message := "garbage\r\n\r\n"
				if j == 0 {
					message = strings.ReplaceAll(b.valid("OPTIONS", conn.LocalAddr().String()), "NUMBER", fmt.Sprint("flood", i))
				}
				_, _ = conn.WriteToUDPAddrPort([]byte(message), b.addr)
			}
			_ = conn.Close()
		}
	})
	for range 10 {
		begin := time.Now()
		b.normalCall(t)
		if d := time.Since(begin); d > 2*time.Second {
			t.Errorf("a call took %v", d)
		}
		time.Sleep(100 * time.Millisecond)
	}
	halt()
	if s := b.Stats(); s.Transport.Malformed < 500 || s.ServerTxs > 4096 {
		t.Errorf("%+v", s)
	}
	b.healthy(t)
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("%d MiB more", grown>>20)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below the limit
}

// One stranger who sends without end gets a bounded number of answers.
func TestES2021_06_FloodOfOneSource(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.from(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for i := range 2000 {
		raw := strings.ReplaceAll(b.valid("OPTIONS", conn.LocalAddr().String()), "NUMBER", fmt.Sprint(i))
		if _, err := conn.WriteToUDPAddrPort([]byte(raw), b.addr); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			b.normalCall(t)
		}
	}
	if s := b.Stats().Transport; s.Refused < 500 {
		t.Errorf("%+v", s)
	}
	b.healthy(t)
}

// Requests of strangers are not served where there is an account, whatever the method; not even an error is sent.
func TestES2021_07_UnauthenticatedMethods(t *testing.T) {
	t.Parallel()
	server := phonetest.NewPeer(t)
	server.Handle("REGISTER", func(m *phonetest.Msg) { server.Reply(m, 200, "OK") })
	r := newRig(t, func(c *phone.Config) {
		c.Server, c.Port, c.User, c.Timers = server.Addr().Addr().String(), int(server.Addr().Port()), "phone", quick
	}, server)
	b := &bench{rig: r}
	methods := []string{"MESSAGE", "SUBSCRIBE", "INVITE", "NOTIFY", "REFER", "PUBLISH", "OPTIONS", "REGISTER", "BYE", "CANCEL", "INFO", "UPDATE", "PRACK", "UNKNOWN"}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.from(), 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for i, method := range methods {
		raw := strings.ReplaceAll(b.valid(method, conn.LocalAddr().String()), "NUMBER", fmt.Sprint(i))
		if _, err := conn.WriteToUDPAddrPort([]byte(raw), r.addr); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(patience)
	for r.Stats().Transport.Refused < uint64(len(methods)) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", r.Stats().Transport)
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 2000)); err == nil {
		t.Errorf("%d octets of answer", n)
	}
}

// Scanners that say so get no answer; the same request under another name does.
func TestScannersGetNoAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for agent, want := range map[string]int{"friendly-scanner": 0, "SIPVicious": 0, "sipcli/v1.8": 0, "Linphone/5": 200} {
		for _, network := range []string{"udp", "tcp"} {
			raw := strings.ReplaceAll(b.valid("OPTIONS", "192.0.2.1"), "NUMBER", agent[:3]+network)
			raw = strings.Replace(raw, "Max-Forwards", "User-Agent: "+agent+"\r\nMax-Forwards", 1)
			if got := b.torture(t, network, []byte(raw), want); got != want {
				t.Errorf("%s over %s: %d, want %d", agent, network, got, want)
			}
		}
	}
	b.healthy(t)
}

// single checks one wrong INVITE over both transports; the phone goes on.
func single(t *testing.T, want int, change func(string) string) {
	t.Helper()
	t.Parallel()
	b := newBench(t, nil)
	for i, network := range []string{"udp", "tcp"} {
		raw := change(strings.ReplaceAll(b.valid("INVITE", "192.0.2.1"), "NUMBER", fmt.Sprint("one", i)))
		head, body, _ := strings.Cut(raw, "\r\n\r\n")
		at := strings.Index(head, "Content-Length:")
		raw = fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head[:at], len(body), body)
		if got := b.torture(t, network, []byte(raw), want); got != want {
			t.Errorf("%s: %d, want %d", network, got, want)
		}
		b.normalCall(t)
	}
	b.healthy(t)
}

func TestES2017_01_OverlongCSeqMethod(t *testing.T) {
	single(t, 400, func(s string) string {
		return strings.Replace(s, "CSeq: 1 INVITE", "CSeq: 1 "+strings.Repeat("INVITE", 1000), 1)
	})
}

func TestES2017_02_MultipartWithoutParts(t *testing.T) {
	single(t, 415, func(s string) string {
		return strings.Replace(s, "application/sdp", "multipart/mixed;boundary=", 1)
	})
}

func TestES2018_01_ManyAcceptHeaders(t *testing.T) {
	single(t, 0, func(s string) string {
		return strings.Replace(s, "Content-Type", strings.Repeat("Accept: application/sdp\r\n", 500)+"Content-Type", 1)
	})
}

func TestES2018_02_InvalidMediaFormat(t *testing.T) {
	single(t, 400, func(s string) string {
		head, _, _ := strings.Cut(s, "m=audio")
		return head + "m=audio 17002 RTP/AVP 4294967296 -1 \xff\r\na=rtpmap:4294967296 PCMU/8000\r\n"
	})
}

func TestES2018_03_InvalidFormatParameters(t *testing.T) {
	single(t, 180, func(s string) string {
		return s + "a=fmtp\r\na=fmtp:\r\na=fmtp:0\r\na=fmtp:x ;;;=\r\na=fmtp:999999999999 a=b\r\n"
	})
}

// White space before the colon does not make another header of it.
func TestES2020_01_SpaceBeforeColon(t *testing.T) {
	single(t, 420, func(s string) string {
		return strings.Replace(s, "Supported:", "Require \t: unknown\r\nSupported:", 1)
	})
}

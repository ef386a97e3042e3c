package phone_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"housephone/phone"
	"housephone/phone/phonetest"
)

func lines(m *phonetest.Msg) []string { return strings.Split(string(m.Body), "\r\n") }

// 100, 180, 183 with a description and 200 without one leave in one burst. Only who
// sees the 183 before the 200 can connect the call (RFC 3261 13.2.1).
func TestOrderOfBursts(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	calls := 200
	if testing.Short() {
		calls = 20
	}
	p.Handle("BYE", func(m *phonetest.Msg) { p.Reply(m, 200, "OK") })
	p.Handle("ACK", func(*phonetest.Msg) {})
	for i := range calls {
		w := r.Call(p.URI("bob"))
		invite := p.Expect(t, "INVITE")
		early := phonetest.WithSDP(phonetest.SDP(4000+2*i, "PCMA"))
		burst := []*phonetest.Msg{
			p.Response(invite, 100, "Trying"), p.Response(invite, 180, "Ringing"),
			p.Response(invite, 183, "Session Progress", early), p.Response(invite, 200, "OK"),
		}
		for _, m := range burst {
			p.Send(m, r.addr)
		}
		do(t, w)
		var seen []string
		r.await(t, "active call", func(e phone.Event) bool {
			st, ok := e.(phone.StateChanged)
			if !ok || len(st.State.Calls) == 0 {
				return false
			}
			c := st.State.Calls[0]
			seen = append(seen, fmt.Sprint(c.Status, " ", c.Codec))
			return c.Status == phone.StatusActive
		})
		if got := strings.Join(seen, ", "); !strings.HasSuffix(got, "dial PCMA, active PCMA") {
			t.Fatalf("call %d: %s", i, got)
		}
		do(t, r.Hangup(0))
		r.ended(t, phone.CauseCompleted, false, 0)
	}
}

// Garbage leaves no state behind and does not stop the listener.
func TestGarbage(t *testing.T) {
	t.Parallel()
	p := phonetest.NewPeer(t)
	r := newRig(t, nil, p)
	for i := range 3000 {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, garbage := range []string{"INVITE", "\x00\xff\xfe", fmt.Sprintf("SIP/2.0 %d\r\n\r\n", i), "OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n"} {
			if _, err := conn.WriteToUDPAddrPort([]byte(garbage), r.addr); err != nil {
				t.Fatal(err)
			}
		}
		_ = conn.Close()
	}
	p.Send(p.Request("OPTIONS", r.uri()), r.addr)
	p.Expect(t, "200 OPTIONS", phonetest.Has("Allow", "INVITE"), phonetest.Has("Accept", "application/sdp"))
	s := r.Stats()
	if s.ServerTxs != 1 || s.ClientTransactions != 0 || s.Transport.Malformed == 0 {
		t.Errorf("%+v", s)
	}
}

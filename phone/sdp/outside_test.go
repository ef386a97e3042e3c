package sdp

import (
	"net/netip"
	"strings"
	"testing"
)

// RTCP that is not on the next port is told, and only then (RFC 3605 2.1).
func TestLocalRTCP(t *testing.T) {
	for _, tc := range []struct{ rtcp, want string }{
		{"", ""}, {"10.0.0.1:5001", ""}, {"10.0.0.1:6001", "a=rtcp:6001\r\n"}, {"[::ffff:10.0.0.1]:6001", "a=rtcp:6001\r\n"},
		{"198.51.100.7:5001", "a=rtcp:5001 IN IP4 198.51.100.7\r\n"}, {"[2001:db8::7]:5001", "a=rtcp:5001 IN IP6 2001:db8::7\r\n"},
	} {
		l := local(SendRecv)
		want := netip.MustParseAddrPort("10.0.0.1:5001")
		if tc.rtcp != "" {
			l.RTCP = netip.MustParseAddrPort(tc.rtcp)
			want = netip.AddrPortFrom(l.RTCP.Addr().Unmap(), l.RTCP.Port())
		}
		offer := mustOffer(t, NewSession(1), l)
		if got := strings.Contains(offer, "a=rtcp:"); got != (tc.want != "") || !strings.Contains(offer, tc.want) {
			t.Errorf("RTCP on %s:\n%s", tc.rtcp, offer)
		}
		_, m := mustAnswer(t, NewSession(2), offer, local(SendRecv))
		if m.RTCP != want {
			t.Errorf("RTCP on %s is read as %v", tc.rtcp, m.RTCP)
		}
	}
}

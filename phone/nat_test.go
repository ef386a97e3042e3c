package phone

import (
	"net/netip"
	"testing"
)

func TestNear(t *testing.T) {
	subnets := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("203.0.113.8/29"), netip.MustParsePrefix("2001:db8:1::/64")}
	for _, tc := range []struct {
		peer, server string
		want         bool
	}{
		{"127.0.0.1", "198.51.100.1", true}, {"::1", "198.51.100.1", true}, {"169.254.3.4", "198.51.100.1", true}, {"fe80::1%eth0", "198.51.100.1", true},
		{"192.168.1.20", "198.51.100.1", true}, {"::ffff:192.168.1.20", "198.51.100.1", true}, {"203.0.113.9", "198.51.100.1", true}, {"2001:db8:1::9", "198.51.100.1", true},
		{"10.8.0.1", "198.51.100.1", true}, {"fd00::1", "2001:db8:2::1", true}, {"10.8.0.1", "", true}, // a private network that the router is not on the way to
		{"10.8.0.1", "10.8.0.2", false}, {"192.168.1.20", "10.8.0.2", true}, // the router leads into a private network itself
		{"198.51.100.1", "198.51.100.1", false}, {"203.0.113.17", "198.51.100.1", false}, {"2001:db8:2::9", "2001:db8:2::1", false}, {"8.8.8.8", "", false},
	} {
		server, _ := netip.ParseAddr(tc.server)
		if got := near(netip.MustParseAddr(tc.peer), server, subnets); got != tc.want {
			t.Errorf("%s with the STUN server %s: %v", tc.peer, tc.server, got)
		}
	}
	if len(subnets) == 0 || len(subnetsOfThisMachine(t)) == 0 {
		t.Error("this machine has no subnet")
	}
}

func subnetsOfThisMachine(t *testing.T) []netip.Prefix {
	t.Helper()
	all := subnets()
	for _, s := range all {
		if s != s.Masked() {
			t.Errorf("%v is not masked", s)
		}
	}
	return all
}

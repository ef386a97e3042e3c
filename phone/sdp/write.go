package sdp

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"housephone/phone/codec"
)

// line is one m-line of the session: what it takes to say it again, refused.
type line struct {
	media  string
	protos []string
	format string
}

// write prints the session with our stream in the active line and all others refused
// with port 0 (RFC 3264 6), and the version in o= that fits: one more than that of the
// last body when anything else has changed (RFC 3264 8).
func (s *Session) write(lines []line, active int, said *description) ([]byte, error) {
	if !s.origin.IsValid() { // o= stays the same but for the version (RFC 3264 8)
		s.origin = said.local.Addr
	}
	d := sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: s.id, NetworkType: "IN",
			AddressType: addressType(s.origin), UnicastAddress: s.origin.String(),
		},
		SessionName: sdp.SessionName(said.local.SessionName),
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: addressType(said.local.Addr),
			Address: &sdp.Address{Address: said.local.Addr.String()},
		},
		TimeDescriptions: []sdp.TimeDescription{{}},
	}
	for i, l := range lines {
		m := &sdp.MediaDescription{MediaName: sdp.MediaName{Media: l.media, Protos: l.protos, Formats: []string{l.format}}}
		if i == active {
			said.fill(m)
		}
		d.MediaDescriptions = append(d.MediaDescriptions, m)
	}
	body, err := d.Marshal()
	if err != nil {
		return nil, fmt.Errorf("print description: %w", err)
	}
	if !bytes.Equal(body, s.body) {
		s.version++
		s.body = body
	}
	d.Origin.SessionVersion = s.version
	return d.Marshal()
}

// fill makes a line ours.
func (d *description) fill(m *sdp.MediaDescription) {
	m.MediaName.Port.Value = d.local.Port
	m.MediaName.Formats = nil
	for _, c := range d.crypto {
		m.WithValueAttribute("crypto", c.Value())
	}
	for i, f := range d.formats {
		m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(f.pt)))
		m.WithValueAttribute("rtpmap", fmt.Sprintf("%d %s", f.pt, encoding(d.codecs[i])))
		if fmtp := d.codecs[i].Fmtp(); fmtp != "" {
			m.WithValueAttribute("fmtp", fmt.Sprintf("%d %s", f.pt, fmtp))
		}
	}
	for _, f := range d.noise {
		m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(f.pt)))
		m.WithValueAttribute("rtpmap", fmt.Sprintf("%d CN/%d", f.pt, f.clock))
	}
	for _, f := range d.events {
		m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(f.pt)))
		m.WithValueAttribute("rtpmap", fmt.Sprintf("%d %s/%d", f.pt, eventName, f.clock))
		m.WithValueAttribute("fmtp", fmt.Sprintf("%d 0-15", f.pt)) // RFC 4733 2.4.1: the keys
	}
	m.WithValueAttribute("ptime", strconv.Itoa(d.local.Ptime))
	if value := d.local.rtcp(); value != "" {
		m.WithValueAttribute("rtcp", value)
	}
	if d.local.RTCPMux {
		m.WithPropertyAttribute(sdp.AttrKeyRTCPMux)
	}
	m.WithPropertyAttribute(d.local.Direction.String())
}

// rtcp is the value of a=rtcp (RFC 3605 2.1), empty where RTCP is on the port above RTP's.
func (l Local) rtcp() string {
	switch {
	case !l.RTCP.IsValid() || l.RTCP.Addr() == l.Addr && int(l.RTCP.Port()) == l.Port+1:
		return ""
	case l.RTCP.Addr() == l.Addr:
		return strconv.Itoa(int(l.RTCP.Port()))
	}
	return fmt.Sprintf("%d IN %s %s", l.RTCP.Port(), addressType(l.RTCP.Addr()), l.RTCP.Addr())
}

// encoding is the codec as rtpmap names it.
func encoding(c codec.Codec) string {
	if strings.EqualFold(c.Name, "opus") {
		return "opus/48000/2" // RFC 7587 7: whatever is sent
	}
	return c.String()
}

func addressType(a netip.Addr) string {
	if a.Is4() {
		return "IP4"
	}
	return "IP6"
}

package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"housephone/phone/codec"
	"housephone/phone/sdes"
)

const (
	maxPayloadType = 127
	eventName      = "telephone-event"
	noiseName      = "cn"
)

// format is one payload type with the meaning that a description gives it.
type format struct {
	pt   uint8
	name string // lower case
	// channels is 0 for one that does not matter: opus always says 2 (RFC 7587 7)
	clock, channels int
}

// key is the same for formats of one meaning, whatever their payload type.
func (f format) key() string { return fmt.Sprintf("%s/%d/%d", f.name, f.clock, f.channels) }

func formatOf(c codec.Codec) format {
	return format{pt: c.PayloadType, name: c.Name, clock: c.ClockRate, channels: c.Channels}.normal()
}

func (f format) normal() format {
	f.name = strings.ToLower(f.name)
	switch {
	case f.name == "opus":
		f.channels = 0
	case f.name == "g722": // RFC 3551 4.5.2: 8000, but some write the sampling rate
		f.clock, f.channels = 8000, 1
	case f.channels == 0:
		f.channels = 1
	}
	return f
}

// audio is one live m=audio line of the far end.
type audio struct {
	index  int
	plain  bool // RTP/AVP or RTP/AVPF
	secure bool // a profile with SRTP
	keyed  bool // has a=crypto, good or bad
	crypto []sdes.Attribute
	// what judging the line has found: why it cannot be taken, or the keys
	refused      error
	ours, theirs sdes.Attribute

	formats   []format
	events    []format // telephone-event, by clock rate
	noise     []format // comfort noise
	fmtp      map[uint8]string
	remote    netip.AddrPort
	host      string
	rtcp      netip.AddrPort
	mux       bool
	ptime     int
	direction Direction // as the far end states it
	hold      bool
}

// audioLines gives the live audio lines of a description. said holds formats of ours that
// the far end may name by number alone.
func audioLines(d *sdp.SessionDescription, said []format) []audio {
	var out []audio
	for i, m := range d.MediaDescriptions {
		if strings.EqualFold(m.MediaName.Media, "audio") && m.MediaName.Port.Value != 0 {
			a := audio{index: i}
			a.readProfile(m)
			a.readFormats(m, said)
			a.readDirection(d, m)
			a.readAddress(d, m)
			a.readPtime(d, m)
			a.readCrypto(m)
			out = append(out, a)
		}
	}
	return out
}

func hasVideo(d *sdp.SessionDescription) bool {
	for _, m := range d.MediaDescriptions {
		if strings.EqualFold(m.MediaName.Media, "video") && m.MediaName.Port.Value != 0 {
			return true
		}
	}
	return false
}

func (a *audio) readProfile(m *sdp.MediaDescription) {
	switch profile := strings.ToUpper(strings.Join(m.MediaName.Protos, "/")); profile {
	case "RTP/AVP", "RTP/AVPF":
		a.plain = true
	default:
		a.secure = strings.HasSuffix(profile, "/SAVP") || strings.HasSuffix(profile, "/SAVPF")
	}
}

// readFormats gives each payload type of the m= line its meaning, in the order of the line:
// that of its rtpmap, else that of our offer, else the static one.
func (a *audio) readFormats(m *sdp.MediaDescription, said []format) {
	named := map[uint8]format{}
	a.fmtp = map[uint8]string{}
	for _, attr := range m.Attributes {
		switch attr.Key {
		case "rtpmap":
			if f, ok := readRtpmap(attr.Value); ok {
				if _, twice := named[f.pt]; !twice {
					named[f.pt] = f
				}
			}
		case "fmtp":
			if pt, value, ok := readFmtp(attr.Value); ok {
				a.fmtp[pt] = value
			}
		}
	}
	for _, f := range said {
		if _, ok := named[f.pt]; !ok {
			named[f.pt] = f
		}
	}
	for _, word := range m.MediaName.Formats {
		pt, ok := readPayloadType(word)
		if !ok {
			continue
		}
		f, ok := named[pt]
		if !ok {
			f, ok = static(pt)
		}
		if !ok {
			continue
		}
		switch f.name {
		case eventName:
			a.events = append(a.events, f)
		case noiseName:
			a.noise = append(a.noise, f)
		default:
			a.formats = append(a.formats, f)
		}
	}
}

// readRtpmap reads "101 telephone-event/8000" (RFC 8866 6.6); without a rate it is 8000.
func readRtpmap(value string) (format, bool) {
	word, encoding, _ := strings.Cut(value, " ")
	pt, ok := readPayloadType(word)
	parts := strings.Split(strings.TrimSpace(encoding), "/")
	if !ok || !isToken(parts[0]) {
		return format{}, false
	}
	f := format{pt: pt, name: parts[0], clock: 8000}
	if len(parts) > 1 {
		n, err := strconv.Atoi(strings.TrimSpace(parts[1]))
		if err != nil || n <= 0 || n > 1e6 {
			return format{}, false
		}
		f.clock = n
	}
	if len(parts) > 2 {
		f.channels, _ = strconv.Atoi(strings.TrimSpace(parts[2]))
	}
	return f.normal(), true
}

// readFmtp reads "96 useinbandfec=1" (RFC 8866 6.15).
func readFmtp(value string) (pt uint8, parameters string, ok bool) {
	const longest = 256 // real ones are below 100
	word, parameters, _ := strings.Cut(value, " ")
	pt, ok = readPayloadType(word)
	return pt, strings.TrimSpace(parameters), ok && len(parameters) <= longest
}

func readPayloadType(s string) (uint8, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 8)
	return uint8(n), err == nil && n <= maxPayloadType //nolint:gosec // ParseUint keeps to 8 bits
}

// static is RFC 3551 table 4, as far as a codec could ever be ours: no rtpmap is needed.
func static(pt uint8) (format, bool) {
	switch pt {
	case 0:
		return format{pt: pt, name: "pcmu", clock: 8000, channels: 1}, true
	case 3:
		return format{pt: pt, name: "gsm", clock: 8000, channels: 1}, true
	case 8:
		return format{pt: pt, name: "pcma", clock: 8000, channels: 1}, true
	case 9:
		return format{pt: pt, name: "g722", clock: 8000, channels: 1}, true
	case 11:
		return format{pt: pt, name: "l16", clock: 44100, channels: 1}, true
	case 13:
		return format{pt: pt, name: noiseName, clock: 8000, channels: 1}, true
	case 18:
		return format{pt: pt, name: "g729", clock: 8000, channels: 1}, true
	}
	return format{}, false
}

// readDirection takes the line's attribute before the session's (RFC 8866 6.7).
func (a *audio) readDirection(d *sdp.SessionDescription, m *sdp.MediaDescription) {
	for _, attrs := range [][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, attr := range attrs {
			for _, dir := range []Direction{SendRecv, SendOnly, RecvOnly, Inactive} {
				if attr.Key == dir.String() {
					a.direction = dir
					return
				}
			}
		}
	}
}

// readAddress takes the line's c= before the session's (RFC 8866 5.7), and a=rtcp (RFC 3605).
func (a *audio) readAddress(d *sdp.SessionDescription, m *sdp.MediaDescription) {
	c := m.ConnectionInformation
	if c == nil {
		c = d.ConnectionInformation
	}
	port := uint16(m.MediaName.Port.Value) //nolint:gosec // read with a limit
	var addr netip.Addr
	if c != nil {
		addr, a.host = readHost(c.Address.Address)
	}
	a.remote = netip.AddrPortFrom(addr, port)
	if port < 65535 {
		a.rtcp = netip.AddrPortFrom(addr, port+1)
	}
	if addr.IsValid() && addr.IsUnspecified() { // RFC 3264 8.4: the hold of RFC 2543
		a.direction = a.direction.and(SendOnly)
	}
	a.hold = !a.direction.Receive()
	_, a.mux = m.Attribute(sdp.AttrKeyRTCPMux)
	if value, ok := m.Attribute("rtcp"); ok {
		a.readRTCP(value, addr)
	}
}

func (a *audio) readRTCP(value string, addr netip.Addr) {
	fields := strings.Fields(value)
	if len(fields) == 0 {
		return
	}
	port, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil || port == 0 {
		return
	}
	if len(fields) > 3 {
		other, _ := readHost(fields[3])
		if !other.IsValid() || other.IsMulticast() || other.IsUnspecified() {
			return // browsers write 9 IN IP4 0.0.0.0 for "not known yet"
		}
		addr = other
	}
	a.rtcp = netip.AddrPortFrom(addr, uint16(port)) //nolint:gosec // ParseUint keeps to 16 bits
}

// readHost gives an address or a name; neither for what is none of the two.
func readHost(s string) (netip.Addr, string) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().WithZone(""), ""
	}
	if len(s) > 253 || strings.Trim(s, "0123456789.") == "" {
		return netip.Addr{}, ""
	}
	for _, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return netip.Addr{}, ""
		}
	}
	return netip.Addr{}, s
}

// readPtime gives what the far end wants in a packet: a=ptime, not above a=maxptime, in
// steps of 10 ms since all codecs have frames of that length.
func (a *audio) readPtime(d *sdp.SessionDescription, m *sdp.MediaDescription) {
	a.ptime = defaultPtime
	if n, ok := number(d, m, "ptime"); ok {
		a.ptime = n
	}
	if n, ok := number(d, m, "maxptime"); ok {
		a.ptime = min(a.ptime, n)
	}
	a.ptime = min(max(a.ptime/10*10, minPtime), maxPtime)
}

func number(d *sdp.SessionDescription, m *sdp.MediaDescription, key string) (int, bool) {
	value, ok := m.Attribute(key)
	if !ok {
		value, ok = d.Attribute(key)
	}
	n, err := strconv.Atoi(value)
	return n, ok && err == nil && n > 0
}

// usable tells whether RTP can be sent to the line at all.
func (a *audio) usable() bool {
	addr := a.remote.Addr()
	return (a.plain || a.secure) && (a.host != "" || addr.IsValid() && !addr.IsMulticast())
}

// comfort gives the comfort noise beside a codec: only 8 kHz ones have it, since its clock
// must be the codec's (RFC 3389 4).
func (a *audio) comfort(c codec.Codec) (format, bool) {
	for _, f := range a.noise {
		if f.clock == 8000 && c.SampleRate == 8000 && f.pt != 0 {
			return f, true
		}
	}
	return format{}, false
}

// event gives the telephone-event of a clock rate (RFC 4733 2.1), or that of 8000, which
// some offer beside wide-band codecs.
func (a *audio) event(clock int) (format, bool) {
	for _, want := range []int{clock, 8000} {
		for _, f := range a.events {
			if f.clock == want {
				return f, true
			}
		}
	}
	return format{}, false
}

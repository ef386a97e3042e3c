package phonetest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// SDP writes an audio description for 127.0.0.1 and a port. codecs are names (PCMU,
// PCMA, G722, telephone-event: PCMA, PCMU and telephone-event when none is given);
// an item that begins with "a=" is added as a line of the audio part.
func SDP(port int, codecs ...string) string {
	var formats, lines []string
	for _, c := range codecs {
		if strings.HasPrefix(c, "a=") {
			lines = append(lines, c)
			continue
		}
		pt, rtpmap := payloadType(c)
		formats = append(formats, pt)
		lines = append(lines, "a=rtpmap:"+pt+" "+rtpmap)
		if pt == "101" {
			lines = append(lines, "a=fmtp:101 0-16")
		}
	}
	if len(formats) == 0 {
		return SDP(port, append([]string{"PCMA", "PCMU", "telephone-event"}, codecs...)...)
	}
	return strings.Join(append([]string{
		"v=0", fmt.Sprintf("o=peer %d 1 IN IP4 127.0.0.1", 1000+port), "s=-",
		"c=IN IP4 127.0.0.1", "t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP %s", port, strings.Join(formats, " ")),
	}, append(lines, "a=ptime:20", "")...), "\r\n")
}

func payloadType(codec string) (pt, rtpmap string) {
	switch strings.ToUpper(codec) {
	case "PCMU":
		return "0", "PCMU/8000"
	case "G722":
		return "9", "G722/8000" // RFC 3551 4.5.2: the clock is 8000 though it samples at 16000
	case "TELEPHONE-EVENT":
		return "101", "telephone-event/8000"
	case "OPUS":
		return "96", "opus/48000/2"
	}
	return "8", "PCMA/8000"
}

// MediaAddr gives where the first audio line of a body wants its RTP, or a zero value.
func (m *Msg) MediaAddr() netip.AddrPort {
	var session, media string
	port, part := 0, "session"
	for line := range strings.Lines(string(m.Body)) {
		line = strings.TrimSpace(line)
		if f := strings.Fields(line); strings.HasPrefix(line, "m=") && len(f) > 1 {
			part = "other"
			if f[0] == "m=audio" && port == 0 {
				part = "audio"
				port, _ = strconv.Atoi(f[1])
			}
		}
		addr, found := strings.CutPrefix(line, "c=IN IP4 ")
		switch {
		case found && part == "session":
			session = addr
		case found && part == "audio":
			media = addr
		}
	}
	if media == "" {
		media = session
	}
	addr, err := netip.ParseAddr(media)
	if err != nil || port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(port)) //nolint:gosec // a port that does not fit shows in the test
}

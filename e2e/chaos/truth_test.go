package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

// atRest asks what must be so after every disaster: no call, neither on the topics nor in the service's own count, no
// RTP socket, and states that tell the truth to somebody who subscribes now.
func atRest(t *testing.T, h *peers.Housephone) {
	t.Helper()
	fresh := peers.NewMQTT(t, brokerURL(h), h.Env["MQTT_USERNAME"], h.Env["MQTT_PASSWORD"], h.Env["MQTT_CA_FILE"])
	within(t, "states tell the truth", truthLimit, func() bool {
		status, _ := fresh.Last(h.Topic("status"))
		info, _ := fresh.Last(h.Topic("call/info"))
		call, _ := fresh.Last(h.Topic("call"))
		online, _ := fresh.Last(h.Topic("connection"))
		return status == "hangup" && info == "{}" && call == "" && online == "online"
	})
	within(t, "no RTP socket", truthLimit, func() bool { return len(rtpSockets(t, h)) == 0 })
	if _, body := h.Get("/metrics"); !strings.Contains(body, "\nhousephone_calls 0\n") {
		t.Error("the service counts a call:", lineOf(body, "housephone_calls "))
	}
	if _, body := h.Get("/metrics"); !strings.Contains(body, "\nhousephone_panics_total 0\n") {
		t.Error("a panic:", lineOf(body, "housephone_panics_total"))
	}
}

func brokerURL(h *peers.Housephone) string {
	if u := h.Env["MQTT_URL"]; u != "" {
		return u
	}
	return "tcp://" + h.Env["MQTT_LISTEN"]
}

func lineOf(text, begins string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, begins) {
			return line
		}
	}
	return "no line " + begins
}

// rtpSockets are the ports of SIP_RTP_PORTS that the service has open, by /proc.
func rtpSockets(t *testing.T, h *peers.Housephone) []int {
	t.Helper()
	var first, last int
	if _, err := fmt.Sscanf(h.Env["SIP_RTP_PORTS"], "%d-%d", &first, &last); err != nil {
		t.Fatal(err)
	}
	ours := socketInodes(t, h.PID())
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/udp", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var found []int
	for line := range strings.SplitSeq(string(table), "\n") {
		f := strings.Fields(line)
		if len(f) < 10 || !ours[f[9]] {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		port, err := strconv.ParseInt(hex, 16, 32)
		if err == nil && int(port) >= first && int(port) <= last {
			found = append(found, int(port))
		}
	}
	return found
}

// socketInodes are the sockets of a process.
func socketInodes(t *testing.T, pid int) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil {
			continue // closed meanwhile
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			found[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return found
}

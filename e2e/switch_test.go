package e2e

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"housephone/e2e/peers"
)

const switchStatus = "UP 0 years, 3 days, 4 hours\n2 session(s) - peak 5\n"

// eventSocket answers like the event socket of FreeSWITCH, which Debian does not carry.
func eventSocket(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = ln.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serveEventSocket(c)
		}
	}()
	return ln.Addr().String()
}

func serveEventSocket(c net.Conn) {
	defer func() { _ = c.Close() }()
	send := func(format string, args ...any) { _, _ = fmt.Fprintf(c, format, args...) }
	send("Content-Type: auth/request\n\n")
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch line = strings.TrimSpace(line); {
		case line == "":
		case strings.HasPrefix(line, "auth "), strings.HasPrefix(line, "event"), strings.HasPrefix(line, "nixevent"):
			send("Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
			if strings.HasPrefix(line, "event") {
				body := "Event-Name: CHANNEL_ANSWER\nCaller-Caller-ID-Number: 601\nCaller-Destination-Number: 620\n\n"
				send("Content-Length: %d\nContent-Type: text/event-plain\n\n%s", len(body), body)
			}
		case strings.HasPrefix(line, "api status"):
			send("Content-Type: api/response\nContent-Length: %d\n\n%s", len(switchStatus), switchStatus)
		default:
			send("Content-Type: command/reply\nReply-Text: -ERR command not found\n\n")
		}
	}
}

// What the switch says of itself is published and runs over the display.
func TestSwitchStatus(t *testing.T) {
	t.Parallel()
	h := start(t, peers.NewPorts(t), env{
		"ESL_URL": "esl://:ClueCon-9917@" + eventSocket(t), "HW_DISPLAY": "sim", "SIP_LISTEN": "none",
	})
	h.WaitStateFunc(h.Topic("pbx/status"), "the switch's words", patience, func(v string) bool { return strings.Contains(v, "peak 5") })
	h.WaitStateFunc(h.Topic("display"), "them on the display", patience, func(v string) bool { return strings.Contains(v, "peak 5") })
}

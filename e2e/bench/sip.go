package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"housephone/phone/phonetest"
)

// patience is how long the driver waits for anything; longer means that measuring failed.
const patience = 10 * time.Second

// await gives the next SIP message that match wants and drops the others.
func (s *socket) await(ctx context.Context, what string, match func(*phonetest.Msg) bool) (*phonetest.Msg, error) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case p := <-s.packets:
			m, err := phonetest.ParseMsg(p.data)
			if err != nil { // a keep-alive
				continue
			}
			m.Source, m.At = p.from, p.at
			if match(m) {
				return m, nil
			}
		case <-limit.C:
			return nil, fmt.Errorf("sip: %s: %w", what, errTimeout)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// isRequest and isResponse are conditions of await.
func isRequest(method string) func(*phonetest.Msg) bool {
	return func(m *phonetest.Msg) bool { return m.Method == method }
}

func isResponse(code int, to *phonetest.Msg) func(*phonetest.Msg) bool {
	branch, callID := to.Branch(), to.CallID()
	return func(m *phonetest.Msg) bool { return m.Code == code && m.CallID() == callID && m.Branch() == branch }
}

// request makes a request outside of any dialog.
func (s *socket) request(method, user string, to netip.AddrPort) *phonetest.Msg {
	uri := fmt.Sprintf("sip:%s@%s", user, to)
	m := &phonetest.Msg{Method: method, URI: uri}
	m.Add("Via", fmt.Sprintf("SIP/2.0/UDP %s;branch=z9hG4bK%s;rport", s.addr, rand.Text()))
	m.Add("Max-Forwards", "70")
	m.Add("From", fmt.Sprintf("<sip:bench@%s>;tag=%s", s.addr, rand.Text()))
	m.Add("To", "<"+uri+">")
	m.Add("Call-ID", rand.Text())
	m.Add("CSeq", "1 "+method)
	m.Add("Contact", fmt.Sprintf("<sip:bench@%s>", s.addr))
	return m
}

// withSDP gives a message a session description of G.711 at a port.
func withSDP(m *phonetest.Msg, port uint16) *phonetest.Msg {
	m.Add("Content-Type", "application/sdp")
	m.Body = []byte(phonetest.SDP(int(port), "PCMA"))
	return m
}

// follow makes the CANCEL of an INVITE, or the ACK for its failure (RFC 3261 9.1, 17.1.1.3).
func follow(method string, invite *phonetest.Msg, to string) *phonetest.Msg {
	m := &phonetest.Msg{Method: method, URI: invite.URI}
	for _, name := range []string{"Via", "Max-Forwards", "From", "Call-ID"} {
		m.Add(name, invite.Header(name))
	}
	m.Add("To", to)
	m.Add("CSeq", "1 "+method)
	return m
}

// response makes the answer to a request (RFC 3261 8.2.6.2); tag is the driver's, for what has no tag yet.
func (s *socket) response(to *phonetest.Msg, code int, reason, tag string) *phonetest.Msg {
	m := &phonetest.Msg{Code: code, Reason: reason}
	for _, via := range to.Values("Via") {
		m.Add("Via", strings.Replace(via, ";rport", fmt.Sprintf(";received=%s;rport=%d", to.Source.Addr(), to.Source.Port()), 1))
	}
	for _, name := range []string{"From", "Call-ID", "CSeq"} {
		m.Add(name, to.Header(name))
	}
	peer := to.Header("To")
	if to.ToTag() == "" {
		peer += ";tag=" + tag
	}
	m.Add("To", peer)
	m.Add("Contact", fmt.Sprintf("<sip:bench@%s>", s.addr))
	return m
}

// reply sends a response to where its request came from.
func (s *socket) reply(to *phonetest.Msg, code int, reason string) error {
	_, err := s.send(s.response(to, code, reason, "bench").Bytes(), to.Source)
	return err
}

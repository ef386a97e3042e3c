package pbx

import (
	"bufio"
	"fmt"
	"strings"
	"time"
)

// eslSession is a login on mod_event_socket. A message has a Content-Type, by which it is told; answers come in the order
// of the commands, with events in between.
type eslSession struct {
	account account
	command string
	state   eslState
	clock
}

type eslState int

const (
	eslGreeting eslState = iota // waits for auth/request
	eslLogin                    // waits for the answer to auth
	eslEvents                   // waits for the answer to event
	eslReady
)

// eslEventNames are the events of a call that change what a person would call its state.
const eslEventNames = "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE " +
	"CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_HANGUP_COMPLETE"

func newESL(a account, command string, interval time.Duration, now time.Time) *eslSession {
	s := &eslSession{account: a, command: command, clock: clock{interval: interval}}
	s.wait(now)
	return s
}

func (s *eslSession) frames() func(r *bufio.Reader) (message, error) { return readESL }
func (s *eslSession) goodbye() string                                { return "exit\n\n" }

func (s *eslSession) tick(now time.Time) (step, error) {
	if s.waiting {
		return step{}, ErrSilent
	}
	return s.ask(now), nil
}

func (s *eslSession) ask(now time.Time) step {
	s.wait(now)
	return step{send: "api " + s.command + "\n\n"}
}

func (s *eslSession) receive(m message, now time.Time) (step, error) {
	kind := m.get("Content-Type")
	switch {
	case kind == "auth/request" && s.state == eslGreeting:
		s.state = eslLogin
		s.wait(now)
		return step{send: s.login()}, nil
	case kind == "text/rude-rejection": // the list in event_socket.conf.xml
		return step{}, fmt.Errorf("%w: it does not accept connections from this address", ErrLogin)
	case kind == "text/disconnect-notice":
		return step{}, ErrEnded
	case s.state == eslGreeting:
		return step{}, fmt.Errorf("%w: it does not ask for a login", ErrProtocol)
	case kind == "command/reply":
		return s.reply(m.get("Reply-Text"), now)
	case kind == "api/response" && s.state == eslReady && s.waiting:
		s.pause(now)
		return step{events: []Event{Status{FreeSWITCH, clean(m.body, MaxStatus)}}}, nil
	case kind == "text/event-plain" && s.state == eslReady:
		return s.happened(plainEvent(m.body)), nil
	}
	return step{}, nil
}

func (s *eslSession) login() string {
	if s.account.user != "" {
		return "userauth " + s.account.user + ":" + s.account.password + "\n\n"
	}
	return "auth " + s.account.password + "\n\n"
}

func (s *eslSession) reply(text string, now time.Time) (step, error) {
	ok := strings.HasPrefix(text, "+OK")
	switch {
	case s.state == eslLogin && ok:
		s.state = eslEvents
		s.wait(now)
		return step{send: "event plain " + eslEventNames + "\n\n"}, nil
	case s.state == eslLogin:
		return step{}, fmt.Errorf("%w: %s", ErrLogin, oneLine(text))
	case s.state == eslEvents && ok:
		s.state = eslReady
		asked := s.ask(now)
		asked.events = []Event{Connected{Switch: FreeSWITCH}}
		return asked, nil
	case s.state == eslEvents:
		return step{}, fmt.Errorf("%w: it does not send events: %s", ErrLogin, oneLine(text))
	}
	return step{}, nil
}

func (s *eslSession) happened(m message) step {
	name := m.get("Event-Name")
	if !strings.HasPrefix(name, "CHANNEL_") {
		return step{}
	}
	c := Channel{
		Switch: FreeSWITCH, Event: oneLine(name),
		Channel: first(m.get("Channel-Name"), m.get("Unique-ID")),
		Caller:  m.get("Caller-Caller-ID-Number"),
		Callee:  m.get("Caller-Destination-Number"),
		State:   first(m.get("Channel-Call-State"), m.get("Channel-State")),
	}
	taken := []string{"Event-Name", "Channel-Name", "Caller-Caller-ID-Number", "Caller-Destination-Number", "Channel-Call-State"}
	return step{events: []Event{c.with(m, taken, func(name string) bool {
		return strings.HasPrefix(strings.ToLower(name), "variable_")
	})}}
}

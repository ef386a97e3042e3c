package pbx

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// amiSession is a login on Asterisk's manager interface. A banner comes first, then messages of lines; answers bear the
// ActionID of their action.
type amiSession struct {
	account account
	state   amiState
	action  int    // number of the last action
	version string // of Asterisk
	denied  bool   // the user may not see the status
	clock
}

type amiState int

const (
	amiBanner    amiState = iota // waits for the first line
	amiChallenge                 // waits for the challenge
	amiLogin                     // waits for the answer to Login
	amiSettings                  // waits for the version
	amiReady
)

const amiBannerBegin = "Asterisk Call Manager/"

func newAMI(a account, interval time.Duration, now time.Time) *amiSession {
	s := &amiSession{account: a, clock: clock{interval: interval}}
	s.wait(now)
	return s
}

// frames makes the banner a message with one field without name.
func (s *amiSession) frames() func(r *bufio.Reader) (message, error) {
	greeted := false
	return func(r *bufio.Reader) (message, error) {
		if greeted {
			fields, err := readFields(r)
			return message{fields: fields}, err
		}
		greeted = true
		line, _, err := readLine(r)
		return message{fields: []field{{"", line}}}, err
	}
}

func (s *amiSession) goodbye() string { return "Action: Logoff\r\n\r\n" }

func (s *amiSession) tick(now time.Time) (step, error) {
	if s.waiting {
		return step{}, ErrSilent
	}
	return s.ask(now), nil
}

// ask asks for the status, or where it may not be seen, whether the switch is there.
func (s *amiSession) ask(now time.Time) step {
	if s.denied {
		return s.act(now, "Ping")
	}
	return s.act(now, "CoreStatus")
}

// act makes an action of names and values.
func (s *amiSession) act(now time.Time, name string, more ...string) step {
	s.wait(now)
	s.action++
	lines := append([]string{"Action: " + name, "ActionID: " + strconv.Itoa(s.action)}, more...)
	return step{send: strings.Join(lines, "\r\n") + "\r\n\r\n"}
}

func (s *amiSession) receive(m message, now time.Time) (step, error) {
	if s.state == amiBanner {
		if !strings.HasPrefix(m.get(""), amiBannerBegin) {
			return step{}, fmt.Errorf("%w: it does not greet as a manager interface", ErrProtocol)
		}
		s.state = amiChallenge
		return s.act(now, "Challenge", "AuthType: MD5"), nil
	}
	if name := m.get("Event"); name != "" {
		return s.happened(name, m), nil
	}
	if m.get("ActionID") != strconv.Itoa(s.action) || !s.waiting {
		return step{}, nil
	}
	ok := strings.EqualFold(m.get("Response"), "Success")
	switch s.state {
	case amiChallenge:
		if !ok || m.get("Challenge") == "" {
			return step{}, fmt.Errorf("%w: %s", ErrLogin, oneLine(m.get("Message")))
		}
		s.state = amiLogin
		return s.act(now, "Login", "AuthType: MD5", "Username: "+s.account.user, "Key: "+s.key(m.get("Challenge")), "Events: call"), nil
	case amiLogin:
		if !ok {
			return step{}, fmt.Errorf("%w: %s", ErrLogin, oneLine(m.get("Message")))
		}
		s.state = amiSettings
		return s.act(now, "CoreSettings"), nil
	case amiSettings:
		return s.settings(ok, m, now), nil
	}
	return s.status(ok, m, now), nil
}

// key is the answer to a challenge, MD5 because the interface has nothing else that keeps the password off the network.
func (s *amiSession) key(challenge string) string {
	sum := md5.Sum([]byte(challenge + s.account.password))
	return hex.EncodeToString(sum[:])
}

func (s *amiSession) settings(ok bool, m message, now time.Time) step {
	s.state = amiReady
	up := Connected{Switch: Asterisk}
	if s.denied = !ok; s.denied {
		up.Hint = "the status of the switch needs write = reporting for " + s.account.user + " in manager.conf"
	}
	s.version = oneLine(m.get("AsteriskVersion"))
	asked := s.ask(now)
	asked.events = []Event{up}
	return asked
}

func (s *amiSession) status(ok bool, m message, now time.Time) step {
	s.pause(now)
	if s.denied || !ok {
		return step{}
	}
	text := fmt.Sprintf("Asterisk %s\ncalls: %s now, %s since %s %s\n", s.version, first(m.get("CoreCurrentCalls"), "?"),
		first(m.get("CoreProcessedCalls"), "?"), m.get("CoreStartupDate"), m.get("CoreStartupTime"))
	return step{events: []Event{Status{Asterisk, clean(text, MaxStatus)}}}
}

func (s *amiSession) happened(name string, m message) step {
	wanted := []string{
		"Newchannel", "Newstate", "DialBegin", "DialState", "DialEnd", "BridgeEnter", "BridgeLeave", "Hold", "Unhold", "Hangup",
		"BlindTransfer", "AttendedTransfer",
	}
	if s.state < amiSettings || !slices.Contains(wanted, name) {
		return step{}
	}
	c := Channel{
		Switch: Asterisk, Event: name,
		Channel: first(m.get("Channel"), m.get("TransfererChannel"), m.get("OrigTransfererChannel"), m.get("DestChannel")),
		Caller:  first(known(m.get("CallerIDNum")), known(m.get("DestCallerIDNum"))),
		Callee:  first(m.get("Exten"), known(m.get("ConnectedLineNum"))),
		State:   first(m.get("DialStatus"), m.get("ChannelStateDesc"), m.get("DestChannelStateDesc")),
	}
	taken := []string{"Event", "Privilege", "Channel", "CallerIDNum", "Exten", "ChannelStateDesc"}
	return step{events: []Event{c.with(m, taken, func(string) bool { return false })}}
}

package transport

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

var errTooManyHeaders = fmt.Errorf("more than %d header lines", maxHeaders)

// Parse reads one datagram as a Layer does: what it gives can be answered.
func Parse(data []byte) (sip.Message, error) {
	l := Layer{parser: sip.NewParser()}
	l.parser.MaxMessageLength = maxMessage
	msg, err := l.parse(data)
	if err != nil {
		return nil, err
	}
	return msg, complete(msg)
}

// parse reads one datagram. A panic of the parser is an error like any other.
func (l *Layer) parse(data []byte) (msg sip.Message, err error) {
	defer recoverParse(&err)
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	if bytes.Count(head, []byte("\n")) > maxHeaders {
		return nil, errTooManyHeaders
	}
	return l.parser.ParseSIP(data)
}

func recoverParse(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("parser panic: %v", r)
	}
}

// complete tells whether a message carries what every transaction needs (RFC 3261 8.1.1), and mends what the
// parser has got wrong.
func complete(msg sip.Message) error {
	if msg == nil {
		return errors.New("no message")
	}
	switch {
	case msg.Via() == nil:
		return errors.New("no Via")
	case msg.CSeq() == nil:
		return errors.New("no CSeq")
	case msg.CallID() == nil:
		return errors.New("no Call-ID")
	case msg.From() == nil:
		return errors.New("no From")
	case msg.To() == nil:
		return errors.New("no To")
	}
	return wellFormed(msg)
}

// deliver hands a message up when it can belong to a transaction.
func (l *Layer) deliver(f Flow, msg sip.Message) {
	if err := complete(msg); err != nil {
		l.malformed(f, err)
		return
	}
	l.count.received.Add(1)
	l.cfg.OnMessage(f, msg)
}

func (l *Layer) malformed(f Flow, err error) {
	l.count.malformed.Add(1)
	text := err.Error()
	if len(text) > 120 { // strangers choose this text
		text = text[:120]
	}
	l.cfg.Logger.Debug("malformed message dropped", "from", f.Remote, "err", text)
}

package mailbox

import "slices"

// Action is something for the call to do.
type Action interface{ action() }

// Phrase is something to say between messages, in words of the house's language.
type Phrase int

// The phrases.
const (
	Summary Phrase = iota // how many messages there are; Announce.Count and .Unheard
	Header                // whom the message is from and when; Announce.Message
	Deleted               // the message is gone
	NoMore                // that was the last one
	Help                  // what the keys do
)

type (
	// Announce speaks a phrase.
	Announce struct {
		Phrase         Phrase
		Count, Unheard int     // of Summary
		Message        Message // of Header
	}
	// Play plays the file of a message.
	Play struct{ File string }
	// Stop ends all sound of the call.
	Stop struct{}
	// MarkHeard notes that a message was heard.
	MarkHeard struct{ File string }
	// Remove deletes a message.
	Remove struct{ File string }
	// Hangup ends the call.
	Hangup struct{}
)

func (Announce) action()  {}
func (Play) action()      {}
func (Stop) action()      {}
func (MarkHeard) action() {}
func (Remove) action()    {}
func (Hangup) action()    {}

// Listener leads through the messages, the unheard ones first: 1 plays the
// message again, 2 or # goes to the next one, 3 deletes it, 0 tells the keys, *
// ends the call. A message counts as heard when it was played to its end or left
// for the next one.
type Listener struct {
	messages []Message
	unheard  int
	at       int  // message under way; -1 before the first
	playing  bool // something sounds that goes on by itself
	done     bool
}

// NewListener makes a listener to the messages of a box.
func NewListener(messages []Message) *Listener {
	l := &Listener{messages: slices.Clone(messages), at: -1}
	slices.SortStableFunc(l.messages, func(a, b Message) int {
		switch {
		case a.Heard == b.Heard:
			return a.At.Compare(b.At)
		case a.Heard:
			return 1
		}
		return -1
	})
	for _, m := range l.messages {
		if !m.Heard {
			l.unheard++
		}
	}
	return l
}

// Start tells how many messages there are; the first one follows.
func (l *Listener) Start() []Action {
	l.playing = true
	return []Action{Announce{Phrase: Summary, Count: len(l.messages), Unheard: l.unheard}}
}

// Done tells that the listener has ended.
func (l *Listener) Done() bool { return l.done }

// current is the message under way.
func (l *Listener) current() (Message, bool) {
	if l.at < 0 || l.at >= len(l.messages) {
		return Message{}, false
	}
	return l.messages[l.at], true
}

// play plays the message under way, or ends behind the last one.
func (l *Listener) play(out []Action) []Action {
	l.playing = true
	m, ok := l.current()
	if !ok {
		return append(out, Announce{Phrase: NoMore})
	}
	return append(out, Announce{Phrase: Header, Message: m}, Play{m.File})
}

// Quiet tells that all sound which the listener asked for has ended by itself.
func (l *Listener) Quiet() []Action {
	if l.done || !l.playing {
		return nil
	}
	l.playing = false
	m, ok := l.current()
	switch {
	case l.at >= len(l.messages):
		l.done = true
		return []Action{Hangup{}}
	case !ok: // the summary
		l.at = 0
		return l.play(nil)
	}
	return append(l.heard(nil, m), Announce{Phrase: Help})
}

// heard notes once that the message was heard.
func (l *Listener) heard(out []Action, m Message) []Action {
	if m.Heard {
		return out
	}
	l.messages[l.at].Heard = true
	return append(out, MarkHeard{m.File})
}

// Key takes a key.
func (l *Listener) Key(key byte) []Action {
	m, ok := l.current()
	if l.done || l.at >= len(l.messages) && key != '*' {
		return nil
	}
	switch out := []Action{Stop{}}; {
	case key == '*':
		l.done = true
		return append(out, Hangup{})
	case key == '0':
		l.playing = !ok // before the first message the first one follows
		return append(out, Announce{Phrase: Help})
	case key == '1':
		l.at = max(l.at, 0)
		return l.play(out)
	case key == '2' || key == '#':
		if ok {
			out = l.heard(out, m)
		}
		l.at++
		return l.play(out)
	case key == '3' && ok:
		l.messages = slices.Delete(l.messages, l.at, l.at+1)
		return l.play(append(out, Remove{m.File}, Announce{Phrase: Deleted}))
	}
	return nil
}

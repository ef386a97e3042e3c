package player

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"housephone/phone/audio"
)

// MaxQueue is how many sounds may wait, those whose end was not fetched included.
const MaxQueue = 32

// ErrFull means that too many sounds are waiting.
var ErrFull = errors.New("too many sounds are waiting to be played")

// Forever is a repeat count without end.
const Forever = -1

// Reason is why a sound ended.
type Reason int

// The reasons for an end.
const (
	Finished    Reason = iota // played to its end
	Interrupted               // by a key
	Stopped                   // by command
	Failed                    // the sound broke off; End.Err tells
)

func (r Reason) String() string {
	return [...]string{"finished", "interrupted", "stopped", "failed"}[r]
}

// Item is a sound to play.
type Item struct {
	ID        uint64 // of the caller's choosing, comes back in End
	Name      string // what is shown while it plays
	Sound     Sound
	Repeat    int    // how often in all; 0 is once
	Interrupt string // keys that end it
}

// End tells that a sound has ended.
type End struct {
	ID     uint64
	Name   string
	Reason Reason
	Key    byte  // that interrupted, else 0
	Err    error // of a failed sound
}

// Player is a queue of sounds.
type Player struct {
	changed chan struct{}

	mu     sync.Mutex // guards following; held for a few instructions only
	queue  []Item     // the first one plays
	at     int        // samples of the first one that were played
	rounds int        // times that the first one was played
	ends   []End      // not fetched yet; has room for the queue, so that Read allocates nothing
}

var _ audio.Source = (*Player)(nil)

// New makes a player with an empty queue.
func New() *Player {
	return &Player{changed: make(chan struct{}, 1)}
}

// Changed gets a value after something has begun or ended.
func (p *Player) Changed() <-chan struct{} { return p.changed }

func (p *Player) tell() {
	select {
	case p.changed <- struct{}{}:
	default: // told already
	}
}

// Play adds the sound behind those that wait. It says [ErrFull] when there is no
// room.
func (p *Player) Play(item Item) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue)+len(p.ends) >= MaxQueue {
		return ErrFull
	}
	p.queue = append(p.queue, item)
	p.ends = slices.Grow(p.ends, len(p.queue))
	p.tell()
	return nil
}

// Stop ends everything that plays or waits.
func (p *Player) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 {
		p.end(End{Reason: Stopped})
	}
}

// Remove ends one sound, playing or waiting.
func (p *Player) Remove(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, item := range p.queue {
		if item.ID != id {
			continue
		}
		if i == 0 {
			p.end(End{Reason: Stopped})
			return
		}
		p.queue = append(p.queue[:i], p.queue[i+1:]...)
		p.ends = append(p.ends, End{ID: item.ID, Name: item.Name, Reason: Stopped})
		p.tell()
		return
	}
}

// Key ends the sound that plays if the key is one of those that interrupt it,
// and tells whether it did. Sounds behind it go on.
func (p *Player) Key(key byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 || strings.IndexByte(p.queue[0].Interrupt, key) < 0 {
		return false
	}
	p.end(End{Reason: Interrupted, Key: key})
	return true
}

// Playing is the name of the sound that plays; ok is false when all is quiet.
func (p *Player) Playing() (name string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return "", false
	}
	return p.queue[0].Name, true
}

// Queued tells that a sound plays or waits.
func (p *Player) Queued(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.queue, func(item Item) bool { return item.ID == id })
}

// Ends appends the ends since the last call to dst, in order.
func (p *Player) Ends(dst []End) []End {
	p.mu.Lock()
	defer p.mu.Unlock()
	dst = append(dst, p.ends...)
	clear(p.ends)
	p.ends = p.ends[:0]
	return dst
}

// Read gives the next samples. One sound follows the other without a gap.
func (p *Player) Read(frame []int16) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := 0
	for done < len(frame) && len(p.queue) > 0 {
		item := &p.queue[0]
		n, state, err := item.Sound.ReadAt(frame[done:], p.at)
		done += n
		p.at += n
		switch {
		case state == More && n > 0:
		case state == More: // not there yet; what comes later begins in a later frame
			return done
		case err != nil:
			p.end(End{Reason: Failed, Err: err})
		case p.again(item):
			p.at = 0
		default:
			p.end(End{Reason: Finished})
		}
	}
	return done
}

// again tells whether the sound that has come to its end starts anew. An empty
// one does not: it would repeat within one frame for ever.
func (p *Player) again(item *Item) bool {
	p.rounds++
	return p.at > 0 && (item.Repeat == Forever || p.rounds < item.Repeat)
}

// end takes the first sound out of the queue.
func (p *Player) end(e End) {
	e.ID, e.Name = p.queue[0].ID, p.queue[0].Name
	p.ends = append(p.ends, e) // has room since Play
	n := copy(p.queue, p.queue[1:])
	p.queue[n] = Item{}
	p.queue = p.queue[:n]
	p.at, p.rounds = 0, 0
	p.tell()
}

package pulse

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// Times of the buffers. The server splits the target between itself and the
// sound card.
const (
	target   = 25 * time.Millisecond // played ahead by the server
	fragment = 5 * time.Millisecond  // sound asked for, or given, at a time
	ceiling  = 8                     // times target: the most a server may hold or ask for
)

// Stream is sound that flows to or from a device.
type Stream struct {
	conn    *Conn
	name    string
	capture bool
	rate    int
	device  string // that records, as the server says

	pcm []int16 // scratch of the goroutine
	raw []byte

	done  chan struct{}
	start sync.Once
	end   sync.Once
	err   error // valid once done is closed
}

// Open connects to the server for a stream from (capture) or to the named
// device at rate Hz; an empty name is the server's default, and such a stream
// moves when the default changes. A named one never moves to another device.
func Open(ctx context.Context, getenv func(string) string, name string, capture bool, rate int) (*Stream, error) {
	c, err := Dial(ctx, getenv)
	if err != nil {
		return nil, err
	}
	return &Stream{conn: c, name: name, capture: capture, rate: rate, done: make(chan struct{})}, nil
}

// Rate is the rate that was asked for: the server converts.
func (s *Stream) Rate() int { return s.rate }

// Latency is what the server holds beyond the samples handed to it or not yet
// handed out by it, as asked for.
func (s *Stream) Latency() time.Duration {
	if s.capture {
		return fragment
	}
	return target
}

// Start begins the stream: f is called in a goroutine of the stream with
// samples that were recorded, or with a slice to fill. f must not block. Start
// is called once.
func (s *Stream) Start(f func(pcm []int16)) error {
	channel, missing, err := s.create()
	if err != nil {
		return err
	}
	s.start.Do(func() {
		go func() {
			defer close(s.done)
			if s.err = s.play(channel, missing, f); s.err == nil {
				s.err = s.run(channel, f)
			}
		}()
	})
	return nil
}

// Device is the name of the device that a started stream records from, also where no name was asked for; "" for playback.
func (s *Stream) Device() string { return s.device }

// Done is closed when a started stream has ended.
func (s *Stream) Done() <-chan struct{} { return s.done }

// Err says why the stream has ended, once Done is closed.
func (s *Stream) Err() error { return s.err }

// Close ends the stream and waits for its goroutine.
func (s *Stream) Close() error {
	var err error
	s.end.Do(func() { err = s.conn.Close() })
	s.start.Do(func() { close(s.done) }) // never started
	<-s.done
	return err
}

func (s *Stream) create() (channel uint32, missing int, err error) {
	command, args := uint32(cmdCreatePlayback), s.playback()
	if s.capture {
		command, args = cmdCreateRecord, s.record()
	}
	r, err := s.conn.ask(command, args, nil)
	if err != nil {
		return 0, 0, fmt.Errorf("create stream: %w", err)
	}
	channel = r.u32()
	r.skip(1) // index of the stream within the device
	if s.capture {
		r.skip(5) // two lengths of buffers, sample spec, channel map, index of the device
		s.device = r.str()
	} else {
		missing = int(r.u32())
	}
	if r.err != nil {
		return 0, 0, fmt.Errorf("create stream: %w", r.err)
	}
	return channel, missing, nil
}

func (s *Stream) bytes(d time.Duration) uint32 {
	return uint32(2 * int(d.Milliseconds()) * s.rate / 1000)
}

// The flags of both: no remap, no remix, fix format, rate and channels, do not
// move, variable rate.
func (s *Stream) flags(t tags) tags {
	return t.bool(false, false, false, false, false, s.name != "", false)
}

func (s *Stream) playback() tags {
	t := tags(nil).mono16(s.rate).u32(undefined).str(s.name).
		u32(ceiling * s.bytes(target)).bool(false).
		// Nothing is held back at the start, and a dry buffer plays silence
		// while time goes on, so that delay does not pile up.
		u32(s.bytes(target)).u32(0).u32(s.bytes(fragment)).
		u32(0) // in sync with no other stream
	t = append(t, tagCVolume, 1, 0, 1, 0, 0) // 100 %
	t = s.flags(t).bool(false, true)         // not muted, the device adjusts its latency
	t = t.props("media.name", "call", "media.role", "phone")
	return t.bool(false, false) // the volume above is not meant; no early requests
}

func (s *Stream) record() tags {
	t := tags(nil).mono16(s.rate).u32(undefined).str(s.name).
		u32(ceiling * s.bytes(target)).bool(false).u32(s.bytes(fragment))
	t = s.flags(t).bool(false, true) // no peak detection, the device adjusts its latency
	t = t.props("media.name", "call", "media.role", "phone").u32(undefined)
	return t.bool(false) // no early requests
}

// run serves the stream until the connection or the device is gone.
func (s *Stream) run(channel uint32, f func([]int16)) error {
	for {
		from, body, err := s.conn.receive()
		switch {
		case err != nil:
			return err
		case from == channel && s.capture:
			s.take(body, f)
		case from == control:
			if err := s.obey(channel, body, f); err != nil {
				return err
			}
		}
	}
}

func (s *Stream) take(body []byte, f func([]int16)) {
	n := len(body) / 2
	if n > cap(s.pcm) {
		s.pcm = make([]int16, n)
	}
	pcm := s.pcm[:n]
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(body[2*i:]))
	}
	f(pcm)
}

func (s *Stream) obey(channel uint32, body []byte, f func([]int16)) error {
	r := &reader{b: body}
	command := r.u32()
	r.skip(1)
	switch command {
	case cmdRequest:
		if r.u32() != channel || s.capture {
			return r.err
		}
		return s.play(channel, int(r.u32()), f)
	case cmdPlaybackKilled, cmdRecordKilled:
		return ErrEnded
	}
	return r.err
}

// play hands n bytes to the server.
func (s *Stream) play(channel uint32, n int, f func([]int16)) error {
	step := int(s.bytes(fragment))
	if s.raw == nil {
		s.pcm, s.raw = make([]int16, step/2), make([]byte, step)
	}
	n = min(n, ceiling*int(s.bytes(target))) &^ 1
	for n > 0 {
		m := min(n, step)
		pcm := s.pcm[:m/2]
		f(pcm)
		for i, v := range pcm {
			binary.LittleEndian.PutUint16(s.raw[2*i:], uint16(v))
		}
		if err := s.conn.send(channel, s.raw[:m], nil); err != nil {
			return fmt.Errorf("sound server takes nothing: %w", err)
		}
		n -= m
	}
	return nil
}

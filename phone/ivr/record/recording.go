package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"housephone/phone/audio"
	"housephone/phone/ivr/internal/wave"
)

// Config says what to record and how long. Rate is needed.
type Config struct {
	Rate       int           // Hz
	Stereo     bool          // near end left, far end right; else the far end alone
	MaxLength  time.Duration // one hour
	MaxSilence time.Duration // of the far end, from the start or its last sound; 0 = no limit
	Level      float64       // dBFS from which on sound is no silence, -45
}

func (c Config) withDefaults() Config {
	if c.MaxLength == 0 {
		c.MaxLength = time.Hour
	}
	if c.Level == 0 {
		c.Level = -45
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Rate < 4000 || c.Rate > 192000:
		return fmt.Errorf("recording at %d Hz: %w", c.Rate, audio.ErrRate)
	case c.MaxLength < 0 || c.MaxSilence < 0 || c.Level > 0:
		return fmt.Errorf("recording of %v with silence of %v below %g dBFS: out of range", c.MaxLength, c.MaxSilence, c.Level)
	}
	return nil
}

// Reason is why a recording has ended.
type Reason string

// The reasons for an end.
const (
	Stopped Reason = "stopped"
	Length  Reason = "length"
	Silence Reason = "silence"
	Disk    Reason = "disk" // Run returned the error
)

// Result describes a finished recording.
type Result struct {
	Name    string // of the file in its folder
	Length  time.Duration
	Spoken  time.Duration // how much of the far end was no silence
	Reason  Reason
	Dropped uint64 // frames that the disk was too slow for
}

// file is what a recording needs of *os.File.
type file interface {
	io.WriterAt
	Sync() error
	Close() error
}

const (
	// flushEvery is how old the file is at most.
	flushEvery = 200 * time.Millisecond
	// guardEvery is how often the free room is looked at.
	guardEvery = 5 * time.Second
	// maxApart is how far one end may be ahead of the other before silence is
	// put in for what did not come (a held or muted call).
	maxApart = 400 * time.Millisecond
)

// Recording is one file being written.
type Recording struct {
	cfg       Config
	name      string
	file      file
	room      func() error
	near, far *track

	// Owned by Run.
	left, right []int16 // not written yet
	inter       []int16
	bytes       []byte
	samples     int // of a channel, written
	meter       meter
}

// Create makes the file of a new recording; an empty name is made of the time,
// and .wav is added where it is missing. Run must be called.
//
// Errors: [ErrName], [ErrExists], [ErrDiskFull] and what the file system says.
func (d *Dir) Create(name string, cfg Config) (*Recording, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	f, name, err := d.create(name, time.Now())
	if err != nil {
		return nil, err
	}
	r := newRecording(f, name, cfg, d.room)
	if err := r.header(); err != nil {
		return nil, errors.Join(err, f.Close(), d.root.Remove(name))
	}
	return r, nil
}

func newRecording(f file, name string, cfg Config, room func() error) *Recording {
	return &Recording{
		cfg: cfg, name: name, file: f, room: room,
		near: newTrack(cfg.Rate), far: newTrack(cfg.Rate),
		meter: meter{rate: cfg.Rate, level: cfg.Level},
	}
}

// Name is that of the file in its folder.
func (r *Recording) Name() string { return r.name }

// Near takes what is sent to the far end.
func (r *Recording) Near() audio.Sink {
	if !r.cfg.Stereo {
		return audio.SinkFunc(func([]int16) {})
	}
	return r.near
}

// Far takes what the far end says.
func (r *Recording) Far() audio.Sink { return r.far }

// Run writes until ctx ends or a limit is reached. The error is that of the
// disk; what was written before stays.
func (r *Recording) Run(ctx context.Context) (Result, error) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	reason, err := Reason(""), error(nil)
	for guard := time.Duration(0); reason == "" && err == nil; guard += flushEvery {
		select {
		case <-ctx.Done():
			reason = Stopped
		case <-tick.C:
		}
		if guard >= guardEvery {
			guard, err = 0, r.room()
		}
		if err == nil {
			var limit Reason
			if limit, err = r.flush(reason != ""); limit != "" {
				reason = limit
			}
		}
	}
	if err != nil {
		reason = Disk
	}
	err = errors.Join(err, r.file.Sync(), r.file.Close())
	if err != nil {
		err = fmt.Errorf("recording %s: %w", r.name, err)
	}
	return Result{
		Name: r.name, Length: r.duration(r.samples), Spoken: r.duration(r.meter.spoken),
		Reason: reason, Dropped: r.near.dropped.Load() + r.far.dropped.Load(),
	}, err
}

func (r *Recording) duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / time.Duration(r.cfg.Rate)
}

func (r *Recording) count(d time.Duration) int { return int(d.Seconds() * float64(r.cfg.Rate)) }

// flush writes what has come, up to the limits, and tells which one was reached.
func (r *Recording) flush(last bool) (Reason, error) {
	r.right = r.far.take(r.right)
	if r.cfg.Stereo {
		r.left = r.near.take(r.left)
		if apart := len(r.left) - len(r.right); last || max(apart, -apart) > r.count(maxApart) {
			r.left = pad(r.left, len(r.right))
			r.right = pad(r.right, len(r.left))
		}
	} else {
		r.left = r.right
	}
	n := min(len(r.left), len(r.right))
	reason := Reason("")
	if room := r.count(r.cfg.MaxLength) - r.samples; n >= room {
		n, reason = room, Length
	}
	if quiet := r.meter.feed(r.right[:n]); r.cfg.MaxSilence > 0 && quiet >= r.count(r.cfg.MaxSilence) && reason == "" {
		reason = Silence
	}
	if err := r.append(n); err != nil {
		return "", err
	}
	r.right = r.right[:copy(r.right, r.right[n:])]
	if r.cfg.Stereo {
		r.left = r.left[:copy(r.left, r.left[n:])]
	}
	return reason, nil
}

// pad makes pcm at least n samples long.
func pad(pcm []int16, n int) []int16 {
	for len(pcm) < n {
		pcm = append(pcm, 0)
	}
	return pcm
}

// append writes n samples of each channel, then the header that announces them.
func (r *Recording) append(n int) error {
	if n == 0 {
		return nil
	}
	r.inter = r.inter[:0]
	for i := range n {
		if r.cfg.Stereo {
			r.inter = append(r.inter, r.left[i])
		}
		r.inter = append(r.inter, r.right[i])
	}
	r.bytes = wave.Append(r.bytes[:0], r.inter)
	at := r.size()
	if at+int64(len(r.bytes)) > wave.MaxData {
		return audio.ErrTooLong
	}
	if _, err := r.file.WriteAt(r.bytes, wave.HeaderSize+at); err != nil {
		return err
	}
	r.samples += n
	if err := r.header(); err != nil {
		r.samples -= n
		return err
	}
	return nil
}

func (r *Recording) channels() int {
	if r.cfg.Stereo {
		return 2
	}
	return 1
}

// size is the number of bytes of sound in the file.
func (r *Recording) size() int64 { return int64(r.samples) * int64(2*r.channels()) }

func (r *Recording) header() error {
	_, err := r.file.WriteAt(wave.Header(r.cfg.Rate, r.channels(), r.size()), 0)
	return err
}

// meter tells sound from silence in blocks of 20 ms.
type meter struct {
	rate   int
	level  float64
	block  []int16
	spoken int // samples above the level
	quiet  int // samples since the last one
}

// feed takes samples and returns how many in a row, up to now, were silence.
func (m *meter) feed(pcm []int16) int {
	n := m.rate / 50
	for len(pcm) > 0 {
		part := min(n-len(m.block), len(pcm))
		m.block = append(m.block, pcm[:part]...)
		pcm = pcm[part:]
		if len(m.block) < n {
			break
		}
		if audio.Level(m.block) > m.level {
			m.spoken += n
			m.quiet = 0
		} else {
			m.quiet += n
		}
		m.block = m.block[:0]
	}
	return m.quiet
}

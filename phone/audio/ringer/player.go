package ringer

import (
	"errors"
	"slices"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/tones"
)

const (
	frameTime = 20 * time.Millisecond
	behind    = 3           // frames that are made up for after a stall
	retry     = time.Second // between tries to open the device
	bellTime  = 60          // seconds of a ring file that are kept
)

var errEmpty = errors.New("no sound in it")

// reader gives samples, fewer than asked for at the end of a sound.
type reader interface{ Read(frame []int16) int }

// player is the half of a Ringer that belongs to Run.
type player struct {
	ringer *Ringer
	bell   []int16 // of the ring file; nil = built-in
	sink   audio.SinkCloser
	let    chan struct{}
	turn   uint64 // of the sound in hand
	sound  reader
	buf    []int16
	due    time.Time // of the next frame
	timer  *time.Timer
	after  time.Time // no try to open before
	told   bool      // that the device cannot be opened
}

// loadBell reads the ring file. What is wrong with it is told here, once.
func (r *Ringer) loadBell() []int16 {
	if r.cfg.RingFile == "" {
		return nil
	}
	pcm, err := audio.LoadWAV(r.cfg.RingFile, r.cfg.Rate)
	if err == nil && len(pcm) == 0 {
		err = errEmpty
	}
	if err != nil {
		r.cfg.Log.Warn("the built-in tone rings in place of the ring file", "file", r.cfg.RingFile, "err", err)
		return nil
	}
	if most := bellTime * r.cfg.Rate; len(pcm) > most {
		return slices.Clone(pcm[:most])
	}
	return pcm
}

// play makes what is to be heard the sound in hand and has the device open for
// it. It returns false when there is nothing to play.
func (p *player) play(now Play) bool {
	if now.Sound == Silence {
		return false
	}
	if now.Turn != p.turn || p.sound == nil {
		sound, err := p.make(now)
		if err != nil {
			p.ringer.cfg.Log.Warn("tone", "err", err)
			return false
		}
		p.turn, p.sound = now.Turn, sound
	}
	if p.sink == nil {
		p.open()
	}
	return true
}

func (p *player) make(now Play) (reader, error) {
	cfg := p.ringer.cfg
	if now.Sound == Ring && p.bell != nil {
		return &loop{pcm: p.bell}, nil
	}
	t, err := tone(cfg.Country, now)
	if err != nil {
		return nil, err
	}
	return tones.New(t, cfg.Rate)
}

func tone(country string, now Play) (tones.Tone, error) {
	switch now.Sound {
	case Ring:
		return tones.Ring(), nil
	case Ringback:
		return tones.Progress(country, tones.Ringback)
	case BusyTone:
		return tones.Progress(country, tones.Busy)
	case Congestion:
		return tones.Progress(country, tones.Congestion)
	}
	return keyTone(now.Key)
}

// beepLevel is softer than the tone that is sent: it is heard close by.
const beepLevel = -22

// keyTone is the beep of one key.
func keyTone(key rune) (tones.Tone, error) {
	t, err := tones.Key(key, beepTime)
	t.Level = beepLevel
	return t, err
}

// open opens the device unless a call has got in between. It is tried again
// once a second; until then the sound goes on unheard.
func (p *player) open() {
	if time.Now().Before(p.after) || !p.announce() {
		return
	}
	sink, err := p.ringer.cfg.Device.OpenSink(p.ringer.cfg.Rate)
	if err != nil {
		p.letGo()
		p.after = time.Now().Add(retry)
		if !p.told {
			p.told = true
			p.ringer.cfg.Log.Warn("there is no sound to be heard", "device", p.ringer.cfg.Device.String(), "err", err)
		}
		return
	}
	p.sink, p.told, p.due = sink, false, time.Now()
}

// announce tells calls that the device is about to be open.
func (p *player) announce() bool {
	r := p.ringer
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.machine.Now(time.Now()).Sound == Silence {
		return false
	}
	p.let = make(chan struct{})
	r.let = p.let
	return true
}

// letGo tells calls that wait that the device is theirs.
func (p *player) letGo() {
	r := p.ringer
	r.mu.Lock()
	defer r.mu.Unlock()
	close(p.let)
	r.let = nil
}

func (p *player) close() {
	p.sound = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.sink == nil {
		return
	}
	if err := p.sink.Close(); err != nil {
		p.ringer.cfg.Log.Warn("ringer", "device", p.ringer.cfg.Device.String(), "err", err)
	}
	p.sink = nil
	p.letGo()
}

// pace returns what fires when the next frame is due.
func (p *player) pace() <-chan time.Time {
	if late := time.Since(p.due); late > behind*frameTime {
		p.due = p.due.Add(late)
	}
	wait := time.Until(p.due)
	if p.timer == nil {
		p.timer = time.NewTimer(wait)
	} else {
		p.timer.Reset(wait)
	}
	return p.timer.C
}

// frame plays 20 ms. The end of a sound that is played once is silent until the
// machine is done with it.
func (p *player) frame() {
	p.due = p.due.Add(frameTime)
	if p.buf == nil {
		p.buf = make([]int16, p.ringer.cfg.Rate/50)
	}
	clear(p.buf[p.sound.Read(p.buf):])
	p.ringer.gain().Apply(p.buf)
	if p.sink != nil {
		p.sink.Write(p.buf)
	}
}

// loop plays samples round and round.
type loop struct {
	pcm []int16
	at  int
}

// Read fills the whole frame.
func (l *loop) Read(frame []int16) int {
	for n := 0; n < len(frame); {
		c := copy(frame[n:], l.pcm[l.at:])
		n += c
		l.at = (l.at + c) % len(l.pcm)
	}
	return len(frame)
}

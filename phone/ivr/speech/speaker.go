package speech

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"housephone/phone/audio"
)

// Config makes a speaker. Engines is needed, all else has defaults.
type Config struct {
	Engines []Engine // the preferred one first
	Cache   *Cache   // nil = none

	Timeout  time.Duration // of one engine with one sentence, 10 s
	Rest     time.Duration // how long a failed engine is not asked, 30 s
	Parallel int           // sentences that are made at the same time, 4

	// Failed is told whenever an engine has not spoken; nil = nobody.
	Failed func(engine string, err error)
	Now    func() time.Time // time.Now
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Rest == 0 {
		c.Rest = 30 * time.Second
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	if c.Failed == nil {
		c.Failed = func(string, error) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	switch {
	case len(c.Engines) == 0:
		return errors.New("no speech engine")
	case c.Timeout < 0 || c.Rest < 0 || c.Parallel < 0:
		return fmt.Errorf("speech timeout %v, rest %v, parallel %d: below zero", c.Timeout, c.Rest, c.Parallel)
	}
	return nil
}

// Speaker speaks texts with the first engine that can.
type Speaker struct {
	cfg   Config
	slots chan struct{}

	mu      sync.Mutex // guards following
	resting map[string]time.Time
}

// New makes a speaker.
func New(cfg Config) (*Speaker, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Speaker{cfg: cfg, slots: make(chan struct{}, cfg.Parallel), resting: map[string]time.Time{}}, nil
}

// Voices lists the voices that the engines tell, the default one first, each
// once. Engines that do not answer are left out.
func (s *Speaker) Voices(ctx context.Context) []string {
	voices := []string{DefaultVoice}
	for _, e := range s.cfg.Engines {
		ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		more, err := e.Voices(ctx)
		cancel()
		if err != nil {
			s.cfg.Failed(e.Name(), err)
			continue
		}
		for _, v := range more {
			if checkVoice(v) == nil && !slices.Contains(voices, v) {
				voices = append(voices, v)
			}
		}
	}
	return voices
}

// Request is a text to speak.
type Request struct {
	Text  string
	Voice string // empty = [DefaultVoice]
	Rate  int    // of the samples, Hz
}

// Speak makes the sound of the text and hands it to emit sentence by sentence,
// as shared samples that must not be changed. It returns when all is made, or
// with the first error.
//
// Errors: [ErrText], [ErrTooLong], [ErrVoice], [ErrEngine] when no engine could
// speak, those of emit and of ctx.
func (s *Speaker) Speak(ctx context.Context, r Request, emit func(pcm []int16) error) error {
	if r.Voice == "" {
		r.Voice = DefaultVoice
	}
	if err := checkVoice(r.Voice); err != nil {
		return err
	}
	text, err := clean(r.Text)
	if err != nil {
		return err
	}
	for _, sentence := range sentences(text) {
		r.Text = sentence
		store, pcm, err := s.sentence(ctx, r)
		if err != nil {
			return err
		}
		if err := emit(pcm); err != nil {
			return err
		}
		store() // behind emit: a slow disk delays nobody
	}
	return nil
}

// sentence asks one engine after the other. Those that do not know the voice
// speak with their own only when one that knows it has failed: a misspelt name
// is the user's to mend, a dead server is not.
func (s *Speaker) sentence(ctx context.Context, r Request) (store func(), pcm []int16, err error) {
	var strangers []Engine
	known := false
	failed := ErrEngine
	for _, e := range s.cfg.Engines {
		store, pcm, err := s.ask(ctx, e, r, r.Voice)
		switch {
		case err == nil:
			return store, pcm, nil
		case ctx.Err() != nil:
			return nil, nil, ctx.Err()
		case errors.Is(err, ErrVoice):
			strangers = append(strangers, e)
		default:
			known = true
			failed = err
		}
	}
	if !known {
		return nil, nil, fmt.Errorf("%.80q: %w", r.Voice, ErrVoice)
	}
	for _, e := range strangers {
		if store, pcm, err := s.ask(ctx, e, r, DefaultVoice); err == nil {
			return store, pcm, nil
		} else if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
	}
	return nil, nil, failed
}

// errResting means that an engine failed a short while ago.
var errResting = fmt.Errorf("has failed before: %w", ErrEngine)

// ask gets a sentence from the cache or from the engine.
func (s *Speaker) ask(ctx context.Context, e Engine, r Request, voice string) (store func(), pcm []int16, err error) {
	k := cacheKey(e.Name(), voice, r.Text, r.Rate)
	if s.cfg.Cache != nil {
		if pcm, ok := s.cfg.Cache.get(k, r.Rate); ok {
			return func() {}, pcm, nil
		}
	}
	if s.isResting(e) {
		return nil, nil, errResting
	}
	sound, err := s.speak(ctx, e, r.Text, voice)
	if err == nil {
		pcm, err = audio.Resample(sound.PCM, sound.Rate, r.Rate)
	}
	if err != nil {
		if !errors.Is(err, ErrVoice) && ctx.Err() == nil {
			err = fmt.Errorf("%s: %w: %w", e.Name(), ErrEngine, err)
			s.rest(e)
			s.cfg.Failed(e.Name(), err)
		}
		return nil, nil, err
	}
	return func() {
		if s.cfg.Cache == nil {
			return
		}
		if err := s.cfg.Cache.put(k, pcm, r.Rate); err != nil {
			s.cfg.Failed("cache", err)
		}
	}, pcm, nil
}

// speak runs the engine within its time and the number of places.
func (s *Speaker) speak(ctx context.Context, e Engine, text, voice string) (Sound, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return Sound{}, ctx.Err()
	}
	defer func() { <-s.slots }()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	sound, err := e.Speak(ctx, text, voice)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Sound{}, fmt.Errorf("no sound within %v", s.cfg.Timeout)
	case err != nil:
		return Sound{}, err
	case len(sound.PCM) == 0:
		return Sound{}, errors.New("no sound")
	case len(sound.PCM) > maxSeconds*sound.Rate:
		return Sound{}, fmt.Errorf("more than %d s of sound", maxSeconds)
	}
	return sound, nil
}

func (s *Speaker) rest(e Engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resting[e.Name()] = s.cfg.Now().Add(s.cfg.Rest)
}

// isResting is false for the last engine: nobody could speak in its place.
func (s *Speaker) isResting(e Engine) bool {
	if e.Name() == s.cfg.Engines[len(s.cfg.Engines)-1].Name() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Now().Before(s.resting[e.Name()])
}

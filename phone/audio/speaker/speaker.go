package speaker

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/echo"
)

// Config says what is done to the sound. Its zero value is a pair of devices
// that cannot be opened.
type Config struct {
	Capture, Playback audio.Device // nil has no capture, no playback
	// Echo takes what is played out of what is recorded, unless the sound
	// server does that already: see [CancelsEcho].
	Echo  bool
	Noise bool // turns steady noise down by 15 dB
	Gain  bool // brings speech to -23 dBov
	// Tail is the longest echo that is learnt; 0 = 256 ms, and other values
	// are brought to 10 to 500 ms.
	Tail time.Duration
	Log  *slog.Logger // nil = none
}

func (c *Config) setDefaults() {
	if c.Tail == 0 {
		c.Tail = 256 * time.Millisecond
	}
	c.Tail = min(max(c.Tail, 10*time.Millisecond), 500*time.Millisecond)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Capture != nil && CancelsEcho(c.Capture.String()) {
		c.Echo = false
	}
}

// CancelsEcho tells by its name whether a capture device is the output of the
// sound server's own canceller: PulseAudio's module-echo-cancel names it
// "MASTER.echo-cancel", PipeWire's "echo-cancel-source". A second canceller
// behind it would find no echo and harm speech. What is behind "default" is known
// only once it is open: a source with a DeviceName is asked for that.
func CancelsEcho(device string) bool {
	name := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(device))
	return strings.Contains(name, "echocancel")
}

// Stats says how the sound of the last open capture is cleaned. It is renewed
// every 100 ms of sound.
type Stats struct {
	echo.Stats // zero while Cancelling is false
	// Cancelling tells that the echo canceller is at work here.
	Cancelling bool
	// Gain is what automatic gain adds now, in dB.
	Gain float64
	// Bypassed counts frames that went through as they were: of a length that
	// is no multiple of 10 ms, or above 120 ms.
	Bypassed uint64
}

// Speakerphone is a pair of devices whose sound is processed.
type Speakerphone struct {
	cfg Config

	mu      sync.Mutex // guards following
	users   int        // ends that are open or about to be
	sources []*source  // open ones, the newest last
	sinks   []*sink
	delay   time.Duration // from playback to capture, as it was last
	test    *selfTest     // nil = none

	stats board
}

// New returns a Speakerphone. Nothing is opened by it.
func New(cfg Config) *Speakerphone {
	cfg.setDefaults()
	return &Speakerphone{cfg: cfg}
}

// Capture is the microphone, cleaned. It has no playback.
func (s *Speakerphone) Capture() audio.Device { return capture{s} }

// Playback is the loudspeaker. It has no capture.
func (s *Speakerphone) Playback() audio.Device { return playback{s} }

// Stats tells how it goes, or went when nothing is open.
func (s *Speakerphone) Stats() Stats { return s.stats.get() }

// claim takes an end for a call. A test that has the devices gives them up first.
func (s *Speakerphone) claim() {
	s.mu.Lock()
	s.users++
	test := s.test
	s.mu.Unlock()
	if test != nil {
		test.interrupt()
		<-test.done
	}
}

func (s *Speakerphone) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
}

// hint is from where on the echo is awaited: the devices are never opened with
// quite the delay that they had before, and it may not be missed.
func (s *Speakerphone) hint() time.Duration {
	const margin = 30 * time.Millisecond
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.delay-margin, 0)
}

func (s *Speakerphone) addSource(src *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = append(s.sources, src)
	s.connect()
}

func (s *Speakerphone) dropSource(src *source, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.sources = slices.DeleteFunc(s.sources, func(o *source) bool { return o == src })
	s.delay = delay
	s.connect()
}

func (s *Speakerphone) addSink(k *sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sinks = append(s.sinks, k)
	s.connect()
}

func (s *Speakerphone) dropSink(k *sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.sinks = slices.DeleteFunc(s.sinks, func(o *sink) bool { return o == k })
	s.connect()
}

// connect makes the newest sink of each rate the reference of the sources of
// that rate. mu is held.
func (s *Speakerphone) connect() {
	for i, k := range s.sinks {
		var to []*reference
		if !slices.ContainsFunc(s.sinks[i+1:], func(o *sink) bool { return o.rate == k.rate }) {
			for _, src := range s.sources {
				if src.rate == k.rate {
					to = append(to, &src.far)
				}
			}
		}
		k.to.Store(&to)
	}
}

// board is where the media thread leaves figures for others.
type board struct {
	mu    sync.Mutex // guards following
	stats Stats
}

// put never waits: figures that come while somebody reads are left out.
func (b *board) put(s Stats) {
	if b.mu.TryLock() {
		b.stats = s
		b.mu.Unlock()
	}
}

func (b *board) get() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

package audio

import (
	"fmt"
	"os"
	"sync/atomic"
)

// fileDevice loops a WAV file for capture and writes one for playback.
type fileDevice struct{ path string }

func (d fileDevice) OpenSource(rate int) (SourceCloser, error) {
	pcm, err := LoadWAV(d.path, rate)
	if err != nil {
		return nil, err
	}
	return &loop{pcm: pcm}, nil
}

func (d fileDevice) OpenSink(rate int) (SinkCloser, error) { return CreateWAV(d.path, rate) }

func (d fileDevice) String() string { return "file:" + d.path }

// LoadWAV reads a whole WAV file as mono PCM at rate Hz: stereo is mixed down,
// other rates are converted. Files above [MaxWAVBytes] give [ErrTooLong].
func LoadWAV(path string, rate int) ([]int16, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sound file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	pcm, from, err := ReadWAV(f)
	if err != nil {
		return nil, fmt.Errorf("sound file %s: %w", path, err)
	}
	if int64(len(pcm))*int64(rate)/int64(from) > MaxWAVBytes/2 {
		return nil, fmt.Errorf("sound file %s: more than %d samples: %w", path, MaxWAVBytes/2, ErrTooLong)
	}
	return Resample(pcm, from, rate)
}

// loop plays PCM from memory for ever.
type loop struct {
	pcm    []int16
	at     int
	closed atomic.Bool
}

func (l *loop) Read(frame []int16) int {
	if len(l.pcm) == 0 || l.closed.Load() {
		return 0
	}
	for n := 0; n < len(frame); {
		c := copy(frame[n:], l.pcm[l.at:])
		n += c
		l.at = (l.at + c) % len(l.pcm)
	}
	return len(frame)
}

func (l *loop) Close() error {
	l.closed.Store(true)
	return nil
}

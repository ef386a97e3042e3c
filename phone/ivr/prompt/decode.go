package prompt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"housephone/phone/audio"
)

// Decoder decodes a whole sound file to mono samples and their rate in Hz. It
// gives up with [ErrTooLong] when there are more than limit seconds.
type Decoder func(r io.Reader, limit int) (pcm []int16, rate int, err error)

// decode reads the file in the format that its first bytes tell, whatever it is
// called.
func (s *Store) decode(f io.Reader, name string, rate int) ([]int16, error) {
	r := bufio.NewReader(f)
	head, err := r.Peek(12)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("sound file %.80q: %w", name, err)
	}
	var decode Decoder
	switch {
	case bytes.HasPrefix(head, []byte("RIFF")):
		decode = decodeWAV
	case isMP3(head):
		decode = s.cfg.MP3
	default:
		return nil, fmt.Errorf("sound file %.80q: %w", name, ErrFormat)
	}
	if decode == nil {
		return nil, fmt.Errorf("sound file %.80q: mp3: %w", name, ErrNoDecoder)
	}
	pcm, from, err := decode(r, s.cfg.MaxSeconds)
	switch {
	case errors.Is(err, audio.ErrTooLong):
		err = ErrTooLong
	case errors.Is(err, audio.ErrNotWAV), errors.Is(err, audio.ErrWAVFormat), errors.Is(err, audio.ErrRate):
		err = fmt.Errorf("%w: %w", ErrFormat, err)
	case err == nil && len(pcm)/from >= s.cfg.MaxSeconds:
		err = ErrTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("sound file %.80q: %w", name, err)
	}
	out, err := audio.Resample(pcm, from, rate)
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("empty: %w", ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("sound file %.80q: %w", name, err)
	}
	return out, nil
}

func decodeWAV(r io.Reader, _ int) ([]int16, int, error) { return audio.ReadWAV(r) }

// isMP3 knows an ID3v2 tag and the sync word of an MPEG audio frame of layer III
// (ISO 11172-3 2.4.1.3).
func isMP3(head []byte) bool {
	if bytes.HasPrefix(head, []byte("ID3")) {
		return true
	}
	return len(head) >= 2 && head[0] == 0xff && head[1]&0xe6 == 0xe2
}

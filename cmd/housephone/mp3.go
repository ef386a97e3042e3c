package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"

	"housephone/phone/ivr/prompt"
)

// decodeMP3 makes mono samples of an MP3 file; the library gives 16-bit stereo. It panics over some damaged files.
func decodeMP3(r io.Reader, limit int) (pcm []int16, rate int, err error) {
	defer func() {
		if recover() != nil {
			pcm, rate, err = nil, 0, fmt.Errorf("mp3: damaged: %w", prompt.ErrFormat)
		}
	}()
	frames := bufio.NewReader(r)
	if err := skipTags(frames); err != nil {
		return nil, 0, fmt.Errorf("mp3: %w", err)
	}
	dec, err := mp3.NewDecoder(frames)
	if err != nil {
		return nil, 0, fmt.Errorf("mp3: %w", err)
	}
	rate = dec.SampleRate()
	buf := make([]byte, 16<<10)
	for {
		n, err := io.ReadFull(dec, buf)
		for i := 0; i+3 < n; i += 4 {
			left := int16(uint16(buf[i]) | uint16(buf[i+1])<<8)
			right := int16(uint16(buf[i+2]) | uint16(buf[i+3])<<8)
			pcm = append(pcm, int16((int(left)+int(right))/2))
		}
		if err != nil {
			return pcm, rate, nil
		}
		if len(pcm) > limit*rate {
			return nil, 0, prompt.ErrTooLong
		}
	}
}

// skipTags reads the tags at the beginning (ID3v2.4 3.1), for which the library takes as much memory as they say they have.
func skipTags(r *bufio.Reader) error {
	for {
		head, err := r.Peek(10)
		if errors.Is(err, io.EOF) || err == nil && string(head[:3]) != "ID3" {
			return nil
		}
		if err != nil {
			return err
		}
		size := 0
		for _, b := range head[6:] {
			size = size<<7 | int(b&0x7f)
		}
		if _, err := r.Discard(len(head) + size); err != nil {
			return err
		}
	}
}

package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"housephone/phone/codec/g711"
)

// MaxWAVBytes bounds the sound data of a WAV file that is read into memory:
// 32 MiB are half an hour of telephone sound or three minutes of CD stereo.
const MaxWAVBytes = 32 << 20

// Format tags of the RIFF WAVE fmt chunk.
const (
	wavPCM        = 1
	wavALaw       = 6
	wavULaw       = 7
	wavExtensible = 0xfffe
)

// wavFormat is the part of the fmt chunk that decoding needs.
type wavFormat struct {
	tag, channels, bits int
	rate                int
}

// ReadWAV reads a WAV file of 8, 16 or 24 bit PCM, A-law or u-law with one or
// two channels and returns mono samples and their rate in Hz. A data chunk that
// ends early (a file still being written) gives the samples that are there.
//
// Errors: [ErrNotWAV], [ErrWAVFormat], [ErrRate], [ErrTooLong].
func ReadWAV(r io.Reader) (pcm []int16, rate int, err error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, 0, fmt.Errorf("header: %w", ErrNotWAV)
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, 0, fmt.Errorf("header %q: %w", head[:4], ErrNotWAV)
	}
	format, size, err := seekWAVData(r)
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(r, min(size, MaxWAVBytes+1)))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, fmt.Errorf("sound data: %w", err)
	}
	if len(data) > MaxWAVBytes {
		return nil, 0, fmt.Errorf("more than %d bytes: %w", MaxWAVBytes, ErrTooLong)
	}
	return format.decode(data), format.rate, nil
}

// seekWAVData walks the chunks up to the start of the data chunk.
func seekWAVData(r io.Reader) (wavFormat, int64, error) {
	var format wavFormat
	const maxChunks = 64
	for range maxChunks {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return format, 0, fmt.Errorf("no sound data: %w", ErrNotWAV)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			var err error
			if format, err = readWAVFormat(r, size); err != nil {
				return format, 0, err
			}
		case "data":
			if format.tag == 0 {
				return format, 0, fmt.Errorf("sound data before its format: %w", ErrNotWAV)
			}
			return format, size, nil
		default:
			// Chunks are padded to an even length.
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return format, 0, fmt.Errorf("chunk %q ends early: %w", chunk[:4], ErrNotWAV)
			}
		}
	}
	return format, 0, fmt.Errorf("more than %d chunks: %w", maxChunks, ErrNotWAV)
}

func readWAVFormat(r io.Reader, size int64) (wavFormat, error) {
	var f wavFormat
	if size < 16 || size > 1024 {
		return f, fmt.Errorf("format chunk of %d bytes: %w", size, ErrNotWAV)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return f, fmt.Errorf("format chunk ends early: %w", ErrNotWAV)
	}
	f = wavFormat{
		tag:      int(binary.LittleEndian.Uint16(b)),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(binary.LittleEndian.Uint32(b[4:])),
		bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.tag == wavExtensible && size >= 26 {
		f.tag = int(binary.LittleEndian.Uint16(b[24:])) // first field of the sub-format GUID
	}
	return f, f.validate()
}

func (f wavFormat) validate() error {
	if f.channels < 1 || f.channels > 2 {
		return fmt.Errorf("%d channels: %w", f.channels, ErrWAVFormat)
	}
	if err := checkRate(f.rate); err != nil {
		return err
	}
	switch {
	case f.tag == wavPCM && (f.bits == 8 || f.bits == 16 || f.bits == 24):
	case (f.tag == wavALaw || f.tag == wavULaw) && f.bits == 8:
	default:
		return fmt.Errorf("format %d with %d bits: %w", f.tag, f.bits, ErrWAVFormat)
	}
	return nil
}

// decode makes mono samples; an incomplete last sample is left out.
func (f wavFormat) decode(data []byte) []int16 {
	width := f.bits / 8
	pcm := make([]int16, len(data)/width)
	switch {
	case f.tag == wavALaw:
		g711.ALaw{}.Decode(pcm, data)
	case f.tag == wavULaw:
		g711.ULaw{}.Decode(pcm, data)
	case width == 1:
		for i := range pcm {
			pcm[i] = int16(data[i])<<8 ^ -1<<15 // 8 bit WAV is unsigned
		}
	default:
		for i := range pcm {
			// The upper 16 bits of 16 and 24 bit samples.
			pcm[i] = int16(binary.LittleEndian.Uint16(data[(i+1)*width-2:]))
		}
	}
	if f.channels == 2 {
		return mixDown(pcm)
	}
	return pcm
}

// mixDown halves interleaved stereo in place.
func mixDown(pcm []int16) []int16 {
	mono := pcm[:len(pcm)/2]
	for i := range mono {
		mono[i] = int16((int(pcm[2*i]) + int(pcm[2*i+1])) / 2)
	}
	return mono
}

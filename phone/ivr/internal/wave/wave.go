// Package wave writes 16 bit PCM WAV data: the header and the samples. Reading
// is the audio package's.
package wave

import (
	"encoding/binary"
	"fmt"
	"io"
)

// HeaderSize is the length of the header in bytes.
const HeaderSize = 44

// MaxData is the most bytes of sound that the 32 bit sizes of RIFF can tell.
const MaxData = 1<<32 - 1 - HeaderSize

// Header is the header of a 16 bit PCM file with size bytes of sound.
func Header(rate, channels int, size int64) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, HeaderSize)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(size+HeaderSize-8))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16) // length of the format chunk
	b = le.AppendUint16(b, 1)  // PCM
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*channels*rate)) // bytes a second
	b = le.AppendUint16(b, uint16(2*channels))      // bytes a sample of all channels
	b = le.AppendUint16(b, 16)                      // bits a sample
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(size))
}

// Append adds samples in file order to dst.
func Append(dst []byte, pcm []int16) []byte {
	for _, s := range pcm {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(s))
	}
	return dst
}

// Write writes a whole mono file.
func Write(w io.Writer, pcm []int16, rate int) error {
	b := append(make([]byte, 0, HeaderSize+2*len(pcm)), Header(rate, 1, int64(2*len(pcm)))...)
	if _, err := w.Write(Append(b, pcm)); err != nil {
		return fmt.Errorf("sound data: %w", err)
	}
	return nil
}

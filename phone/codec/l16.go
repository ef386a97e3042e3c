package codec

import "encoding/binary"

// l16 is linear PCM in network byte order (RFC 3551 4.5.11).
type l16 struct{}

func (l16) Encode(dst []byte, pcm []int16) int {
	n := min(len(pcm), len(dst)/2)
	for i, v := range pcm[:n] {
		binary.BigEndian.PutUint16(dst[2*i:], uint16(v)) //nolint:gosec // the same 16 bits
	}
	return 2 * n
}

// Decode drops the second half of a sample that is not there.
func (l16) Decode(dst []int16, payload []byte) int {
	n := min(len(dst), len(payload)/2)
	for i := range n {
		dst[i] = int16(binary.BigEndian.Uint16(payload[2*i:])) //nolint:gosec // the same 16 bits
	}
	return n
}

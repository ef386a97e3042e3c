// Package g711 is ITU-T G.711: 64 kbit/s companded PCM in u-law and A-law.
//
// Both laws keep no state, so one value may be used by any number of calls at
// once. Nothing allocates. Linear samples are 16 bit; u-law uses the upper 14
// of them, A-law the upper 13 (G.711 tables 1 and 2).
package g711

import "math/bits"

// ULaw encodes and decodes u-law, one byte a sample (RFC 3551 4.5.14, PT 0).
type ULaw struct{}

// ALaw encodes and decodes A-law, one byte a sample (RFC 3551 4.5.14, PT 8).
type ALaw struct{}

// tables holds both directions of both laws. An encoder index is the sample
// shifted down to the bits that the law looks at.
type tables struct {
	ulawEnc [1 << 14]byte
	alawEnc [1 << 13]byte
	ulawDec [256]int16
	alawDec [256]int16
}

var law = newTables() //nolint:gochecknoglobals // read-only lookup tables

func newTables() *tables {
	t := &tables{}
	for i := range t.ulawEnc {
		t.ulawEnc[i] = compressULaw(i - len(t.ulawEnc)/2)
	}
	for i := range t.alawEnc {
		t.alawEnc[i] = compressALaw(i - len(t.alawEnc)/2)
	}
	for i := range 256 {
		t.ulawDec[i] = expandULaw(byte(i))
		t.alawDec[i] = expandALaw(byte(i))
	}
	return t
}

// Encode writes one byte for each sample that fits into dst and returns their
// number.
func (ULaw) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm))
	dst, pcm = dst[:n], pcm[:n]
	for i, s := range pcm {
		dst[i] = law.ulawEnc[(int(s)+1<<15)>>2]
	}
	return n
}

// Decode writes one sample for each byte that fits into dst and returns their
// number.
func (ULaw) Decode(dst []int16, payload []byte) int {
	n := min(len(dst), len(payload))
	dst, payload = dst[:n], payload[:n]
	for i, b := range payload {
		dst[i] = law.ulawDec[b]
	}
	return n
}

// Encode writes one byte for each sample that fits into dst and returns their
// number.
func (ALaw) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm))
	dst, pcm = dst[:n], pcm[:n]
	for i, s := range pcm {
		dst[i] = law.alawEnc[(int(s)+1<<15)>>3]
	}
	return n
}

// Decode writes one sample for each byte that fits into dst and returns their
// number.
func (ALaw) Decode(dst []int16, payload []byte) int {
	n := min(len(dst), len(payload))
	dst, payload = dst[:n], payload[:n]
	for i, b := range payload {
		dst[i] = law.alawDec[b]
	}
	return n
}

// compressULaw takes a 14 bit sample. The bias of 33 makes each of the eight
// segments twice as wide as the one before (G.711 table 2a).
func compressULaw(v int) byte {
	const bias, clip = 33, 8158
	sign := byte(0x80)
	if v < 0 {
		// -1 stands for the interval just below zero: one's complement keeps
		// both halves of the scale alike.
		v, sign = ^v, 0
	}
	v = min(v, clip) + bias
	segment := bits.Len(uint(v)) - 6
	step := v >> (segment + 1) & 0x0f
	return sign | ^byte(segment<<4|step)&0x7f
}

func expandULaw(b byte) int16 {
	c := ^b
	segment, step := int(c>>4&7), int(c&0x0f)
	v := (2*step+33)<<segment - 33
	if c&0x80 != 0 {
		v = -v
	}
	return int16(v << 2)
}

// compressALaw takes a 13 bit sample; even bits of the code are inverted on
// the line (G.711 table 1a, note 2).
func compressALaw(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		v, sign = ^v, 0
	}
	segment, step := 0, v>>1
	if n := bits.Len(uint(v)); n > 5 {
		segment = n - 5
		step = v >> segment
	}
	return (sign | byte(segment<<4|step&0x0f)) ^ 0x55
}

func expandALaw(b byte) int16 {
	c := b ^ 0x55
	segment, step := int(c>>4&7), int(c&0x0f)
	v := 2*step + 1
	if segment > 0 {
		v = (v + 32) << (segment - 1)
	}
	if c&0x80 == 0 {
		v = -v
	}
	return int16(v << 3)
}

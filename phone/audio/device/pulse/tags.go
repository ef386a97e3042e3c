package pulse

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A tag precedes each value of a message.
const (
	tagString     = 't'
	tagNullString = 'N'
	tagU32        = 'L'
	tagU8         = 'B'
	tagU64        = 'R'
	tagS64        = 'r'
	tagSampleSpec = 'a'
	tagArbitrary  = 'x'
	tagTrue       = '1'
	tagFalse      = '0'
	tagTime       = 'T'
	tagUsec       = 'U'
	tagChannelMap = 'm'
	tagCVolume    = 'v'
	tagPropList   = 'P'
	tagVolume     = 'V'
	tagFormat     = 'f'
)

// undefined is the index that means "none" or "choose".
const undefined = 0xffffffff

// tags builds the values of a message.
type tags []byte

func (t tags) u32(v uint32) tags { return binary.BigEndian.AppendUint32(append(t, tagU32), v) }

func (t tags) bool(v ...bool) tags {
	for _, b := range v {
		if b {
			t = append(t, tagTrue)
		} else {
			t = append(t, tagFalse)
		}
	}
	return t
}

// str appends a string; an empty one is sent as the null string.
func (t tags) str(s string) tags {
	if s == "" {
		return append(t, tagNullString)
	}
	return append(append(append(t, tagString), s...), 0)
}

func (t tags) arbitrary(b []byte) tags {
	return append(binary.BigEndian.AppendUint32(append(t, tagArbitrary), uint32(len(b))), b...)
}

// mono16 appends sample spec and channel map of mono 16-bit little endian PCM.
func (t tags) mono16(rate int) tags {
	t = binary.BigEndian.AppendUint32(append(t, tagSampleSpec, 3, 1), uint32(rate))
	return append(t, tagChannelMap, 1, 0)
}

// props appends pairs of key and value.
func (t tags) props(pairs ...string) tags {
	t = append(t, tagPropList)
	for i := 0; i+1 < len(pairs); i += 2 {
		value := append([]byte(pairs[i+1]), 0)
		t = t.str(pairs[i]).u32(uint32(len(value))).arbitrary(value)
	}
	return append(t, tagNullString)
}

// reader takes the values of a message apart. After the first fault all values
// are zero and err stays set.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", what, ErrProtocol)
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("value cut short")
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// byte reads one raw byte.
func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// word reads a raw number of four bytes.
func (r *reader) word() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// text reads a raw string up to its zero byte.
func (r *reader) text() string {
	n := bytes.IndexByte(r.b, 0)
	if n < 0 {
		r.fail("string without end")
		return ""
	}
	return string(r.take(n + 1)[:n])
}

func (r *reader) u32() uint32 {
	if r.byte() != tagU32 {
		r.fail("number wanted")
		return 0
	}
	return r.word()
}

func (r *reader) str() string {
	switch r.byte() {
	case tagString:
		return r.text()
	case tagNullString:
		return ""
	}
	r.fail("string wanted")
	return ""
}

// skip passes over n values of any kind.
func (r *reader) skip(n int) {
	for ; n > 0 && r.err == nil; n-- {
		r.skipOne()
	}
}

func (r *reader) skipOne() {
	switch r.byte() {
	case tagString:
		r.text()
	case tagNullString, tagTrue, tagFalse:
	case tagU8:
		r.take(1)
	case tagU32, tagVolume:
		r.take(4)
	case tagU64, tagS64, tagTime, tagUsec:
		r.take(8)
	case tagSampleSpec:
		r.take(6)
	case tagArbitrary:
		r.take(int(r.word()))
	case tagChannelMap:
		r.take(int(r.byte()))
	case tagCVolume:
		r.take(4 * int(r.byte()))
	case tagPropList:
		r.skipProps()
	case tagFormat:
		r.skip(1) // encoding
		if r.byte() != tagPropList {
			r.fail("properties wanted")
		}
		r.skipProps()
	default:
		r.fail("unknown tag")
	}
}

func (r *reader) skipProps() {
	for r.err == nil && r.str() != "" {
		r.skip(2) // length and value
	}
}

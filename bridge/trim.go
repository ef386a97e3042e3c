package bridge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// maxPacket is the longest MQTT packet that is taken in. It has to hold the longest topic (64 KiB) and our own discovery
// document; a command is limited to 16 KiB by the vocabulary.
const maxPacket = 256 << 10

// trimmer passes a stream of MQTT packets on and cuts PUBLISH packets above limit down to it: the length in the header
// is rewritten and the end of the payload skipped. Without it the client library would allocate up to 256 MB for
// anybody who may publish to a command topic; so the message is acknowledged, found too long and answered.
type trimmer struct {
	r     *bufio.Reader
	limit int

	head []byte // fixed header, as it has to be passed on
	pass int    // bytes of the body to pass
	skip int    // bytes of the body to leave out after that
}

func newTrimmer(r io.Reader, limit int) *trimmer {
	return &trimmer{r: bufio.NewReader(r), limit: limit}
}

// Read passes on at most one packet at a time.
func (t *trimmer) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(t.head) == 0 && t.pass == 0 {
		n, err := t.r.Discard(t.skip)
		t.skip -= n
		if err == nil {
			err = t.next()
		}
		if err != nil {
			return 0, err
		}
	}
	if len(t.head) > 0 {
		n := copy(p, t.head)
		t.head = t.head[n:]
		return n, nil
	}
	n, err := t.r.Read(p[:min(len(p), t.pass)])
	t.pass -= n
	return n, err
}

// next reads a fixed header (MQTT 3.1.1 section 2.2).
func (t *trimmer) next() error {
	first, err := t.r.ReadByte()
	if err != nil {
		return err
	}
	length, err := readLength(t.r)
	if err != nil {
		return err
	}
	t.pass, t.skip = length, 0
	if length > t.limit {
		const publish = 3
		if first>>4 != publish {
			return fmt.Errorf("broker sends a packet of type %d with %d bytes", first>>4, length)
		}
		t.pass, t.skip = t.limit, length-t.limit
	}
	t.head = appendLength([]byte{first}, t.pass)
	return nil
}

// readLength reads a remaining length: seven bits a byte, lowest first, four bytes at most (section 2.2.3).
func readLength(r io.ByteReader) (int, error) {
	n := 0
	for shift := 0; shift < 28; shift += 7 {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		n |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			return n, nil
		}
	}
	return 0, errors.New("broker sends a packet length above four bytes")
}

func appendLength(p []byte, n int) []byte {
	for n > 0x7f {
		p = append(p, byte(n)|0x80)
		n >>= 7
	}
	return append(p, byte(n))
}

package pbx

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Bounds of what is read. What goes beyond a kept bound is left out, what goes beyond a whole one ends the connection.
const (
	maxLine      = 16 << 10  // bytes kept of a line
	maxKept      = 256 << 10 // bytes kept of the lines, and again of the body of a message
	maxKeptLines = 1024
	maxWhole     = 4 << 20 // bytes of a message
)

// message is what a switch sends at once.
type message struct {
	fields []field
	body   string // ESL only
}

type field struct{ name, value string }

// get finds the value of a field; names differ in case between versions.
func (m message) get(name string) string {
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// readLine reads a line without its end. Of a long one it keeps maxLine bytes; size is what it has read.
func readLine(r *bufio.Reader) (line string, size int, err error) {
	var kept []byte
	for {
		part, err := r.ReadSlice('\n')
		size += len(part)
		kept = append(kept, part[:min(len(part), maxLine-len(kept))]...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if size > maxWhole {
				return "", size, fmt.Errorf("%w: a line without end", ErrProtocol)
			}
			continue
		case errors.Is(err, io.EOF) && size > 0:
			return "", size, io.ErrUnexpectedEOF
		case err != nil:
			return "", size, err
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(kept), "\n"), "\r"), size, nil
	}
}

// readFields reads lines of "name: value" up to an empty line. Empty lines before the first one are skipped, and so are
// lines without a colon. It answers io.EOF only where nothing has begun.
func readFields(r *bufio.Reader) ([]field, error) {
	var fields []field
	whole, kept, begun := 0, 0, false
	for {
		line, size, err := readLine(r)
		if errors.Is(err, io.EOF) && begun {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if whole += size; whole > maxWhole {
			return nil, fmt.Errorf("%w: a message without end", ErrProtocol)
		}
		if line == "" {
			if begun {
				return fields, nil
			}
			continue
		}
		begun = true
		name, value, ok := strings.Cut(line, ":")
		if ok && kept+len(line) <= maxKept && len(fields) < maxKeptLines {
			kept += len(line)
			fields = append(fields, field{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
}

// readESL reads a message of the event socket: fields, and where Content-Length is one of them, a body of as many bytes.
func readESL(r *bufio.Reader) (message, error) {
	fields, err := readFields(r)
	if err != nil {
		return message{}, err
	}
	m := message{fields: fields}
	length := m.get("Content-Length")
	if length == "" {
		return m, nil
	}
	n, err := strconv.ParseUint(length, 10, 32)
	if err != nil || n > maxWhole {
		return message{}, fmt.Errorf("%w: a body of %.20q bytes", ErrProtocol, length)
	}
	body := make([]byte, min(n, maxKept))
	if _, err := io.ReadFull(r, body); err != nil {
		return message{}, unexpected(err)
	}
	if _, err := io.CopyN(io.Discard, r, int64(n)-int64(len(body))); err != nil {
		return message{}, unexpected(err)
	}
	m.body = string(body)
	return m, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// plainEvent reads the body of a text/event-plain message, whose values are URL-encoded. One that was cut has the
// fields up to there.
func plainEvent(body string) message {
	var m message
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" { // what follows is a body of the event
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || len(m.fields) == maxKeptLines {
			continue
		}
		value = strings.TrimSpace(value)
		if decoded, err := url.PathUnescape(value); err == nil { // else it was not encoded
			value = decoded
		}
		m.fields = append(m.fields, field{strings.TrimSpace(name), value})
	}
	return m
}

package wyoming

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrProtocol means that what came is not a Wyoming event.
var ErrProtocol = errors.New("not a wyoming event")

// Event is one message.
type Event struct {
	Type    string
	Data    map[string]json.RawMessage // may be nil
	Payload []byte                     // may be nil
}

// Decode stores the data in the struct that v points to. Fields that are null or
// missing stay as they are.
func (e Event) Decode(v any) error {
	b, err := json.Marshal(e.Data)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("data of %q: %w: %w", e.Type, ErrProtocol, err)
	}
	return nil
}

// Limits bound one event in bytes.
type Limits struct {
	Header  int // the line, with inline data
	Data    int
	Payload int
}

// DefaultLimits leave room for the list of voices of a large server and for
// more than ten seconds of sound.
func DefaultLimits() Limits { return Limits{Header: 2 << 20, Data: 4 << 20, Payload: 2 << 20} }

type header struct {
	Type          string                     `json:"type"`
	Data          map[string]json.RawMessage `json:"data,omitempty"`
	DataLength    int                        `json:"data_length,omitempty"`
	PayloadLength int                        `json:"payload_length,omitempty"`
}

// Read reads the next event. It says io.EOF only where an event could begin.
//
// Errors: [ErrProtocol], io.ErrUnexpectedEOF and those of the reader.
func Read(r *bufio.Reader, limits Limits) (Event, error) {
	line, err := readLine(r, limits.Header)
	if err != nil {
		return Event{}, err
	}
	var h header
	if err := json.Unmarshal(line, &h); err != nil || h.Type == "" {
		return Event{}, fmt.Errorf("header %.60q: %w", line, ErrProtocol)
	}
	data, err := readBlock(r, h.DataLength, limits.Data)
	if err != nil {
		return Event{}, fmt.Errorf("data of %.60q: %w", h.Type, err)
	}
	e := Event{Type: h.Type, Data: h.Data}
	if len(data) > 0 {
		// What follows the line is laid over what is in it.
		if err := json.Unmarshal(data, &e.Data); err != nil {
			return Event{}, fmt.Errorf("data of %.60q: %w", h.Type, ErrProtocol)
		}
	}
	if e.Payload, err = readBlock(r, h.PayloadLength, limits.Payload); err != nil {
		return Event{}, fmt.Errorf("payload of %.60q: %w", h.Type, err)
	}
	return e, nil
}

func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, fmt.Errorf("header above %d bytes: %w", limit, ErrProtocol)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, fmt.Errorf("header: %w", io.ErrUnexpectedEOF)
		default:
			return nil, err
		}
	}
}

// readBlock reads n bytes; memory grows with what comes, not with what was
// announced.
func readBlock(r io.Reader, n, limit int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n < 0 || n > limit {
		return nil, fmt.Errorf("%d bytes, not up to %d: %w", n, limit, ErrProtocol)
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && len(b) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// Write sends an event, its data behind the header line.
func Write(w io.Writer, e Event) error {
	h := header{Type: e.Type, PayloadLength: len(e.Payload)}
	var data []byte
	if len(e.Data) > 0 {
		var err error
		if data, err = json.Marshal(e.Data); err != nil {
			return fmt.Errorf("data of %q: %w", e.Type, err)
		}
		h.DataLength = len(data)
	}
	line, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("header of %q: %w", e.Type, err)
	}
	line = append(append(append(line, '\n'), data...), e.Payload...)
	if _, err := w.Write(line); err != nil {
		return fmt.Errorf("send %q: %w", e.Type, err)
	}
	return nil
}

// NewEvent makes an event of a struct or map that becomes a JSON object; nil is
// no data.
func NewEvent(kind string, data any) (Event, error) {
	e := Event{Type: kind}
	if data == nil {
		return e, nil
	}
	b, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(b, &e.Data)
	}
	if err != nil {
		return Event{}, fmt.Errorf("data of %q: %w", kind, err)
	}
	return e, nil
}

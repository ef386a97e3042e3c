package wyoming

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Voice is one voice of a server.
type Voice struct {
	Name      string   `json:"name"`
	Languages []string `json:"languages"`
	Installed bool     `json:"installed"`
}

// Program is one text to speech program of a server.
type Program struct {
	Name      string  `json:"name"`
	Installed bool    `json:"installed"`
	Voices    []Voice `json:"voices"`
	Streaming bool    `json:"supports_synthesize_streaming"`
}

// Info is what a server can do.
type Info struct {
	TTS []Program `json:"tts"`
}

// ServerError is what a server says when it cannot speak.
type ServerError struct {
	Text string `json:"text"`
	Code string `json:"code"`
}

func (e ServerError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("server says %.200q", e.Text)
	}
	return fmt.Sprintf("server says %.200q (%.60s)", e.Text, e.Code)
}

// ErrSound means sound in a form that cannot be used.
var ErrSound = errors.New("sound cannot be used")

// Conn is a connection to a server.
type Conn struct {
	rw     io.ReadWriter
	r      *bufio.Reader
	limits Limits
}

// NewConn makes a connection of a byte stream; deadlines are the caller's to
// set.
func NewConn(rw io.ReadWriter, limits Limits) *Conn {
	return &Conn{rw: rw, r: bufio.NewReader(rw), limits: limits}
}

func (c *Conn) send(kind string, data any) error {
	e, err := NewEvent(kind, data)
	if err != nil {
		return err
	}
	return Write(c.rw, e)
}

// maxForeign is how many events that were not asked for may come in a row.
const maxForeign = 64

// next reads the next event of one of the kinds and passes over others.
func (c *Conn) next(kinds ...string) (Event, error) {
	for range maxForeign {
		e, err := Read(c.r, c.limits)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return Event{}, err
		}
		if e.Type == "error" {
			var said ServerError
			if err := e.Decode(&said); err != nil {
				return Event{}, err
			}
			return Event{}, said
		}
		for _, k := range kinds {
			if e.Type == k {
				return e, nil
			}
		}
	}
	return Event{}, fmt.Errorf("%d events that nobody asked for: %w", maxForeign, ErrProtocol)
}

// Describe asks what the server can do.
func (c *Conn) Describe() (Info, error) {
	if err := c.send("describe", nil); err != nil {
		return Info{}, err
	}
	e, err := c.next("info")
	if err != nil {
		return Info{}, fmt.Errorf("describe: %w", err)
	}
	var info Info
	return info, e.Decode(&info)
}

// Selection chooses a voice: by name, or the default one of a language. The zero
// value is the server's default.
type Selection struct {
	Name     string `json:"name,omitempty"`
	Language string `json:"language,omitempty"`
}

// Synthesis is what to speak.
type Synthesis struct {
	Text  string
	Voice Selection
	// Streaming sends the text in the way of servers that announce
	// supports_synthesize_streaming.
	Streaming bool
	// MaxSeconds of sound are taken at most; more is [ErrSound].
	MaxSeconds int
}

// Synthesize has a text spoken and returns the sound as mono samples and their
// rate in Hz.
//
// Errors: [ServerError], [ErrSound], [ErrProtocol] and those of the stream.
func (c *Conn) Synthesize(s Synthesis) (pcm []int16, rate int, err error) {
	if err := c.request(s); err != nil {
		return nil, 0, err
	}
	last := "audio-stop"
	if s.Streaming {
		last = "synthesize-stopped"
	}
	for {
		e, err := c.next("audio-chunk", "audio-start", last)
		if err != nil {
			return nil, 0, fmt.Errorf("synthesize: %w", err)
		}
		switch e.Type {
		case last:
			if len(pcm) == 0 {
				return nil, 0, fmt.Errorf("synthesize: no sound came: %w", ErrSound)
			}
			return pcm, rate, nil
		case "audio-chunk":
			chunk, r, err := decode(e)
			if err != nil {
				return nil, 0, err
			}
			if rate != 0 && r != rate {
				return nil, 0, fmt.Errorf("rate changes from %d to %d Hz: %w", rate, r, ErrSound)
			}
			if rate, pcm = r, append(pcm, chunk...); len(pcm) > s.MaxSeconds*rate {
				return nil, 0, fmt.Errorf("more than %d s: %w", s.MaxSeconds, ErrSound)
			}
		}
	}
}

// request sends the text. A streaming server gets it in the new way and once
// more in the old, which it passes over.
func (c *Conn) request(s Synthesis) error {
	type synthesize struct {
		Text  string     `json:"text"`
		Voice *Selection `json:"voice,omitempty"`
	}
	type start struct {
		Voice *Selection `json:"voice,omitempty"`
	}
	var voice *Selection
	if s.Voice != (Selection{}) {
		voice = &s.Voice
	}
	whole := synthesize{s.Text, voice}
	if !s.Streaming {
		return c.send("synthesize", whole)
	}
	return errors.Join(
		c.send("synthesize-start", start{voice}),
		c.send("synthesize-chunk", synthesize{Text: s.Text}),
		c.send("synthesize", whole),
		c.send("synthesize-stop", nil))
}

// decode makes mono samples of a chunk: little-endian signed PCM of 1 to 4 bytes.
func decode(e Event) (pcm []int16, rate int, err error) {
	var f struct {
		Rate     int `json:"rate"`
		Width    int `json:"width"`
		Channels int `json:"channels"`
	}
	if err := e.Decode(&f); err != nil {
		return nil, 0, err
	}
	if f.Rate < 4000 || f.Rate > 192000 || f.Width < 1 || f.Width > 4 || f.Channels < 1 || f.Channels > 8 {
		return nil, 0, fmt.Errorf("%d Hz, %d bytes, %d channels: %w", f.Rate, f.Width, f.Channels, ErrSound)
	}
	size := f.Width * f.Channels
	pcm = make([]int16, len(e.Payload)/size)
	for i := range pcm {
		sum := 0
		for ch := range f.Channels {
			sample := e.Payload[i*size+ch*f.Width:][:f.Width]
			if f.Width == 1 {
				sum += int(int8(sample[0])) << 8
			} else {
				sum += int(int16(binary.LittleEndian.Uint16(sample[f.Width-2:])))
			}
		}
		pcm[i] = int16(sum / f.Channels)
	}
	return pcm, f.Rate, nil
}

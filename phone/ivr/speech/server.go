package speech

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"housephone/phone/ivr/wyoming"
)

// infoAge is how long the list of a server's voices is believed.
const infoAge = 5 * time.Minute

// Server speaks with a Wyoming server, such as Piper. Voices are the names of
// its voices or a language ("de", "de_DE"); one connection a sentence.
type Server struct {
	network, address string

	mu   sync.Mutex // guards following
	info *wyoming.Info
	at   time.Time
}

var _ Engine = (*Server)(nil)

// ErrURL means an address that is not one of a Wyoming server.
var ErrURL = errors.New("want wyoming://host:port, unix:///path, or http://host:8123?engine_id=tts.name for Home Assistant")

// NewServer makes an engine of an address: wyoming://host:port,
// tcp://host:port or unix:///path. It does not connect.
func NewServer(address string) (*Server, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
	case (u.Scheme == "wyoming" || u.Scheme == "tcp") && u.Hostname() != "" && u.Port() != "" && strings.Trim(u.Path, "/") == "" && u.User == nil:
		return &Server{network: "tcp", address: u.Host}, nil
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return &Server{network: "unix", address: u.Path}, nil
	}
	return nil, ErrURL
}

// Name is the address.
func (s *Server) Name() string { return "wyoming " + s.address }

// with runs f on a new connection that breaks when ctx ends.
func (s *Server) with(ctx context.Context, f func(*wyoming.Conn) error) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, s.network, s.address)
	if err != nil {
		return err
	}
	defer conn.Close()                                                           //nolint:errcheck // nothing is sent any more
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // the connection breaks otherwise
	defer stop()
	return f(wyoming.NewConn(conn, wyoming.DefaultLimits()))
}

// Speak finds the voice and has the text spoken.
func (s *Server) Speak(ctx context.Context, text, voice string) (Sound, error) {
	info, err := s.describe(ctx)
	if err != nil {
		return Sound{}, err
	}
	selection, streaming, ok := choose(info, voice)
	if !ok {
		return Sound{}, fmt.Errorf("%.80q: %w", voice, ErrVoice)
	}
	var sound Sound
	err = s.with(ctx, func(c *wyoming.Conn) (err error) {
		sound.PCM, sound.Rate, err = c.Synthesize(wyoming.Synthesis{
			Text: text, Voice: selection, Streaming: streaming, MaxSeconds: maxSeconds,
		})
		return err
	})
	if err != nil {
		s.forget() // another server may answer next time
		return Sound{}, err
	}
	return sound, nil
}

func (s *Server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info = nil
}

// describe asks the server, or remembers what it said.
func (s *Server) describe(ctx context.Context) (*wyoming.Info, error) {
	s.mu.Lock()
	info, at := s.info, s.at
	s.mu.Unlock()
	if info != nil && time.Since(at) < infoAge {
		return info, nil
	}
	info = &wyoming.Info{}
	if err := s.with(ctx, func(c *wyoming.Conn) (err error) {
		*info, err = c.Describe()
		return err
	}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.info, s.at = info, time.Now()
	s.mu.Unlock()
	return info, nil
}

// Voices lists the names of the installed voices.
func (s *Server) Voices(ctx context.Context) ([]string, error) {
	info, err := s.describe(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range info.TTS {
		for _, v := range p.Voices {
			if p.Installed && v.Installed {
				names = append(names, v.Name)
			}
		}
	}
	return names, nil
}

// choose finds a voice by its name, else by its language, and tells whether its
// program takes text in a stream.
func choose(info *wyoming.Info, voice string) (s wyoming.Selection, streaming, ok bool) {
	for _, match := range []func(wyoming.Voice) bool{
		func(v wyoming.Voice) bool { return v.Name == voice },
		func(v wyoming.Voice) bool { return speaks(v, voice) },
	} {
		for _, p := range info.TTS {
			if !p.Installed {
				continue
			}
			if voice == DefaultVoice {
				return wyoming.Selection{}, p.Streaming, true
			}
			for _, v := range p.Voices {
				if v.Installed && match(v) {
					return wyoming.Selection{Name: v.Name}, p.Streaming, true
				}
			}
		}
	}
	return wyoming.Selection{}, false, false
}

// speaks compares languages without regard to case and sign: de-de is de_DE, and
// de is any of them.
func speaks(v wyoming.Voice, language string) bool {
	want := strings.ReplaceAll(strings.ToLower(language), "-", "_")
	for _, l := range v.Languages {
		have := strings.ReplaceAll(strings.ToLower(l), "-", "_")
		if have == want || strings.HasPrefix(have, want+"_") {
			return true
		}
	}
	return false
}

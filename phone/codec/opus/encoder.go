package opus

import (
	"errors"
	"fmt"

	"github.com/thesyncim/gopus"
)

// ErrRate tells that Opus does not know a sample rate.
var ErrRate = errors.New("sample rate is not 8000, 12000, 16000, 24000 or 48000")

// MaxPacket is the largest packet that an Encoder makes, in octets. It leaves
// room for RTP, UDP and IP headers in every network's packets.
const MaxPacket = 1000

// Config says how an Encoder works. Its zero value suits a call: 48 kHz, about
// 32 kbit/s, no FEC.
type Config struct {
	Rate int // of the samples, Hz: 8000, 12000, 16000, 24000 or 48000; 0 = 48000
	// Bitrate in bit/s, 6000 to 128000; 0 = 32000, and 24000 up to 16 kHz
	// (RFC 7587 3.1.1).
	Bitrate int
	// FEC adds to each packet a rough copy of the one before (RFC 7587 3.3), and
	// Loss is the share of lost packets, in percent, to prepare for; 0 = 10.
	FEC  bool
	Loss int
	// DTX sends next to nothing in silence (RFC 7587 3.1.3).
	DTX bool
	// Complexity 1 to 10 trades time for quality; 0 = 5.
	Complexity int
}

func (c *Config) setDefaults() {
	if c.Rate == 0 {
		c.Rate = 48000
	}
	if c.Bitrate == 0 {
		c.Bitrate = 32000
		if c.Rate <= 16000 {
			c.Bitrate = 24000
		}
	}
	if c.Loss == 0 {
		c.Loss = 10
	}
	if c.Complexity == 0 {
		c.Complexity = 5
	}
}

func (c *Config) validate() error {
	switch {
	case !known(c.Rate):
		return fmt.Errorf("opus at %d Hz: %w", c.Rate, ErrRate)
	case c.Bitrate < 6000 || c.Bitrate > 128000:
		return fmt.Errorf("opus at %d bit/s: want 6000 to 128000", c.Bitrate)
	case c.Loss < 0 || c.Loss > 100:
		return fmt.Errorf("opus for %d %% loss: want 0 to 100", c.Loss)
	case c.Complexity < 1 || c.Complexity > 10:
		return fmt.Errorf("opus of complexity %d: want 1 to 10", c.Complexity)
	}
	return nil
}

func known(rate int) bool {
	switch rate {
	case 8000, 12000, 16000, 24000, 48000:
		return true
	}
	return false
}

// Encoder makes Opus packets of 20 ms.
type Encoder struct {
	enc   *gopus.Encoder
	frame int
	dtx   bool
}

// NewEncoder returns an encoder. The error tells what in cfg is wrong.
func NewEncoder(cfg Config) (*Encoder, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	enc, err := gopus.NewEncoder(gopus.EncoderConfig{
		SampleRate: cfg.Rate, Channels: 1, Application: gopus.ApplicationVoIP,
	})
	if err != nil {
		return nil, fmt.Errorf("opus encoder: %w", err)
	}
	enc.SetFEC(cfg.FEC)
	enc.SetDTX(cfg.DTX)
	loss := 0
	if cfg.FEC {
		loss = cfg.Loss
	}
	if err := errors.Join(
		enc.SetFrameSize(cfg.Rate/50),
		enc.SetBitrate(cfg.Bitrate),
		enc.SetComplexity(cfg.Complexity),
		enc.SetPacketLoss(loss),
	); err != nil {
		return nil, fmt.Errorf("opus encoder: %w", err)
	}
	return &Encoder{enc: enc, frame: cfg.Rate / 50, dtx: cfg.DTX}, nil
}

// Frame returns the number of samples of a frame: 20 ms.
func (e *Encoder) Frame() int { return e.frame }

// Encode writes the packet of one frame to dst, which should have room for
// MaxPacket octets, and returns its length. 0 means that there is nothing to
// send: in silence with DTX, and for a pcm that is not one frame long.
func (e *Encoder) Encode(dst []byte, pcm []int16) int {
	if len(pcm) != e.frame {
		return 0
	}
	n, err := e.enc.EncodeInt16(pcm, dst[:min(len(dst), MaxPacket)])
	if err != nil || e.dtx && n <= 2 { // a packet of a TOC alone need not be sent
		return 0
	}
	return n
}

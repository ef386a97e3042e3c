package opus

import (
	"fmt"
	"math"

	"github.com/thesyncim/gopus"
)

// Decoder turns Opus packets into samples.
type Decoder struct {
	dec   *gopus.Decoder
	frame int       // samples of 20 ms
	work  []float32 // 120 ms
}

// NewDecoder returns a decoder that gives samples at rate Hz, whatever the
// packets were made from; 0 = 48000. The error is ErrRate.
func NewDecoder(rate int) (*Decoder, error) {
	if rate == 0 {
		rate = 48000
	}
	if !known(rate) {
		return nil, fmt.Errorf("opus at %d Hz: %w", rate, ErrRate)
	}
	dec, err := gopus.NewDecoder(gopus.DefaultDecoderConfig(rate, 1))
	if err != nil {
		return nil, fmt.Errorf("opus decoder: %w", err)
	}
	return &Decoder{dec: dec, frame: rate / 50, work: make([]float32, 6*rate/50)}, nil
}

// Frame returns the number of samples of 20 ms.
func (d *Decoder) Frame() int { return d.frame }

// Decode writes the samples of a packet to dst and returns their number. A
// packet holds 2.5 to 120 ms; stereo is mixed. 0 means that payload is not Opus
// or that dst has no room for all of it.
func (d *Decoder) Decode(dst []int16, payload []byte) int {
	if len(payload) == 0 {
		return 0
	}
	n, err := d.dec.DecodeInt16(payload, dst)
	if err != nil {
		return 0
	}
	return n
}

// Lost writes 20 ms in place of a packet that did not come, and returns their
// number. When the packet after it is here already, next is that, and what it
// tells of the lost one (in-band FEC) is used; decode next afterwards.
func (d *Decoder) Lost(dst []int16, next []byte) int {
	if len(dst) < d.frame {
		return 0
	}
	work := d.work[:d.frame]
	var n int
	var err error
	if len(next) > 0 {
		n, err = d.dec.DecodeWithFEC(next, work, true)
	} else {
		n, err = d.dec.Decode(nil, work)
	}
	if err != nil {
		return 0
	}
	for i, v := range work[:n] {
		dst[i] = int16(math.RoundToEven(float64(min(max(v*32768, -32768), 32767))))
	}
	return n
}

// HasFEC tells whether a packet holds a copy of the one before it.
func HasFEC(payload []byte) bool { return gopus.PacketHasLBRR(payload) }

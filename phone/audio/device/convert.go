package device

import (
	"time"

	"housephone/phone/audio/resample"
)

// chunk is how much sound is converted at a time.
const chunk = 2 * time.Millisecond

// inlet brings what a device has recorded into a buffer: converted to the
// buffer's rate and stretched as its clock wants. It belongs to the device's thread.
type inlet struct {
	buf       *buffer
	rate      *resample.Resampler
	drift     *resample.Drift
	step      int     // device samples at a time
	even, out []int16 // scratch
}

func newInlet(buf *buffer, device int) (*inlet, error) {
	r, err := resample.New(device, int(buf.rate))
	if err != nil {
		return nil, err
	}
	in := &inlet{buf: buf, rate: r, drift: resample.NewDrift(), step: samples(chunk, device)}
	in.even = make([]int16, r.Len(in.step))
	in.out = make([]int16, in.drift.Len(len(in.even)))
	return in, nil
}

// push takes what the device has recorded.
func (in *inlet) push(pcm []int16) {
	in.drift.Set(in.buf.correction())
	for len(pcm) > 0 {
		n := min(len(pcm), in.step)
		m := in.rate.Process(in.even, pcm[:n])
		in.buf.write(in.out[:in.drift.Process(in.out, in.even[:m])])
		pcm = pcm[n:]
	}
}

// outlet fills what a device wants to play from a buffer, with silence where
// there is nothing. It belongs to the device's thread.
type outlet struct {
	buf             *buffer
	rate            *resample.Resampler
	drift           *resample.Drift
	frame, even     []int16 // scratch
	converted, rest []int16 // rest is the part of converted that is still to be played
}

func newOutlet(buf *buffer, device int) (*outlet, error) {
	r, err := resample.New(int(buf.rate), device)
	if err != nil {
		return nil, err
	}
	o := &outlet{buf: buf, rate: r, drift: resample.NewDrift(), frame: make([]int16, samples(chunk, int(buf.rate)))}
	o.even = make([]int16, o.drift.Len(len(o.frame)))
	o.converted = make([]int16, r.Len(len(o.even)))
	return o, nil
}

// pull fills all of pcm.
func (o *outlet) pull(pcm []int16) {
	for len(pcm) > 0 {
		if len(o.rest) == 0 {
			clear(o.frame[o.buf.read(o.frame):])
			o.drift.Set(o.buf.correction())
			n := o.drift.Process(o.even, o.frame)
			o.rest = o.converted[:o.rate.Process(o.converted, o.even[:n])]
		}
		n := copy(pcm, o.rest)
		pcm, o.rest = pcm[n:], o.rest[n:]
	}
}

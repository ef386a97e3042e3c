package phonetest

import "math"

// heardSamples is how much of what came last Hears and Frequency look at: 300 ms.
const heardSamples = 2400

// Hears tells whether most of the energy of the last 300 ms of audio is at that frequency.
func (r *RTP) Hears(hz float64) bool {
	pcm := r.lastAudio()
	return len(pcm) == heardSamples && share(pcm, hz) > 0.6
}

// Frequency gives the strongest tone between 100 and 3800 Hz of the last 300 ms, in
// steps of 5 Hz; 0 when there is too little audio, silence or noise.
func (r *RTP) Frequency() float64 {
	pcm := r.lastAudio()
	if len(pcm) < heardSamples {
		return 0
	}
	best, at := 0.3, 0.0
	for hz := 100.0; hz <= 3800; hz += 5 {
		if s := share(pcm, hz); s > best {
			best, at = s, hz
		}
	}
	return at
}

// Level gives the loudness of the last 300 ms in dBFS, -96 for silence.
func (r *RTP) Level() float64 {
	pcm := r.lastAudio()
	sum := 1e-9
	for _, v := range pcm {
		sum += v * v
	}
	return max(-96, 10*math.Log10(2*sum/float64(max(1, len(pcm)))/(32768*32768)))
}

// lastAudio decodes the PCMU and PCMA packets that came last, in order of arrival.
func (r *RTP) lastAudio() []float64 {
	packets := r.Packets()
	first, n := len(packets), 0
	for first > 0 && n < heardSamples {
		first--
		if p := packets[first]; p.PT == 0 || p.PT == 8 {
			n += len(p.Payload)
		}
	}
	var pcm []float64
	for _, p := range packets[first:] {
		if p.PT == 0 || p.PT == 8 {
			for _, c := range p.Payload {
				pcm = append(pcm, decode(p.PT, c))
			}
		}
	}
	return pcm[max(0, len(pcm)-heardSamples):]
}

// share is the part of the energy that is at one frequency (Goertzel), 0 to 1.
func share(pcm []float64, hz float64) float64 {
	coefficient := 2 * math.Cos(2*math.Pi*hz/8000)
	var s1, s2, energy float64
	for _, v := range pcm {
		s1, s2 = v+coefficient*s1-s2, s1
		energy += v * v
	}
	if energy < float64(len(pcm))*100 { // below -70 dBFS: silence has no frequency
		return 0
	}
	power := s1*s1 + s2*s2 - coefficient*s1*s2
	return 2 * power / (energy * float64(len(pcm)))
}

// decode expands one G.711 code: PCMU for payload type 0, else PCMA.
func decode(pt uint8, code byte) float64 {
	if pt == 0 {
		code = ^code
		v := (int(code&0x0f)<<3 + 0x84) << (code >> 4 & 7)
		return signed(v-0x84, code&0x80 != 0)
	}
	code ^= 0x55
	v, exponent := int(code&0x0f)<<4+8, code>>4&7
	if exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	return signed(v, code&0x80 == 0)
}

func signed(v int, negative bool) float64 {
	if negative {
		v = -v
	}
	return float64(v)
}

// encode finds the nearest code by trying all; slow and obviously right.
func encode(pt uint8, sample int16) byte {
	best, code := math.Inf(1), byte(0)
	for c := range 256 {
		if d := math.Abs(decode(pt, byte(c)) - float64(sample)); d < best {
			best, code = d, byte(c)
		}
	}
	return code
}

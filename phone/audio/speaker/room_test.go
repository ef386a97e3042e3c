package speaker_test

import (
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/noise/fft"
	"housephone/phone/audio/resample"
	"housephone/phone/codec/g722"
)

// room is a pair of devices in one room: what is written to the sink is heard
// by the source after the delay of the devices and through the walls.
type room struct {
	length, delay, gain float64 // seconds, seconds, dB
	name                string
	now                 func(rate int) int // samples since the beginning
	near                []float64          // what is said in the room, at the rate that is open

	mu           sync.Mutex // guards following
	rate         int
	air          []float64 // echo at the microphone
	played, read int       // ends of what was placed and read
	hiss         *rand.Rand
	response     []complex64
	plan         *fft.Real
	work         []float32
	bins         []complex64
	echo         []float64 // echo and near end in what was read, frame by frame
	said         []float64
	opens, open  int
	deaf         bool // the microphone gives nothing
	sinkErr      error
	slow         time.Duration // of Close
}

func newRoom(length, delay, gain float64, now func(rate int) int) *room {
	return &room{length: length, delay: delay, gain: gain, name: "room", now: now, hiss: rand.New(rand.NewPCG(1, 8))}
}

// tune makes the response of the room at a rate. mu is held.
func (r *room) tune(rate int) {
	r.opens++
	r.open++
	if r.rate == rate {
		r.read = r.now(rate)
		return
	}
	r.rate, r.air, r.read, r.played = rate, nil, r.now(rate), 0
	h := impulse(rate, r.length, r.gain, 1)
	n := 2
	for n < len(h)+rate/8 {
		n *= 2
	}
	r.plan, _ = fft.New(n)
	r.work, r.bins = make([]float32, n), make([]complex64, r.plan.Bins())
	r.response = make([]complex64, r.plan.Bins())
	for i, v := range h {
		r.work[i] = float32(v)
	}
	r.plan.Forward(r.response, r.work)
}

// impulse is a direct way and noise that decays by 60 dB over its length.
func impulse(rate int, length, gain float64, seed uint64) []float64 {
	rnd := rand.New(rand.NewPCG(seed, 4))
	h := make([]float64, int(length*float64(rate)))
	sum := 0.0
	for i := range h {
		h[i] = rnd.NormFloat64() * math.Pow(10, -3*float64(i)/float64(len(h)))
		if i == 0 {
			h[i] = 4
		}
		sum += h[i] * h[i]
	}
	k := math.Pow(10, gain/20) / math.Sqrt(sum)
	for i := range h {
		h[i] *= k
	}
	return h
}

func (r *room) OpenSource(rate int) (audio.SourceCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tune(rate)
	return &roomEnd{room: r, rate: rate}, nil
}

func (r *room) OpenSink(rate int) (audio.SinkCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sinkErr != nil {
		return nil, r.sinkErr
	}
	r.tune(rate)
	return &roomEnd{room: r, rate: rate}, nil
}

func (r *room) String() string { return r.name }

// roomEnd is one open end; a closed one, or one of another rate, does nothing.
type roomEnd struct {
	room   *room
	rate   int
	closed bool
}

func (e *roomEnd) Close() error {
	r := e.room
	time.Sleep(r.slow)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !e.closed {
		r.open--
	}
	e.closed = true
	return nil
}

// Write puts the frame behind what is still to be played.
func (e *roomEnd) Write(frame []int16) {
	r := e.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.closed || e.rate != r.rate {
		return
	}
	at := max(r.now(r.rate), r.played)
	r.played = at + len(frame)
	at += int(r.delay * float64(r.rate))
	clear(r.work)
	for i, v := range frame {
		r.work[i] = float32(v)
	}
	r.plan.Forward(r.bins, r.work)
	for i := range r.bins {
		r.bins[i] *= r.response[i]
	}
	r.plan.Inverse(r.work, r.bins)
	if grow := at + len(r.work) - len(r.air); grow > 0 {
		r.air = append(r.air, make([]float64, grow+r.rate)...)
	}
	for i, v := range r.work {
		r.air[at+i] += float64(v)
	}
}

// Read gives what was recorded last; what waits for too long is thrown away.
func (e *roomEnd) Read(frame []int16) int {
	r := e.room
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now(r.rate)
	if e.closed || e.rate != r.rate || r.deaf {
		r.read = now
		return 0
	}
	if now-r.read > len(frame)+r.rate*60/1000 {
		r.read = now - len(frame)
	}
	n := min(len(frame), now-r.read)
	for i := range n {
		at := r.read + i
		echo, near := 0.0, r.hiss.NormFloat64()*13 // -68 dBFS
		if at < len(r.air) {
			echo = r.air[at]
		}
		if at < len(r.near) {
			near += r.near[at]
		}
		r.echo, r.said = append(r.echo, echo), append(r.said, near)
		frame[i] = int16(math.Round(min(max(echo+near, -32768), 32767)))
	}
	r.read += n
	return n
}

// speech returns a recorded voice, about -23 dBFS, for so many seconds.
func speech(t testing.TB, name string, rate, seconds int) []float64 {
	t.Helper()
	raw, err := os.ReadFile("../echo/testdata/" + name + ".g722")
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 2*len(raw))
	g722.NewDecoder().Decode(pcm, raw)
	r, err := resample.New(16000, rate)
	if err != nil {
		t.Fatal(err)
	}
	at := make([]int16, r.Len(len(pcm)))
	at = at[:r.Process(at, pcm)]
	out := make([]float64, seconds*rate)
	for i := range out {
		out[i] = float64(at[i%len(at)])
	}
	k := 32768 * math.Pow(10, -23.0/20) / math.Sqrt(power(out))
	for i := range out {
		out[i] *= k
	}
	return out
}

func power(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum / float64(max(len(x), 1))
}

func db(a, b float64) float64 { return 10 * math.Log10((a+1e-3)/(b+1e-3)) }

func pcm(x []float64) []int16 {
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = int16(math.Round(min(max(v, -32768), 32767)))
	}
	return out
}

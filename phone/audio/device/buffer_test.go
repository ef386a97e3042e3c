package device

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"housephone/phone/audio"
)

func TestRing(t *testing.T) {
	r := newRing(6)
	if len(r.pcm) != 8 {
		t.Fatalf("%d samples", len(r.pcm))
	}
	next, want := int16(0), int16(0)
	out := make([]int16, 8)
	for i := range 100 {
		in := make([]int16, i%9)
		for j := range in {
			in[j] = next + int16(j)
		}
		n := r.put(in)
		if room := 8 - int(next-want); n != min(len(in), room) {
			t.Fatalf("put %d of %d with room for %d", n, len(in), room)
		}
		next += int16(n)
		for _, v := range out[:r.take(out[:i*7%6])] {
			if v != want {
				t.Fatalf("%d, want %d", v, want)
			}
			want++
		}
		if r.fill() != int(next-want) {
			t.Fatalf("fill %d, want %d", r.fill(), next-want)
		}
	}
	r.skip(100)
	if r.fill() != 0 {
		t.Errorf("fill %d after skip", r.fill())
	}
}

func TestRingBetweenGoroutines(t *testing.T) {
	r := newRing(64)
	const n = 20000
	go func() {
		for v := 0; v < n; {
			piece := []int16{int16(v), int16(v + 1), int16(v + 2)}
			v += r.put(piece[:min(3, n-v)])
		}
	}()
	out := make([]int16, 7)
	for want := 0; want < n; {
		for _, v := range out[:r.take(out)] {
			if v != int16(want) {
				t.Fatalf("%d, want %d", v, int16(want))
			}
			want++
		}
	}
}

// The clock must find a difference of crystals, hold the buffer at its target
// and stay quiet when there is none.
func TestClock(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ppm   float64 // the writer is faster by
		start float64 // ms above the target at the beginning
		noise float64 // ms
	}{
		{"equal", 0, 0, 0},
		{"fast card", 200, 0, 0},
		{"slow card", -200, 0, 0},
		{"wrong start", 0, 20, 0},
		{"all at once", 150, -15, 5},
		{"noise alone", 0, 0, 10},
	} {
		var c clock
		above, dt := tc.start/1000, 0.02
		var ppm, worst float64
		for i := range 600 * 50 {
			wobble := tc.noise / 1000 * math.Sin(float64(i)*2.1)
			ppm = c.update(above+wobble, dt)
			above += (tc.ppm + ppm) * 1e-6 * dt
			if i > 300*50 {
				worst = max(worst, math.Abs(above*1000))
			}
			if math.Abs(ppm) > maxPPM {
				t.Fatalf("%s: %.0f ppm", tc.name, ppm)
			}
		}
		if math.Abs(ppm+tc.ppm) > 30 {
			t.Errorf("%s: correction of %.0f ppm for %.0f", tc.name, ppm, tc.ppm)
		}
		if worst > 1.5 {
			t.Errorf("%s: %.2f ms off after five minutes", tc.name, worst)
		}
	}
}

// pump is a buffer that time passes for by hand.
type pump struct {
	b       *buffer
	at      time.Duration
	written int
}

func newPump(rate int) *pump {
	p := &pump{}
	p.b = newBuffer(rate, func() time.Duration { return p.at })
	return p
}

// read lets the time of a frame pass, then reads it.
func (p *pump) read(frame []int16) int {
	p.at += time.Duration(len(frame)) * time.Second / time.Duration(p.b.rate)
	return p.b.read(frame)
}

func (p *pump) write(n int) {
	p.b.write(make([]int16, n))
	p.written += n
}

func TestBufferWaitsThenFlows(t *testing.T) {
	p := newPump(8000)
	frame := make([]int16, 160)
	if n := p.read(frame); n != 0 {
		t.Errorf("%d samples of nothing", n)
	}
	p.write(160)
	if n := p.read(frame); n != 0 {
		t.Errorf("%d samples while less than the aim was there", n)
	}
	for i := range 100 {
		p.write(160)
		if n := p.read(frame); n != 160 {
			t.Fatalf("frame %d: %d samples", i, n)
		}
	}
	if dry, dropped := p.b.dry.Load(), p.b.dropped.Load(); dry != 0 || dropped > 160 {
		t.Errorf("dry %d, dropped %d", dry, dropped)
	}
}

func TestBufferGivesShortSoundsOut(t *testing.T) {
	p := newPump(8000)
	p.write(100)
	frame, got := make([]int16, 40), 0
	for range 20 {
		got += p.read(frame)
	}
	if got != 100 {
		t.Errorf("%d samples of 100", got)
	}
}

// A writer that is late now and then gets more time; the delay comes back later.
func TestBufferAimGrowsAndShrinks(t *testing.T) {
	p := newPump(8000)
	frame := make([]int16, 160)
	p.write(320)
	for range 3 { // late by 60 ms three times
		for p.read(frame) == 160 {
		}
		p.read(frame)
		p.read(frame)
		p.write(800)
		p.read(frame)
	}
	if got := p.b.extra; got <= p.b.of(reserve) || got > p.b.of(reserve+aimRange) {
		t.Errorf("reserve of %.0f samples after three gaps, at first %.0f", got, p.b.of(reserve))
	}
	high := p.b.extra
	for range 300 * 50 {
		p.write(160)
		p.read(frame)
	}
	if p.b.extra > high-p.b.of(8*time.Millisecond) {
		t.Errorf("reserve %.0f after 300 s without a gap, was %.0f", p.b.extra, high)
	}
}

// A buffer that runs low is given more reserve before anything is missing.
func TestNearMissGrowsTheReserve(t *testing.T) {
	p := newPump(8000)
	piece := make([]int16, 40)
	for i := 0; p.b.extra <= p.b.of(reserve); i++ {
		if i%4 == 0 {
			p.write(159) // of the 160 that are read meanwhile
		}
		p.read(piece)
		if dry := p.b.dry.Load(); dry != 0 {
			t.Fatalf("%d gaps, and the reserve is what it was", dry)
		}
	}
}

func TestBufferPauseIsNoGap(t *testing.T) {
	p := newPump(8000)
	frame := make([]int16, 160)
	p.write(400)
	for range 50 { // a second
		p.read(frame)
	}
	p.write(400)
	p.read(frame)
	if p.b.extra != p.b.of(reserve) {
		t.Errorf("reserve %.0f after a pause of the writer", p.b.extra)
	}
}

// After a stall of either side the delay is what it was before, and no old
// sound is heard.
func TestBufferStall(t *testing.T) {
	for _, tc := range []struct {
		name  string
		stall int // frames written without a read
		most  int // samples inside afterwards
	}{
		{"short", 5, 8000 / 1000 * (30 + 60)},
		{"long", 100, 8000 / 1000 * (30 + 60)},
	} {
		p := newPump(8000)
		frame := make([]int16, 160)
		for range 20 {
			p.write(160)
			p.read(frame)
		}
		for range tc.stall {
			p.write(160)
		}
		for range 20 {
			p.write(160)
			p.read(frame)
		}
		if fill := p.b.ring.fill(); fill > tc.most {
			t.Errorf("%s: %d samples inside", tc.name, fill)
		}
		if p.b.extra != p.b.of(reserve) {
			t.Errorf("%s: a stall of the reader made the reserve %.0f", tc.name, p.b.extra)
		}
		in, out := p.written, p.b.ring.fill()+int(p.b.dropped.Load())
		if in < out {
			t.Errorf("%s: %d written, %d accounted for", tc.name, in, out)
		}
	}
}

// A card whose crystal is off gives a call without a gap, and the correction is
// what the crystal is off by, at any moment. Sound comes in pieces of one length and is taken in
// pieces of another, each side up to 1.5 ms late, and the phases slip against each other.
func TestOtherClocks(t *testing.T) {
	for _, tc := range []struct {
		put, take int     // samples at 8 kHz
		ppm       float64 // the writer is faster by
	}{
		{40, 160, 150}, {40, 160, -150}, {80, 160, 150}, {80, 160, -150}, {160, 40, 150}, {160, 40, -150}, {160, 80, -150},
		{80, 160, 0}, {160, 170, 20}, {171, 160, -150}, {160, 480, 150}, {80, 80, -150},
	} {
		var now float64 // in samples of the reader
		b := newBuffer(8000, func() time.Duration { return time.Duration(now * float64(time.Second) / 8000) })
		in, out := make([]int16, tc.put+1), make([]int16, tc.take)
		rnd := rand.New(rand.NewPCG(1, 2))
		late := func() float64 { return rnd.Float64() * 12 }
		var stretch, sum, worst, level float64
		nextPut, nextTake := late(), late()
		const length = 900 * 8000.0
		puts, takes, reads := 0, 0, 0
		for now < length {
			if now = min(nextPut, nextTake); now == nextPut {
				exact := float64(tc.put)*(1+b.correction()*1e-6) + stretch
				n := int(exact)
				stretch = exact - float64(n)
				b.write(in[:n])
				puts++
				nextPut = float64(puts*tc.put)/(1+tc.ppm*1e-6) + late()
				continue
			}
			level = b.level(b.now())
			b.read(out)
			takes++
			nextTake = float64(takes*tc.take) + late()
			if now > length/3 {
				sum += b.correction()
				worst = max(worst, math.Abs(b.correction()+tc.ppm))
				reads++
			}
		}
		if dry := b.dry.Load(); dry != 0 {
			t.Errorf("%+v: %d gaps", tc, dry)
		}
		if off := sum/float64(reads) + tc.ppm; math.Abs(off) > 5 || worst > 60 {
			t.Errorf("%+v: correction is %.0f ppm off in the mean, %.0f at worst", tc, off, worst)
		}
		if dropped := float64(b.dropped.Load()); dropped > b.of(20*time.Millisecond)+float64(tc.take) {
			t.Errorf("%+v: %.0f samples dropped", tc, dropped)
		}
		if most := float64(tc.put+tc.take) + b.of(reserve+4*time.Millisecond); level > most {
			t.Errorf("%+v: a level of %.0f samples, %.0f were enough", tc, level, most)
		}
		t.Logf("%+v: level %.1f, reserve %.1f ms, worst correction %.0f ppm off", tc, level, b.extra/8, worst)
	}
}

// Cards in all rates give and take the sound as it is.
func TestCardsOfAllRates(t *testing.T) {
	for _, card := range []int{8000, 16000, 44100, 48000} {
		p := newPump(16000)
		b := p.b
		in, err := newInlet(b, card)
		if err != nil {
			t.Fatal(err)
		}
		out, err := newOutlet(b, card)
		if err != nil {
			t.Fatal(err)
		}
		tone, err := audio.NewTone(card, -12, 400)
		if err != nil {
			t.Fatal(err)
		}
		var heard []int16
		piece := make([]int16, card/100)
		for range 100 {
			tone.Read(piece)
			p.at += 10 * time.Millisecond
			in.push(piece)
			out.pull(piece)
			heard = append(heard, piece...)
		}
		part := heard[len(heard)/2:][:card/5]
		if l := audio.ToneLevel(part, card, 400); math.Abs(l+12) > 0.5 {
			t.Errorf("%d Hz: %.1f dBFS at 400 Hz", card, l)
		}
		if f := audio.Frequency(part, card); math.Abs(f-400) > 2 {
			t.Errorf("%d Hz: %.1f Hz", card, f)
		}
	}
	if _, err := newInlet(newPump(8000).b, 44101); err == nil {
		t.Error("44101 Hz is converted")
	}
}

func TestMediaPathDoesNotAllocate(t *testing.T) {
	p := newPump(16000)
	b := p.b
	in, err := newInlet(b, 48000)
	if err != nil {
		t.Fatal(err)
	}
	out, err := newOutlet(b, 48000)
	if err != nil {
		t.Fatal(err)
	}
	piece := make([]int16, 480)
	if n := testing.AllocsPerRun(200, func() { p.at += 10 * time.Millisecond; in.push(piece); out.pull(piece) }); n != 0 {
		t.Errorf("%v allocations for 10 ms", n)
	}
}

func BenchmarkCapture48to16(b *testing.B) {
	p := newPump(16000)
	buf := p.b
	in, err := newInlet(buf, 48000)
	if err != nil {
		b.Fatal(err)
	}
	piece, frame := make([]int16, 960), make([]int16, 320)
	b.ReportAllocs()
	for b.Loop() {
		p.at += 20 * time.Millisecond
		in.push(piece)
		buf.read(frame)
	}
}

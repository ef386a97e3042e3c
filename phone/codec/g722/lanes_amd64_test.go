package g722

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// state is all that the predictors know, in the same order for lanes and scalar.
func (p *lanes) state() []int {
	var all []int
	add := func(v ...int16) {
		for _, x := range v {
			all = append(all, int(x))
		}
	}
	for i, band := range []struct{ b, d [8]int16 }{{p.bLow, p.dLow}, {p.bHigh, p.dHigh}} {
		add(band.b[:6]...)
		add(band.d[:5]...)
		add(p.a[i], p.a[i+2], p.r[i], p.p[i], p.p[i+2], p.s[i], p.sz[i])
	}
	return all
}

func (p *scalar) state() []int {
	var all []int
	for _, b := range []band{p.low, p.high} {
		for i := range 6 {
			all = append(all, b.zero(i))
		}
		all = append(all, b.d[:]...)
		all = append(all, b.a1, b.a2, b.r, b.p1, b.p2, b.s, b.sz)
	}
	return all
}

// plainEncoder and plainDecoder are what Encoder and Decoder are elsewhere.
type plainEncoder struct {
	*Encoder
	plain scalar
}

type plainDecoder struct {
	*Decoder
	plain scalar
}

func newPlain() (*plainEncoder, *plainDecoder) {
	return &plainEncoder{NewEncoder(), newScalar()}, &plainDecoder{NewDecoder(), newScalar()}
}

func (e *plainEncoder) block(dst []byte, pcm []int16) {
	var bands frame
	copy(e.in.room(len(dst)), pcm)
	scalarAnalyse(&bands, &e.in, len(dst))
	e.in.keep(len(dst))
	e.plain.encode(e.t, &e.nb, dst, &bands)
}

func (d *plainDecoder) block(dst []int16, payload []byte) {
	var diffs [block]differences
	var pcm frame
	n := len(payload)
	d.inverse(diffs[:n], payload)
	d.plain.decode(d.t, d.out.room(n), diffs[:n])
	scalarSynthesise(&pcm, &d.out, n)
	d.out.keep(n)
	copy(dst, pcm[:])
}

// encodeBoth codes with lanes and with plain Go and compares everything after each block.
func encodeBoth(t *testing.T, pcm []int16, size int) {
	t.Helper()
	e := NewEncoder()
	plain, _ := newPlain()
	got, want := make([]byte, size), make([]byte, size)
	for at := 0; at+1 < len(pcm); at += 2 * size {
		n := min(size, (len(pcm)-at)/2)
		e.block(got[:n], pcm[at:at+2*n])
		plain.block(want[:n], pcm[at:at+2*n])
		if i := firstDifference(got[:n], want[:n]); i >= 0 {
			t.Fatalf("octet %d is %#x, want %#x", at/2+i, got[i], want[i])
		}
		if a, b := e.p.state(), plain.plain.state(); !slices.Equal(a, b) || e.nb != plain.nb {
			t.Fatalf("coder after %d samples: %v %v, want %v %v", at+2*n, a, e.nb, b, plain.nb)
		}
	}
}

// decodeBoth is the same for the other direction.
func decodeBoth(t *testing.T, coded []byte, size int) {
	t.Helper()
	d := NewDecoder()
	_, plain := newPlain()
	got, want := make([]int16, 2*size), make([]int16, 2*size)
	for at := 0; at < len(coded); at += size {
		n := min(size, len(coded)-at)
		d.block(got[:2*n], coded[at:at+n])
		plain.block(want[:2*n], coded[at:at+n])
		if i := firstDifference(got[:2*n], want[:2*n]); i >= 0 {
			t.Fatalf("sample %d is %d, want %d", 2*at+i, got[i], want[i])
		}
		if a, b := d.p.state(), plain.plain.state(); !slices.Equal(a, b) {
			t.Fatalf("decoder after %d octets: %v, want %v", at+n, a, b)
		}
	}
}

// predictBoth lets both predict by any differences within the range that lanes
// are made for, whether a quantiser would ever have given them or not.
func predictBoth(t *testing.T, raw []byte) {
	t.Helper()
	const most = 10229
	var src []differences
	for ; len(raw) >= 8; raw = raw[8:] {
		word := func(i int) int16 { return int16(binary.LittleEndian.Uint16(raw[2*i:])) }
		src = append(src, differences{word(0) % most, word(1) % most, word(2), word(3)})
	}
	p, plain := newPredictor(), newScalar()
	for i := range src {
		var got, want [2]int16
		p.decode(shared(), got[:], src[i:i+1])
		plain.decode(shared(), want[:], src[i:i+1])
		if a, b := p.state(), plain.state(); got != want || !slices.Equal(a, b) {
			t.Fatalf("step %d, %v: %v %v, want %v %v", i, src[i], got, a, want, b)
		}
	}
}

func TestLanes(t *testing.T) {
	all := signals()
	all["speech"] = samples(golden(t, "speech.s16"))
	for name, pcm := range all {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 3, 80, block} {
				encodeBoth(t, pcm, size)
				decodeBoth(t, encode(pcm, 320), size)
			}
		})
	}
	for name, coded := range octetStreams() {
		t.Run(name, func(t *testing.T) {
			decodeBoth(t, coded, block)
			encodeBoth(t, samples(coded), block)
			predictBoth(t, coded)
		})
	}
}

// The largest differences, and signs that agree and differ as long as it takes
// to bring every coefficient to both of its limits.
func TestLanesAtTheirLimits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, period := range []int{1, 2, 3, 4, 5, 6, 5000} {
		var raw []byte
		for i := range 5000 {
			d := int16(10228)
			if i/period%2 == 1 {
				d = -d
			}
			for _, v := range []int16{d, -d, int16(rnd.Uint32()), int16(rnd.Uint32())} {
				raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
			}
		}
		predictBoth(t, raw)
	}
}

func FuzzLanes(f *testing.F) {
	f.Add(golden(f, "speech.g722")[:400], 160)
	f.Add(golden(f, "speech.s16")[6400:9600], 7)
	f.Add(octetStreams()["alternating"][:4000], 160)
	f.Fuzz(func(t *testing.T, raw []byte, size int) {
		size = max(1, min(size, block))
		encodeBoth(t, samples(raw), size)
		decodeBoth(t, raw, size)
		predictBoth(t, raw)
	})
}

func BenchmarkPlainGo(b *testing.B) {
	e, d := newPlain()
	pcm := samples(golden(b, "speech.s16"))
	coded, out := make([]byte, block), make([]int16, 2*block)
	frames := len(pcm) / len(out)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := i % frames * len(out)
		e.block(coded, pcm[at:at+len(out)])
		d.block(out, coded)
	}
}

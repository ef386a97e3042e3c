package g711

import (
	"os"
	"testing"
)

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type coder interface {
	Encode([]byte, []int16) int
	Decode([]int16, []byte) int
}

// The golden files were written by sox from all 256 codes and all 65536
// samples; see testdata/README.
func TestGolden(t *testing.T) {
	for _, tc := range []struct {
		name    string
		c       coder
		quantum int // step of the linear scale that the law sees
	}{{"ulaw", ULaw{}, 4}, {"alaw", ALaw{}, 8}} {
		t.Run(tc.name, func(t *testing.T) {
			codes := make([]byte, 256)
			for i := range codes {
				codes[i] = byte(i)
			}
			pcm := make([]int16, 256)
			if n := tc.c.Decode(pcm, codes); n != 256 {
				t.Fatalf("decoded %d samples", n)
			}
			want := golden(t, tc.name+".decode.s16le")
			for i, s := range pcm {
				if w := int16(uint16(want[2*i]) | uint16(want[2*i+1])<<8); s != w {
					t.Errorf("code %#02x: got %d, want %d", i, s, w)
				}
			}
			all := make([]int16, 1<<16)
			for i := range all {
				all[i] = int16(i - 1<<15)
			}
			got := make([]byte, len(all))
			tc.c.Encode(got, all)
			edges := 0
			for i, w := range expand(golden(t, tc.name+".encode.rle")) {
				if got[i] == w {
					continue
				}
				edges++
				if j := i - tc.quantum; j >= 0 && got[j] == w {
					continue
				}
				if j := i + tc.quantum; j < len(got) && got[j] == w {
					continue
				}
				t.Fatalf("sample %d: got %#02x, want %#02x", all[i], got[i], w)
			}
			// G.711 leaves open to which side a sample on a decision value
			// goes: 255 such edges, of one quantum (4 or 8 samples) at most.
			if edges > 255*tc.quantum {
				t.Errorf("%d samples differ from the golden file", edges)
			}
		})
	}
}

// expand undoes the run-length form of the golden file: code, count low byte,
// count high byte.
func expand(rle []byte) []byte {
	var out []byte
	for ; len(rle) >= 3; rle = rle[3:] {
		for range int(rle[1]) | int(rle[2])<<8 {
			out = append(out, rle[0])
		}
	}
	return out
}

func TestGoldenIsWhole(t *testing.T) {
	for _, name := range []string{"ulaw", "alaw"} {
		if n := len(expand(golden(t, name+".encode.rle"))); n != 1<<16 {
			t.Errorf("%s: golden covers %d samples, want 65536", name, n)
		}
	}
}

func TestRoundTripOfCodes(t *testing.T) {
	for _, c := range []coder{ULaw{}, ALaw{}} {
		for i := range 256 {
			var pcm [1]int16
			var back [1]byte
			c.Decode(pcm[:], []byte{byte(i)})
			c.Encode(back[:], pcm[:])
			negativeZero := pcm[0] == 0 // u-law has two zeros
			if int(back[0]) != i && !negativeZero {
				t.Errorf("%T: code %#02x came back as %#02x", c, i, back[0])
			}
		}
	}
}

func TestShortBuffers(t *testing.T) {
	for _, c := range []coder{ULaw{}, ALaw{}} {
		if n := c.Encode(make([]byte, 3), make([]int16, 9)); n != 3 {
			t.Errorf("%T: encode gave %d", c, n)
		}
		if n := c.Decode(make([]int16, 3), make([]byte, 9)); n != 3 {
			t.Errorf("%T: decode gave %d", c, n)
		}
		if n := c.Decode(nil, nil); n != 0 {
			t.Errorf("%T: decode of nothing gave %d", c, n)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	pcm, b := make([]int16, 160), make([]byte, 160)
	for _, c := range []coder{ULaw{}, ALaw{}} {
		if n := testing.AllocsPerRun(100, func() { c.Encode(b, pcm); c.Decode(pcm, b) }); n != 0 {
			t.Errorf("%T: %v allocations a frame", c, n)
		}
	}
}

func BenchmarkEncodeULaw(b *testing.B) {
	pcm, out := make([]int16, 160), make([]byte, 160)
	for i := range pcm {
		pcm[i] = int16(i * 411)
	}
	b.ReportAllocs()
	for b.Loop() {
		ULaw{}.Encode(out, pcm)
	}
}

func BenchmarkDecodeALaw(b *testing.B) {
	pcm, in := make([]int16, 160), make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		ALaw{}.Decode(pcm, in)
	}
}

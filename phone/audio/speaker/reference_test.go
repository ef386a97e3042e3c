package speaker

import (
	"slices"
	"testing"

	"housephone/phone/audio"
)

// The newest sink of a rate is what the sources of that rate hear, and the one
// before when it is closed.
func TestConnect(t *testing.T) {
	none, err := audio.Open("none")
	if err != nil {
		t.Fatal(err)
	}
	phone := New(Config{Capture: none, Playback: none, Echo: true})
	open := func(rate int) *sink {
		k, err := phone.Playback().OpenSink(rate)
		if err != nil {
			t.Fatal(err)
		}
		return k.(*sink)
	}
	source, err := phone.Capture().OpenSource(8000)
	if err != nil {
		t.Fatal(err)
	}
	old, wide := open(8000), open(16000)
	newest := open(8000)
	check := func(when string, want ...int) {
		t.Helper()
		for i, k := range []*sink{old, wide, newest} {
			if got := len(*k.to.Load()); got != want[i] {
				t.Errorf("%s: sink %d is the reference of %d sources, want %d", when, i, got, want[i])
			}
		}
	}
	check("all are open", 0, 0, 1)
	if err := newest.Close(); err != nil {
		t.Error(err)
	}
	if got := len(*old.to.Load()); got != 1 {
		t.Errorf("the older sink is the reference of %d sources when the newest is closed", got)
	}
	if err := source.Close(); err != nil {
		t.Error(err)
	}
	if got := len(*old.to.Load()); got != 0 {
		t.Errorf("a closed source hears %d sinks", got)
	}
}

// Each step writes (w) or reads (r) one frame of 160 samples; frames are
// numbered from 1 and what is read is compared by number, 0 for silence.
func TestReference(t *testing.T) {
	for _, c := range []struct {
		name, steps string
		want        []int16
	}{
		{"read first", "rwrwrw", []int16{0, 1, 2}},
		{"write first", "wrwrwr", []int16{1, 2, 3}},
		{"order changes once", "wrrwwrrw", []int16{1, 0, 2, 3}},
		{"then it may change again", "rwwrrwrwwr", []int16{0, 1, 2, 3, 4}},
		{"nothing is played", "rrr", []int16{0, 0, 0}},
		{"a read is left out", "rwwrwrw", []int16{0, 1, 2}},
		{"three reads are left out", "rwwwwrwr", []int16{0, 1, 2}},
		{"reads pause", "rwwwwwwwwwwwwwwwwwwwwwwwwwwrwr", []int16{0, 26, 27}},
		{"a write is left out", "rwrrwr", []int16{0, 1, 0, 2}},
	} {
		r := newReference(8000)
		frame := make([]int16, 160)
		var got []int16
		n := int16(0)
		for _, s := range c.steps {
			if s == 'w' {
				n++
				for i := range frame {
					frame[i] = n
				}
				r.push(frame)
				continue
			}
			r.pop(frame)
			if slices.Min(frame) != slices.Max(frame) {
				t.Errorf("%s: a frame of %d and %d", c.name, frame[0], frame[159])
			}
			got = append(got, frame[0])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: read %v, want %v", c.name, got, c.want)
		}
	}
}

// Frames that came too late are in the way of the others for half a second at most.
func TestReferenceLevels(t *testing.T) {
	r := newReference(8000)
	frame := make([]int16, 160)
	for range 3 {
		r.push(frame)
	}
	for range 2 * settle {
		r.push(frame)
		r.pop(frame)
	}
	if r.fill != 160 {
		t.Errorf("%d samples wait, want 160", r.fill)
	}
}

// Frames of any length go through whole.
func TestReferenceLengths(t *testing.T) {
	r := newReference(8000)
	next, want := int16(1), int16(1)
	for i := range 2000 {
		n := 1 + i*37%300
		frame := make([]int16, n)
		for i := range frame {
			frame[i] = next
			next++
		}
		r.push(frame)
		clear(frame)
		r.pop(frame)
		for _, v := range frame {
			if v != want {
				t.Fatalf("frame %d: %d, want %d", i, v, want)
			}
			want++
		}
	}
	long := make([]int16, 100000)
	for i := range long {
		long[i] = int16(i)
	}
	r.push(long)
	r.pop(long[:160])
	if last := 100000 - 1; long[159] != int16(last) {
		t.Errorf("after a huge frame %d is read last", long[159])
	}
}

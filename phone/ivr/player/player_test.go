package player

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// count is a clip of n samples from, from+1, ...
func count(from int16, n int) Clip {
	c := make(Clip, n)
	for i := range c {
		c[i] = from + int16(i)
	}
	return c
}

func play(t *testing.T, p *Player, items ...Item) {
	t.Helper()
	for _, it := range items {
		if err := p.Play(it); err != nil {
			t.Fatal(err)
		}
	}
}

func read(p *Player, n int) []int16 {
	frame := make([]int16, n)
	return frame[:p.Read(frame)]
}

func TestQueueHasNoGaps(t *testing.T) {
	p := New()
	play(t, p,
		Item{ID: 1, Name: "a", Sound: count(0, 5)},
		Item{ID: 2, Name: "b", Sound: count(100, 3), Repeat: 3},
		Item{ID: 3, Name: "empty", Sound: Clip{}, Repeat: Forever},
		Item{ID: 4, Name: "c", Sound: count(200, 2)})
	var got []int16
	for range 5 {
		got = append(got, read(p, 4)...)
	}
	want := []int16{0, 1, 2, 3, 4, 100, 101, 102, 100, 101, 102, 100, 101, 102, 200, 201}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var names []string
	for _, e := range p.Ends(nil) {
		if e.Reason != Finished {
			t.Errorf("%s: %v", e.Name, e.Reason)
		}
		names = append(names, e.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "empty", "c"}) {
		t.Errorf("ends %v", names)
	}
	if _, ok := p.Playing(); ok || read(p, 4) != nil && len(read(p, 4)) != 0 {
		t.Error("not quiet")
	}
	if ends := p.Ends(nil); len(ends) != 0 {
		t.Errorf("told again: %v", ends)
	}
}

func TestKeys(t *testing.T) {
	p := New()
	if p.Key('1') {
		t.Error("key interrupted silence")
	}
	play(t, p,
		Item{ID: 1, Name: "a", Sound: count(0, 100), Repeat: Forever, Interrupt: "1#"},
		Item{ID: 2, Name: "b", Sound: count(50, 3)})
	read(p, 150)
	if p.Key('2') {
		t.Error("2 interrupted")
	}
	if name, _ := p.Playing(); name != "a" {
		t.Errorf("playing %q", name)
	}
	if !p.Key('#') || p.Key('#') {
		t.Error("# must interrupt a and only a")
	}
	if got := read(p, 2); !slices.Equal(got, []int16{50, 51}) {
		t.Errorf("b begins with %v", got)
	}
	ends := p.Ends(nil)
	if len(ends) != 1 || ends[0] != (End{ID: 1, Name: "a", Reason: Interrupted, Key: '#'}) {
		t.Errorf("ends %v", ends)
	}
}

func TestStopAndRemove(t *testing.T) {
	p := New()
	play(t, p, Item{ID: 1, Sound: count(0, 9)}, Item{ID: 2, Sound: count(10, 9)}, Item{ID: 3, Sound: count(20, 9)}, Item{ID: 4, Sound: count(30, 9)})
	read(p, 3)
	p.Remove(2)
	p.Remove(1)
	p.Remove(77)
	if got := read(p, 1); !slices.Equal(got, []int16{20}) {
		t.Errorf("after 1 and 2 comes %v", got)
	}
	p.Stop()
	p.Stop()
	var ids []uint64
	for _, e := range p.Ends(nil) {
		ids = append(ids, e.ID)
		if e.Reason != Stopped {
			t.Errorf("%d: %v", e.ID, e.Reason)
		}
	}
	if !slices.Equal(ids, []uint64{2, 1, 3, 4}) || p.Read(make([]int16, 4)) != 0 {
		t.Errorf("ends %v", ids)
	}
}

func TestQueueIsBounded(t *testing.T) {
	p := New()
	for i := range MaxQueue {
		play(t, p, Item{ID: uint64(i), Sound: Clip{1}})
	}
	for range 3 { // neither playing nor waiting makes room, only fetching the ends
		if err := p.Play(Item{Sound: Clip{1}}); !errors.Is(err, ErrFull) {
			t.Fatalf("one more: %v", err)
		}
		read(p, 10)
	}
	read(p, MaxQueue)
	if n := len(p.Ends(nil)); n != MaxQueue {
		t.Errorf("%d ends", n)
	}
	play(t, p, Item{Sound: Clip{1}})
}

func TestFeed(t *testing.T) {
	p, f := New(), NewFeed(6)
	play(t, p, Item{ID: 1, Sound: f, Repeat: 2}, Item{ID: 2, Sound: Clip{9}})
	if got := read(p, 4); len(got) != 0 {
		t.Errorf("an empty feed gives %v", got)
	}
	if err := f.Append([]int16{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if got := read(p, 4); !slices.Equal(got, []int16{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	if err := f.Append([]int16{4, 5, 6, 7}); !errors.Is(err, ErrFeedFull) {
		t.Errorf("over the limit: %v", err)
	}
	if err := f.Append([]int16{4}); err != nil {
		t.Fatal(err)
	}
	f.Finish(nil)
	if got := read(p, 9); !slices.Equal(got, []int16{4, 1, 2, 3, 4, 9}) {
		t.Errorf("got %v", got)
	}
	broken := NewFeed(10)
	play(t, p, Item{ID: 3, Sound: broken})
	why := errors.New("why")
	broken.Finish(why)
	read(p, 1)
	ends := p.Ends(nil)
	if last := ends[len(ends)-1]; len(ends) != 3 || last.Reason != Failed || !errors.Is(last.Err, why) {
		t.Errorf("ends %v", ends)
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	p := New()
	frame := make([]int16, 160)
	item := Item{Sound: count(0, 100), Repeat: 2}
	ends := make([]End, 0, MaxQueue)
	if n := testing.AllocsPerRun(100, func() {
		p.Read(frame)
		p.Read(frame)
		ends = p.Ends(ends[:0])
	}); n != 0 {
		t.Errorf("%g allocations while idle", n)
	}
	play(t, p, Item{Sound: count(0, 100), Repeat: Forever})
	if n := testing.AllocsPerRun(100, func() { p.Read(frame) }); n != 0 {
		t.Errorf("%g allocations while playing", n)
	}
	p.Stop()
	play(t, p, slices.Repeat([]Item{item}, 20)...)
	if n := testing.AllocsPerRun(20, func() { p.Read(frame); p.Read(frame) }); n != 0 {
		t.Errorf("%g allocations while sounds end", n)
	}
}

// TestConcurrently: every sound ends exactly once, whoever does what.
func TestConcurrently(t *testing.T) {
	p := New()
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		frame := make([]int16, 160)
		for {
			select {
			case <-stop:
				return
			default:
				p.Read(frame)
			}
		}
	})
	ended := map[uint64]int{}
	accepted := 0
	for i := range uint64(2000) {
		f := NewFeed(1000)
		if p.Play(Item{ID: i, Sound: f, Interrupt: "1"}) == nil {
			accepted++
		}
		all.Go(func() {
			_ = f.Append(make([]int16, 100)) // the limit is far
			f.Finish(nil)
		})
		switch i % 7 {
		case 3:
			p.Key('1')
		case 5:
			p.Remove(i)
		}
		for _, e := range p.Ends(nil) {
			ended[e.ID]++
		}
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if _, ok := p.Playing(); !ok {
			break
		}
		select {
		case <-p.Changed():
		case <-time.After(10 * time.Millisecond):
		}
		for _, e := range p.Ends(nil) {
			ended[e.ID]++
		}
	}
	close(stop)
	all.Wait()
	for _, e := range p.Ends(nil) {
		ended[e.ID]++
	}
	if len(ended) != accepted {
		t.Errorf("%d of %d ended", len(ended), accepted)
	}
	for id, n := range ended {
		if n != 1 {
			t.Errorf("sound %d ended %d times", id, n)
		}
	}
}

package jitter

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const frame = 20 * time.Millisecond

// packet is one arrival of the simulated network.
type packet struct {
	seq uint16
	ts  uint32
	at  time.Duration
}

// stream is n packets sent 20 ms apart that arrive without delay.
func stream(seq uint16, ts uint32, n int) []packet {
	p := make([]packet, n)
	for i := range p {
		p[i] = packet{seq + uint16(i), ts + uint32(160*i), time.Duration(i) * frame}
	}
	return p
}

// play feeds arrivals in order of time and pops every 20 ms, half a packet off
// the sender's beat, until the last arrival is well past. It returns one
// letter a turn: p played, l lost, e empty.
func play(b *Buffer, arrivals []packet, played func(Frame, time.Duration)) string {
	var log strings.Builder
	i := 0
	end := arrivals[len(arrivals)-1].at + 400*time.Millisecond
	for now := frame / 2; now < end; now += frame {
		for ; i < len(arrivals) && arrivals[i].at <= now; i++ {
			p := arrivals[i]
			payload := binary.BigEndian.AppendUint32(nil, p.ts)
			b.Push(p.seq, p.ts, payload, p.at)
		}
		f, state := b.Pop(now)
		switch state {
		case OK:
			log.WriteByte('p')
			if played != nil {
				played(f, now)
			}
		case Lost:
			log.WriteByte('l')
		case Empty:
			log.WriteByte('e')
		}
	}
	return log.String()
}

func without(p []packet, drop ...int) []packet {
	var out []packet
	for i, x := range p {
		lost := false
		for _, d := range drop {
			lost = lost || d == i
		}
		if !lost {
			out = append(out, x)
		}
	}
	return out
}

// swapped has packets i and i+1 arrive in the wrong order, 1 ms apart.
func swapped(p []packet, i int) []packet {
	p[i].at = p[i+1].at + time.Millisecond
	p[i], p[i+1] = p[i+1], p[i]
	return p
}

func TestSequences(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []packet
		want string // without leading and trailing e
		stat Stats  // the counters compared
	}{
		{"in order", stream(1, 0, 6), "pppppp", Stats{Played: 6}},
		{"sequence wraps", stream(65533, 0, 6), "pppppp", Stats{Played: 6}},
		{"timestamp wraps", stream(1, 1<<32-320, 6), "pppppp", Stats{Played: 6}},
		{"one lost", without(stream(1, 0, 6), 3), "ppplpp", Stats{Played: 5, Lost: 1}},
		{"two lost", without(stream(1, 0, 8), 3, 4), "pppllppp", Stats{Played: 6, Lost: 2}},
		{"reordered", swapped(stream(1, 0, 6), 3), "pppppp", Stats{Played: 6, Reordered: 1}},
		{"first two reordered", swapped(stream(1, 0, 6), 0), "pppppp", Stats{Played: 6, Reordered: 1}},
		{
			"twice", append(stream(1, 0, 6), packet{6, 800, 101 * time.Millisecond}, packet{2, 160, 102 * time.Millisecond}),
			"pppppp", Stats{Played: 6, Duplicates: 2},
		},
		{
			"too late", append(without(stream(1, 0, 10), 2), packet{3, 320, 181 * time.Millisecond}),
			"pplppppppp", Stats{Played: 9, Lost: 1, Late: 1},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(Config{})
			seen := -1
			got := play(b, tc.in, func(f Frame, _ time.Duration) {
				if binary.BigEndian.Uint32(f.Payload) != f.Timestamp {
					t.Errorf("payload of %d under timestamp %d", binary.BigEndian.Uint32(f.Payload), f.Timestamp)
				}
				if seen >= 0 && int16(f.Seq-uint16(seen)) <= 0 {
					t.Errorf("%d came after %d", f.Seq, seen)
				}
				seen = int(f.Seq)
			})
			if got := strings.Trim(got, "e"); got != tc.want {
				t.Errorf("turns %s, want %s", got, tc.want)
			}
			s := b.Stats()
			got2 := Stats{Played: s.Played, Lost: s.Lost, Late: s.Late, Duplicates: s.Duplicates, Reordered: s.Reordered}
			if got2 != tc.stat {
				t.Errorf("counted %+v, want %+v", got2, tc.stat)
			}
		})
	}
}

func TestDelayFollowsJitter(t *testing.T) {
	for _, tc := range []struct {
		name     string
		jitter   time.Duration // uniform 0..jitter
		min, max time.Duration // of the target at the end
		gaps     float64       // share of turns not played, at most, after 5 s
	}{
		{"none", 0, 20 * time.Millisecond, 20 * time.Millisecond, 0},
		{"10 ms", 10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond, 0.005},
		{"40 ms", 40 * time.Millisecond, 45 * time.Millisecond, 110 * time.Millisecond, 0.01},
		{"100 ms", 100 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 0.01},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			in := stream(100, 5000, 1500)
			for i := range in {
				if tc.jitter > 0 {
					in[i].at += time.Duration(rnd.Int64N(int64(tc.jitter)))
				}
			}
			sortByTime(in)
			b := New(Config{})
			turns := play(b, in, nil)
			turns = strings.TrimRight(turns, "e")[250:]
			gaps := float64(len(turns)-strings.Count(turns, "p")) / float64(len(turns))
			if gaps > tc.gaps {
				t.Errorf("%.2f %% of turns had nothing to play", 100*gaps)
			}
			if s := b.Stats(); s.Target < tc.min || s.Target > tc.max {
				t.Errorf("target %v, want %v to %v", s.Target, tc.min, tc.max)
			}
		})
	}
}

func sortByTime(p []packet) {
	for i := 1; i < len(p); i++ {
		for j := i; j > 0 && p[j].at < p[j-1].at; j-- {
			p[j], p[j-1] = p[j-1], p[j]
		}
	}
}

func TestStallIsCaughtUp(t *testing.T) {
	in := stream(1, 0, 400)
	for i := 100; i < 125; i++ {
		in[i].at = in[125].at // half a second of packets at once
	}
	var worst time.Duration
	b := New(Config{})
	play(b, in, func(f Frame, now time.Duration) {
		if f.Seq > 150 {
			worst = max(worst, now-time.Duration(f.Seq-1)*frame)
		}
	})
	if worst > 350*time.Millisecond {
		t.Errorf("delay of %v stayed after a stall", worst)
	}
	var last time.Duration
	b = New(Config{})
	in = append(stream(1, 0, 100), in[100:]...)
	play(b, in, func(f Frame, now time.Duration) { last = now - time.Duration(f.Seq-1)*frame })
	if last > 150*time.Millisecond {
		t.Errorf("delay of %v is still there five seconds later", last)
	}
}

func TestClockDrift(t *testing.T) {
	for _, ppm := range []int64{-400, -100, 100, 400} {
		in := stream(1, 0, 30000) // ten minutes
		for i := range in {
			in[i].at += in[i].at * time.Duration(ppm) / 1e6
		}
		b := New(Config{})
		turns := strings.Trim(play(b, in, nil), "e")
		gaps := len(turns) - strings.Count(turns, "p")
		// 400 ppm of ten minutes are 12 packets.
		if want := int(max(ppm, -ppm)*600/20000) + 3; gaps > want {
			t.Errorf("%d ppm: %d gaps, want at most %d", ppm, gaps, want)
		}
		s := b.Stats()
		if s.Delay > 80*time.Millisecond {
			t.Errorf("%d ppm: delay %v", ppm, s.Delay)
		}
		if want := uint64(max(ppm, -ppm)*600/20000) + 3; s.Discarded > want {
			t.Errorf("%d ppm: %d packets left out, want at most %d", ppm, s.Discarded, want)
		}
	}
}

func TestPauseOfTheSender(t *testing.T) {
	in := stream(1, 0, 20)
	for i := 10; i < 20; i++ { // silence suppression: timestamp goes on, sequence does not jump
		in[i].ts += 50 * 160
		in[i].at += time.Second
	}
	b := New(Config{})
	turns := strings.Trim(play(b, in, nil), "e")
	if !strings.HasPrefix(turns, "pppppppppp"+strings.Repeat("e", 48)) || !strings.HasSuffix(turns, "epppppppppp") {
		t.Errorf("turns %s", turns)
	}
	if s := b.Stats(); s.Lost != 0 || s.Discarded != 0 {
		t.Errorf("a pause was taken for loss: %+v", s)
	}
}

func TestRestartOfTheSender(t *testing.T) {
	in := stream(1000, 0, 20)
	for i, p := range stream(40000, 777777777, 20) {
		p.at = time.Duration(20+i) * frame
		in = append(in, p)
	}
	b := New(Config{})
	turns := strings.Trim(play(b, in, nil), "e")
	if n := strings.Count(turns, "p"); n < 37 {
		t.Errorf("%d of 40 packets played: %s", n, turns)
	}
	if s := b.Stats(); s.Resyncs != 1 {
		t.Errorf("%d restarts, want 1", s.Resyncs)
	}
}

func TestOneStrayPacketChangesNothing(t *testing.T) {
	in := stream(1000, 0, 20)
	in = append(in[:10:10], append([]packet{{50000, 9, in[9].at}}, in[10:]...)...)
	b := New(Config{})
	if turns := strings.Trim(play(b, in, nil), "e"); turns != strings.Repeat("p", 20) {
		t.Errorf("turns %s", turns)
	}
	if s := b.Stats(); s.Refused != 1 {
		t.Errorf("%d refused, want 1", s.Refused)
	}
}

func TestPlaceholdersAreNotLost(t *testing.T) {
	b := New(Config{})
	played := 0
	for i := range 30 {
		now := time.Duration(i) * frame
		switch seq := uint16(i + 1); {
		case i < 5:
			b.Push(seq, uint32(160*i), []byte{1}, now)
		case i < 13: // a key of 160 ms, all under one timestamp
			b.Push(seq, 800, nil, now)
		case i == 13:
			b.Push(seq, 13*160, []byte{2}, now)
		}
		if _, state := b.Pop(now + frame/2); state == OK {
			played++
		} else if state == Lost {
			t.Errorf("turn %d lost", i)
		}
	}
	if s := b.Stats(); played != 6 || s.Skipped != 8 {
		t.Errorf("%d played, %d skipped", played, s.Skipped)
	}
}

func TestNobodyPops(t *testing.T) {
	b := New(Config{})
	for _, p := range stream(1, 0, 1000) {
		b.Push(p.seq, p.ts, []byte{1}, p.at)
	}
	s := b.Stats()
	if s.Held != 32 || s.Discarded != 1000-32 {
		t.Errorf("held %d, discarded %d", s.Held, s.Discarded)
	}
}

func TestTooBig(t *testing.T) {
	b := New(Config{MaxPayload: 160})
	if b.Push(1, 0, make([]byte, 161), 0) {
		t.Error("accepted")
	}
	if b.Push(2, 0, make([]byte, 160), 0) == false {
		t.Error("refused")
	}
}

func TestNoAllocation(t *testing.T) {
	b := New(Config{})
	payload := make([]byte, 160)
	var seq uint16
	var now time.Duration
	n := testing.AllocsPerRun(1000, func() {
		seq++
		now += frame
		b.Push(seq, uint32(seq)*160, payload, now)
		b.Pop(now + frame/2)
	})
	if n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkPushPop(b *testing.B) {
	buf := New(Config{})
	payload := make([]byte, 160)
	var seq uint16
	var now time.Duration
	b.ReportAllocs()
	for b.Loop() {
		seq++
		now += frame
		buf.Push(seq, uint32(seq)*160, payload, now)
		buf.Pop(now + frame/2)
	}
}

// On a quiet network a packet waits for two turns at most, whatever the phase of the sender against ours, and no
// correction calls for the opposite one.
func TestQuietNetwork(t *testing.T) {
	for phase := time.Duration(0); phase < frame; phase += time.Millisecond {
		in := stream(1, 0, 3000) // a minute
		for i := range in {
			in[i].at += phase
		}
		b := New(Config{})
		play(b, in, nil)
		s := b.Stats()
		if s.Delay < 9*time.Millisecond || s.Delay > 31*time.Millisecond || s.Stretched+s.Discarded > 2 {
			t.Errorf("phase %v: delay %v, %d turns put in, %d left out", phase, s.Delay, s.Stretched, s.Discarded)
		}
	}
}

// After a pause of the sender, as with silence suppression, the delay is no longer than on a quiet network without.
func TestDelayAfterPauses(t *testing.T) {
	for phase := time.Duration(0); phase < frame; phase += time.Millisecond {
		in := stream(1, 0, 400)
		for i := range in {
			missing := i / 10 * 20 // packets that the pauses of 400 ms, each after ten packets, leave out
			in[i].at += phase + time.Duration(missing)*frame
			in[i].ts += uint32(missing * 160)
		}
		var least, most time.Duration = time.Hour, 0
		b := New(Config{})
		play(b, in, func(f Frame, now time.Duration) {
			if i := int(f.Seq) - 1; i >= 100 {
				least, most = min(least, now-in[i].at), max(most, now-in[i].at)
			}
		})
		if least < 9*time.Millisecond || most > 31*time.Millisecond {
			t.Errorf("phase %v: waits of %v to %v", phase, least, most)
		}
		if s := b.Stats(); s.Lost != 0 || s.Late != 0 {
			t.Errorf("phase %v: %+v", phase, s)
		}
	}
}

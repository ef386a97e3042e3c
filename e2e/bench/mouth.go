package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/audio/device/pulse"
	"housephone/phone/audio/device/pulsetest"
)

const (
	earRate  = 48000
	clickGap = 400 * time.Millisecond // longer than any delay that is measured
	loud     = 6000
)

var errNoClick = errors.New("too few clicks came through")

// measureMouthToEar is how much later a click leaves the loudspeaker of one telephone than it was made at the microphone
// of the other: two services, a call in G.711, one PulseAudio with null sinks. Both places are listened to in the same
// way, so that what the sound server adds to listening cancels out. What it adds to any program that records and plays
// is measured by a wire: a client that plays what it records, at once.
func (b *bench) measureMouthToEar() error {
	var through []time.Duration
	for range b.calls { // how the beats of the two fall together is chance in each call
		delays, err := b.clicksThrough(b.roomCall)
		if err != nil {
			return fmt.Errorf("two phones: %w", err)
		}
		through = append(through, delays...)
	}
	wire, err := b.clicksThrough(func(t testing.TB, server *pulsetest.Server, c *clicks) { c.wire(t, server) })
	if err != nil {
		return fmt.Errorf("a wire: %w", err)
	}
	b.add(alone("mouth to ear through two phones, median", "ms", milliseconds(median(through)), nil))
	b.add(alone("of it the sound server's, median", "ms", milliseconds(median(wire)), nil))
	b.add(alone("mouth to ear, added by the phones", "ms", milliseconds(median(through)-median(wire)), atMost(60)))
	return nil
}

// roomCall has the kitchen call the hall.
func (b *bench) roomCall(t testing.TB, server *pulsetest.Server, _ *clicks) {
	kitchen, hall := b.roomPhone(t, server, "kitchen"), b.roomPhone(t, server, "hall")
	if _, err := b.driver.mqtt.publish(message{topic: kitchen.base + "/call/set", payload: "hall@" + hall.addr}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.driver.mqtt.await(t.Context(), "the call", func(m message) bool {
		return m.topic == kitchen.base+"/status" && m.payload == "active"
	}); err != nil {
		t.Fatal(err)
	}
}

// clicksThrough gives the delays of clicks from the kitchen to the hall through what connect sets up.
func (b *bench) clicksThrough(connect func(testing.TB, *pulsetest.Server, *clicks)) ([]time.Duration, error) {
	var delays []time.Duration
	err := inScope(b.t.Context(), func(t testing.TB) {
		server := pulsetest.Start(t, pulsetest.Rooms("kitchen", "hall"))
		r := &clicks{}
		r.listen(t, server, "kitchen_mouth.monitor", &r.made)
		r.listen(t, server, "hall_speaker.monitor", &r.heard)
		r.speak(t, server, "kitchen_mouth")
		connect(t, server, r)
		if err := pause(t.Context(), min(2*callWarmup, 2*b.call)); err != nil { // buffers fill and find their length
			t.Fatal(err)
		}
		r.forget()
		if err := pause(t.Context(), max(b.call/2, 2*time.Second)); err != nil {
			t.Fatal(err)
		}
		delays = r.delays()
	})
	if err == nil && len(delays) < 3 {
		err = fmt.Errorf("%d: %w", len(delays), errNoClick)
	}
	return delays, err
}

// roomPhone is a service in a room of the sound server.
type roomPhone struct{ base, addr string }

func (b *bench) roomPhone(t testing.TB, server *pulsetest.Server, name string) roomPhone {
	t.Helper()
	ports := peers.NewPorts(t)
	first, last := ports.Range(8, 2)
	p := roomPhone{base: "housephone/" + name, addr: peers.Loopback(ports.Pair())}
	peers.Start(t, peers.Command{Name: "housephone", Path: b.setup.program, Env: []string{
		"HOUSEPHONE_ID=" + name, "MQTT_URL=mqtt://" + peers.Loopback(b.setup.broker), "SIP_LISTEN=" + p.addr, "HTTP_LISTEN=none",
		fmt.Sprintf("SIP_RTP_PORTS=%d-%d", first, last), "PHONE_CODECS=pcma", "PHONE_AUTOANSWER=1", "PULSE_SERVER=" + server.Env("PULSE_SERVER"),
		"AUDIO_CAPTURE=pulse:" + name + "_mic", "AUDIO_PLAYBACK=pulse:" + name + "_speaker", "AUDIO_ECHO_CANCEL=0",
	}})
	s := &subject{
		name:    name,
		command: func(i int) message { return message{topic: p.base + "/volume/set", payload: fmt.Sprint(19 + i%2)} },
		answers: func(m message) bool { return m.topic == p.base+"/result" },
	}
	if err := b.driver.ready(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return p
}

// clicks are made at one place and heard at two.
type clicks struct {
	mu          sync.Mutex // guards following
	made, heard []time.Time
}

func (c *clicks) open(t testing.TB, server *pulsetest.Server, name string, capture bool, f func([]int16)) {
	t.Helper()
	s, err := pulse.Open(context.WithoutCancel(t.Context()), server.Env, name, capture, earRate)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Start(f); err != nil {
		t.Fatal(err)
	}
}

// listen notes the moments at which clicks were at a place: that of the piece of sound they came in, less what of it
// came after them.
func (c *clicks) listen(t testing.TB, server *pulsetest.Server, name string, to *[]time.Time) {
	t.Helper()
	quiet := earRate
	c.open(t, server, name, true, func(pcm []int16) {
		now := time.Now()
		for i, v := range pcm {
			if quiet++; v < loud && v > -loud {
				continue
			}
			if quiet > earRate/10 {
				c.mu.Lock()
				*to = append(*to, now.Add(-time.Duration(len(pcm)-i)*time.Second/earRate))
				c.mu.Unlock()
			}
			quiet = 0
		}
	})
}

// speak clicks: 5 ms of 1 kHz, again and again.
func (c *clicks) speak(t testing.TB, server *pulsetest.Server, name string) {
	t.Helper()
	at := 0
	c.open(t, server, name, false, func(pcm []int16) {
		for i := range pcm {
			pcm[i] = 0
			if at < earRate/200 {
				pcm[i] = 20000 * int16(1-2*(at/(earRate/2000)%2))
			}
			if at++; at >= int(clickGap.Seconds()*earRate) {
				at = 0
			}
		}
	})
}

// wire plays in the hall what is recorded in the kitchen, as soon as the server asks for it.
func (c *clicks) wire(t testing.TB, server *pulsetest.Server) {
	t.Helper()
	const most = earRate / 100 // what may wait: a piece of sound
	var mu sync.Mutex
	var kept []int16
	c.open(t, server, "kitchen_mic", true, func(pcm []int16) {
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, pcm...)
		kept = kept[max(len(kept)-2*most, 0):]
	})
	c.open(t, server, "hall_speaker", false, func(pcm []int16) {
		mu.Lock()
		defer mu.Unlock()
		n := copy(pcm, kept)
		clear(pcm[n:])
		kept = kept[n:]
	})
}

func (c *clicks) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made, c.heard = nil, nil
}

// delays are those of the clicks that were heard before the next one was made.
func (c *clicks) delays() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return pairs(c.made, c.heard)
}

func pairs(made, heard []time.Time) []time.Duration {
	var out []time.Duration
	for _, m := range made {
		for _, h := range heard {
			if d := h.Sub(m); d > 0 && d < clickGap {
				out = append(out, d)
				break
			}
		}
	}
	return out
}

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
// way, so that what the sound server adds to listening cancels out; what it adds at the services' own ends counts.
func (b *bench) measureMouthToEar() error {
	var delays []time.Duration
	err := inScope(b.t.Context(), func(t testing.TB) {
		server := pulsetest.Start(t, pulsetest.Rooms("kitchen", "hall"))
		kitchen, hall := b.roomPhone(t, server, "kitchen"), b.roomPhone(t, server, "hall")
		r := &clicks{}
		r.listen(t, server, "kitchen_mouth.monitor", &r.made)
		r.listen(t, server, "hall_speaker.monitor", &r.heard)
		r.speak(t, server, "kitchen_mouth")
		if _, err := b.driver.mqtt.publish(message{topic: kitchen.base + "/call/set", payload: "hall@" + hall.addr}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.driver.mqtt.await(t.Context(), "the call", func(m message) bool {
			return m.topic == kitchen.base+"/status" && m.payload == "active"
		}); err != nil {
			t.Fatal(err)
		}
		if err := pause(t.Context(), callWarmup); err != nil { // buffers fill and find their length
			t.Fatal(err)
		}
		r.forget()
		if err := pause(t.Context(), max(b.call/2, 4*time.Second)); err != nil {
			t.Fatal(err)
		}
		delays = r.delays()
	})
	if err != nil {
		return err
	}
	if len(delays) < 3 {
		return fmt.Errorf("%d: %w", len(delays), errNoClick)
	}
	b.add(alone("mouth to ear through two phones, median", "ms", milliseconds(median(delays)), atMost(60)))
	b.add(alone("mouth to ear through two phones, longest", "ms", milliseconds(quantile(delays, 1)), nil))
	return nil
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

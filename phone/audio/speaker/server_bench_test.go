package speaker_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"housephone/phone/audio"
	"housephone/phone/audio/device"
	"housephone/phone/audio/device/pulsetest"
	"housephone/phone/audio/speaker"
)

// canceller is PulseAudio with a room between the sink "speaker" and the source "air.monitor", and with its own
// canceller (WebRTC's) between these and "clean_sink" and "clean_source".
const canceller = `
load-module module-null-sink sink_name=speaker channels=1 channel_map=mono rate=16000 norewinds=1
load-module module-null-sink sink_name=air channels=1 channel_map=mono rate=16000 norewinds=1
load-module module-echo-cancel source_name=clean_source sink_name=clean_sink source_master=air.monitor sink_master=speaker aec_method=webrtc channels=1 channel_map=mono rate=16000 use_master_format=no
`

// serverRoom is the room: what the loudspeaker plays comes to the microphone, and now and then somebody speaks.
type serverRoom struct {
	h, past []float64 // impulse response; what was played, newest last
	near    []float64 // what is said, from nearAt on
	nearAt  int
	now     int

	mu    sync.Mutex // guards following
	heard []float64  // all that came to the microphone
}

func (r *serverRoom) frame(frame []int16) {
	for i, v := range frame {
		r.past = append(r.past[1:], float64(v))
		sum := 0.0
		for k, h := range r.h {
			sum += h * r.past[len(r.past)-1-k]
		}
		if at := r.now - r.nearAt; at >= 0 && at < len(r.near) {
			sum += r.near[at]
		}
		r.now++
		frame[i] = pcm([]float64{sum})[0]
		r.mu.Lock()
		r.heard = append(r.heard, sum)
		r.mu.Unlock()
	}
}

// every calls f every 20 ms until ctx ends.
func every(ctx context.Context, wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f()
			}
		}
	})
}

func ends(b *testing.B, from, to audio.Device, rate int) (audio.SourceCloser, audio.SinkCloser) {
	b.Helper()
	src, err := from.OpenSource(rate)
	if err != nil {
		b.Fatal(err)
	}
	sink, err := to.OpenSink(rate)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = src.Close()
		_ = sink.Close()
	})
	return src, sink
}

func named(b *testing.B, name string) audio.Device {
	b.Helper()
	d, err := device.Open("pulse:"+name, nil)
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// BenchmarkServerCanceller tells how much softer the echo becomes in a room of 128 ms, by our canceller and by that of
// the sound server, both through a real PulseAudio. It is a test of 14 s; more iterations tell nothing new.
func BenchmarkServerCanceller(b *testing.B) {
	for _, kind := range []string{"ours", "webrtc"} {
		b.Run(kind, func(b *testing.B) {
			server := pulsetest.Start(b, canceller)
			for _, key := range []string{"PULSE_SERVER", "HOME", "XDG_RUNTIME_DIR"} {
				before := os.Getenv(key)
				b.Cleanup(func() { _ = os.Setenv(key, before) })
				if err := os.Setenv(key, server.Env(key)); err != nil {
					b.Fatal(err)
				}
			}
			const rate = 16000
			for b.Loop() {
				echo, near := cancelled(b, kind, rate)
				b.ReportMetric(echo, "ERLE-dB")
				b.ReportMetric(near, "near-end-dB")
			}
		})
	}
}

// cancelled gives the echo return loss enhancement from the fourth to the ninth second, and the level of what is left
// when somebody speaks, against what was said and the echo of that time: 0 dB is speech as it was.
func cancelled(b *testing.B, kind string, rate int) (erle, near float64) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	h := impulse(rate, 0.128, -3, 1)
	room := &serverRoom{h: h, past: make([]float64, len(h)), near: speech(b, "near", rate, 4), nearAt: 10 * rate}
	ear, mouth := ends(b, named(b, "speaker.monitor"), named(b, "air"), rate)
	inRoom := make([]int16, rate/50)
	every(ctx, &wg, func() {
		clear(inRoom[ear.Read(inRoom):])
		room.frame(inRoom)
		mouth.Write(inRoom)
	})
	from, to := named(b, "clean_source"), named(b, "clean_sink")
	if kind == "ours" {
		phone := speaker.New(speaker.Config{Capture: named(b, "air.monitor"), Playback: named(b, "speaker"), Echo: true})
		from, to = phone.Capture(), phone.Playback()
	}
	mic, loud := ends(b, from, to, rate)
	far := pcm(speech(b, "far", rate, 20))
	var out []float64
	var mu sync.Mutex
	frame, at := make([]int16, rate/50), 0
	every(ctx, &wg, func() {
		clear(frame[mic.Read(frame):])
		mu.Lock()
		for _, v := range frame {
			out = append(out, float64(v))
		}
		mu.Unlock()
		loud.Write(far[at : at+len(frame)])
		at = (at + len(frame)) % len(far)
	})
	time.Sleep(14 * time.Second)
	cancel()
	wg.Wait()
	part := func(x []float64, a, b int) []float64 { return x[min(a*rate, len(x)):min(b*rate, len(x))] }
	erle = db(power(part(room.heard, 4, 9)), power(part(out, 4, 9)))
	return erle, db(power(part(out, 10, 13)), power(room.near))
}

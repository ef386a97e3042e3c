package main

import (
	"context"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"housephone/phone/ivr/speech"
	"housephone/phone/phonetest"
	"housephone/topics"
)

// hummer is an engine that hums for two seconds a sentence, and counts them.
type hummer struct{ sentences atomic.Int32 }

func (h *hummer) Name() string                             { return "hummer" }
func (h *hummer) Voices(context.Context) ([]string, error) { return nil, nil }

func (h *hummer) Speak(context.Context, string, string) (speech.Sound, error) {
	h.sentences.Add(1)
	time.Sleep(20 * time.Millisecond)
	pcm := make([]int16, 16000)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	return speech.Sound{PCM: pcm, Rate: 8000}, nil
}

// A text that is stopped is not spoken to its end for nobody: engines are slow, and the
// next text waits for them.
func TestStoppedTextIsNotMade(t *testing.T) {
	h := &hummer{}
	d, rtp := talkingDesk(t, h)
	text := strings.Repeat("This is one of many sentences. ", 500)
	if err := d.command(topics.Command{Datapoint: "play/voice", Arg: "default", Value: text})(t.Context()); err != nil {
		t.Fatal(err)
	}
	rtp.Await(t, "humming", func(r *phonetest.RTP) bool { return r.Hears(440) })
	if err := d.command(topics.Command{Datapoint: "play", Value: "stop"})(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // what was under way comes to its end
	made := h.sentences.Load()
	time.Sleep(500 * time.Millisecond)
	if now := h.sentences.Load(); now != made || made >= 500 {
		t.Errorf("%d sentences, %d half a second later", made, now)
	}
}

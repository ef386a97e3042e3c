package main

import (
	"bytes"
	"errors"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"housephone/phone/ivr/prompt"
)

// testdata/tone.mp3 is a second of 1200 Hz at 16 kHz, made by LAME.
func TestDecodeMP3(t *testing.T) {
	file, err := os.ReadFile("testdata/tone.mp3")
	if err != nil {
		t.Fatal(err)
	}
	pcm, rate, err := decodeMP3(bytes.NewReader(file), 10)
	if err != nil || rate != 16000 || len(pcm) < 15000 || len(pcm) > 20000 {
		t.Fatalf("%d samples at %d Hz, %v", len(pcm), rate, err)
	}
	re, im, power := 0.0, 0.0, 0.0
	for i, v := range pcm[4000:12000] {
		at := 2 * math.Pi * 1200 * float64(i) / 16000
		re += float64(v) * math.Cos(at)
		im += float64(v) * math.Sin(at)
		power += float64(v) * float64(v)
	}
	if share := 2 * (re*re + im*im) / (8000 * power); share < 0.95 {
		t.Errorf("%.2f of the power is at 1200 Hz", share)
	}
	if _, _, err := decodeMP3(bytes.NewReader(bytes.Repeat(file, 4)), 2); !errors.Is(err, prompt.ErrTooLong) {
		t.Errorf("four seconds where two are allowed: %v", err)
	}
	for name, damaged := range map[string][]byte{"empty": nil, "text": []byte("ID3 is what it says"), "noise": bytes.Repeat([]byte{0xff, 0xfb, 0x13}, 5000)} {
		if pcm, _, err := decodeMP3(bytes.NewReader(damaged), 10); err == nil && len(pcm) > 0 {
			t.Errorf("%s gives %d samples", name, len(pcm))
		}
	}
	if _, _, err := decodeMP3(bytes.NewReader(file[:1500]), 10); err != nil { // what is there is played
		t.Errorf("cut off: %v", err)
	}
}

// What is in a file, or comes from a speech server, ends nothing but its own decoding, and takes no memory that it only names.
func TestDecodeHostileMP3(t *testing.T) {
	damaged, err := os.ReadFile("testdata/damaged.mp3") // its scale factors lead out of a table of the library
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := decodeMP3(bytes.NewReader(damaged), 10); !errors.Is(err, prompt.ErrFormat) {
		t.Errorf("damaged: %v", err)
	}
	tone, err := os.ReadFile("testdata/tone.mp3")
	if err != nil {
		t.Fatal(err)
	}
	const mega = "\x04\x00\x00\x00\x40\x00\x00"
	tagged := append([]byte("ID3"+mega+strings.Repeat("\x00", 1<<20)), tone...)
	if pcm, _, err := decodeMP3(bytes.NewReader(tagged), 10); err != nil || len(pcm) < 15000 {
		t.Errorf("behind a tag: %d samples, %v", len(pcm), err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 2 {
		if pcm, _, err := decodeMP3(strings.NewReader("ID3\x04\x00\x00\xff\xff\xff\xff"), 10); err == nil && len(pcm) > 0 {
			t.Errorf("a tag without its content gives %d samples", len(pcm))
		}
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 10<<20 {
		t.Errorf("ten bytes take %d", after.TotalAlloc-before.TotalAlloc)
	}
}

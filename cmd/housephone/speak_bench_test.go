package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"housephone/phone"
	"housephone/phone/ivr/speech"
	"housephone/phone/phonetest"
	"housephone/topics"
)

// BenchmarkFirstAudio tells how long after the command play/voice the first packet with
// speech arrives at the other party: of a text that was spoken before, of one that
// espeak-ng has to speak, and of one of 60 sentences.
func BenchmarkFirstAudio(b *testing.B) {
	short := "There is somebody at the front door."
	long := strings.Repeat("The front door was opened, and it is still open. ", 60)
	for _, bench := range []struct {
		name, text string
		fresh      bool // each time another text
	}{{"cached", short, false}, {"fresh", short, true}, {"fresh long", long, true}} {
		b.Run(bench.name, func(b *testing.B) { firstAudio(b, bench.text, bench.fresh) })
	}
}

func firstAudio(b *testing.B, text string, fresh bool) {
	ctx := b.Context()
	d, rtp := talkingDesk(b, speech.Espeak{})
	say := func(text string) outcome {
		return d.command(topics.Command{Datapoint: "play/voice", Arg: "default", Value: text})
	}
	stop := func() {
		if err := d.command(topics.Command{Datapoint: "play", Value: "stop"})(ctx); err != nil {
			b.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := say(text)(ctx); err != nil { // in the cache from now on
		b.Fatal(err)
	}
	stop()

	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		words := text
		if fresh {
			words = fmt.Sprintf("%d times. %s", n, text)
		}
		heard, begin := rtp.Count(), time.Now()
		say(words)
		rtp.Await(b, "speech", func(r *phonetest.RTP) bool { return slices.ContainsFunc(r.Packets()[heard:], loud) })
		all := rtp.Packets()[heard:]
		took = append(took, all[slices.IndexFunc(all, loud)].At.Sub(begin))
		stop()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// talkingDesk is a desk with a call in progress, and what the other party hears.
func talkingDesk(t testing.TB, engine speech.Engine) (*desk, *phonetest.RTP) {
	t.Helper()
	cache, err := speech.OpenCache(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cache.Close() })
	speaker, err := speech.New(speech.Config{Engines: []speech.Engine{engine}, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	line, err := phone.New(phone.Config{UDP: udp, RTPMin: 29000, RTPMax: 29998, AutoAnswer: true})
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(line, slog.New(slog.DiscardHandler))
	d.voice, d.speaker, d.publish = true, speaker, func(int, string, string) {}
	d.house = house{short: func(uri string) string { return uri }, plain: func(string, string) {}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := line.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() { d.run(ctx) })
	running.Go(func() {
		for e := range line.Events() {
			if st, ok := e.(phone.StateChanged); ok {
				d.send(func() { d.changed(st.State) })
			}
		}
	})
	peer := phonetest.NewPeer(t)
	t.Cleanup(func() { cancel(); running.Wait() })
	rtp, addr := peer.RTP(), udp.LocalAddr().String()
	invite := peer.Invite("sip:phone@"+addr, netip.MustParseAddrPort(addr), phonetest.WithSDP(phonetest.SDP(rtp.Port(), "PCMA")))
	peer.Handle("BYE", func(m *phonetest.Msg) { peer.Reply(m, 200, "OK") })
	peer.Ack(invite, peer.Await(t, "200"))
	rtp.AwaitPackets(t, 10)
	time.Sleep(100 * time.Millisecond) // the desk knows the call
	return d, rtp
}

// loud tells an A-law packet with a sample of more than -36 dBFS.
func loud(p phonetest.Packet) bool {
	return slices.ContainsFunc(p.Payload, func(v byte) bool { return (v^0x55)&0x7f >= 0x30 })
}

package main

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"housephone/hw"
	"housephone/hw/hwtest"
	"housephone/phone"
	"housephone/phone/phonetest"
	"housephone/topics"
)

// BenchmarkEdgeToInvite tells how much later than the debounce time the INVITE of a
// press arrives at the telephone that is called.
func BenchmarkEdgeToInvite(b *testing.B) {
	const debounce = 5 * time.Millisecond
	peer := phonetest.NewPeer(b)
	peer.Timeout = 2 * time.Second
	board := hwtest.NewBoard("GPIO4")
	panel, err := hw.New(hw.Config{Board: board, Doorbell: "GPIO4?debounce=5ms&quiet=0s"})
	if err != nil {
		b.Fatal(err)
	}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	line, err := phone.New(phone.Config{UDP: udp, RTPMin: 28000, RTPMax: 28998})
	if err != nil {
		b.Fatal(err)
	}
	s := &service{
		panel: panel, phone: line, view: testView(1), log: slog.New(slog.DiscardHandler),
		cfg: config{HW: hwEnv{DoorbellCall: list{peer.URI("hall")}}},
	}
	s.view.addresses = topics.Addresses{}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 2)
	go func() { ended <- panel.Run(ctx) }()
	go func() { ended <- line.Run(ctx) }()
	go func() {
		for range line.Events() { // nobody listens
		}
	}()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-panel.Events():
				if press, ok := e.(hw.Pressed); ok && !press.Long {
					s.pressed()
				}
			}
		}
	}()
	time.Sleep(50 * time.Millisecond)

	var late []time.Duration
	for b.Loop() {
		begin := time.Now()
		board.Pins["GPIO4"].Drive(gpio.Low)
		invite := peer.Expect(b, "INVITE")
		late = append(late, time.Since(begin)-debounce)
		board.Pins["GPIO4"].Drive(gpio.High)
		peer.Reply(invite, 486, "Busy Here")
		peer.Expect(b, "ACK")
		time.Sleep(10 * debounce) // long enough to settle on a busy machine
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "p99-us")
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

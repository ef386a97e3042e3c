package hw

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"housephone/hw/hwtest"
)

// BenchmarkEdgeToEvent tells how much later than the debounce time a press is told.
func BenchmarkEdgeToEvent(b *testing.B) {
	const debounce = 5 * time.Millisecond
	board := hwtest.NewBoard("GPIO4")
	p, err := New(Config{Board: board, Doorbell: "GPIO4?debounce=5ms&quiet=0s"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	time.Sleep(50 * time.Millisecond)

	var late []time.Duration
	for b.Loop() {
		begin := time.Now()
		board.Pins["GPIO4"].Drive(gpio.Low)
		<-p.Events()
		late = append(late, time.Since(begin)-debounce)
		board.Pins["GPIO4"].Drive(gpio.High)
		time.Sleep(10 * debounce) // long enough to settle on a busy machine
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "p99-us")
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// cpu is the time that the process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func benchmarkSecond(b *testing.B, doing func(p *Panel)) {
	b.Helper()
	board := hwtest.NewBoard("GPIO4", "GPIO22")
	board.Ports["SPI0.0"] = hwtest.NewMatrixChain(4)
	p, err := New(Config{Board: board, Doorbell: "GPIO4", Door: "GPIO22", Display: "max7219?cascaded=4"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	doing(p)
	time.Sleep(2 * time.Second) // opening the parts and drawing the first picture is not what is asked for
	begin, used := time.Now(), cpu(b)
	for b.Loop() {
		time.Sleep(time.Second)
	}
	b.ReportMetric(100*float64(cpu(b)-used)/float64(time.Since(begin)), "%core")
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// BenchmarkIdle is a panel with a button, a relay and a clock, for a second.
func BenchmarkIdle(b *testing.B) { benchmarkSecond(b, func(*Panel) {}) }

// BenchmarkScroll is the same panel while a text scrolls at 30 frames a second over four modules.
func BenchmarkScroll(b *testing.B) {
	benchmarkSecond(b, func(p *Panel) {
		if err := p.ShowText(b.Context(), Text{Text: "somebody with quite a long name is at the garden gate and waits"}); err != nil {
			b.Fatal(err)
		}
	})
}

package media

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkPacing runs calls between pairs of streams for five seconds and
// reports the gaps between the packets of one of them, the lateness of all and
// the CPU share of one leg.
func BenchmarkPacing(b *testing.B) {
	for _, calls := range []int{1, 50, 250, 500} {
		b.Run(fmt.Sprint(calls), func(b *testing.B) {
			for b.Loop() {
				pace(b, calls, 5*time.Second)
			}
		})
	}
}

func pace(b *testing.B, calls int, length time.Duration) {
	e := engine(b, Config{})
	for range calls - 1 {
		x, y := pair(b, e)
		x.SetSource(sine(b, 440))
		y.SetSource(sine(b, 500))
		x.SetSink(&counter{})
		y.SetSink(&counter{})
	}
	probe, peer := open(b, e), listenRaw(b)
	noteArrivals(b, peer.rtp)
	apply(b, probe, params(b, peer.port()))
	probe.SetSource(sine(b, 440))
	time.Sleep(300 * ms)
	cpu, wall := cpuTime(b), time.Now()
	before := e.Stats()
	var gaps []float64
	last := time.Time{}
	for range 15 { // those that waited in the socket
		peer.next(b)
	}
	for time.Since(wall) < length {
		now := arrival(b, peer.rtp)
		if !last.IsZero() {
			gaps = append(gaps, now.Sub(last).Seconds()*1000)
		}
		last = now
	}
	used := cpuTime(b) - cpu
	after := e.Stats()
	frames := float64(after.Frames - before.Frames)
	b.ReportMetric(deviation(gaps), "gap-sd-ms")
	slices.Sort(gaps)
	b.ReportMetric(gaps[len(gaps)-1], "gap-max-ms")
	b.ReportMetric(100*float64(after.Late-before.Late)/frames, "%late>1ms")
	b.ReportMetric(float64(after.Skipped-before.Skipped), "skipped")
	b.ReportMetric(100*used.Seconds()/time.Since(wall).Seconds()/float64(2*calls-1), "%cpu/leg")
	if os.Getenv("PACING_DETAIL") != "" {
		b.Logf("lateness up to 0.1 0.2 0.5 1 2 5 10 ms and above: %v, worst %v", after.Lateness, after.LateMax)
	}
}

// noteArrivals has the kernel note when packets arrive: the reader of the
// benchmark may itself be late.
func noteArrivals(b *testing.B, conn *net.UDPConn) {
	b.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}); e != nil || err != nil {
		b.Fatal(e, err)
	}
}

// arrival is when the next packet reached the socket.
func arrival(b *testing.B, conn *net.UDPConn) time.Time {
	b.Helper()
	var buf [2048]byte
	var oob [128]byte
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, n, _, _, err := conn.ReadMsgUDPAddrPort(buf[:], oob[:])
	if err != nil {
		b.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		b.Fatalf("%d control messages: %v", len(messages), err)
	}
	data := messages[0].Data
	return time.Unix(int64(binary.LittleEndian.Uint64(data)), int64(binary.LittleEndian.Uint64(data[8:])))
}

func deviation(x []float64) float64 {
	var sum, squares float64
	for _, v := range x {
		sum += v
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(x)))
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

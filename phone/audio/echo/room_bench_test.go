package echo

import (
	"fmt"
	"math"
	"testing"
)

// BenchmarkRoom tells the figures that TestEchoIsTakenOut and TestDoubleTalk hold to a limit: speech at 16 kHz in a room
// whose echo is as loud as it was sent, with somebody who speaks from the sixth second on.
func BenchmarkRoom(b *testing.B) {
	const rate = 16000
	for _, length := range []float64{0.064, 0.256} {
		b.Run(fmt.Sprintf("%.0fms", 1000*length), func(b *testing.B) {
			far, voice := loop(speech(b, "far", rate), 10*rate), speech(b, "near", rate)
			echo := convolve(b, far, room(rate, length, 0.008, 0, 1))
			near := hiss(len(far), -68, 2)
			from, to := 6*rate, min(6*rate+len(voice), 10*rate)
			for i := from; i < to; i++ {
				near[i] += voice[i-from]
			}
			var out []float64
			for b.Loop() {
				out = run(b, canceller(b, Config{Rate: rate}), scene{rate: rate, far: far, echo: echo, near: near})
			}
			at := 3 * rate / 2
			b.ReportMetric(100*power(out[at:5*rate])/power(echo[at:5*rate]), "echo-left-%")
			b.ReportMetric(math.Max(-project(near[from:to], out[from:to]), 0), "near-end-lost-dB")
		})
	}
}

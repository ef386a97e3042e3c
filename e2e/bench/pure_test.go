package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"housephone/phone/phonetest"
)

var update = flag.Bool("update", false, "write testdata")

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, tc := range []struct {
		samples []time.Duration
		q       float64
		want    time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{3, 1, 2}, 0.5, 2},
		{hundred, 0, 1},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
	} {
		if got := quantile(tc.samples, tc.q); got != tc.want {
			t.Errorf("%v of %d samples: %d, want %d", tc.q, len(tc.samples), got, tc.want)
		}
	}
}

func TestDeviationOfGaps(t *testing.T) {
	start := time.Unix(1000, 0)
	var moments []time.Time
	for _, ms := range []int{0, 18, 40, 58, 80} { // gaps of 18, 22, 18, 22
		moments = append(moments, start.Add(time.Duration(ms)*time.Millisecond))
	}
	if got := deviation(gaps(moments)); got != 2*time.Millisecond {
		t.Errorf("deviation %v, want 2ms", got)
	}
	if got := deviation(gaps(moments[:1])); got != 0 {
		t.Errorf("deviation of no gap %v", got)
	}
}

func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		name            string
		f               figure
		met, acceptable string
	}{
		{"better", beside("x", "ms", 1, 2, times(1)), "yes", "yes"},
		{"a little worse", beside("x", "ms", 2.3, 2, times(1)), "no", "yes"},
		{"much worse", beside("x", "ms", 3, 2, times(1)), "no", "no"},
		{"below an absolute limit", beside("x", "MiB", 20, 7, atMost(25)), "yes", "yes"},
		{"above an absolute limit", beside("x", "MiB", 31, 40, atMost(25)), "no", "no"},
		{"one allocation too many", alone("x", "allocs", 1, atMost(0)), "no", "no"},
		{"for information", beside("x", "ms", 9, 1, nil), "-", "yes"},
		{"nothing to compare with", beside("x", "ms", 9, 0, times(1)), "-", "yes"},
		{"more than wanted", alone("x", "calls", 600, atMost(500)).rising(), "yes", "yes"},
		{"fewer than wanted", alone("x", "calls", 300, atMost(500)).rising(), "no", "no"},
		{"much worse than before", beside("x", "ms", 1, 2, times(1)).against(0.8), "yes", "no"},
		{"as before", beside("x", "ms", 1, 2, times(1)).against(0.9), "yes", "yes"},
		{"a rate much lower than before", alone("x", "/s", 600, atMost(500)).rising().against(800), "yes", "no"},
	} {
		if got := tc.f.cells()[5]; got != tc.met {
			t.Errorf("%s: met %s, want %s", tc.name, got, tc.met)
		}
		r := report{Figures: []figure{alone("y", "ms", 1, nil), tc.f}}
		if got := r.acceptable(); got != (tc.acceptable == "yes") {
			t.Errorf("%s: acceptable %v, want %s", tc.name, got, tc.acceptable)
		}
	}
}

func TestTable(t *testing.T) {
	r := report{
		Beside:  "v1.2.3",
		Machine: machine{CPU: "Some Processor", Cores: 2, System: "Debian", Kernel: "6.1", Go: "go1.26", Load: "0.10 0.20 0.30", Root: true},
		Run:     "2026-01-02 03:04 UTC; 200 samples",
		Figures: []figure{
			beside("latency, median", "ms", 0.4567, 0.6123, times(1)).against(0.5),
			alone("calls", "calls", 500, atMost(500)).rising(),
			beside("latency, p99", "ms", 12.34, 1.5, nil),
			beside("rate", "/s", 12345.6, 6543.2, nil),
			beside("memory", "MiB", 15.04, 7.4, atMost(25)),
			alone("allocations", "allocs", 0, atMost(0)),
		},
	}
	const path = "testdata/table.txt"
	if *update {
		if err := os.WriteFile(path, []byte(r.table()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.table(); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParseBench(t *testing.T) {
	const out = `goos: linux
BenchmarkSendFrame-2   	  122335	      9364 ns/op	       0 B/op	       0 allocs/op
BenchmarkReceive       	 3221335	       366.5 ns/op	      17 B/op	       1 allocs/op
BenchmarkOther-2       	 3221335	       366.5 ns/op
PASS
`
	found := parseBench(out)
	if got, want := found["SendFrame"], (goBench{"SendFrame", 9364, 0}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := found["Receive"], (goBench{"Receive", 366.5, 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, ok := found["Other"]; ok {
		t.Error("a line without allocations was taken")
	}
}

func FuzzParseBench(f *testing.F) {
	f.Add("BenchmarkSendFrame-2 122335 9364 ns/op 0 B/op 0 allocs/op\n")
	f.Add("Benchmark 1 -1 allocs/op")
	f.Fuzz(func(t *testing.T, out string) {
		for name, b := range parseBench(out) {
			if name != b.name || b.allocs < 0 || !strings.Contains(out, name) {
				t.Errorf("%q: %+v", name, b)
			}
		}
	})
}

func TestStatusBytes(t *testing.T) {
	const text = "Name:\thousephone\nVmPeak:\t 1464568 kB\nVmRSS:\t   15672 kB\nThreads:\t7\n"
	if n, err := statusBytes(text, "VmRSS"); err != nil || n != 15672<<10 {
		t.Errorf("%d, %v", n, err)
	}
	for _, field := range []string{"VmSwap", "Name"} {
		if _, err := statusBytes(text, field); !errors.Is(err, errNoField) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func FuzzStatusBytes(f *testing.F) {
	f.Add("VmRSS:\t 15672 kB\n")
	f.Add("VmRSS: -1 kB")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := statusBytes(text, "VmRSS"); err == nil && n < 0 {
			t.Errorf("%d", n)
		}
	})
}

func TestStamp(t *testing.T) {
	now := time.Now()
	control := func(at time.Time) []byte {
		b := make([]byte, unix.CmsgSpace(16))
		binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(16)))
		binary.NativeEndian.PutUint32(b[8:], unix.SOL_SOCKET)
		binary.NativeEndian.PutUint32(b[12:], unix.SCM_TIMESTAMPNS)
		binary.NativeEndian.PutUint64(b[unix.CmsgLen(0):], uint64(at.Unix()))
		binary.NativeEndian.PutUint64(b[unix.CmsgLen(0)+8:], uint64(at.Nanosecond()))
		return b
	}
	for _, tc := range []struct {
		name string
		oob  []byte
		age  time.Duration
	}{
		{"a stamp", control(now.Add(-3 * time.Millisecond)), 3 * time.Millisecond},
		{"from the future", control(now.Add(time.Minute)), 0},
		{"long ago", control(now.Add(-time.Hour)), 0},
		{"none", nil, 0},
		{"garbage", []byte{1, 2, 3}, 0},
	} {
		if got := now.Sub(stamp(tc.oob, now)); got != tc.age {
			t.Errorf("%s: age %v, want %v", tc.name, got, tc.age)
		}
	}
}

// TestSocketStamps sends a packet and looks at it late: the stamp is the moment of arrival, not that of looking.
func TestSocketStamps(t *testing.T) {
	a, b := listen(t, 0), listen(t, 0)
	at, err := a.send([]byte("x"), b.addr)
	if err != nil {
		t.Fatal(err)
	}
	sent := time.Now()
	time.Sleep(50 * time.Millisecond)
	p := <-b.packets
	if p.at.Before(at) || p.at.After(sent.Add(40*time.Millisecond)) {
		t.Errorf("stamped %v after the send", p.at.Sub(at))
	}
	if p.from != a.addr || string(p.data) != "x" {
		t.Errorf("%q from %v", p.data, p.from)
	}
}

// TestMessages checks what a program needs to match the driver's messages.
func TestMessages(t *testing.T) {
	s := listen(t, 0)
	sent := withSDP(s.request("INVITE", "bench", loopback(5060)), 4000)
	invite, err := phonetest.ParseMsg(sent.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	invite.Source = s.addr
	if invite.URI != "sip:bench@127.0.0.1:5060" || invite.MediaAddr() != loopback(4000) {
		t.Errorf("%s", invite.Raw)
	}
	busy := s.response(invite, 486, "Busy Here", "tag")
	if !isResponse(486, invite)(busy) || busy.ToTag() != "tag" {
		t.Errorf("%s", busy.Bytes())
	}
	if again := s.response(follow("ACK", invite, busy.Header("To")), 200, "OK", "other"); again.ToTag() != "tag" {
		t.Errorf("the tag changed: %s", again.Bytes())
	}
	cancel := follow("CANCEL", invite, invite.Header("To"))
	if cancel.Branch() != invite.Branch() || cancel.CallID() != invite.CallID() || cancel.Header("CSeq") != "1 CANCEL" {
		t.Errorf("%s", cancel.Bytes())
	}
}

package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	x := []float64{1, 10, 100, 500}
	s := fit(x, []float64{3.5, 8, 53, 253}) // 3 + x/2
	if math.Abs(s.start-3) > 1e-9 || math.Abs(s.slope-0.5) > 1e-9 || s.residual > 1e-9 {
		t.Errorf("%+v", s)
	}
	if s = fit(x, []float64{3.5, 8, 53, 263}); s.slope <= 0.5 || s.residual <= 0 {
		t.Errorf("%+v", s)
	}
	if s = fit([]float64{5, 5}, []float64{1, 2}); s.slope != 0 {
		t.Errorf("one place: %+v", s)
	}
}

func TestReadStats(t *testing.T) {
	const text = "StartTime;CurrentCall;SuccessfulCall(P);SuccessfulCall(C);FailedCall(P);FailedCall(C);\n" +
		"2026-01-01\t10:00:00;3;0;0;0;0;\n2026-01-01\t10:00:01;0;5;498;1;2;\n"
	o, err := readStats([]byte(text))
	if err != nil || o.done != 498 || o.failed != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{"", "a;b;\n", "StartTime;\n1;\n"} {
		if o, err := readStats([]byte(bad)); err == nil {
			t.Errorf("%q gave %+v", bad, o)
		}
	}
}

func TestPaced(t *testing.T) {
	read := func(counts ...string) paced {
		var b strings.Builder
		b.WriteString("# HELP housephone_media_lateness_seconds x\n")
		for i, le := range []string{"0.0005", "0.001", "0.002", "+Inf"} {
			b.WriteString(latenessBucket + le + `"} ` + counts[i] + "\n")
		}
		b.WriteString("housephone_media_frames_total 9\n")
		p, err := readPaced(b.String())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before, after := read("100", "100", "100", "100"), read("1080", "1095", "1099", "1100")
	for q, want := range map[float64]time.Duration{
		0.5: 500 * time.Microsecond, 0.99: time.Millisecond, 0.995: time.Millisecond, 0.999: 2 * time.Millisecond, 1: 4 * time.Millisecond,
	} {
		if got, ok := after.quantile(before, q); !ok || got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if _, ok := before.quantile(before, 0.5); ok {
		t.Error("a quantile of nothing")
	}
	if _, ok := (paced{}).quantile(paced{}, 0.5); ok {
		t.Error("a quantile without a histogram")
	}
	if _, err := readPaced(latenessBucket + `x"} 1`); err == nil {
		t.Error("a bound that is no number was taken")
	}
}

func TestLateness(t *testing.T) {
	start := time.Unix(1000, 0)
	var moments []time.Time
	for _, ms := range []int{3, 20, 41, 60} {
		moments = append(moments, start.Add(time.Duration(ms)*time.Millisecond))
	}
	want := []time.Duration{3 * time.Millisecond, 0, time.Millisecond, 0}
	for i, got := range lateness(moments) {
		if got != want[i] {
			t.Errorf("packet %d is late by %v, want %v", i, got, want[i])
		}
	}
	if lateness(nil) != nil {
		t.Error("lateness of nothing")
	}
}

func TestNumbers(t *testing.T) {
	if got, err := numbers("1, 10,500"); err != nil || len(got) != 3 || got[2] != 500 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "0", "10,1", "x", "1,1", "99999"} {
		if got, err := numbers(bad); err == nil {
			t.Errorf("%q gave %v", bad, got)
		}
	}
}

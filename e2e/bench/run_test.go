package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

// TestRun takes every step once; the values are the machine's affair.
func TestRun(t *testing.T) {
	var out, progress bytes.Buffer
	args := []string{"-json", "-n", "3", "-warmup", "1", "-calls", "1", "-call", "1s", "-idle", "100ms", "-starts", "1", "-commands", "100", "-sizes", "2", "-hold", "2s"}
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Figures) < 20 || r.Machine.Cores == 0 || r.Run == "" {
		t.Errorf("%d figures: %+v", len(r.Figures), r)
	}
	for _, f := range r.Figures {
		switch {
		case f.Unit == "allocs", f.Unit == "calls":
			if f.Housephone != 0 {
				t.Errorf("%s: %v", f.Name, f.Housephone)
			}
		case strings.HasPrefix(f.Name, "frames unconcealed"):
			if f.Housephone > 0.5 {
				t.Errorf("%s: %v", f.Name, f.Housephone)
			}
		case f.Housephone <= 0 || f.Baresip != nil && *f.Baresip <= 0:
			t.Errorf("%s was not measured: %+v", f.Name, f)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"-n", "0"}, {"-call", "1ms"}, {"-calls", "0"}, {"-starts", "-1"}, {"-commands", "0"}, {"-warmup", "-1"}, {"-nonsense"}, {"-only", "nonsense"}, {"-sizes", "5,1"}, {"-hold", "1s"}, {"-setups", "1s"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	if err := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are how much is measured.
type options struct {
	samples  int           // of each signalling figure, for each program
	warmup   int           // of the same, not counted
	calls    int           // calls for the media figures, for each program
	call     time.Duration // measured length of each
	idle     time.Duration // before memory is looked at
	starts   int           // processes started, for each program
	commands int           // MQTT commands, for each program
	profile  string        // folder for processor profiles; empty = none
	only     string        // names of parts, with commas; empty = all but most and setups
	beside   string        // another revision of the service; empty = none
	sizes    []int         // numbers of calls at a time
	hold     time.Duration // how long these are measured
	most     int           // calls at a time that are tried at most
	setups   time.Duration // how long calls are set up for the rate
}

// wanted tells whether a part is to be run.
func (o options) wanted(part string) bool {
	if o.only == "" {
		return part != "most" && part != "setups" // longer than all others together
	}
	return slices.Contains(strings.Split(o.only, ","), part)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// errTarget is -check's verdict.
var errTarget = errors.New("a figure is more than 20 % worse than its target")

// run measures and prints. It fails when measuring failed and, with -check, on figures far from their targets.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var o options
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(progress)
	set.IntVar(&o.samples, "n", 200, "samples of each signalling figure")
	set.IntVar(&o.warmup, "warmup", 20, "samples before those")
	set.IntVar(&o.calls, "calls", 3, "calls for the media figures")
	set.DurationVar(&o.call, "call", 20*time.Second, "length of each of these calls")
	set.DurationVar(&o.idle, "idle", 5*time.Second, "wait before memory is looked at")
	set.IntVar(&o.starts, "starts", 20, "times that each program is started")
	set.IntVar(&o.commands, "commands", 10000, "MQTT commands for the rate")
	set.StringVar(&o.profile, "profile", "", "folder for processor profiles of the service (Linux perf)")
	set.StringVar(&o.only, "only", "", "parts to run, with commas: "+strings.Join(partNames(), ", ")+" (default: all but most, setups)")
	set.StringVar(&o.beside, "beside", "", "measure another git revision of the service in the same run; \"tag\" is the last tag")
	set.DurationVar(&o.hold, "hold", 8*time.Second, "how long many calls at a time are measured")
	set.DurationVar(&o.setups, "setups", time.Minute, "how long calls are set up at a rate (-load)")
	sizes := set.String("sizes", "1,10,100,500", "numbers of calls at a time")
	load := set.Bool("load", false, "the same as -only most,setups: the most calls at a time, set-ups at a rate")
	set.IntVar(&o.most, "most", 3000, "calls at a time that are tried at most (-load)")
	asJSON := set.Bool("json", false, "print JSON instead of a table")
	check := set.Bool("check", false, "exit with 1 when a figure is more than 20 % worse than its target")
	if err := set.Parse(args); err != nil {
		return err
	}
	var err error
	if o.sizes, err = numbers(*sizes); err != nil {
		return err
	}
	if *load {
		o.only = "most,setups"
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if name != "" && !slices.Contains(partNames(), name) {
			return fmt.Errorf("-only %q: the parts are %s", name, strings.Join(partNames(), ", "))
		}
	}
	if o.samples < 1 || o.warmup < 0 || o.calls < 1 || o.call < time.Second || o.starts < 1 || o.commands < 1 {
		return errors.New("-n, -calls, -starts and -commands are at least 1, -call at least 1s")
	}
	if o.hold < 2*time.Second || o.setups < 4*time.Second || o.most < 1 || o.most > mostCalls {
		return fmt.Errorf("-hold is at least 2s, -setups at least 4s, -most 1 to %d", mostCalls)
	}
	b := &bench{options: o, progress: progress}
	r, err := b.measure(ctx)
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		_, err = io.WriteString(out, r.table())
	}
	if err == nil && *check && !r.acceptable() {
		err = errTarget
	}
	return err
}

func partNames() []string {
	var names []string
	for _, p := range new(bench).parts() {
		names = append(names, p.name)
	}
	return names
}

// numbers reads a list such as 1,10,100.
func numbers(list string) ([]int, error) {
	var out []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 || n > mostCalls {
			return nil, fmt.Errorf("-sizes %q: want numbers from 1 to %d, rising", list, mostCalls)
		}
		if len(out) > 0 && n <= out[len(out)-1] {
			return nil, fmt.Errorf("-sizes %q: want numbers from 1 to %d, rising", list, mostCalls)
		}
		out = append(out, n)
	}
	return out, nil
}

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
	asJSON := set.Bool("json", false, "print JSON instead of a table")
	check := set.Bool("check", false, "exit with 1 when a figure is more than 20 % worse than its target")
	if err := set.Parse(args); err != nil {
		return err
	}
	if o.samples < 1 || o.warmup < 0 || o.calls < 1 || o.call < time.Second || o.starts < 1 || o.commands < 1 {
		return errors.New("-n, -calls, -starts and -commands are at least 1, -call at least 1s")
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

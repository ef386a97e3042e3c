package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"time"
)

type options struct {
	bin     string
	length  time.Duration // of each flood
	rate    int           // datagrams a second
	sources int           // addresses they come from
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "flood:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	set := flag.NewFlagSet("flood", flag.ContinueOnError)
	set.StringVar(&o.bin, "bin", "bin/housephone", "the service")
	set.DurationVar(&o.length, "t", 10*time.Second, "length of each flood")
	set.IntVar(&o.rate, "rate", 5000, "datagrams a second")
	set.IntVar(&o.sources, "sources", 100000, "addresses that they come from")
	from := set.String("caller", "127.0.0.1", "address of the caller; one that the service does not know is 127.9.9.9")
	if err := set.Parse(args); err != nil {
		return err
	}
	if o.length < time.Second || o.rate < 1 || o.sources < 1 || o.sources > 1<<22 {
		return errors.New("-t is at least 1s, -rate and -sources at least 1")
	}
	caller := net.ParseIP(*from)
	if caller == nil {
		return fmt.Errorf("-caller %q is no address", *from)
	}
	s, err := start(ctx, o.bin, caller)
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := s.calls(ctx, time.Second); err != nil { // warm
		return err
	}
	before, err := resident(s.pid())
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%-34s %9s %6s %7s %8s %8s %8s %9s\n", "flood", "sent/s", "calls", "failed", "p50 ms", "p99 ms", "max ms", "grown MiB")
	for _, f := range floods() {
		if err := row(ctx, out, s, f, o, before); err != nil {
			return err
		}
	}
	return nil
}

// row floods and calls at the same time.
func row(ctx context.Context, out io.Writer, s *service, f flood, o options, before int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan result, 1)
	go func() { sent <- send(ctx, s.addr, f, o) }()
	took, err := s.calls(ctx, o.length)
	if err != nil {
		return err
	}
	r := <-sent
	if r.err != nil {
		return r.err
	}
	peak, err := resident(s.pid())
	if err != nil {
		return err
	}
	slices.Sort(took)
	failed := 0
	for _, d := range took {
		if d == 0 {
			failed++
		}
	}
	good := took[failed:]
	if len(good) == 0 {
		good = []time.Duration{0}
	}
	ms := func(q float64) float64 { return good[int(q*float64(len(good)-1))].Seconds() * 1000 }
	_, err = fmt.Fprintf(out, "%-34s %9.0f %6d %7d %8.1f %8.1f %8.1f %9.1f\n", f.name, r.rate, len(took), failed, ms(0.5), ms(0.99), ms(1), float64(peak-before)/(1<<20))
	return err
}

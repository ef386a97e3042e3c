// Command housephone is the telephone of the house as an MQTT device.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"

	"housephone/topics"
)

// version is set at link time.
var version = "dev"

// Exit codes: sysexits(3) for what a person has to mend.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 64
	exitConfig = 78
)

func main() {
	os.Exit(run(os.Args[1:], env.ToMap(os.Environ()), os.Stdout, os.Stderr))
}

func run(args []string, environ map[string]string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("housephone", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() { usage(out) }
	check := flags.Bool("check", false, "")
	show := flags.Bool("version", false, "")
	hash := flags.Bool("hash-code", false, "")
	sound := flags.Bool("devices", false, "")
	ask := flags.Bool("health", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	switch {
	case *show:
		_, _ = fmt.Fprintln(out, "housephone", version)
		return exitOK
	case *sound:
		return listDevices(out, errs)
	case *hash:
		return hashCode(os.Stdin, out, errs)
	case flags.Arg(0) == "topics":
		_, _ = io.WriteString(out, topics.Text())
		return exitOK
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(errs, "housephone: unknown argument %q; housephone -h tells what there is\n", flags.Arg(0))
		return exitUsage
	}
	cfg, err := configure(environ)
	if err == nil && *check {
		err = validate(cfg)
	}
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			_, _ = fmt.Fprintln(errs, "housephone:", line)
		}
		return exitConfig
	}
	if *check {
		_, _ = fmt.Fprintln(out, "the configuration is valid")
		return exitOK
	}
	if *ask {
		return exitCode(askHealth(context.Background(), cfg.HTTP, out), errs)
	}
	return serve(cfg, out, errs)
}

// serve runs the service until SIGTERM or SIGINT; a second signal ends it at once.
func serve(cfg config, out, errs io.Writer) int {
	useProcessors(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	done := make(chan error, 1)
	go func() { done <- runService(ctx, cfg, out, errs) }()
	var first time.Time
	for {
		select {
		case err := <-done:
			return exitCode(err, errs)
		case s := <-signals:
			switch {
			case first.IsZero():
				first = time.Now()
				cancel()
			case time.Since(first) > sameSignal:
				_, _ = fmt.Fprintln(errs, "housephone: second", s, "signal, ending at once")
				return exitFailed
			}
		}
	}
}

// sameSignal: timeout(1) and some init systems signal the process and its group, which is meant as one.
const sameSignal = 50 * time.Millisecond

func exitCode(err error, errs io.Writer) int {
	if err == nil {
		return exitOK
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		_, _ = fmt.Fprintln(errs, "housephone:", line)
	}
	if errors.Is(err, errConfig) {
		return exitConfig
	}
	return exitFailed
}

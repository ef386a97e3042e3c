package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/e2e/peers"
)

// suite is what the tests of this package share.
type suite struct {
	program string  // the service, built once
	full    bool    // CHAOS=full
	figures figures // what recoveries took
}

var chaos suite

func TestMain(m *testing.M) {
	// Most of a test is waiting; more of them than processors fit beside each other.
	_ = flag.Set("test.parallel", "6")
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "housephone-chaos")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	chaos.full = os.Getenv("CHAOS") == "full"
	if chaos.program = os.Getenv(programMark); chaos.program == "" {
		chaos.program, err = peers.Build(context.Background(), dir, true)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	chaos.figures.print(os.Stdout)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

const (
	patience   = 15 * time.Second // says "broken", not "slow"
	truthLimit = 5 * time.Second  // states tell the truth after that
	backLimit  = 30 * time.Second // registered again after that
)

// pick gives the length of an outage in the short and in the full form.
func (s *suite) pick(short, full time.Duration) time.Duration {
	if s.full {
		return full
	}
	return short
}

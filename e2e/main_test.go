package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"housephone/e2e/peers"
)

// program is the service, built once, with the race detector; shipped is the same without.
var (
	program string
	shipped func() (string, error)
)

// programMark tells a test that starts itself again, in a network of its own, where the program is.
const programMark = "E2E_PROGRAM"

func TestMain(m *testing.M) {
	// Most of a test is waiting; more of them than processors fit beside each other.
	_ = flag.Set("test.parallel", "4")
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "housephone-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program = os.Getenv(programMark); program == "" {
		program, err = peers.Build(context.Background(), dir, true)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shipped = sync.OnceValues(func() (string, error) {
		below := filepath.Join(dir, "shipped")
		if err := os.Mkdir(below, 0o700); err != nil {
			return "", err
		}
		return peers.Build(context.Background(), below, false)
	})
	journal := filepath.Join(dir, "journal")
	if err := errors.Join(os.Mkdir(journal, 0o700), os.Setenv(peers.JournalVar, journal)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := peers.CheckJournal(journal); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// patience says "broken", not "slow".
const patience = 15 * time.Second

type env map[string]string

// start starts the service with the embedded broker.
func start(t *testing.T, ports *peers.Ports, e env) *peers.Housephone {
	t.Helper()
	return peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Env: e})
}

// startAsShipped is start without the race detector. It makes sound cost a multiple, and whether sound is heard without a
// gap is a question to the program that people run.
func startAsShipped(t *testing.T, ports *peers.Ports, e env) *peers.Housephone {
	t.Helper()
	program, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Env: e})
}

// pair starts the service and a softphone that can call each other.
func pair(t *testing.T, e env, c peers.BaresipConfig) (*peers.Housephone, *peers.Baresip) {
	t.Helper()
	t.Parallel()
	ports := peers.NewPorts(t)
	return start(t, ports, e), peers.NewBaresip(t, ports, c)
}

// talk lets the service call the softphone and waits until both are in the call.
func talk(t *testing.T, h *peers.Housephone, b *peers.Baresip) {
	t.Helper()
	mark := b.Mark()
	h.Do("call", b.Address())
	b.WaitEvent(mark, "CALL_INCOMING", patience)
	b.Do("accept", "")
	h.State("status", "active")
	b.WaitEvent(mark, "CALL_ESTABLISHED", patience)
}

// ring lets the softphone call the service and waits until it rings.
func ring(t *testing.T, h *peers.Housephone, b *peers.Baresip) {
	t.Helper()
	b.Do("dial", "sip:phone@"+h.SIPAddr)
	h.State("status", "ring")
}

// want compares members of a JSON document.
func want(t *testing.T, document map[string]any, members map[string]any) {
	t.Helper()
	for name, value := range members {
		if fmt.Sprint(document[name]) != fmt.Sprint(value) {
			t.Errorf("%s is %v, want %v; document: %v", name, document[name], value, document)
		}
	}
}

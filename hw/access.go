package hw

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Attempt is a code that someone has sent.
type Attempt struct {
	Code Code
	From string // the address of the caller
	How  How    // HowDTMF or HowMessage
	// Calling says that the keys came from someone who has called in, not from one who was called. The name of a caller is
	// as easily forged as the sender of a message, so only a code with from= counts.
	Calling bool
}

// access checks codes against a file that may change while the service runs.
type access struct {
	path string
	log  *slog.Logger

	checking sync.Mutex // held while hashes are worked out: one attempt at a time
	mu       sync.Mutex // guards following
	attempts attempts
	codes    Codes
	stamp    os.FileInfo
}

// load reads the file if it is another than the one read before. A file that cannot be read leaves no code valid.
func (a *access) load() error {
	info, err := os.Stat(a.path)
	if err == nil && a.stamp != nil && os.SameFile(info, a.stamp) && info.ModTime().Equal(a.stamp.ModTime()) && info.Size() == a.stamp.Size() {
		return nil
	}
	a.codes, a.stamp = Codes{}, nil
	if err != nil {
		return fmt.Errorf("codes file: %w", err)
	}
	f, err := os.Open(a.path)
	if err != nil {
		return fmt.Errorf("codes file: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	codes, err := ParseCodes(f)
	if err != nil {
		return fmt.Errorf("codes file %s: %w", a.path, err)
	}
	a.codes, a.stamp = codes, info
	return nil
}

// check finds whose code it is, and counts it when it is nobody's.
func (a *access) check(attempt Attempt, now time.Time) (who string, err error) {
	if wait := a.locked(attempt.From, now); wait > 0 {
		return "", LockedOutError{wait}
	}
	if !a.checking.TryLock() {
		return "", ErrCheckBusy
	}
	defer a.checking.Unlock()
	if wait := a.locked(attempt.From, now); wait > 0 { // who was checked meanwhile may have been the same caller
		return "", LockedOutError{wait}
	}
	a.mu.Lock()
	err = a.load()
	codes := a.codes
	a.mu.Unlock()
	if err != nil {
		a.log.Error("no code opens the door", "err", err)
		return "", ErrNoCodes
	}
	if attempt.How != HowDTMF && attempt.How != HowMessage {
		return "", ErrNotFromHere
	}
	how := attempt.How
	if attempt.Calling {
		how = HowMessage
	}
	who, err = codes.Check(attempt.Code, attempt.From, how, now)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.attempts.fail(attempt.From, now)
		return who, err
	}
	a.attempts.succeed(attempt.From)
	return who, nil
}

func (a *access) locked(from string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.attempts.locked(from, now)
}

// reason is why an attempt was refused, in words that may be published.
func reason(err error) string {
	var locked LockedOutError
	switch {
	case errors.As(err, &locked):
		return locked.Error()
	case err != nil:
		return err.Error()
	}
	return ""
}

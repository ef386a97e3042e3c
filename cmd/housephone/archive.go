package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"housephone/phone/ivr/record"
)

// archive is the folder of recorded calls and what is removed from it.
type archive struct {
	dir *record.Dir
	cfg recordEnv
	log *slog.Logger

	mu      sync.Mutex // guards following
	writing map[string]bool
}

func openArchive(cfg recordEnv, log *slog.Logger) (*archive, error) {
	dir, err := record.Open(cfg.Dir, cfg.minFree())
	if err != nil {
		return nil, badVariable("RECORD_DIR", cfg.Dir, err)
	}
	return &archive{dir: dir, cfg: cfg, log: log, writing: map[string]bool{}}, nil
}

// minFree is what stays free on the disk, in bytes.
func (e recordEnv) minFree() uint64 { return max(1, uint64(e.MinFree)<<20) }

// config says how a call is recorded: this end left, the far end right.
func (a *archive) config(rate int) record.Config {
	return record.Config{Rate: rate, Stereo: true, MaxLength: time.Duration(a.cfg.MaxLength)}
}

// begun protects a file that is being written.
func (a *archive) begun(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing[name] = true
}

// complete lets go of a file that is complete; an empty one is removed.
func (a *archive) complete(t taken) {
	a.mu.Lock()
	delete(a.writing, t.Name)
	a.mu.Unlock()
	if t.Length == 0 {
		if err := a.dir.Remove(t.Name); err != nil {
			a.log.Warn("an empty recording could not be removed", "file", t.Name, "err", err)
		}
	}
	a.sweep()
}

// sweep removes what is too old or too much.
func (a *archive) sweep() {
	r := record.Retention{MaxAge: time.Duration(a.cfg.MaxAge), MaxBytes: int64(a.cfg.MaxSize) << 20}
	if r.MaxAge == 0 && r.MaxBytes == 0 {
		return
	}
	a.mu.Lock()
	r.Keep = slices.Collect(maps.Keys(a.writing))
	a.mu.Unlock()
	gone, err := a.dir.Sweep(time.Now(), r)
	if err != nil {
		a.log.Warn("old recordings could not be removed", "err", err)
	}
	if len(gone) > 0 {
		a.log.Info("old recordings were removed", "files", gone)
	}
}

// run sweeps until ctx ends.
func (a *archive) run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		a.sweep()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// closeStores gives back the folders that the desk holds open.
func (d *desk) closeStores() error {
	var all error
	if d.files != nil {
		all = d.files.Close()
	}
	if d.mail != nil {
		all = errors.Join(all, d.mail.close())
	}
	if d.archive != nil {
		all = errors.Join(all, d.archive.dir.Close())
	}
	return all
}

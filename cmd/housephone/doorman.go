package main

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"housephone/hw"
)

// lockKeeper is the part of the hardware that codes are shown to.
type lockKeeper interface {
	UnlockByCode(ctx context.Context, a hw.Attempt) (string, error)
}

// doorman collects the keys of the far ends to codes and shows them to the door.
// It works without broker and server.
type doorman struct {
	door lockKeeper
	log  *slog.Logger
	in   chan doorInput
}

// doorInput is a key, a whole code, or (with neither) the end of a call.
type doorInput struct {
	slot int
	from string
	key  byte
	code hw.Code
	how  hw.How
	// calling: the far end has called in
	calling bool
}

// attempt is a code as it came.
func (i doorInput) attempt(code hw.Code) hw.Attempt {
	return hw.Attempt{Code: code, From: i.from, How: i.how, Calling: i.calling}
}

func newDoorman(door lockKeeper, log *slog.Logger) *doorman {
	return &doorman{door: door, log: log, in: make(chan doorInput, 256)}
}

// key takes a key that the far end of a call has pressed: sent as RTP event or INFO, never heard as a tone. Calling
// tells one who has called in from one who was called.
func (d *doorman) key(slot int, from, key string, calling bool) {
	if len(key) == 1 {
		d.post(doorInput{slot: slot, from: from, key: key[0], how: hw.HowDTMF, calling: calling})
	}
}

// ended forgets the keys of a call.
func (d *doorman) ended(slot int) { d.post(doorInput{slot: slot}) }

// message takes the text of a SIP message; true means that it may be a code and must not be published.
func (d *doorman) message(from, body string) bool {
	body = strings.TrimSpace(body)
	if len(body) < 4 || len(body) > 16 || strings.Trim(body, "0123456789ABCD*") != "" {
		return false
	}
	d.post(doorInput{from: from, code: hw.Code(body), how: hw.HowMessage})
	return true
}

func (d *doorman) post(i doorInput) {
	select {
	case d.in <- i:
	default:
		d.log.Warn("too many keys at the door, some are not heard")
	}
}

// run serves until ctx ends.
func (d *doorman) run(ctx context.Context) {
	pads := map[int]*hw.Keypad{}
	last := map[int]doorInput{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for slot, pad := range pads {
				if due, ok := pad.Due(); ok && !now.Before(due) {
					if code, ok := pad.Pause(now); ok {
						d.try(ctx, last[slot].attempt(code))
					}
				}
			}
		case i := <-d.in:
			switch {
			case i.code != "":
				d.try(ctx, i.attempt(i.code))
			case i.key == 0:
				delete(pads, i.slot)
				delete(last, i.slot)
			default:
				if pads[i.slot] == nil {
					pads[i.slot] = &hw.Keypad{}
				}
				last[i.slot] = i
				if code, ok := pads[i.slot].Key(i.key, time.Now()); ok {
					d.try(ctx, i.attempt(code))
				}
			}
		}
	}
}

// try shows a code to the door. The outcome is told by the hardware as an event.
func (d *doorman) try(ctx context.Context, a hw.Attempt) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := d.door.UnlockByCode(ctx, a); err != nil {
		d.log.Info("the door stays closed", "from", a.From, "how", string(a.How), "why", err)
	}
}

package device

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Info is a device that is there now.
type Info struct {
	Name        string // what AUDIO_CAPTURE and AUDIO_PLAYBACK take: "pulse:NAME" or "alsa:NAME"; stays the same over restarts
	Driver      string // "pulse" or "alsa"
	Description string // for people
	Capture     bool   // gives sound
	Playback    bool   // takes sound
	Default     bool   // the system's own choice
}

// listTime is the longest wait for one system's list.
const listTime = 3 * time.Second

// List names the devices that are there now, those of the sound server first;
// a device that both gives and takes sound is named once. The error joins what
// the systems said that gave no list; it comes together with the others' lists.
func List(ctx context.Context) ([]Info, error) { return list(ctx, systems()) }

func list(ctx context.Context, from []system) ([]Info, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	var all []Info
	var faults []error
	for _, s := range from {
		found, err := s.list(ctx)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		all = append(all, merge(s.name(), found)...)
	}
	return all, errors.Join(faults...)
}

// merge gives the devices of one system their full names, each once, the
// default ones first.
func merge(driver string, found []Info) []Info {
	var list []Info
	for _, d := range found {
		d.Driver, d.Name = driver, driver+":"+d.Name
		if i := slices.IndexFunc(list, func(o Info) bool { return o.Name == d.Name }); i >= 0 {
			list[i].Capture = list[i].Capture || d.Capture
			list[i].Playback = list[i].Playback || d.Playback
			list[i].Default = list[i].Default || d.Default
			continue
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b Info) int { return -cmp.Compare(rank(a), rank(b)) })
	return list
}

func rank(d Info) int {
	if d.Default {
		return 1
	}
	return 0
}

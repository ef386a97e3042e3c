package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"housephone/phone"
)

// settings are what users change by topic and expect to find again after a restart.
type settings struct {
	Volume     int  `json:"volume"`
	AutoAnswer bool `json:"autoanswer"`
	DND        bool `json:"dnd"`
}

// settingsFile keeps settings in STATE_DIR; without a folder it keeps nothing.
type settingsFile struct {
	path string
	last settings
}

// openSettings reads what was kept, or takes the given values at the first start.
func openSettings(dir string, first settings) (*settingsFile, error) {
	f := &settingsFile{last: first}
	if dir == "" {
		return f, nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("STATE_DIR=%q: %w", dir, err)
	}
	f.path = filepath.Join(dir, "settings.json")
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("STATE_DIR=%q: %w", dir, err)
	}
	kept := first
	if err := json.Unmarshal(b, &kept); err != nil || kept.Volume < 0 || kept.Volume > 20 {
		return f, nil // a damaged file must not keep the phone from starting
	}
	f.last = kept
	return f, nil
}

// keep writes changed settings: to a new file that then takes the old one's place.
func (f *settingsFile) keep(s phone.State) error {
	now := settings{Volume: s.Volume, AutoAnswer: s.AutoAnswer, DND: s.DND}
	if f.path == "" || now == f.last {
		return nil
	}
	b, err := json.Marshal(now)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.path), "settings-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(b, '\n'))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	f.last = now
	return nil
}

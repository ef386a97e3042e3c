package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"housephone/phone/ivr/menu"
	"housephone/topics"
)

// loadMenu reads the menu file, nil without one.
func (s *service) loadMenu() (*menu.File, error) {
	path := s.cfg.IVR.Menu
	if path == "" {
		return nil, nil
	}
	f, err := menu.Load(path, s.checkMenu)
	if err != nil {
		return nil, badVariable("IVR_MENU_FILE", path, err)
	}
	return f, nil
}

// checkMenu finds what a menu wants that this house does not have.
func (s *service) checkMenu(m *menu.Menu) error {
	var faults []error
	for _, n := range m.Nodes() {
		fail := func(err error) {
			if err != nil {
				faults = append(faults, &menu.Error{Line: n.Line, Text: err.Error()})
			}
		}
		if n.File != "" {
			fail(s.checkSound(n.File))
		}
		for _, a := range n.Actions {
			fail(s.checkAction(a))
		}
	}
	return errors.Join(faults...)
}

func (s *service) checkAction(a menu.Action) error {
	switch a := a.(type) {
	case menu.Play:
		return s.checkSound(a.File)
	case menu.Record:
		if !s.features.Has(topics.FeatureVoicemail) {
			return errors.New("record: RECORD_DIR is not set, so there is no place for messages")
		}
	case menu.OpenDoor:
		if !s.features.Has(topics.FeatureDoor) {
			return errors.New("open_door: HW_DOOR is not set, so there is no door")
		}
	case menu.Transfer:
		if _, err := s.view.addresses.Full(a.To); err != nil {
			return fmt.Errorf("transfer: %w", err)
		}
	case menu.Publish:
		return checkOwnTopic(a.Datapoint)
	case menu.Messages:
		switch {
		case !s.features.Has(topics.FeatureVoicemail):
			return errors.New("messages: RECORD_DIR is not set, so there are no messages")
		case !a.Behind && s.cfg.Mailbox.PIN == "" && len(s.cfg.Mailbox.AllowFrom) == 0:
			return errors.New("messages: everybody could hear them; put them behind a choice of choices_are_pin, or set MAILBOX_PIN or MAILBOX_ALLOW_FROM")
		}
	}
	return nil
}

// checkGreeting tells whether the file of MAILBOX_GREETING is there, when it is one.
func (s *service) checkGreeting() error {
	name := s.cfg.Mailbox.Greeting
	if !isSoundFile(name) {
		return nil
	}
	if err := s.checkSound(name); err != nil {
		return badVariable("MAILBOX_GREETING", name, err)
	}
	return nil
}

// checkSound tells whether a file is there. What is in it is seen when it is played.
func (s *service) checkSound(name string) error {
	dir := s.cfg.IVR.MediaDir
	if dir == "" {
		return fmt.Errorf("%.80q: MEDIA_DIR is not set, so there are no files", name)
	}
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%.80q leads out of MEDIA_DIR", name)
	}
	if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("there is no file %.80q below MEDIA_DIR", name)
	}
	return nil
}

// checkOwnTopic keeps menus from speaking in the name of the phone.
func checkOwnTopic(datapoint string) error {
	levels := strings.Split(datapoint, "/")
	switch _, known := topics.Lookup(datapoint); {
	case known, levels[0] == "calls", levels[0] == "bridge":
		return fmt.Errorf("publish: %s is a datapoint of the phone itself; take a name of your own", datapoint)
	case slices.Contains(levels, "set"), slices.Contains(levels, ""), len(datapoint) > 200, strings.ContainsFunc(datapoint, unicode.IsControl):
		return fmt.Errorf("publish: %.80q cannot be a datapoint", datapoint) // of a topic with NUL a broker ends the connection
	}
	return nil
}

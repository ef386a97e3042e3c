package main

import (
	"context"
	"sync"
	"time"

	"housephone/hw"
	"housephone/phone"
	"housephone/topics"
)

const (
	commandWait = 3 * time.Minute // longest wait for the outcome of a command
	maxPending  = 256             // commands that may wait for their outcome
)

// relayEvents publishes what the phone tells, until it has ended.
func (s *service) relayEvents() {
	events := s.phone.Events()
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			s.relayEvent(e)
		case <-s.clockSet:
			if st := s.state.Load(); st != nil {
				s.publishAll(s.view.state(*st))
			}
		}
	}
}

func (s *service) relayEvent(e phone.Event) {
	if st, ok := e.(phone.StateChanged); ok {
		s.publishAll(s.view.changes(s.state.Load(), st.State))
		s.heard(e)
		return
	}
	if !s.heard(e) {
		return
	}
	s.publishAll(s.view.event(e))
	if end, ok := e.(phone.Ended); ok && s.desk != nil { // behind the record
		s.desk.send(func() { s.desk.announcer.ended(end) })
	}
}

func (s *service) publishAll(all []topics.Message) {
	for _, m := range all {
		s.publish(m)
	}
}

// publishInitial gives every state that is switched on a value from the start;
// the parts replace what they know better before anything is sent.
func (s *service) publishInitial() {
	for _, d := range topics.Table() {
		if d.Kind != topics.StateKind || d.Initial == "" || d.Name == "connection" || !s.features.Has(d.Feature) {
			continue
		}
		s.publish(s.tree.Message(d.Name, d.Initial))
		for slot := 1; d.PerCall && s.cfg.Phone.MaxCalls > 1 && slot <= s.cfg.Phone.MaxCalls; slot++ {
			s.publish(s.tree.Message(callPath(slot, d.Name), d.Initial))
		}
	}
}

// heard lets the other parts know; false means that the event must not be published.
func (s *service) heard(e phone.Event) bool {
	switch e := e.(type) {
	case phone.StateChanged:
		s.state.Store(&e.State)
		if err := s.settings.keep(e.State); err != nil {
			s.log.Warn("the settings cannot be kept", "err", err)
		}
		s.sound.show(e.State)
		if s.desk != nil {
			s.desk.send(func() { s.desk.changed(e.State) })
		}
		if s.panel != nil {
			s.panel.ShowStatus(s.view.panelStatus(e.State, s.cfg.SIP.Server != ""))
		}
	case phone.Ended:
		s.ended.count(e)
		s.sound.ended(e)
		s.forgetKeys(e.Call.Slot)
	case phone.Key:
		return s.keyPressed(e)
	case phone.MessageReceived:
		return s.doorman == nil || !s.doorman.message(s.view.addresses.Short(e.From.URI), e.Body)
	case phone.Warning:
		s.log.Warn(e.Text)
	}
	return true
}

// keyPressed gives a key to the desk, which tells it unless it is one of a PIN, or
// without one to the door; true means that it is still to be published.
func (s *service) keyPressed(e phone.Key) bool {
	if s.desk != nil && len(e.Key) == 1 {
		told := make(chan struct{})
		s.desk.send(func() {
			defer close(told)
			s.desk.keyCame(e.Slot, e.Key[0], time.Now())
		})
		select { // what happens next is told behind it
		case <-told:
		case <-s.desk.life.Done():
		}
		return false
	}
	s.doorKey(e.Slot, e.Key)
	return true
}

// doorKey gives a key of a call to the door.
func (s *service) doorKey(slot int, key string) {
	if s.doorman != nil {
		caller := s.callOf(slot)
		s.doorman.key(slot, s.view.addresses.Short(caller.Remote.URI), key, caller.Direction == phone.In)
	}
}

// forgetKeys lets the door forget the keys of a call that has ended, behind those that
// the desk still holds.
func (s *service) forgetKeys(slot int) {
	switch {
	case s.doorman == nil:
	case s.desk != nil:
		s.desk.send(func() { s.doorman.ended(slot) })
	default:
		s.doorman.ended(slot)
	}
}

// callOf is a call as it was told last.
func (s *service) callOf(slot int) phone.Call {
	if st := s.state.Load(); st != nil {
		return findCall(st.Calls, slot)
	}
	return phone.Call{}
}

// relayPanel publishes what the hardware tells and lets a press call, with or without a broker.
func (s *service) relayPanel(ctx context.Context) {
	events := s.panel.Events()
	for {
		select {
		case <-ctx.Done():
			s.lastWords(events)
			return
		case e := <-events:
			if press, ok := e.(hw.Pressed); ok && !press.Long {
				s.pressed()
			}
			if f, ok := e.(hw.Fault); ok && f.Err != nil {
				s.log.Warn("hardware", "part", f.Part, "err", f.Err)
			}
			for _, m := range s.view.panelEvent(e) {
				s.publish(m)
			}
		}
	}
}

// lastWords publishes what the hardware tells while it is switched off.
func (s *service) lastWords(events <-chan hw.Event) {
	deadline := time.After(500 * time.Millisecond)
	for {
		select {
		case <-deadline:
			return
		case e := <-events:
			for _, m := range s.view.panelEvent(e) {
				s.publish(m)
			}
		}
	}
}

// pressed calls who is to be called when the bell rings; a press while a call
// is in progress is only published.
func (s *service) pressed() {
	targets := s.cfg.HW.DoorbellCall
	if s.phone == nil || len(targets) == 0 {
		return
	}
	uris := make([]string, 0, len(targets))
	for _, t := range targets {
		uri, err := s.view.addresses.Full(t)
		if err != nil {
			s.log.Warn("HW_DOORBELL_CALL", "address", t, "err", err)
			continue
		}
		uris = append(uris, uri)
	}
	call := s.phone.CallAll(uris)
	go func() { // ends with the phone at the latest
		ctx, cancel := context.WithTimeout(context.Background(), commandWait)
		defer cancel()
		if err := call.Wait(ctx); err != nil {
			s.log.Info("the bell has called nobody", "err", err)
		}
	}()
}

// relayCommands starts commands in their order and answers each when it is done.
func (s *service) relayCommands(ctx context.Context) {
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for {
		var cmd topics.Command
		select {
		case <-ctx.Done():
			return
		case cmd = <-s.bridge.Commands():
		}
		select {
		case s.pending <- struct{}{}:
		default:
			s.bridge.Result(cmd.Result(&topics.Error{Code: topics.Busy, Message: "too many commands are waiting for their outcome"}))
			continue
		}
		done := s.commands.start(cmd)
		waiting.Go(func() {
			defer func() { <-s.pending }()
			wait, cancel := context.WithTimeout(ctx, commandWait)
			defer cancel()
			s.bridge.Result(cmd.Result(asTopicError(done(wait))))
		})
	}
}

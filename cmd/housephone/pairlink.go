package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"housephone/bridge"
	"housephone/phone"
	"housephone/topics"
)

const (
	linkRetry = 200 * time.Millisecond
	// A connection that the broker ends so soon, so often in a row, has a rival with the same client id.
	linkShort   = 10 * time.Second
	linkRivalry = 4

	maxInstances = 100 // that are kept in mind; whoever may publish may claim to be one
)

// runLink keeps this instance's own connection to the broker: on it the instances see each other, and in PAIR_MODE=mqtt
// they elect. It carries nothing that belongs to the phone.
func (s *service) runLink(ctx context.Context) {
	p := s.pairing
	short := 0
	for ctx.Err() == nil {
		err := s.linkOnce(ctx, &short)
		if err != nil && p.claims != nil {
			p.claims.Down(err.Error())
		}
		if err != nil {
			s.log.Debug("the pair: no connection", "err", err)
		}
		wait := linkRetry
		if short >= linkRivalry {
			s.log.Warn("the pair: the broker keeps closing the connection of this instance; is another client using the same client id? Give every instance a PAIR_NAME of its own",
				"client_id", s.linkID(), "instance", p.name)
			wait = linkRetry << min(short-linkRivalry, 6)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// linkID is the client id of this instance's own connection.
func (s *service) linkID() string {
	id := s.cfg.MQTT.ClientID
	if id == "" {
		id = "housephone-" + s.cfg.ID
	}
	return id + "-" + s.pairing.name
}

// linkOnce makes one connection and keeps it as long as it lasts. The error is a sentence; nil when ctx has ended.
func (s *service) linkOnce(ctx context.Context, short *int) error {
	p := s.pairing
	reset := make(chan struct{}, 1)
	presence := topics.Message{Topic: s.tree.PairTopic() + "/" + p.name, Retain: true}
	ttl := p.elector.Timing().TTL
	dial, cancel := context.WithTimeout(ctx, max(2*ttl, 2*time.Second))
	link, err := s.bridge.Link(dial, bridge.LinkConfig{
		ClientID: s.linkID(), Will: presence, KeepAlive: max(ttl.Round(time.Second), 2*time.Second),
		Filters: s.linkFilters(), Receive: s.linkReceived,
	})
	cancel()
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("the broker cannot be reached: %w", err)
	}
	started := time.Now()
	p.mu.Lock()
	p.link = link
	p.mu.Unlock()
	p.linked.Store(true)
	s.showRole(p.speaking.Load())
	if p.claims != nil {
		p.claims.Up(func(payload []byte) error {
			return link.Publish(topics.Message{Topic: s.tree.PairTopic(), Payload: payload, Retain: true})
		}, func() {
			select {
			case reset <- struct{}{}:
			default:
			}
		})
	}
	var lost error
	select {
	case <-ctx.Done():
	case lost = <-link.Lost():
	case <-reset:
		lost = fmt.Errorf("the broker did not answer")
	}
	p.linked.Store(false)
	p.mu.Lock()
	p.link, p.others = nil, map[string]string{}
	p.mu.Unlock()
	if lost == nil {
		_ = link.Publish(presence) // gone
		link.Close()
		return nil
	}
	link.Abort()
	if bridge.ClosedByBroker(lost) && time.Since(started) < linkShort {
		*short++
	} else {
		*short = 0
	}
	return fmt.Errorf("the connection to the broker was lost: %w", lost)
}

// linkFilters: who else is there, the claims, and what a standby has to know to be like the active one.
func (s *service) linkFilters() []string {
	filters := []string{s.tree.PairTopic() + "/+"}
	for _, name := range mirrored() {
		filters = append(filters, s.tree.Topic(name))
	}
	if s.pairing.claims != nil {
		filters = append(filters, s.tree.PairTopic())
	}
	return filters
}

// mirrored are the settings that a standby takes over from the active instance.
func mirrored() []string { return []string{"volume", "autoanswer", "dnd"} }

// linkReceived takes every message of the connection, in order.
func (s *service) linkReceived(m topics.Message) {
	p := s.pairing
	if m.Topic == s.tree.PairTopic() {
		p.claims.Received(m.Payload, m.Retain)
		return
	}
	if other, ok := strings.CutPrefix(m.Topic, s.tree.PairTopic()+"/"); ok {
		p.heard(other, string(m.Payload))
		return
	}
	name, ok := strings.CutPrefix(m.Topic, s.tree.Base()+"/")
	if ok && s.phone != nil && !p.speaking.Load() {
		mirror(s.phone, name, string(m.Payload))
	}
}

// heard takes what an instance says it is; nothing when it is gone.
func (p *pairing) heard(instance, role string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if role == "" || instance == p.name {
		delete(p.others, instance)
	} else if len(p.others) < maxInstances {
		p.others[instance] = role
	}
}

// mirror makes a standby like the active instance.
func mirror(line interface {
	SetVolume(volume int) *phone.Pending
	SetAutoAnswer(on bool) *phone.Pending
	SetDND(on bool) *phone.Pending
}, name, value string) {
	switch name {
	case "volume":
		if v, err := topics.ParseVolume(value); err == nil {
			line.SetVolume(v)
		}
	case "autoanswer":
		if on, ok := topics.ParseBool(value); ok {
			line.SetAutoAnswer(on)
		}
	case "dnd":
		if on, ok := topics.ParseBool(value); ok {
			line.SetDND(on)
		}
	}
}

// hasOthers tells whether another instance is there.
func (p *pairing) hasOthers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(slices.Collect(maps.Values(p.others)), topics.PairStandby)
}

// showRole publishes what this instance is.
func (s *service) showRole(active bool) {
	p := s.pairing
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link == nil {
		return
	}
	role := topics.PairStandby
	if active {
		role = topics.PairActive
	}
	m := topics.Message{Topic: s.tree.PairTopic() + "/" + p.name, Payload: []byte(role), Retain: true}
	_ = p.link.Publish(m) // a full queue ends the connection
}

package bridge

import (
	"bytes"
	"context"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"housephone/topics"
)

const (
	// No retained message for so long: there are no more. Brokers send them with the answer to the subscription, so
	// that some times what this answer took is enough, within bounds.
	surveyQuietLeast = 50 * time.Millisecond
	surveyQuietMost  = 250 * time.Millisecond
	surveyQuietTimes = 10
	surveyLimit      = 1500 * time.Millisecond
	surveyMost       = 1000 // leftovers that are kept in mind
)

// survey is what the broker still holds from an earlier run. It is filled by receive while it is open.
type survey struct {
	heard chan struct{}

	mu        sync.Mutex // guards following
	open      bool
	previous  []byte
	leftovers []string
}

// survey reads once, on the first connection, what an earlier run left. MQTT does not say where the retained messages
// end, so it waits until there is silence. It comes before the subscription of the commands: some brokers deliver a
// message twice when two filters match it.
func (s *session) survey(ctx context.Context) error {
	b := s.bridge
	b.mu.Lock()
	done := b.surveyed
	b.mu.Unlock()
	if done {
		return nil
	}
	filters := []string{b.cfg.Tree.Base() + "/#"}
	if b.cfg.DiscoveryTopic != "" {
		filters = append(filters, b.cfg.DiscoveryTopic)
	}
	s.found.start()
	asked := time.Now()
	if _, err := s.subscribe(ctx, filters...); err != nil { // a filter that is refused finds nothing
		return err
	}
	quiet := min(max(surveyQuietTimes*time.Since(asked), surveyQuietLeast), surveyQuietMost)
	if err := s.listen(ctx, quiet); err != nil {
		return err
	}
	if err := s.wait(ctx, s.client.Unsubscribe(filters...)); err != nil {
		return err
	}
	previous, leftovers := s.found.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.surveyed, b.previous, b.leftovers = true, previous, leftovers
	return nil
}

func (s *session) listen(ctx context.Context, quiet time.Duration) error {
	limit := time.NewTimer(surveyLimit)
	defer limit.Stop()
	for {
		select {
		case <-s.found.heard:
		case <-time.After(quiet):
			return nil
		case <-limit.C:
			return nil
		case err := <-s.lost:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// collect takes a message while the survey is open. Commands that come then were sent before we were there.
func (s *session) collect(m paho.Message) bool {
	f := &s.found
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open {
		return false
	}
	if !m.Retained() || len(m.Payload()) == 0 {
		return true
	}
	signal(f.heard)
	if m.Topic() == s.bridge.cfg.DiscoveryTopic {
		f.previous = bytes.Clone(m.Payload())
		return true
	}
	if name, ok := leftover(s.bridge.cfg.Tree, m.Topic()); ok && len(f.leftovers) < surveyMost {
		f.leftovers = append(f.leftovers, name)
	}
	return true
}

// leftover names the datapoint of a topic on which an earlier run, or a mistake, may have left a retained message.
func leftover(t topics.Tree, topic string) (string, bool) {
	base := t.Base() + "/"
	if len(topic) <= len(base) || topic[:len(base)] != base {
		return "", false
	}
	name := topic[len(base):]
	row, known := topics.Lookup(name)
	return name, known && row.Kind != topics.CommandKind && name != connectionDatapoint
}

func (f *survey) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = true
	f.heard = make(chan struct{}, 1)
}

func (f *survey) stop() (previous []byte, leftovers []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = false
	return f.previous, f.leftovers
}

package bridge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"housephone/topics"
)

// linked is a link of a bridge that is not run, with what it received.
type linked struct {
	*Link
	mu  sync.Mutex
	got []topics.Message
}

func newLink(t *testing.T, b *Bridge, c LinkConfig) *linked {
	t.Helper()
	l := &linked{}
	var err error
	if l.Link, err = b.Link(t.Context(), l.config(c)); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *linked) config(c LinkConfig) LinkConfig {
	c.Receive = func(m topics.Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got = append(l.got, m)
	}
	orString(&c.ClientID, "link")
	or(&c.KeepAlive, 20*time.Second)
	if c.Will.Topic == "" {
		c.Will = kept("pair/link", "gone")
	}
	if c.Filters == nil {
		c.Filters = []string{"pair/+"}
	}
	return c
}

// received are the payloads of a topic; retained ones bear a mark.
func (l *linked) received(topic string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, m := range l.got {
		if m.Topic == topic {
			out = append(out, string(m.Payload)+map[bool]string{true: "!"}[m.Retain])
		}
	}
	return out
}

// loss waits for the end of the connection.
func (l *linked) loss(t *testing.T) error {
	t.Helper()
	select {
	case err := <-l.Lost():
		return err
	case <-time.After(patience):
		t.Fatal("nothing tells that the connection has gone")
		return nil
	}
}

func numbers(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func TestLinkKeepsOrder(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		o := watch(t, url)
		o.publish("pair/old", "before", true)
		b, _ := newBridge(t, Config{URL: url})
		l := newLink(t, b, LinkConfig{})
		for _, n := range numbers(linkQueue) { // as many as may wait
			if err := l.Publish(event("out", n)); err != nil {
				t.Fatal(err)
			}
			o.publish("pair/in", n, false)
		}
		eventually(t, "everything has come", func() bool { return len(l.received("pair/in")) == linkQueue && len(o.on("out")) == linkQueue })
		if got := l.received("pair/in"); !slices.Equal(got, numbers(linkQueue)) {
			t.Errorf("received %v", got)
		}
		if got := o.on("out"); !slices.Equal(got, numbers(linkQueue)) {
			t.Errorf("sent %v", got)
		}
		if got := l.received("pair/old"); !slices.Equal(got, []string{"before!"}) {
			t.Errorf("what the broker had kept came as %v", got)
		}
		l.Close()
	})
}

// What was queued when the link is closed is sent, and no will is published; a link that is broken off leaves its will.
func TestEndOfLink(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		o := watch(t, url)
		b, _ := newBridge(t, Config{URL: url})
		l := newLink(t, b, LinkConfig{})
		for _, n := range numbers(linkQueue) {
			if err := l.Publish(event("last", n)); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
		eventually(t, "what waited has come", func() bool { return len(o.on("last")) == linkQueue })
		broken := newLink(t, b, LinkConfig{ClientID: "other", Will: kept("pair/other", "gone")})
		broken.Abort()
		o.await("pair/other", "gone")
		if got := o.on("pair/link"); len(got) != 0 {
			t.Errorf("a link that was closed left its will: %v", got)
		}
		if held := retainedNow(t, url); held["pair/other"] != "gone" {
			t.Errorf("the broker holds %v", held)
		}
	})
}

// The broker dies and comes back: the link says so once, and a new one works; the session of Run does not disturb it.
func TestLinkIsLost(t *testing.T) {
	m := newMosquitto(t)
	b, _, _ := startBridge(t, Config{URL: m.url(), BirthTopic: "homeassistant/status"})
	l := newLink(t, b, LinkConfig{Filters: []string{"pair/+", "homeassistant/status"}})
	o := watch(t, m.url())
	o.publish("homeassistant/status", "online", false)
	eventually(t, "link and session hear the birth", func() bool { return len(l.received("homeassistant/status")) == 1 && b.Stats().Births == 1 })
	m.kill()
	if err := l.loss(t); err == nil {
		t.Error("a loss without a reason")
	}
	l.Abort()
	if _, err := b.Link(t.Context(), l.config(LinkConfig{})); err == nil || !strings.Contains(err.Error(), "nothing listens") {
		t.Errorf("a link to no broker: %v", err)
	}
	m.start()
	o = watch(t, m.url())
	again := newLink(t, b, LinkConfig{})
	if err := again.Publish(kept("pair/link", "here")); err != nil {
		t.Fatal(err)
	}
	o.await("pair/link", "here")
	again.Close()
	eventually(t, "the session is back", b.Connected)
}

func TestLinkTakenOver(t *testing.T) {
	eachBroker(t, func(t *testing.T, url string) {
		b, _ := newBridge(t, Config{URL: url})
		l := newLink(t, b, LinkConfig{})
		rival := newLink(t, b, LinkConfig{})
		if err := l.loss(t); !ClosedByBroker(err) {
			t.Errorf("lost because of %v, which is not known as the broker's doing", err)
		}
		l.Abort()
		rival.Close()
	})
}

func TestLinkIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		code, granted byte
		want          string
	}{
		"the password": {packets.ErrRefusedBadUsernameOrPassword, 1, "the broker refuses the user name or the password"},
		"the id":       {packets.ErrRefusedIDRejected, 1, "the broker refuses the client id"},
		"the filter":   {packets.Accepted, 0x80, "the broker does not let us read pair/+"},
	} {
		b, lines := newBridge(t, Config{URL: newScripted(t, tc.code, tc.granted).url(), Username: "house", Password: "secret"})
		if _, err := b.Link(t.Context(), (&linked{}).config(LinkConfig{})); err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if said := lines.with("secret"); len(said) > 0 {
			t.Errorf("%s: the password is in the log: %v", name, said)
		}
	}
}

// A broker that hangs: a link is not had for longer than ctx lasts, one that stands notices within its keep-alive, what
// is too much to wait is refused, and the end takes a moment only.
func TestLinkToABrokerThatHangs(t *testing.T) {
	m := newMosquitto(t)
	b, _ := newBridge(t, Config{URL: m.url(), AckTimeout: time.Hour})
	l := newLink(t, b, LinkConfig{KeepAlive: time.Second})
	stuck := newLink(t, b, LinkConfig{ClientID: "stuck", KeepAlive: time.Hour})
	m.signal(syscall.SIGSTOP)
	defer m.signal(syscall.SIGCONT)
	if err := l.loss(t); err == nil {
		t.Error("a loss without a reason")
	}
	l.Abort()

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.Link(ctx, l.config(LinkConfig{ClientID: "late"})); err == nil {
		t.Error("a broker that hangs let a link in")
	}

	large := strings.Repeat("x", 256<<10)
	var refused error
	eventually(t, "too much waits", func() bool {
		refused = stuck.Publish(event("much", large))
		return refused != nil
	})
	if err := stuck.loss(t); err.Error() != refused.Error() {
		t.Errorf("refused %v, lost %v", refused, err)
	}
	stuck.Abort()
}

package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// maxFilters bounds the subscriptions of one client.
const maxFilters = 1000

// guard is the one hook: who may come in, and how much a client may leave behind.
type guard struct {
	mqtt.HookBase
	cfg    Config
	server *mqtt.Server

	// store is held while a retained message is stored, and while those that a new subscription asks
	// for are looked up: the library's store does the one while it reads for the other.
	store   sync.Mutex
	holders sync.Map // *mqtt.Client that holds store

	warned atomic.Pointer[time.Time] // when the last warning was, so that guessing passwords does not fill the log
}

func (g *guard) ID() string { return "guard" }

func (g *guard) Provides(b byte) bool {
	return slices.Contains([]byte{mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnPacketRead,
		mqtt.OnPacketSent, mqtt.OnRetainMessage, mqtt.OnPacketProcessed}, b)
}

// OnConnect refuses sessions that outlive their connection when too many of them are waiting.
func (g *guard) OnConnect(_ *mqtt.Client, pk packets.Packet) error {
	if !pk.Connect.Clean && g.server.Clients.Len() >= 2*g.cfg.MaxConnections {
		return errors.New("too many sessions wait for their client")
	}
	return nil
}

// OnConnectAuthenticate compares in constant time.
func (g *guard) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	if g.cfg.Username == "" || cl.Net.Listener == localID {
		return true
	}
	user := same(pk.Connect.Username, g.cfg.Username)
	if same(pk.Connect.Password, g.cfg.Password) && user {
		return true
	}
	if g.warns(time.Now()) {
		g.cfg.Logger.Warn("embedded broker refuses a login: wrong user name or password", "remote", cl.Net.Remote)
	}
	return false
}

// warns is true every ten seconds at most.
func (g *guard) warns(now time.Time) bool {
	last := g.warned.Load()
	return (last == nil || now.Sub(*last) >= 10*time.Second) && g.warned.CompareAndSwap(last, &now)
}

func same(given []byte, want string) bool {
	a, b := sha256.Sum256(given), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// OnACLCheck lets everybody who came in use every topic.
func (g *guard) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnPublish keeps the store of retained messages within its bound.
func (g *guard) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Retain {
		g.hold(cl)
	}
	if !pk.FixedHeader.Retain || len(pk.Payload) == 0 || g.server.Topics.Retained.Len() < g.cfg.MaxRetained {
		return pk, nil
	}
	if _, known := g.server.Topics.Retained.Get(pk.TopicName); !known {
		pk.FixedHeader.Retain = false
	}
	return pk, nil
}

// OnPacketRead disconnects a client that subscribes without end.
func (g *guard) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Subscribe && cl.State.Subscriptions.Len()+len(pk.Filters) > maxFilters {
		return pk, fmt.Errorf("too many subscriptions: %w", packets.ErrRejectPacket)
	}
	return pk, nil
}

// OnPacketSent: after the SUBACK the library looks up retained messages.
func (g *guard) OnPacketSent(cl *mqtt.Client, pk packets.Packet, _ []byte) {
	if pk.FixedHeader.Type == packets.Suback {
		g.hold(cl)
	}
}

// OnRetainMessage: the retained message has been stored.
func (g *guard) OnRetainMessage(cl *mqtt.Client, _ packets.Packet, _ int64) { g.release(cl) }

// OnPacketProcessed: whatever was looked up has been found.
func (g *guard) OnPacketProcessed(cl *mqtt.Client, _ packets.Packet, _ error) { g.release(cl) }

func (g *guard) hold(cl *mqtt.Client) {
	g.store.Lock()
	g.holders.Store(cl, true)
}

// release does nothing for a client that does not hold the store.
func (g *guard) release(cl *mqtt.Client) {
	if _, held := g.holders.LoadAndDelete(cl); held {
		g.store.Unlock()
	}
}

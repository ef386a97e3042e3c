package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"housephone/bridge"
	"housephone/pair"
	"housephone/pair/claim"
	"housephone/pair/lease"
)

type pairEnv struct {
	Mode     string   `env:"PAIR_MODE" envDefault:"off" doc:"several instances of one phone, of which one is active: off, kubernetes (they meet at a Lease), mqtt (at the broker)" allowed:"off,kubernetes,mqtt"`
	Name     string   `env:"PAIR_NAME" doc:"name of this instance, different from the other's (default: the host name and something random)"`
	Lease    duration `env:"PAIR_LEASE" envDefault:"2s" doc:"silence of the active instance after which another takes over, 1s to 5m"`
	Account  string   `env:"PAIR_ACCOUNT_DIR" envDefault:"/var/run/secrets/kubernetes.io/serviceaccount" doc:"folder with token, ca.crt and namespace of the service account"`
	Shutdown boolean  `env:"PAIR_SHUTDOWN_WHEN_INACTIVE" envDefault:"1" doc:"1 = without the active role un-register and refuse calls"`
}

// The values of PAIR_MODE.
const (
	pairOff        = "off"
	pairKubernetes = "kubernetes"
	pairMQTT       = "mqtt"
)

// maxPairName leaves room for the rest of a topic and of a client id.
const maxPairName = 80

// checkPair refuses what cannot become a pair.
func (c *config) checkPair() error {
	p := c.Pair
	if p.Mode != pairKubernetes && p.Mode != pairMQTT {
		return nil
	}
	var out []error
	if c.MQTT.URL == "" {
		out = append(out, fmt.Errorf("PAIR_MODE=%q: MQTT_URL is empty, and the instances of a pair need one broker that all of them reach", p.Mode))
	}
	if d := time.Duration(p.Lease); d < time.Second || d > 5*time.Minute {
		out = append(out, fmt.Errorf("PAIR_LEASE=%q: want 1s to 5m", d))
	}
	if p.Name != "" && !isPairName(p.Name) {
		out = append(out, fmt.Errorf("PAIR_NAME=%q: want up to %d letters, digits, dots, dashes and underscores", p.Name, maxPairName))
	}
	return errors.Join(out...)
}

// isPairName tells whether a name can be a level of a topic and part of a client id.
func isPairName(s string) bool {
	return len(s) <= maxPairName && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == ""
}

// pairing is this instance as one of several.
type pairing struct {
	elector  *pair.Elector
	claims   *claim.Store // nil = the instances meet elsewhere
	name     string
	turn     chan struct{} // look again whether we may act
	leaving  atomic.Bool   // the role is about to be given back
	speaking atomic.Bool   // the session that speaks for the phone is open
	linked   atomic.Bool   // our own connection to the broker is there

	mu     sync.Mutex // guards following
	link   *bridge.Link
	others map[string]string // instances and what they say they are
}

func (p *pairing) mayAct() bool { return !p.leaving.Load() && p.elector.Active() }

// alone tells that no other instance has taken over yet.
func (p *pairing) alone() bool { return p.elector.Alone() }

// buildPair makes the elector; nobody is asked yet.
func (s *service) buildPair() error {
	c := s.cfg.Pair
	if c.Mode != pairKubernetes && c.Mode != pairMQTT {
		return nil
	}
	p := &pairing{name: c.Name, turn: make(chan struct{}, 1), others: map[string]string{}}
	if p.name == "" {
		p.name = defaultPairName()
	}
	log := s.log.With("part", "pair")
	var store pair.Store
	if c.Mode == pairMQTT {
		p.claims = claim.New(log)
		store = p.claims
	} else {
		conf, err := lease.InCluster(os.Getenv, c.Account)
		if err != nil {
			return badVariable("PAIR_MODE", c.Mode, err)
		}
		conf.Name = lease.NameFor(s.cfg.ID)
		if store, err = lease.New(conf); err != nil {
			return badVariable("PAIR_MODE", c.Mode, err)
		}
	}
	var err error
	p.elector, err = pair.NewElector(pair.Config{
		Holder: p.name + "_" + randomHex(8), Timing: pair.NewTiming(time.Duration(c.Lease)), Exact: c.Mode == pairKubernetes,
	}, store, pair.Boottime(), log)
	if err != nil {
		return configError{err}
	}
	s.pairing = p
	return nil
}

// defaultPairName tells instances apart also on one machine.
func defaultPairName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "housephone"
	}
	name := host[:min(len(host), maxPairName-5)] + "-" + randomHex(2)
	if !isPairName(name) {
		return "housephone-" + randomHex(2)
	}
	return name
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

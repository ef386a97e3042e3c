package chaos

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// wire is a TCP hop in front of a target. It can forget the connections that it carries, as a router does whose table
// was full: they stay open at both ends, and nothing passes any more. New ones work.
type wire struct {
	listener net.Listener
	target   string

	mu    sync.Mutex // guards following
	conns []*carried
	wg    sync.WaitGroup
}

// carried is one connection through the wire.
type carried struct {
	near, far net.Conn
	lost      chan struct{} // closed: nothing passes
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: target}
	w.wg.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.forget()
		w.mu.Lock()
		for _, c := range w.conns {
			_ = c.near.Close()
			_ = c.far.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

func (w *wire) port() int { return w.listener.Addr().(*net.TCPAddr).Port }

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		var d net.Dialer
		far, err := d.DialContext(ctx, "tcp4", w.target)
		cancel()
		if err != nil {
			_ = near.Close()
			continue
		}
		c := &carried{near, far, make(chan struct{})}
		w.mu.Lock()
		w.conns = append(w.conns, c)
		w.mu.Unlock()
		w.wg.Go(func() { c.carry(near, far) })
		w.wg.Go(func() { c.carry(far, near) })
	}
}

// carry passes on until one end closes; what comes after the loss is read and thrown away, ends too.
func (c *carried) carry(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-c.lost:
			if err != nil {
				return
			}
			continue
		default:
		}
		if err != nil {
			_ = to.Close()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			_ = from.Close()
			return
		}
	}
}

// forget loses the connections of now.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		select {
		case <-c.lost:
		default:
			close(c.lost)
		}
	}
}

// A router forgets the TCP connection to the switch. The service notices by itself, and can be called again.
func TestHalfOpenSwitch(t *testing.T) {
	t.Parallel()
	h := &house{ports: peers.NewPorts(t)}
	h.pbx = peers.NewKamailio(t, h.ports, peers.KamailioConfig{})
	w := newWire(t, h.pbx.Address())
	e := h.pbx.Env("house", "tcp")
	e["SIP_PORT"] = strconv.Itoa(w.port())
	h.Housephone = peers.NewHousephone(t, h.ports, peers.HousephoneConfig{Program: chaos.program, Env: e})
	h.State("registration", "1")
	h.bob = peers.NewBaresip(t, h.ports, h.pbx.BaresipAccount("bob", "udp"))
	h.bob.WaitRegistered()
	h.works(t)
	time.Sleep(6 * time.Second) // a switch that has answered a ping is known to answer them

	mark := h.Mark()
	w.forget()
	within(t, "the loss is noticed", time.Minute, func() bool {
		for _, m := range h.Since(mark, h.Topic("registration")) {
			if m.Payload == "0" {
				return true
			}
		}
		return false
	})
	within(t, "registered over a new connection", backLimit, func() bool {
		v, _ := h.Last(h.Topic("registration"))
		return v == "1"
	})
	h.works(t)
	atRest(t, h.Housephone)
}

// A router forgets the TCP connection to the broker in a call. States that change meanwhile are told over a new one.
func TestHalfOpenBroker(t *testing.T) {
	t.Parallel()
	h := &house{ports: peers.NewPorts(t)}
	h.mq = peers.NewMosquitto(t, h.ports, peers.MosquittoConfig{})
	w := newWire(t, peers.Loopback(h.mq.Port))
	h.Housephone = peers.NewHousephone(t, h.ports, peers.HousephoneConfig{
		Program: chaos.program, Broker: h.mq, Env: env{"MQTT_URL": "mqtt://" + peers.Loopback(w.port())},
	})
	h.bob = peers.NewBaresip(t, h.ports, peers.BaresipConfig{})
	h.talk(t)
	mark := h.Mark()
	w.forget()
	h.bob.Do("hangup", "")
	within(t, "the end of the call is told over a new connection", 90*time.Second, func() bool {
		v, _ := h.Last(h.Topic("status"))
		return v == "hangup" && len(h.Since(mark, h.Topic("call/ended"))) == 1
	})
	atRest(t, h.Housephone)
	h.works(t)
}

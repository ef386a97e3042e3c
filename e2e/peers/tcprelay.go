package peers

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// TCPRelay is a network between a client and a server that can be cut: then nothing passes and nothing is refused, and
// what was sent meanwhile arrives when it is mended, as with TCP's own repetitions. It can also forget its connections,
// as a router does whose table was full.
type TCPRelay struct {
	Port   int
	target string
	ln     net.Listener
	wg     sync.WaitGroup

	mu    sync.Mutex // guards following
	cut   chan struct{}
	lost  chan struct{} // closed when the connections that were made since are forgotten
	conns []net.Conn
	ended bool
}

// NewTCPRelay listens on a port of its own in front of a loopback port.
func NewTCPRelay(t testing.TB, ports *Ports, target int) *TCPRelay {
	t.Helper()
	r := &TCPRelay{Port: ports.Next(), target: Loopback(target), lost: make(chan struct{})}
	var err error
	if r.ln, err = listenTCP(t, r.Port); err != nil {
		t.Fatal(err)
	}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		r.Mend()
		_ = r.ln.Close()
		r.mu.Lock()
		r.ended = true
		for _, c := range r.conns {
			_ = c.Close()
		}
		r.mu.Unlock()
		r.wg.Wait()
	})
	return r
}

// Cut stops the traffic in both directions, also of new connections.
func (r *TCPRelay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut == nil {
		r.cut = make(chan struct{})
	}
}

// Mend lets everything pass again.
func (r *TCPRelay) Mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut != nil {
		close(r.cut)
		r.cut = nil
	}
}

// Forget loses the connections of now: they stay open at both ends, and nothing passes any more, not even their end.
// New ones work.
func (r *TCPRelay) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.lost)
	r.lost = make(chan struct{})
}

// wait returns when the network is whole.
func (r *TCPRelay) wait() {
	for {
		r.mu.Lock()
		cut := r.cut
		r.mu.Unlock()
		if cut == nil {
			return
		}
		<-cut
	}
}

func (r *TCPRelay) accept() {
	for {
		near, err := r.ln.Accept()
		if err != nil {
			return
		}
		if !r.keep(near) {
			return
		}
		r.wg.Go(func() {
			r.wait()
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			var d net.Dialer
			far, err := d.DialContext(ctx, "tcp", r.target)
			if err != nil || !r.keep(far) {
				_ = near.Close()
				return
			}
			r.mu.Lock()
			lost := r.lost
			r.mu.Unlock()
			r.wg.Go(func() { r.carry(near, far, lost) })
			r.carry(far, near, lost)
		})
	}
}

func (r *TCPRelay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		_ = c.Close()
		return false
	}
	r.conns = append(r.conns, c)
	return true
}

func (r *TCPRelay) carry(from, to net.Conn, lost <-chan struct{}) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		r.wait() // also what ends a connection does not get through
		select {
		case <-lost:
			if err != nil {
				return
			}
			continue // thrown away
		default:
		}
		if n > 0 && err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			_ = from.Close()
			_ = to.Close()
			return
		}
	}
}

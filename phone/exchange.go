package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/digest"
	"housephone/phone/resolve"
	"housephone/phone/transaction"
	"housephone/phone/transport"
)

var errAbandoned = errors.New("not wanted any more")

// exchange is one request from its building to its final answer, over as many
// transactions as authentication (RFC 3261 22.2) and fail-over (RFC 3263 4.3) need.
// It lives on the line; its callbacks are called there.
type exchange struct {
	line *Phone
	// build makes the request for a flow, without Via. It is called once a flow is open.
	build func(transport.Flow) (*sip.Request, error)
	// bump gives the CSeq of a repetition with credentials.
	bump     func() uint32
	progress func(*sip.Response) // each 1xx, may be nil
	final    func(*sip.Response) // the answer; every 2xx of an INVITE
	failed   func(error)         // no answer came
	// prepare gets ready what build needs and then calls then; may be nil.
	prepare func(flow transport.Flow, then func())
	// adjust may change the repetition of a request after a challenge; may be nil.
	adjust func(req *sip.Request, challenge *sip.Response)

	uri      sip.Uri        // where to: Request-URI or first route
	prefer   transport.Flow // a connection to use when it is alive and leads there
	targets  []resolve.Target
	next     int // index into targets
	tx       *transaction.Client
	req      *sip.Request
	flow     transport.Flow
	tries    int   // answers to challenges
	authErr  error // why the last challenge was not answered
	stopped  bool
	answered bool // by a 1xx, in this transaction
	// abandoned: nobody wants the answer any more; no further request is sent.
	abandoned bool
}

// start resolves the next hop and sends.
func (x *exchange) start() {
	host, port, network := x.line.hop(x.uri)
	if t, ok := literal(host, port, network); ok {
		x.resolved([]resolve.Target{t}, nil)
		return
	}
	x.line.background(func(ctx context.Context) {
		targets, err := x.line.resolver.Targets(ctx, x.line.now(), hostPort(host, port), string(network))
		x.line.box.post(func() { x.resolved(targets, err) })
	})
}

// hostPort leaves the port out when DNS has to tell it.
func hostPort(host string, port int) string {
	if port == 0 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// literal is the target of an IP address, for which nothing has to be asked.
func literal(host string, port int, network transport.Network) (resolve.Target, bool) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return resolve.Target{}, false
	}
	if port == 0 {
		port = int(network.DefaultPort())
	}
	return resolve.Target{Network: string(network), Addr: netip.AddrPortFrom(addr.Unmap(), uint16(port)), ServerName: host}, true
}

func (x *exchange) resolved(targets []resolve.Target, err error) {
	if x.stopped {
		return
	}
	if err == nil && len(targets) == 0 {
		err = errors.New("no address found")
	}
	if err != nil {
		x.fail(err)
		return
	}
	x.targets = targets
	x.line.learnServer(x.uri, targets)
	x.try()
}

// try opens a flow to the current target. UDP needs no waiting.
func (x *exchange) try() {
	t := x.targets[x.next]
	network := transport.Network(t.Network)
	if network == transport.UDP {
		flow, err := x.line.sockets.Connect(context.Background(), network, t.Addr, t.ServerName)
		x.connected(flow, err)
		return
	}
	if flow, ok := x.line.reuse(network, t.Addr, x.prefer); ok {
		x.connected(flow, nil)
		return
	}
	x.line.background(func(ctx context.Context) {
		flow, err := x.line.sockets.Connect(ctx, network, t.Addr, t.ServerName)
		x.line.box.post(func() { x.connected(flow, err) })
	})
}

// reuse finds an open connection to an address, or else the one that a call came by
// from the same host, whose port there is any.
func (p *Phone) reuse(network transport.Network, to netip.AddrPort, prefer transport.Flow) (transport.Flow, bool) {
	if flow, ok := p.sockets.Existing(network, to); ok {
		return flow, true
	}
	if prefer.Network != network || prefer.Remote.Addr() != to.Addr() {
		return transport.Flow{}, false
	}
	return p.sockets.Existing(network, prefer.Remote)
}

func (x *exchange) connected(flow transport.Flow, err error) {
	if x.stopped {
		return
	}
	switch {
	case x.abandoned:
		x.fail(errAbandoned)
		return
	case err != nil:
		x.failOver(err)
		return
	case x.prepare == nil:
		x.prepared(flow)
		return
	}
	x.prepare(flow, func() {
		switch {
		case x.stopped:
		case x.abandoned:
			x.fail(errAbandoned)
		default:
			x.prepared(flow)
		}
	})
}

func (x *exchange) prepared(flow transport.Flow) {
	req, err := x.build(flow)
	if err != nil {
		x.fail(err)
		return
	}
	x.send(req, flow)
}

func (x *exchange) send(req *sip.Request, flow transport.Flow) {
	if err := x.line.stamp(req, flow); err != nil {
		x.failOver(err)
		return
	}
	x.req, x.flow, x.answered = req, flow, false
	var tx *transaction.Client
	tx, err := x.line.transactions.Request(req, flow, func(e transaction.Event) {
		x.line.box.post(func() {
			if !x.stopped && x.tx == tx {
				x.event(e)
			}
		})
	})
	if err != nil {
		x.fail(err)
		return
	}
	x.tx = tx
}

func (x *exchange) event(e transaction.Event) {
	if e.Err != nil {
		x.failOver(e.Err)
		return
	}
	res := e.Response
	switch {
	case res.StatusCode < 200:
		x.answered = true
		if x.progress != nil {
			x.progress(res)
		}
	case (res.StatusCode == 401 || res.StatusCode == 407) && x.authorize(res):
	case res.StatusCode == 503 && x.next+1 < len(x.targets) && !x.answered:
		x.failOver(fmt.Errorf("%s is not available", x.targets[x.next].Addr)) // RFC 3263 4.3
	default:
		x.final(res)
	}
}

// authorize repeats the request with credentials; false when that makes no sense.
func (x *exchange) authorize(res *sip.Response) bool {
	p := x.line
	switch {
	case x.abandoned:
		return false
	case p.digest == nil:
		x.authErr = errors.New("no password is set")
		return false
	case x.tries >= 3 || !p.isServer(x.flow.Remote.Addr()):
		return false // credentials stay with the account's own next hop
	}
	req := x.req.Clone()
	if err := p.digest.Authorize(req, res); err != nil {
		if !errors.Is(err, digest.ErrRejected) {
			x.authErr = err
		}
		p.log.Warn("the server's challenge cannot be answered", "method", string(req.Method), "err", err)
		return false
	}
	x.tries++
	if x.adjust != nil {
		x.adjust(req, res)
	}
	req.RemoveHeader("Via")
	req.CSeq().SeqNo = x.bump()
	x.send(req, x.flow)
	return true
}

func (x *exchange) failOver(err error) {
	if x.targets != nil {
		x.line.resolver.Failed(x.line.now(), x.targets[x.next])
	}
	if x.next+1 < len(x.targets) && !x.answered && !x.abandoned {
		x.next++
		x.line.log.Info("trying the next server", "addr", x.targets[x.next].Addr, "err", err)
		x.try()
		return
	}
	x.fail(err)
}

func (x *exchange) fail(err error) {
	if !x.stopped {
		x.stopped = true
		x.failed(err)
	}
}

// stop forgets the exchange; nothing is called any more.
func (x *exchange) stop() {
	x.stopped = true
	if x.tx != nil {
		x.tx.Terminate()
	}
}

// once makes a build function whose request keeps its CSeq over fail-over: the
// request is made for the first flow and copied for the next.
func (x *exchange) once(make func() *sip.Request) func(transport.Flow) (*sip.Request, error) {
	var first *sip.Request
	return func(flow transport.Flow) (*sip.Request, error) {
		if first == nil {
			first = make()
		}
		req := first.Clone()
		switch req.Method {
		case sip.INVITE, sip.UPDATE, sip.REFER, sip.OPTIONS, sip.NOTIFY: // target refresh and dialog makers
			req.RemoveHeader("Contact")
			req.AppendHeader(x.line.contact(flow))
		}
		return req, nil
	}
}

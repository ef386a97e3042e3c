package transaction

import (
	"container/list"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/transport"
)

// Config says who gets what comes in. Handlers are called in order and must not block.
type Config struct {
	Timers Timers
	// OnRequest gets every new request but ACK. It has to be answered some day.
	OnRequest func(*Server)
	// OnACK gets the ACK of a 2xx, which belongs to a dialog (RFC 3261 13.2.2.4).
	OnACK func(*sip.Request, transport.Flow)
	// OnStray gets a 2xx to an INVITE whose transaction has gone (RFC 3261 17.1.1.2, 13.2.2.4).
	OnStray func(*sip.Response, transport.Flow)
	Logger  *slog.Logger
}

// Layer matches messages to transactions.
type Layer struct {
	cfg Config

	mu      sync.Mutex // guards following
	clients map[string]*Client
	servers map[string]*serverTx
	merged  map[string]*serverTx
	closed  bool

	answered *list.List // server transactions that wait for repetitions only, oldest first
	kept     int        // octets of them
}

// NewLayer makes an empty layer; Close ends it.
func NewLayer(cfg Config) *Layer {
	cfg.Timers = cfg.Timers.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Layer{
		cfg:     cfg,
		clients: map[string]*Client{}, servers: map[string]*serverTx{}, merged: map[string]*serverTx{}, answered: list.New(),
	}
}

// Timers are the values in force.
func (l *Layer) Timers() Timers { return l.cfg.Timers }

func (l *Layer) now() time.Time { return time.Now() }

// Request starts a client transaction over a flow that is open. handler is called
// for each response and at most once with an error.
func (l *Layer) Request(req *sip.Request, flow transport.Flow, handler func(Event)) (*Client, error) {
	c, err := l.add(req, handler)
	if err != nil {
		return nil, err
	}
	c.send(flow)
	return c, nil
}

func (l *Layer) add(req *sip.Request, handler func(Event)) (*Client, error) {
	key, err := clientKey(req)
	if err != nil {
		return nil, err
	}
	c := &Client{layer: l, key: key, req: req, handler: handler, raw: []byte(req.String())}
	c.machine = clientMachine{timers: l.cfg.Timers, invite: req.IsInvite()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if _, ok := l.clients[key]; ok {
		return nil, errors.New("branch used twice")
	}
	l.clients[key] = c
	return c, nil
}

// Receive takes a message off the wire.
func (l *Layer) Receive(flow transport.Flow, msg sip.Message) {
	switch m := msg.(type) {
	case *sip.Response:
		l.response(flow, m)
	case *sip.Request:
		switch m.Method {
		case sip.ACK:
			l.ack(flow, m)
		default:
			l.request(flow, m)
		}
	}
}

func (l *Layer) response(flow transport.Flow, res *sip.Response) {
	key, err := clientKey(res)
	if err != nil {
		return
	}
	l.mu.Lock()
	c := l.clients[key]
	l.mu.Unlock()
	if c != nil {
		c.receive(res)
		return
	}
	if res.CSeq().MethodName == sip.INVITE && res.IsSuccess() && l.cfg.OnStray != nil {
		l.cfg.OnStray(res, flow)
	}
}

func (l *Layer) ack(flow transport.Flow, req *sip.Request) {
	l.mu.Lock()
	s := l.servers[serverKey(req, sip.INVITE)]
	l.mu.Unlock()
	if s != nil && !s.acked() {
		return
	}
	if l.cfg.OnACK != nil {
		l.cfg.OnACK(req, flow)
	}
}

func (l *Layer) request(flow transport.Flow, req *sip.Request) {
	t := &serverTx{layer: l, key: serverKey(req, req.Method), path: flow.To(responseAddr(req, flow))}
	t.machine = serverMachine{timers: l.cfg.Timers, invite: req.IsInvite(), reliable: flow.Network.Reliable()}
	if !req.To().Params.Has("tag") && req.Method != sip.CANCEL {
		t.merge = mergeKey(req, req.Method)
	}
	s := &Server{Request: req, Flow: flow, tx: t}
	repeated, first, full := l.admit(s)
	switch {
	case repeated != nil:
		repeated.repeat()
	case first != nil:
		l.stateless(s, 482, "Loop Detected") // RFC 3261 8.2.2.2
	case full:
		l.stateless(s, 503, "Service Unavailable", sip.NewHeader("Retry-After", "5"))
	case t.user != nil:
		l.cfg.OnRequest(s)
	}
}

func (l *Layer) stateless(s *Server, code int, reason string, headers ...sip.Header) {
	res := s.Reply(code, reason, sip.GenerateTagN(16))
	for _, h := range headers {
		res.AppendHeader(h)
	}
	_ = s.tx.path.Send([]byte(res.String()))
}

// Lost tells the layer that a flow has ended: what waits for an answer over it fails at once.
func (l *Layer) Lost(flow transport.Flow, err error) {
	l.mu.Lock()
	var hit []*Client
	for _, c := range l.clients {
		hit = append(hit, c)
	}
	l.mu.Unlock()
	for _, c := range hit {
		f := c.Flow()
		if f.Valid() && f.Network == flow.Network && f.Remote == flow.Remote {
			c.fail(err)
		}
	}
}

func (l *Layer) dropClient(c *Client) {
	l.mu.Lock()
	if l.clients[c.key] == c {
		delete(l.clients, c.key)
	}
	l.mu.Unlock()
	c.mu.Lock()
	c.timer = rearm(c.timer, time.Time{}, time.Time{}, nil)
	c.mu.Unlock()
}

// Pending counts the transactions alive, client and server.
func (l *Layer) Pending() (clients, servers int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.clients), len(l.servers)
}

// Close drops every transaction; handlers are not called any more.
func (l *Layer) Close() {
	l.mu.Lock()
	l.closed = true
	clients, servers := l.clients, l.servers
	l.clients, l.servers, l.merged = map[string]*Client{}, map[string]*serverTx{}, map[string]*serverTx{}
	l.answered, l.kept = list.New(), 0
	l.mu.Unlock()
	for _, c := range clients {
		c.Terminate()
	}
	for _, s := range servers {
		s.stop()
	}
}

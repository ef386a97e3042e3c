package phone

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"housephone/phone/account"
	"housephone/phone/resolve"
	"housephone/phone/transport"
)

// addressCheck is how often the local address towards the server is looked at.
const addressCheck = 2 * time.Second

// keepAlive is how often a CRLF keeps a NAT binding open (RFC 5626 4.4.1 asks for 24 to 29 s over UDP).
const keepAlive = 25 * time.Second

// registration carries out what the account machine decides.
type registration struct {
	p       *Phone
	machine *account.Machine // nil in stand-alone mode
	state   account.State
	timer   *timer
	callID  string
	tag     localTag
	seq     uint32
	x       *exchange
	flow    transport.Flow     // the last one a REGISTER left by
	local   netip.AddrPort     // its local address then
	learnt  netip.AddrPort     // our address as the server sees it, when it differs or STUN could say otherwise
	learner netip.AddrPort     // local address for which it was learnt; over TCP it is that of one connection
	moving  bool               // the REGISTER under way is there because the one before has taught our address
	bound   *sip.ContactHeader // of the last REGISTER that was accepted
	since   time.Time
	replies []func(error)
	watch   *timer
	alive   time.Time
}

func (r *registration) init(p *Phone) error {
	r.p, r.callID, r.tag, r.seq, r.since = p, newCallID(), localTag(sip.GenerateTagN(16)), randomSeq(), p.now()
	if p.cfg.Server == "" {
		return nil
	}
	m, err := account.New(account.Config{
		Expires: p.cfg.Expires, Server: p.cfg.Server, Transport: string(p.cfg.Network), User: p.cfg.User,
	})
	r.machine = m
	return err
}

func (r *registration) registered() bool { return r.state.Registered }

// info is what people see; without a server there is nothing to register.
func (r *registration) info() account.Info {
	if r.machine == nil {
		return account.Info{State: "standalone", Since: r.since}
	}
	i := r.state.Info
	if !r.p.active && (i.State == account.Stopped || i.State == account.Unregistered || i.State == "") {
		i.State, i.Hint = account.Unregistered, errNotActive().Error()
	}
	return i
}

func (r *registration) stopped() bool { return r.machine == nil || r.machine.Done() }

func (r *registration) start() {
	if r.machine == nil {
		return
	}
	r.state = r.machine.State()
	r.do(r.machine.Start(r.p.now()))
	r.watch = r.p.after(addressCheck, r.look)
}

func (r *registration) stop() {
	if r.machine == nil {
		return
	}
	r.watch.stop()
	r.do(r.machine.Stop(r.p.now()))
}

// serverRetry is how soon a standby asks again where the server is.
const serverRetry = 30 * time.Second

// find looks up the server for a standby that does not register: so its calls are refused instead of being passed over
// in silence, and a takeover is sooner done.
func (r *registration) find() {
	p := r.p
	if r.machine == nil || p.active || p.stopping {
		return
	}
	server := sip.Uri{Scheme: "sip", Host: bracket(strings.Trim(p.cfg.Server, "[]"))}
	if route := p.firstRoutes(server); len(route) > 0 {
		server = route[0].(*sip.RouteHeader).Address //nolint:forcetypeassert // made there
	}
	host, port, network := p.hop(server)
	if t, ok := literal(host, port, network); ok {
		p.learnServer(server, []resolve.Target{t})
		return
	}
	p.background(func(ctx context.Context) {
		targets, err := p.resolver.Targets(ctx, p.now(), hostPort(host, port), string(network))
		p.post(func() {
			p.learnServer(server, targets)
			if err != nil {
				p.after(serverRetry, r.find)
			}
		})
	})
}

// abandon ends the registration without a word to the server.
func (r *registration) abandon() {
	if r.machine == nil {
		return
	}
	r.watch.stop()
	if r.x != nil {
		r.x.stop()
	}
	r.do(r.machine.Abandon(r.p.now()))
}

// do carries out actions and sets the next timer.
func (r *registration) do(actions []account.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case account.Register:
			r.moving = false
			r.send(a.Expires, a.NextTarget)
		case account.Unregister:
			r.send(0, false)
		case account.Ping:
			r.ping()
		case account.Reconnect:
			r.flow.Abandon(transport.ErrSilent)
		case account.State:
			r.changed(a)
		}
	}
	r.timer.stop()
	if at := r.machine.NextTimer(); !at.IsZero() {
		r.timer = r.p.after(max(at.Sub(r.p.now()), 0), func() { r.do(r.machine.Tick(r.p.now())) })
	}
}

func (r *registration) changed(s account.State) {
	before := r.state
	r.state = s
	if s.Info.State == account.Stopped && r.x != nil {
		r.x.stop() // a late answer must not count for the next REGISTER
	}
	r.p.changed()
	switch {
	case s.Registered && !before.Registered:
		r.p.log.Info("registered", "server", r.p.cfg.Server, "expires", s.Info.Expires)
	case s.Info.State == account.Failed && before.Info.Reason != s.Info.Reason:
		r.p.log.Warn("not registered", "server", r.p.cfg.Server, "reason", s.Info.Reason, "hint", s.Info.Hint)
	}
	switch {
	case r.machine.Done():
		r.answer(errf(Refused, "the registration was ended"))
	case s.Outcomes == before.Outcomes: // a state without a REGISTER that has ended answers nobody
	case s.Registered:
		r.answer(nil)
	default:
		text := s.Info.Reason
		if s.Info.Hint != "" {
			text += ": " + s.Info.Hint
		}
		r.answer(&Error{Kind: registerKind(s.Info.Code), Text: text, Status: s.Info.Code})
	}
}

func registerKind(code int) Kind {
	switch code {
	case 0:
		return Unreachable
	case 401, 403, 407:
		return Refused
	case 408:
		return Timeout
	}
	return Failed
}

func (r *registration) answer(err error) {
	for _, f := range r.replies {
		f(err)
	}
	r.replies = nil
}

// send makes one REGISTER (RFC 3261 10.2): Request-URI without a user, one Call-ID, CSeq that grows.
func (r *registration) send(expires time.Duration, nextTarget bool) {
	p := r.p
	server := sip.Uri{Scheme: "sip", Host: bracket(strings.Trim(p.cfg.Server, "[]"))}
	x := &exchange{line: p, uri: server}
	if route := p.firstRoutes(server); len(route) > 0 {
		x.uri = route[0].(*sip.RouteHeader).Address //nolint:forcetypeassert // made there
	}
	if nextTarget && r.x != nil && r.x.targets != nil {
		p.resolver.Failed(p.now(), r.x.targets[r.x.next])
	}
	bump := func() uint32 { r.seq++; return r.seq }
	x.bump = bump
	x.prepare = func(flow transport.Flow, then func()) {
		if flow.Network == transport.UDP && expires > 0 && p.nat.between(flow) {
			p.nat.ready(then)
			return
		}
		then()
	}
	x.build = func(flow transport.Flow) (*sip.Request, error) {
		aor := sip.Uri{Scheme: "sip", User: p.cfg.User, Host: server.Host}
		req := p.newRequest(sip.REGISTER, aor, r.callID, r.tag, bump(), flow)
		req.Recipient.User = ""
		req.AppendHeader(r.binding(flow, expires))
		req.AppendHeader(sip.NewHeader("Expires", strconv.Itoa(int(expires.Seconds()))))
		req.AppendHeader(sip.NewHeader("Allow", allowedMethods))
		req.SetBody(nil)
		if p.digest != nil {
			p.digest.Preauthorize(req)
		}
		r.flow = flow
		r.local, _ = flow.LocalAddr()
		return req, nil
	}
	x.adjust = func(req *sip.Request, challenge *sip.Response) {
		if r.learn(x.flow, challenge) { // so the first binding is right already
			req.ReplaceHeader(r.binding(x.flow, expires))
		}
	}
	x.final = func(res *sip.Response) { x.stopped = true; r.answered(x, res, expires) }
	x.failed = func(err error) { r.failed(err) }
	r.x = x
	x.start()
}

// binding is the Contact of a REGISTER. What is taken back is what was registered,
// whatever our address is now.
func (r *registration) binding(flow transport.Flow, expires time.Duration) *sip.ContactHeader {
	contact := r.p.contact(flow)
	if expires == 0 && r.bound != nil {
		contact = r.bound.Clone()
	}
	contact.Params.Add("expires", strconv.Itoa(int(expires.Seconds())))
	return contact
}

func (r *registration) answered(x *exchange, res *sip.Response, expires time.Duration) {
	p := r.p
	if res.IsSuccess() && expires > 0 {
		r.bound = x.req.Contact().Clone()
	}
	if r.learn(x.flow, res) && res.IsSuccess() && expires > 0 && !r.moving {
		r.moving = true
		r.send(expires, false) // again, with the address the server sees; once, as a router may give another each time
		return
	}
	out := account.Response{
		Code: res.StatusCode, Reason: clean(res.Reason),
		Expires:    grantedTo(res, x.req.Contact()),
		MinExpires: seconds(res, "Min-Expires"), RetryAfter: seconds(res, "Retry-After"),
	}
	if h := res.GetHeader("Warning"); h != nil {
		out.Warning = clean(h.Value())
	}
	out.AuthErr = x.authErr
	p.resolver.Succeeded(x.targets[x.next])
	r.alive = p.now()
	r.do(r.machine.Response(p.now(), out))
}

func (r *registration) failed(err error) {
	if isTimeout(err) {
		r.flow.Abandon(transport.ErrSilent)
		r.do(r.machine.Timeout(r.p.now()))
		return
	}
	r.do(r.machine.TransportError(r.p.now(), err))
}

// ping asks whether the server is there (RFC 3261 11).
func (r *registration) ping() {
	p := r.p
	server := sip.Uri{Scheme: "sip", Host: bracket(strings.Trim(p.cfg.Server, "[]"))}
	x := &exchange{line: p, uri: server, prefer: r.flow}
	x.bump = func() uint32 { return 2 }
	x.build = func(flow transport.Flow) (*sip.Request, error) {
		req := p.newRequest(sip.OPTIONS, server, newCallID(), localTag(sip.GenerateTagN(16)), 1, flow)
		req.AppendHeader(p.contact(flow))
		req.SetBody(nil)
		return req, nil
	}
	x.final = func(*sip.Response) { x.stopped = true; r.alive = p.now(); r.do(r.machine.Pong(p.now())) }
	x.failed = func(error) {}
	x.start()
}

// lost is told that the flow to somebody is dead.
func (r *registration) lost(f transport.Flow, _ error) {
	if r.machine != nil && r.flow.Valid() && f.Network == r.flow.Network && f.Remote == r.flow.Remote {
		r.do(r.machine.Lost(r.p.now()))
	}
}

// look notices a changed local address and keeps NAT bindings open.
func (r *registration) look() {
	p := r.p
	defer func() { r.watch = p.after(addressCheck, r.look) }()
	if !r.flow.Valid() || !r.state.Registered {
		return
	}
	if local, err := r.flow.LocalAddr(); err == nil && local != r.local {
		p.log.Info("the local address has changed", "from", r.local, "to", local)
		r.local, r.learnt = local, netip.AddrPort{}
		r.do(r.machine.Kick(p.now()))
		return
	}
	r.moved()
	if p.now().Sub(r.alive) >= keepAlive {
		r.alive = p.now()
		_ = r.flow.Send([]byte("\r\n\r\n"))
	}
}

// moved registers anew when STUN has shown that the binding is not where we are any more.
func (r *registration) moved() {
	if !r.p.nat.on() || !r.state.Registered || r.bound == nil || !r.x.stopped {
		return
	}
	if ours := r.p.contact(r.flow).Address; ours.Host != r.bound.Address.Host || ours.Port != r.bound.Address.Port {
		r.do(r.machine.Kick(r.p.now()))
	}
}

// now registers at once and tells how it went.
func (r *registration) now(reply func(error)) {
	if r.machine == nil {
		reply(errf(Refused, "there is no server to register with: SIP_SERVER is not set"))
		return
	}
	if !r.p.active {
		reply(errNotActive())
		return
	}
	r.replies = append(r.replies, reply)
	r.do(r.machine.Kick(r.p.now()))
}

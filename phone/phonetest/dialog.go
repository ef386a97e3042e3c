package phonetest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
)

// Dialog keeps what in-dialog requests from the peer's side need (RFC 3261 12.1).
// The fields may be changed by a test that wants a wrong request.
type Dialog struct {
	CallID              string
	LocalURI, RemoteURI string // as in From and To, without tags
	LocalTag, RemoteTag string
	Target              string   // Request-URI: the far end's Contact
	Routes              []string // Route headers, in order
	To                  netip.AddrPort
	peer                *Peer
	conn                writer
	seq                 atomic.Uint32
}

// Dialog makes the dialog of a request and a response to it. The peer is the caller
// when it sent the request, else the callee.
func (p *Peer) Dialog(req, resp *Msg) *Dialog {
	d := &Dialog{CallID: req.CallID(), peer: p}
	if req.Source.IsValid() { // the far end called: RFC 3261 12.1.1
		d.LocalURI, d.RemoteURI = uriOf(req.Header("To")), uriOf(req.Header("From"))
		d.LocalTag, d.RemoteTag = resp.ToTag(), req.FromTag()
		d.Target, d.Routes = req.Contact(), splitRoutes(req.Values("Record-Route"))
		d.To, d.conn = req.Source, req.conn
		d.seq.Store(1000)
		return d
	}
	d.LocalURI, d.RemoteURI = uriOf(req.Header("From")), uriOf(req.Header("To"))
	d.LocalTag, d.RemoteTag = req.FromTag(), resp.ToTag()
	d.Target, d.Routes = resp.Contact(), splitRoutes(resp.Values("Record-Route"))
	slices.Reverse(d.Routes) // RFC 3261 12.1.2
	d.To, d.conn = req.dest, resp.conn
	n, _ := req.CSeq()
	d.seq.Store(n)
	return d
}

func splitRoutes(values []string) []string {
	var out []string
	for _, v := range values {
		for r := range strings.SplitSeq(v, ",") {
			out = append(out, strings.TrimSpace(r))
		}
	}
	return out
}

// Request builds the next request of the dialog. For ACK and CANCEL use Ack and Peer.Cancel.
func (d *Dialog) Request(method string, opts ...Opt) *Msg {
	return d.build(method, d.seq.Add(1), opts)
}

func (d *Dialog) build(method string, seq uint32, opts []Opt) *Msg {
	m := &Msg{Method: method, URI: d.Target, conn: d.conn}
	m.Add("Via", d.peer.via())
	m.Add("Max-Forwards", "70")
	for _, r := range d.Routes {
		m.Add("Route", r)
	}
	m.Add("From", withTag("<"+d.LocalURI+">", d.LocalTag))
	m.Add("To", withTag("<"+d.RemoteURI+">", d.RemoteTag))
	m.Add("Call-ID", d.CallID)
	m.Add("CSeq", fmt.Sprintf("%d %s", seq, method))
	switch method {
	case "INVITE", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE":
		m.Add("Contact", "<"+d.peer.URI("peer")+">")
	}
	return apply(m, opts)
}

// Send builds and sends a request of the dialog.
func (d *Dialog) Send(method string, opts ...Opt) *Msg {
	return d.peer.Send(d.Request(method, opts...), d.To)
}

// Ack sends the ACK for a 2xx, with the CSeq number of that INVITE (RFC 3261 13.2.2.4).
func (d *Dialog) Ack(resp *Msg, opts ...Opt) *Msg {
	n, _ := resp.CSeq()
	return d.peer.Send(d.build("ACK", n, opts), d.To)
}

// Bye ends the dialog.
func (d *Dialog) Bye(opts ...Opt) *Msg { return d.Send("BYE", opts...) }

// Invite sends a re-INVITE; without SDP when sdp is empty (a late offer).
func (d *Dialog) Invite(sdp string, opts ...Opt) *Msg { return d.Send("INVITE", offer(sdp, opts)...) }

// Update sends an UPDATE (RFC 3311), without SDP when sdp is empty.
func (d *Dialog) Update(sdp string, opts ...Opt) *Msg { return d.Send("UPDATE", offer(sdp, opts)...) }

func offer(sdp string, opts []Opt) []Opt {
	if sdp == "" {
		return opts
	}
	return append([]Opt{WithSDP(sdp)}, opts...)
}

// Refer asks the far end to call another address (RFC 3515).
func (d *Dialog) Refer(to string, opts ...Opt) *Msg {
	return d.Send("REFER", append([]Opt{WithHeader("Refer-To", "<"+to+">")}, opts...)...)
}

// Info sends an INFO (RFC 6086), for example application/dtmf-relay.
func (d *Dialog) Info(contentType, body string, opts ...Opt) *Msg {
	return d.Send("INFO", append([]Opt{WithBody(contentType, body)}, opts...)...)
}

// Notify reports the progress of a REFER: status is a line like "200 OK" (RFC 3515 2.4.5).
func (d *Dialog) Notify(subscription, status string, opts ...Opt) *Msg {
	return d.Send("NOTIFY", append([]Opt{
		WithHeader("Event", "refer"),
		WithHeader("Subscription-State", subscription),
		WithBody("message/sipfrag;version=2.0", "SIP/2.0 "+status+"\r\n"),
	}, opts...)...)
}

// Prack acknowledges a reliable provisional response (RFC 3262 4).
func (d *Dialog) Prack(resp *Msg, opts ...Opt) *Msg {
	return d.Send("PRACK", append([]Opt{
		WithHeader("RAck", resp.Header("RSeq")+" "+resp.Header("CSeq")),
	}, opts...)...)
}

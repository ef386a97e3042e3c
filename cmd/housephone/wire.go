package main

import (
	"errors"
	"strconv"
	"time"

	"housephone/phone"
	"housephone/phone/account"
	"housephone/topics"
)

// view turns what the phone tells into datapoints. It is pure.
type view struct {
	tree      topics.Tree
	addresses topics.Addresses
	mode      string
	local     string // our own address for people
	registrar string
	aor       string
	slots     int // PHONE_MAX_CALLS
	clock     *clock
}

// state is every retained datapoint of the phone.
func (v view) state(s phone.State) []topics.Message { return v.changes(nil, s) }

// changes are the retained datapoints in which s differs from old; all of them
// when there is no old. What people wait for comes first.
func (v view) changes(old *phone.State, s phone.State) []topics.Message {
	var out []topics.Message
	current := findCall(s.Calls, s.Current)
	if old == nil || findCall(old.Calls, old.Current) != current {
		out = append(out, v.call("", current)...)
		out = append(out,
			v.tree.Message("hold", topics.Bool(current.Held)),
			v.tree.Message("mute", topics.Bool(current.Muted)),
			v.json("call/quality", quality(current)),
		)
	}
	out = append(out, v.perSlot(old, s)...)
	if old == nil || old.Registered != s.Registered || old.Registration != s.Registration {
		out = append(out,
			v.tree.Message("registration", topics.Bool(s.Registered)),
			v.json("registration/info", v.registration(s.Registration)),
		)
	}
	if old == nil {
		out = append(out, v.tree.Message("mode", v.mode))
	}
	if old == nil || old.Active != s.Active || old.AutoAnswer != s.AutoAnswer || old.DND != s.DND || old.Volume != s.Volume {
		out = append(out,
			v.tree.Message("active", topics.Bool(s.Active)),
			v.tree.Message("autoanswer", topics.Bool(s.AutoAnswer)),
			v.tree.Message("dnd", topics.Bool(s.DND)),
			v.tree.Message("volume", topics.Volume(s.Volume)),
		)
	}
	return out
}

// perSlot tells of the calls that differ from those of old, of all slots when there is no old. Calls are in the order
// of their slots, so that one walk finds them: hundreds of calls change often.
func (v view) perSlot(old *phone.State, s phone.State) []topics.Message {
	if v.slots <= 1 {
		return nil
	}
	var out []topics.Message
	var was []phone.Call
	if old != nil {
		was = old.Calls
	}
	is := s.Calls
	for slot := 1; slot <= v.slots && (old == nil || len(was)+len(is) > 0); slot++ {
		var before, now phone.Call
		before, was = takeCall(was, slot)
		now, is = takeCall(is, slot)
		if old == nil || before != now {
			out = append(out, v.call(callPath(slot, ""), now)...)
		}
	}
	return out
}

// takeCall takes the call of a slot off the front, without the quality, which its topics do not show.
func takeCall(calls []phone.Call, slot int) (phone.Call, []phone.Call) {
	if len(calls) == 0 || calls[0].Slot != slot {
		return phone.Call{}, calls
	}
	c := calls[0]
	c.Quality = phone.Quality{}
	return c, calls[1:]
}

// call is what both the plain topics and calls/<n> tell of a call.
func (v view) call(prefix string, c phone.Call) []topics.Message {
	return []topics.Message{
		v.tree.Message(prefix+"call", v.addresses.Short(c.Remote.URI)),
		v.tree.Message(prefix+"status", statusText(c)),
		v.json(prefix+"call/info", v.info(c)),
	}
}

func findCall(calls []phone.Call, slot int) phone.Call {
	for _, c := range calls {
		if c.Slot == slot {
			return c
		}
	}
	return phone.Call{}
}

func statusText(c phone.Call) string {
	if c.Status == "" {
		return topics.StatusHangup
	}
	return string(c.Status)
}

func (v view) info(c phone.Call) topics.CallInfo {
	if c.ID == "" {
		return topics.CallInfo{}
	}
	return topics.CallInfo{
		ID: c.ID, Direction: string(c.Direction), Remote: remote(c.Remote), Local: v.local, Status: statusText(c),
		Started: v.clock.at(c.Started), Answered: v.clock.at(c.Answered), Codec: c.Codec, Secure: c.Secure,
		Muted: c.Muted, Held: c.Held,
	}
}

func remote(p phone.Party) topics.Remote {
	return topics.Remote{URI: p.URI, User: p.User, Name: p.Name}
}

func quality(c phone.Call) topics.Quality {
	q := c.Quality
	out := topics.Quality{Codec: q.Codec, Loss: q.LossPct, JitterMS: q.JitterMs, RTTMS: q.RTTMs, MOS: q.MOS}
	if q.Far.Known {
		out.Remote = &topics.RemoteQuality{Loss: q.Far.LossPct, JitterMS: q.Far.JitterMs, MOS: q.Far.MOS}
	}
	return out
}

func (v view) registration(i account.Info) topics.RegistrationInfo {
	return topics.RegistrationInfo{
		Registrar: v.registrar, AOR: v.aor, State: string(i.State), Code: i.Code, Reason: i.Reason, Hint: i.Hint,
		Expires: int(i.Expires / time.Second), Since: v.clock.at(i.Since),
	}
}

// event is what one event of the phone is published as.
func (v view) event(e phone.Event) []topics.Message {
	switch e := e.(type) {
	case phone.StateChanged:
		return v.state(e.State)
	case phone.Ended:
		return []topics.Message{v.json("call/ended", v.ended(e))}
	case phone.RefusedCall:
		return []topics.Message{v.tree.Message("call/refused", v.addresses.Short(e.Remote.URI))}
	case phone.Incoming:
		return []topics.Message{v.tree.Message("pbx", v.addresses.Short(e.Call.Remote.URI)+" = "+v.local)}
	case phone.Outgoing:
		return []topics.Message{v.tree.Message("pbx", v.local+" = "+v.addresses.Short(e.Call.Remote.URI))}
	case phone.Key:
		return v.perCall(e.Slot, "dtmf", e.Key)
	case phone.Transfer:
		text := string(e.Status)
		if e.Status == phone.TransferFailed {
			text = topics.TransferFailed(e.Code)
		}
		return v.perCall(e.Slot, "transfer", text)
	case phone.MessageReceived:
		return []topics.Message{v.json("message", topics.SIPMessage{From: v.addresses.Short(e.From.URI), Body: e.Body})}
	}
	return nil
}

// perCall publishes an event of a call on the plain topic and, with several calls, on its own.
func (v view) perCall(slot int, datapoint, value string) []topics.Message {
	out := []topics.Message{v.tree.Message(datapoint, value)}
	if v.slots > 1 && slot > 0 {
		out = append(out, v.tree.Message(callPath(slot, datapoint), value))
	}
	return out
}

func (v view) ended(e phone.Ended) topics.CallEnded {
	c := e.Call
	out := topics.CallEnded{
		ID: c.ID, Direction: string(c.Direction), Remote: remote(c.Remote), Local: v.local,
		Started: v.clock.at(c.Started), Answered: v.clock.at(c.Answered), Ended: v.clock.at(e.Ended),
		Cause: string(e.Cause), By: topics.ByLocal, SIP: e.Status, Reason: e.Reason, Quality: quality(c),
	}
	if !c.Answered.IsZero() {
		out.Duration = topics.Seconds(e.Ended.Sub(c.Answered))
	}
	if e.ByFar {
		out.By = topics.ByRemote
	}
	return out
}

// json publishes a document; the documents of package topics always have a form.
func (v view) json(datapoint string, doc any) topics.Message {
	m, err := v.tree.JSON(datapoint, doc)
	if err != nil {
		return v.tree.Message(datapoint, "{}")
	}
	return m
}

// asTopicError words an error of the phone in the vocabulary of the topics.
func asTopicError(err error) error {
	if err == nil {
		return nil
	}
	var pe *phone.Error
	if !errors.As(err, &pe) {
		return err
	}
	return &topics.Error{Code: topics.Code(pe.Kind), Message: pe.Text, SIP: pe.Status}
}

// callPath is the datapoint of one of several calls.
func callPath(slot int, datapoint string) string {
	return "calls/" + strconv.Itoa(slot) + "/" + datapoint
}

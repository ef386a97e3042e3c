package main

import (
	"context"
	"sync/atomic"
	"time"

	"housephone/hw"
	"housephone/hw/exec"
	"housephone/phone"
	"housephone/topics"
)

// line is the part of the phone that commands need.
type line interface {
	Call(uri string) *phone.Pending
	Place(o phone.Order) *phone.Pending
	RingAll(uris []string, ring time.Duration) *phone.Pending
	Answer(slot int) *phone.Pending
	Hangup(slot int) *phone.Pending
	Transfer(slot int, uri string) *phone.Pending
	Hold(slot int, on bool) *phone.Pending
	Mute(slot int, on bool) *phone.Pending
	SendKeys(slot int, keys string) *phone.Pending
	SetAutoAnswer(on bool) *phone.Pending
	SetDND(on bool) *phone.Pending
	SetVolume(volume int) *phone.Pending
	SetActive(on bool) *phone.Pending
	Register() *phone.Pending
	Message(uri, body string) *phone.Pending
	Options(ctx context.Context, uri string) (int, string, error)
	Snapshot(ctx context.Context) (phone.State, error)
}

// outcome waits for what a command that was started comes to.
type outcome func(context.Context) error

// commander starts commands in the order in which they come.
type commander struct {
	phone     line
	addresses topics.Addresses
	features  topics.Features
	console   *console
	say       func(text string) // publishes the answer of a console command
	beep      func(keys string) // lets sent keys be heard here
	shutdown  bool              // PAIR_SHUTDOWN_WHEN_INACTIVE
	panel     *hw.Panel         // nil = no hardware
	desk      *desk             // nil = no ivr
	runner    *exec.Runner      // nil = nothing may be executed
	ran       func(topics.ExecResult)

	mayAct   func() bool // this instance has the phone; nil = it always has
	paired   bool        // it is one of several
	handOver func() outcome
	retired  atomic.Bool // active/set 0 of an instance on its own
}

// start begins a command. What could fail at once is told by the outcome as well.
func (c *commander) start(cmd topics.Command) outcome {
	if cmd.Datapoint != "active" && !c.hasRole() {
		return failed(topics.Refused, "this instance is not the active one")
	}
	if cmd.Datapoint == "exec" {
		return c.execute(cmd)
	}
	row, ok := topics.Lookup(cmd.Path())
	if ok && !c.features.Has(row.Feature) {
		return notSwitchedOn(cmd.Path(), row.Feature)
	}
	switch cmd.Datapoint {
	case "call":
		return c.call(cmd)
	case "transfer":
		return c.address(cmd.Value, func(uri string) *phone.Pending { return c.phone.Transfer(cmd.Call, uri) })
	case "message":
		to, body := cmd.Message()
		return c.address(to, func(uri string) *phone.Pending { return c.phone.Message(uri, body) })
	case "dtmf":
		c.beep(cmd.Value)
		return c.phone.SendKeys(cmd.Call, cmd.Value).Wait
	case "registration":
		return c.phone.Register().Wait
	case "volume":
		v, err := topics.ParseVolume(cmd.Value)
		if err != nil {
			return func(context.Context) error { return err }
		}
		return c.phone.SetVolume(v).Wait
	case "generic":
		return c.generic(cmd.Value)
	}
	if set := c.switches(cmd); set != nil {
		return set
	}
	if act := c.panelCommand(cmd); act != nil {
		return act
	}
	if c.desk != nil {
		if act := c.desk.command(cmd); act != nil {
			return act
		}
	}
	return failed(topics.NotSupported, cmd.Path()+" is not built in")
}

// switches are the datapoints that are on or off.
func (c *commander) switches(cmd topics.Command) outcome {
	on := cmd.Value == "1"
	switch cmd.Datapoint {
	case "hold":
		return c.phone.Hold(cmd.Call, on).Wait
	case "mute":
		return c.phone.Mute(cmd.Call, on).Wait
	case "autoanswer":
		return c.phone.SetAutoAnswer(on).Wait
	case "dnd":
		return c.phone.SetDND(on).Wait
	case "active":
		return c.setActive(on)
	}
	return nil
}

// hasRole tells whether this instance has the phone.
func (c *commander) hasRole() bool {
	return !c.retired.Load() && (c.mayAct == nil || c.mayAct())
}

// setActive hands the phone over to the other instance of a pair, or takes an instance on its own out of service.
func (c *commander) setActive(on bool) outcome {
	switch {
	case c.paired && !c.hasRole():
		return failed(topics.Refused, "this instance is not the active one")
	case c.paired && !on:
		return c.handOver()
	case c.paired:
		return func(context.Context) error { return nil }
	case !on && !c.shutdown:
		return failed(topics.Refused, "PAIR_SHUTDOWN_WHEN_INACTIVE is off, so this instance stays active")
	}
	c.retired.Store(!on)
	return c.phone.SetActive(on).Wait
}

func (c *commander) call(cmd topics.Command) outcome {
	switch cmd.Value {
	case "answer":
		return c.phone.Answer(cmd.Call).Wait
	case "hangup":
		return c.hangup(cmd.Call)
	}
	to := cmd.Values
	if len(to) == 0 {
		to = []string{cmd.Value}
	}
	uris := make([]string, 0, len(to))
	for _, a := range to {
		uri, err := c.addresses.Full(a)
		if err != nil {
			return func(context.Context) error { return err }
		}
		uris = append(uris, uri)
	}
	want, announced := cmd.Announcement()
	ring := time.Duration(want.Ring * float64(time.Second))
	switch {
	case announced && (c.desk == nil || !c.desk.voice):
		return failed(topics.NotSupported, "say and play need PHONE_MODE=ivr; in phone mode the microphone is what is heard")
	case announced:
		return c.desk.announce(cmd, pairs(to, uris))
	case len(cmd.Values) > 0:
		return c.phone.RingAll(uris, ring).Wait
	}
	return c.phone.Place(phone.Order{URI: uris[0], Ring: ring}).Wait
}

func pairs(keys, values []string) map[string]string {
	m := make(map[string]string, len(keys))
	for i, k := range keys {
		m[k] = values[i]
	}
	return m
}

func (c *commander) hangup(slot int) outcome {
	end := func() *phone.Pending { return c.phone.Hangup(slot) }
	if c.desk == nil {
		return end().Wait
	}
	return c.desk.hangup(slot, end)
}

// address completes an address as people write it.
func (c *commander) address(text string, f func(uri string) *phone.Pending) outcome {
	uri, err := c.addresses.Full(text)
	if err != nil {
		return func(context.Context) error { return err }
	}
	return f(uri).Wait
}

func (c *commander) generic(text string) outcome {
	answer := c.console.start(text)
	return func(ctx context.Context) error {
		out, err := answer(ctx)
		if err != nil {
			c.say("error: " + err.Error())
			return err
		}
		c.say(out)
		return nil
	}
}

func failed(code topics.Code, text string) outcome {
	return func(context.Context) error { return &topics.Error{Code: code, Message: text} }
}

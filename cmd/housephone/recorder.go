package main

import (
	"context"
	"errors"
	"slices"

	"housephone/phone/audio"
	"housephone/phone/ivr/record"
	"housephone/topics"
)

// recording is one file that a call is written to. What is not said otherwise belongs
// to the desk.
type recording struct {
	call   string // id
	folder string // in front of the name where it is shown
	name   string // empty until the file is there
	rate   int

	near, far audio.Sink
	stop      context.CancelFunc // nil until the file is there
	stopping  bool
	err       error
	opened    func(error) // told once
	ended     func()      // told when the file is complete
	unwanted  bool        // the file is removed at its end
}

// taken is how a recording came to its end.
type taken struct {
	record.Result
	unwanted bool
	err      error
}

// shown is the file as people see it.
func (r *recording) shown() string { return r.folder + r.name }

// end ends the recording, also before it has begun.
func (r *recording) end() {
	r.stopping = true
	if r.stop != nil {
		r.stop()
	}
}

// fit makes a sink take sound of another rate than that of the file.
func (r *recording) fit(s audio.Sink, rate int) audio.Sink {
	if rate == r.rate {
		return s
	}
	c, err := audio.NewResampler(rate, r.rate)
	if err != nil {
		return audio.SinkFunc(func([]int16) {})
	}
	var buf []int16
	return audio.SinkFunc(func(frame []int16) {
		buf = c.Process(buf[:0], frame)
		s.Write(buf)
	})
}

// keeper has what was recorded in its care. Both are called aside.
type keeper interface {
	begun(name string)
	complete(t taken)
}

// tape writes a call to a new file.
func (d *desk) tape(r *recording, dir *record.Dir, name string, conf record.Config, k keeper) {
	d.jobs.Go(func() {
		file, err := dir.Create(name, conf)
		if err != nil {
			d.send(func() { r.opened(err) })
			return
		}
		k.begun(file.Name())
		ctx, stop := context.WithCancel(d.life)
		defer stop()
		unwanted := make(chan bool, 1)
		d.send(func() {
			r.name, r.near, r.far, r.stop = file.Name(), file.Near(), file.Far(), stop
			s := d.byCall(r.call)
			if s == nil || r.stopping {
				stop()
			}
			r.opened(nil)
			if s != nil {
				d.retap(s)
				d.tellRecord(s)
			}
		})
		res, err := file.Run(ctx)
		d.send(func() { unwanted <- r.unwanted })
		out := taken{Result: res, err: err}
		select {
		case out.unwanted = <-unwanted:
		case <-d.life.Done():
		}
		k.complete(out)
		d.send(func() { d.taped(r, err) })
	})
}

// taped lets go of a recording that has ended.
func (d *desk) taped(r *recording, err error) {
	if err != nil {
		d.log.Warn("a recording broke off", "file", r.shown(), "err", err)
	}
	r.err = err
	r.ended()
	if s := d.byCall(r.call); s != nil {
		if s.tape == r {
			s.tape = nil
		}
		d.retap(s)
		d.tellRecord(s)
	}
}

// byCall finds the session of a call.
func (d *desk) byCall(id string) *session {
	for _, s := range d.sessions {
		if s.call == id {
			return s
		}
	}
	return nil
}

// tellRecord publishes which file is being written.
func (d *desk) tellRecord(s *session) {
	now := ""
	switch {
	case s.tape != nil && s.tape.stop != nil:
		now = s.tape.shown()
	case s.visit != nil && s.visit.note != nil && s.visit.note.stop != nil:
		now = s.visit.note.shown()
	}
	if s.recording != now {
		s.recording = now
		d.publish(s.slot, "record", now)
	}
}

// retap gives the recordings of a call, and who listens for keys, its sound.
func (d *desk) retap(s *session) {
	var near, far fan
	add := func(r *recording) {
		if r != nil && r.far != nil {
			near = append(near, r.fit(r.near, s.rate))
			far = append(far, r.fit(r.far, s.rate))
		}
	}
	add(s.tape)
	if s.visit != nil {
		add(s.visit.note)
	}
	if s.ear != nil {
		far = append(far, s.ear)
	}
	d.calls.TapCall(s.call, near.sink(), far.sink())
}

// fan hands sound to several sinks.
type fan []audio.Sink

func (f fan) Write(frame []int16) {
	for _, s := range f {
		s.Write(frame)
	}
}

func (f fan) sink() audio.Sink {
	if len(f) == 0 {
		return nil
	}
	return slices.Clip(f)
}

// record carries out the commands of the datapoint record.
func (d *desk) record(cmd topics.Command) outcome {
	return d.do(func(reply func(error)) {
		s, err := d.session(cmd.Call)
		switch {
		case err != nil:
			reply(err)
		case !s.attended:
			reply(&topics.Error{Code: topics.Refused, Message: "the call is not answered yet"})
		case cmd.Value == "stop":
			d.stopTape(s, reply)
		case s.tape != nil:
			reply(&topics.Error{Code: topics.Busy, Message: "the call is being recorded already"})
		default:
			d.startTape(s, cmd.RecordName(), reply)
		}
	})
}

func (d *desk) stopTape(s *session, reply func(error)) {
	r := s.tape
	if r == nil {
		reply(&topics.Error{Code: topics.Refused, Message: "the call is not being recorded"})
		return
	}
	before := r.ended
	r.ended = func() {
		before()
		reply(recordError(r.err))
	}
	r.end()
}

func (d *desk) startTape(s *session, name string, reply func(error)) {
	r := &recording{call: s.call, rate: s.rate, ended: func() {}}
	s.tape = r
	r.opened = func(err error) {
		if err != nil {
			r.err = err
			r.ended()
			if s := d.byCall(r.call); s != nil && s.tape == r {
				s.tape = nil
			}
		}
		reply(recordError(err))
	}
	d.tape(r, d.archive.dir, name, d.archive.config(s.rate), d.archive)
}

// recordError words why something cannot be recorded.
func recordError(err error) error {
	code := topics.Failed
	switch {
	case err == nil:
		return nil
	case errors.Is(err, record.ErrName):
		code = topics.Invalid
	case errors.Is(err, record.ErrExists):
		code = topics.Refused
	}
	return &topics.Error{Code: code, Message: err.Error()}
}

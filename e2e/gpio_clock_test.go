//go:build gpio

package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/phonetest"
)

const (
	binding      = 60 * time.Second // that the registrar grants
	sessionTimer = 90               // seconds (RFC 4028), refreshed after the half
	broken       = 5 * time.Second  // such a gap of the sound is no delay of a busy machine
	base         = "housephone/phone/"
)

// clockRig is a machine whose clock is set while the service is registered at the hall, which is its switch too.
type clockRig struct {
	*gpioRig
	media *phonetest.RTP

	mu        sync.Mutex
	registers []time.Time // when a REGISTER came
	sequence  string      // CSeq of the last one
}

// clockJump is a way in which a clock is set.
type clockJump struct {
	name string
	to   func(now time.Time) time.Time // now by the machine
}

// clockJumps begin and end with today. The kernel refuses a time since 1970 that is shorter than it has been up.
func clockJumps() []clockJump {
	return []clockJump{
		{"not at all", func(now time.Time) time.Time { return now }},
		{"an hour forward", func(now time.Time) time.Time { return now.Add(time.Hour) }},
		{"an hour back", func(now time.Time) time.Time { return now.Add(-time.Hour) }},
		{"back to 1970", func(time.Time) time.Time { return time.Unix(7200, 0) }},
		{"from 1970 to today", func(time.Time) time.Time { return time.Now() }},
	}
}

func newClockRig(t *testing.T) *clockRig {
	r := &clockRig{gpioRig: newGPIORig(t, "hours=12:00-13:00", "AUDIO_CAPTURE=tone:440")}
	port := r.hall.Addr().Port()
	r.start = strings.Replace(r.start, "export ", fmt.Sprintf("export SIP_SERVER=%s SIP_PORT=%d SIP_USER=house ", peers.HostInVM, port), 1)
	r.media = r.hall.RTP()
	r.hall.Handle("REGISTER", func(m *phonetest.Msg) {
		r.mu.Lock()
		if r.sequence != m.Header("CSeq") { // no copy
			r.registers = append(r.registers, m.At)
		}
		r.sequence = m.Header("CSeq")
		r.mu.Unlock()
		r.hall.Reply(m, 200, "OK", phonetest.WithHeader("Contact", fmt.Sprintf("<%s>;expires=%d", m.Contact(), int(binding.Seconds()))))
	})
	r.hall.Handle("OPTIONS", func(m *phonetest.Msg) { r.hall.Reply(m, 200, "OK") })
	return r
}

// now is the machine's clock.
func (r *clockRig) now() time.Time {
	r.t.Helper()
	s, err := strconv.ParseInt(r.Shell("date +%s"), 10, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return time.Unix(s, 0)
}

func (r *clockRig) set(to time.Time) {
	r.t.Helper()
	r.Shell(fmt.Sprintf("date -s @%d", to.Unix()))
	if off := r.now().Sub(to); off < -time.Second || off > time.Minute {
		r.t.Fatalf("the clock was set to %v and shows %v", to, r.now())
	}
}

// The clock of the machine is set forward, back, to 1970 and to today, while the service is idle and in a call.
func TestGPIOClock(t *testing.T) {
	r := newClockRig(t)
	r.set(time.Unix(7200, 0)) // as a machine without a battery begins
	r.run()
	r.state("registration", "1")
	r.set(time.Now())
	r.idle("from 1970 to today, for the first time")
	for _, j := range clockJumps() {
		r.set(j.to(r.now()))
		r.idle(j.name)
	}
	r.call()
	r.codes()
	r.outage()
	r.registeredAllTheTime()
}

// idle asks what must be so after a jump in any state.
func (r *clockRig) idle(name string) {
	t := r.t
	t.Helper()
	r.sinceIsRight(name, "bridge/info", "started")
	r.sinceIsRight(name, "registration/info", "since")
	for _, value := range []string{"1", "0"} {
		mark := r.Mark()
		command := fmt.Sprintf(`{"value":%q,"id":"%s %s"}`, value, name, value)
		r.Publish(base+"dnd/set", command)
		r.event(mark, "result", `"ok":true`)
		r.state("dnd", value)
		r.Publish(base+"dnd/set", command) // an id counts once in ten seconds
		r.Publish(base+"dnd/set", fmt.Sprintf(`{"value":"x","id":"after %s %s"}`, name, value))
		r.event(mark, "result", `"after `)
		if n := len(r.Since(mark, base+"result")); n != 2 {
			t.Errorf("%s: %d results, want 2: a repeated command is left out", name, n)
		}
	}
	if v, _ := r.Last(base + "registration"); v != "1" {
		t.Errorf("%s: registration is %s", name, v)
	}
}

// sinceIsRight waits until a document tells a moment within the run of the service, by the clock as it is now.
func (r *clockRig) sinceIsRight(name, datapoint, field string) {
	r.t.Helper()
	up, err := strconv.ParseFloat(strings.Fields(r.Shell("cat /proc/uptime"))[0], 64)
	if err != nil {
		r.t.Fatal(err)
	}
	now := r.now()
	boot := now.Add(-time.Duration(up * float64(time.Second)))
	r.WaitStateFunc(base+datapoint, fmt.Sprintf("%s: %s between %v and %v", name, field, boot, now), emulated, func(v string) bool {
		at := moment(v, field)
		return at.After(boot.Add(-2*time.Second)) && at.Before(now.Add(2*time.Second))
	})
}

// moment is a field of a document.
func moment(doc, field string) time.Time {
	all := map[string]any{}
	_ = json.Unmarshal([]byte(doc), &all)
	text, _ := all[field].(string)
	at, _ := time.Parse(time.RFC3339Nano, text)
	return at
}

// dial lets the service call the hall, which answers; both send sound.
func (r *clockRig) dial() (d *phonetest.Dialog, answered time.Time) {
	t := r.t
	t.Helper()
	r.Publish(base+"call/set", "hall")
	invite := r.hall.Expect(t, "INVITE")
	offer := strings.ReplaceAll(phonetest.SDP(r.media.Port()), "127.0.0.1", peers.HostInVM)
	ok := r.hall.Reply(invite, 200, "OK", phonetest.WithSDP(offer), phonetest.WithHeader("Allow", "INVITE, ACK, BYE, UPDATE, INFO"), phonetest.WithHeader("Require", "timer"),
		phonetest.WithHeader("Session-Expires", fmt.Sprintf("%d;refresher=uac", sessionTimer)))
	r.hall.Expect(t, "ACK")
	answered = time.Now()
	r.state("status", "active")
	before := r.media.Count()
	r.media.Await(t, "sound", func(m *phonetest.RTP) bool { return m.Count() > before+50 })
	return r.hall.Dialog(invite, ok), answered
}

// call sets the clock in every way in one call, which lasts until its session timer is due.
func (r *clockRig) call() {
	t := r.t
	mark := r.Mark()
	d, answered := r.dial()
	packets := r.media.Packets()
	stop := r.media.StartTone(packets[len(packets)-1].Source, packets[len(packets)-1].PT, 1000)
	for _, j := range clockJumps() {
		r.media.AwaitTone(t, 440)
		begin := r.media.Count()
		r.set(j.to(r.now()))
		r.media.AwaitPackets(t, 100)
		r.steady(j.name, r.media.Packets()[begin-1:])
		r.media.AwaitTone(t, 440)
		keys := r.Mark()
		r.typed(d, "5")
		r.event(keys, "dtmf", "5")
		r.idle(j.name + ", in a call")
		r.sinceIsRight(j.name, "call/info", "answered")
	}
	r.hall.Timeout = sessionTimer * time.Second
	refresh := r.hall.Expect(t, "UPDATE")
	r.hall.Timeout = emulated
	r.hall.Reply(refresh, 200, "OK", phonetest.WithHeader("Session-Expires", fmt.Sprintf("%d;refresher=uac", sessionTimer)))
	t.Logf("session refreshed after %.1f s of %d", time.Since(answered).Seconds(), sessionTimer)
	stop()
	r.hall.Handle("BYE", func(m *phonetest.Msg) { r.hall.Reply(m, 200, "OK") })
	lasted := time.Since(answered)
	r.Publish(base+"call/set", "hangup")
	record := r.event(mark, "call/ended", `"completed"`)
	r.state("status", "hangup")
	var doc struct {
		Duration float64 `json:"duration_s"`
	}
	if err := json.Unmarshal([]byte(record), &doc); err != nil {
		t.Fatal(err)
	}
	told := moment(record, "ended").Sub(moment(record, "answered"))
	t.Logf("call of %.1f s with four jumps: duration_s %.1f, ended - answered %.1f s", lasted.Seconds(), doc.Duration, told.Seconds())
	const slack = 10 // seconds that an emulated machine may need
	if off := doc.Duration - lasted.Seconds(); off < -slack || off > slack || told.Seconds() < doc.Duration-1 || told.Seconds() > doc.Duration+1 {
		t.Errorf("the call lasted %v, its record says %s", lasted, record)
	}
}

// steady asks that sound went on over a jump: no packet is missing, and no gap, burst or omission is as long as five seconds.
// An emulated machine on a busy one is late now and then; the pacer leaves out what is too late.
func (r *clockRig) steady(name string, packets []phonetest.Packet) {
	var longest time.Duration
	var omitted uint32 // frames
	first, last := packets[0], packets[len(packets)-1]
	for i, p := range packets[1:] {
		before := packets[i]
		longest = max(longest, p.At.Sub(before.At))
		omitted += (p.TS-before.TS)/160 - 1
		if p.Seq != before.Seq+1 || (p.TS-before.TS)%160 != 0 || p.SSRC != before.SSRC {
			r.t.Errorf("%s: packet %d at %d after %d at %d", name, p.Seq, p.TS, before.Seq, before.TS)
		}
	}
	sound := time.Duration(last.TS-first.TS) * time.Second / 8000
	off := (last.At.Sub(first.At) - sound).Abs()
	r.t.Logf("%s, in a call: %d packets in order, %.2f s of sound in %.2f s, longest gap %d ms, %d left out", name, len(packets),
		sound.Seconds(), last.At.Sub(first.At).Seconds(), longest.Milliseconds(), omitted)
	if off > broken || longest > broken || time.Duration(omitted)*20*time.Millisecond > broken {
		r.t.Errorf("%s: the sound did not go on evenly", name)
	}
}

// codes: the hours of a code go by the wall clock, the lock-out after wrong ones does not.
func (r *clockRig) codes() {
	t := r.t
	day := time.Now().UTC().Truncate(24 * time.Hour)
	r.set(day.Add(14 * time.Hour))
	r.hall.Handle("UPDATE", func(m *phonetest.Msg) { // the session timer of this call
		r.hall.Reply(m, 200, "OK", phonetest.WithHeader("Session-Expires", fmt.Sprintf("%d;refresher=uac", sessionTimer)))
	})
	d, _ := r.dial()
	open := func(code, want string) {
		t.Helper()
		mark := r.Mark()
		r.typed(d, code+"#")
		r.event(mark, "door/event", want)
	}
	open(doorCode, `"refused"`)
	r.set(day.Add(12*time.Hour + 30*time.Minute))
	open(doorCode, `"opened"`)
	r.state("door", "locked")
	for range 3 {
		open("1111", `"refused"`)
	}
	locked := time.Now()
	r.set(day.Add(12*time.Hour + 10*time.Minute)) // back, but within the hours
	open(doorCode, `"refused"`)
	if !peers.Eventually(2*time.Minute, func() bool {
		time.Sleep(time.Second)
		mark := r.Mark()
		r.typed(d, doorCode+"#")
		return strings.Contains(r.event(mark, "door/event", `"`), `"opened"`)
	}) {
		t.Error("the lock-out does not end after the clock was set back")
	}
	t.Logf("a lock-out of 30 s ended %.0f s after it began, with the clock set back 20 minutes", time.Since(locked).Seconds())
	d.Bye()
	r.hall.Expect(t, "200 BYE")
	r.state("status", "hangup")
}

// outage: what waits for the broker grows older by the monotonic clock.
func (r *clockRig) outage() {
	t := r.t
	t.Helper()
	r.hall.Handle("INVITE", func(m *phonetest.Msg) { r.hall.Reply(m, 486, "Busy Here") })
	r.broker.Kill()
	r.Pull(peers.LineBell, false)
	time.Sleep(time.Second)
	r.Pull(peers.LineBell, true)
	r.set(r.now().Add(time.Hour))
	r.Shell("kill -STOP $(pidof housephone)") // until the test hears the broker
	mark := r.Mark()
	r.broker.Start()
	if !peers.Eventually(emulated, func() bool {
		r.Publish("test/probe", "")
		return len(r.Since(mark, "test/probe")) > 0
	}) {
		t.Fatal("the test's client does not hear the broker")
	}
	r.Shell("kill -CONT $(pidof housephone)")
	r.event(mark, "doorbell", "ring")
	r.idle("an hour forward, without a broker")
}

// registeredAllTheTime asks that the binding was renewed in time and not in a storm.
func (r *clockRig) registeredAllTheTime() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var longest time.Duration
	for i, at := range r.registers[1:] {
		longest = max(longest, at.Sub(r.registers[i]))
	}
	lasted := time.Since(r.registers[0])
	r.t.Logf("%d REGISTERs in %.0f s, of a binding of %.0f s, %.1f s apart at most", len(r.registers),
		lasted.Seconds(), binding.Seconds(), longest.Seconds())
	// due after the half; an answer that is late in a busy machine is a reason for one more
	if most := 3 + int(lasted/(binding/6)); len(r.registers) > most || longest > binding {
		r.t.Errorf("%d REGISTERs, want %d at most, with no gap above %v", len(r.registers), most, binding)
	}
	for _, m := range r.Since(0, base+"registration")[1:] {
		if m.Payload == "0" {
			r.t.Error("the service was not registered for a while")
		}
	}
}

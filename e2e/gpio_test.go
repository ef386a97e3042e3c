//go:build gpio

package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/phonetest"
)

// emulated says "broken" of what a machine does whose processor is made of software, on a busy one.
const emulated = time.Minute

// gpioRig is the service in a machine with a GPIO chip, its broker and the telephone that its bell calls.
type gpioRig struct {
	*peers.GPIOVM
	*peers.MQTT
	t      *testing.T
	hall   *phonetest.Peer
	broker *peers.Mosquitto
	start  string // the command that starts the service in the background
}

// newGPIORig boots the machine; rules bound when alice's code opens, more are further settings.
func newGPIORig(t *testing.T, rules string, more ...string) *gpioRig {
	t.Helper()
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	r := &gpioRig{t: t, broker: broker, GPIOVM: peers.NewGPIOVM(t), MQTT: peers.NewMQTT(t, broker.URL(), "", "", ""), hall: phonetest.NewPeer(t)}
	r.hall.Timeout = emulated
	r.hall.Advertise = netip.AddrPortFrom(netip.MustParseAddr(peers.HostInVM), r.hall.Addr().Port())
	codes, err := os.ReadFile(codesFile(t, "alice", doorCode, rules))
	if err != nil {
		t.Fatal(err)
	}
	r.Shell(fmt.Sprintf("echo '%s' >/tmp/codes", strings.TrimSpace(string(codes))))
	settings := []string{
		"MQTT_URL=mqtt://" + peers.HostInVM + ":" + strconv.Itoa(broker.Port), "SIP_LISTEN=10.0.2.15:5060",
		"AUDIO_CAPTURE=none", "AUDIO_PLAYBACK=none", "LOG_LEVEL=debug", "HTTP_LISTEN=none",
		"HW_DOORBELL=bell", "HW_DOOR=relay", "HW_DOOR_PULSE=2s", "HW_BACKLIGHT=lamp", "HW_DOOR_CODES_FILE=/tmp/codes",
		fmt.Sprintf("HW_DOORBELL_CALL=sip:hall@%s:%d", peers.HostInVM, r.hall.Addr().Port()),
	}
	r.start = "export " + strings.Join(append(settings, more...), " ") + "; (housephone >>/tmp/log 2>&1; echo $? >/tmp/ended; mv /tmp/ended /tmp/exit) &"
	t.Cleanup(func() {
		log, _ := r.Try("cat /tmp/log")
		if t.Failed() {
			t.Logf("the service said:\n%s", log)
		}
		if strings.Contains(log, doorCode) || strings.Contains(log, "panic:") {
			t.Error("the service's log holds the door's code, or a panic")
		}
	})
	return r
}

// run starts the service and waits until it listens.
func (r *gpioRig) run() {
	r.t.Helper()
	mark := r.Mark()
	r.Shell(r.start)
	r.WaitEvent(mark, "housephone/phone/connection", emulated, func(v string) bool { return v == "online" })
	r.state("door", "locked")
}

func (r *gpioRig) state(datapoint, want string) {
	r.t.Helper()
	r.WaitState("housephone/phone/"+datapoint, want, emulated)
}

func (r *gpioRig) event(mark peers.Mark, datapoint, want string) string {
	r.t.Helper()
	return r.WaitEvent(mark, "housephone/phone/"+datapoint, emulated, func(v string) bool { return strings.Contains(v, want) }).Payload
}

// exit waits for the end of the service and returns its exit status.
func (r *gpioRig) exit() string {
	r.t.Helper()
	var status string
	if !peers.Eventually(emulated, func() bool {
		status, _ = r.Try("cat /tmp/exit 2>/dev/null && rm /tmp/exit")
		return status != ""
	}) {
		r.t.Fatal("the service has not ended")
	}
	return status
}

// watchRelay notes in the machine when the relay's line changes, with the time in seconds.
func (r *gpioRig) watchRelay() {
	r.t.Helper()
	r.Shell(fmt.Sprintf("(last=; while :; do read -r now <$PANEL/sim_gpio%d/value; read -r at rest </proc/uptime; "+
		`[ "$now" = "$last" ] || echo "$now $at" >>/tmp/relay; last=$now; usleep 10000; done) &`, peers.LineRelay))
}

// pulses are the lengths in seconds for which the relay was on, since the last question.
func (r *gpioRig) pulses() []float64 {
	r.t.Helper()
	var out []float64
	var on float64
	for line := range strings.Lines(r.Shell("cat /tmp/relay; echo >/tmp/relay")) {
		var level int
		var at float64
		if n, _ := fmt.Sscan(line, &level, &at); n != 2 {
			continue
		}
		if level == 1 {
			on = at
		} else if on > 0 {
			out = append(out, at-on)
			on = 0
		}
	}
	return out
}

// The story of the door on a real GPIO character device: a finger, a call, a code, a relay.
func TestGPIO(t *testing.T) {
	r := newGPIORig(t, "")
	t.Logf("kernel %s, %s", r.Shell("uname -r"), r.Shell("ls /dev/gpiochip*"))
	r.watchRelay()
	r.run()
	r.Level(peers.LineRelay, false)
	r.Level(peers.LineLamp, true)

	for _, step := range []struct {
		name string
		do   func()
	}{
		{"a press calls, a code opens", r.story}, {"a long press", r.longPress}, {"a light", r.light},
		{"pins that cannot be had", r.badPins}, {"a relay that closes to low", r.activeLow}, {"off at the end", r.endsInPulse}, {"off after a kill", r.killedInPulse},
	} {
		t.Log(step.name)
		step.do()
	}
}

func (r *gpioRig) story() {
	t := r.t
	mark := r.Mark()
	r.Bounce(peers.LineBell, false) // a button to ground, as bad as they come
	invite := r.hall.Expect(t, "INVITE")
	r.Bounce(peers.LineBell, true)
	r.event(mark, "doorbell", "ring")
	r.hall.Reply(invite, 180, "Ringing")
	ok := r.hall.Reply(invite, 200, "OK", phonetest.WithSDP(phonetest.SDP(40000)))
	r.hall.Expect(t, "ACK")
	r.state("status", "active")

	// a press during a call is told and calls nobody
	time.Sleep(time.Second)
	second := r.Mark()
	r.Pull(peers.LineBell, false)
	r.event(second, "doorbell", "ring")
	r.Pull(peers.LineBell, true)

	d := r.hall.Dialog(invite, ok)
	r.typed(d, "1111#")
	r.event(mark, "door/event", `"refused"`)
	if got := r.pulses(); len(got) != 0 {
		t.Errorf("the relay was on without a right code: %v", got)
	}
	r.typed(d, doorCode+"#")
	if opened := r.event(mark, "door/event", `"opened"`); !strings.Contains(opened, "alice") {
		t.Errorf("door/event: %s", opened)
	}
	r.Level(peers.LineRelay, true)
	r.event(mark, "door", "unlocked")
	r.state("door", "locked")
	r.Level(peers.LineRelay, false)
	if got := r.pulses(); len(got) != 1 || got[0] < 1.8 {
		t.Errorf("the relay was on for %v seconds, want once for 2", got)
	}
	r.hall.Handle("BYE", func(m *phonetest.Msg) { r.hall.Reply(m, 200, "OK") })
	d.Bye()
	r.hall.Expect(t, "200 BYE")
	r.state("status", "hangup")
	if n := len(r.Since(mark, "housephone/phone/doorbell")); n != 2 {
		t.Errorf("two presses were told %d times", n)
	}
}

// typed sends keys of the hall's telephone.
func (r *gpioRig) typed(d *phonetest.Dialog, keys string) {
	r.t.Helper()
	for _, key := range keys {
		d.Info("application/dtmf-relay", fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", key))
		r.hall.Expect(r.t, "200 INFO")
	}
}

func (r *gpioRig) longPress() {
	t := r.t
	r.hall.Handle("INVITE", func(m *phonetest.Msg) { r.hall.Reply(m, 486, "Busy Here") })
	mark := r.Mark()
	r.Pull(peers.LineBell, false)
	r.event(mark, "doorbell", "long_press")
	r.Pull(peers.LineBell, true)
	if got := r.Since(mark, "housephone/phone/doorbell"); len(got) != 2 || got[0].Payload != "ring" {
		t.Errorf("told %v", got)
	}
	r.state("status", "hangup")
}

func (r *gpioRig) light() {
	for _, on := range []bool{false, true} {
		value := map[bool]string{false: "0", true: "1"}[on]
		r.Publish("housephone/phone/backlit/set", value)
		r.state("backlit", value)
		r.Level(peers.LineLamp, on)
	}
}

func (r *gpioRig) badPins() {
	t := r.t
	for _, tc := range []struct{ setting, want string }{
		{"HW_DOOR=relay", "another program or driver uses it"},
		{"HW_DOORBELL=bell", "another program or driver uses it"},
		{"HW_DOOR=GPIO99", "no such pin; there are bell, relay, lamp, spare"},
		{"HW_DOOR=$CHIP.9", "no such pin"},
	} {
		out, status := r.Try("env -i HOME=/ CHIP=$CHIP sh -c 'SIP_LISTEN=none HTTP_LISTEN=none MQTT_LISTEN=127.0.0.1:1999 " +
			tc.setting + " timeout 20 housephone 2>&1 >/dev/null'")
		name, _, _ := strings.Cut(tc.setting, "=")
		lines := strings.Split(out, "\n")
		if last := lines[len(lines)-1]; status != 78 || !strings.Contains(last, tc.want) || !strings.Contains(last, name) {
			t.Errorf("%s: status %d, want %q in:\n%s", tc.setting, status, tc.want, out)
		}
	}
	if got := r.pulses(); len(got) != 0 {
		t.Errorf("the relay was on: %v", got)
	}
}

// A relay that closes to low is never on while the service starts and ends: the kernel's trace has every level it is given.
func (r *gpioRig) activeLow() {
	number, err := strconv.Atoi(r.Shell("cat /sys/class/gpio/gpiochip*/base"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.Shell("echo >/sys/kernel/tracing/trace")
	out, status := r.Try("env -i HOME=/ SIP_LISTEN=none HTTP_LISTEN=none MQTT_LISTEN=127.0.0.1:1999 'HW_DOOR=spare?active=low' " +
		"timeout 5 housephone 2>&1")
	if status != 0 {
		r.t.Errorf("status %d:\n%s", status, out)
	}
	levels := r.Shell(fmt.Sprintf("sed -n 's/.*gpio_value: %d set //p' /sys/kernel/tracing/trace", number+peers.LineSpare))
	if levels == "" || strings.Contains(levels, "0") {
		r.t.Errorf("the relay's line was given the levels %q, want only 1", strings.Fields(levels))
	}
}

func (r *gpioRig) open() {
	r.t.Helper()
	r.Publish("housephone/phone/door/set", "unlock")
	r.Level(peers.LineRelay, true)
}

func (r *gpioRig) endsInPulse() {
	t := r.t
	r.open()
	r.Shell("kill -TERM $(pidof housephone)")
	if status := r.exit(); status != "0" {
		t.Errorf("exit status %s", status)
	}
	if r.High(peers.LineRelay) {
		t.Error("the relay is on after the end")
	}
	r.state("door", "locked")
	r.run()
}

func (r *gpioRig) killedInPulse() {
	t := r.t
	r.open()
	r.Shell("kill -KILL $(pidof housephone)")
	if status := r.exit(); status != "137" {
		t.Errorf("exit status %s", status)
	}
	t.Logf("after a kill the line that nobody holds is high: %v", r.High(peers.LineRelay))
	r.run()
	r.Level(peers.LineRelay, false)
	mark := r.Mark()
	r.hall.Handle("INVITE", func(m *phonetest.Msg) { r.hall.Reply(m, 486, "Busy Here") })
	r.Pull(peers.LineBell, false)
	r.event(mark, "doorbell", "ring")
	r.Pull(peers.LineBell, true)
}

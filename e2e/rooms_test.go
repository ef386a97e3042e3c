package e2e

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
	"housephone/phone/audio/device/pulsetest"
)

// soundServer is a real sound server of a test.
type soundServer interface {
	Env(key string) string
	Control(args ...string) string
}

// roomPhone is a telephone in a room of a sound server, with somebody who speaks a tone and an ear at its loudspeaker.
type roomPhone struct {
	*peers.Housephone
	server soundServer
	name   string
	hz     float64
	ear    string // raw sound, 16 bit mono at earRate, that grows
}

const earRate = 16000

// phoneIn starts a telephone in a room.
func phoneIn(t *testing.T, s soundServer, ports *peers.Ports, name string, hz float64, settings env) *roomPhone {
	t.Helper()
	p := &roomPhone{server: s, name: name, hz: hz, ear: filepath.Join(t.TempDir(), "ear.raw")}
	e := env{
		"PULSE_SERVER": s.Env("PULSE_SERVER"), "HOUSEPHONE_ID": name, "AUDIO_ECHO_CANCEL": "0",
		"AUDIO_CAPTURE": "pulse:" + name + "_mic", "AUDIO_PLAYBACK": "pulse:" + name + "_speaker",
	}
	maps.Copy(e, settings)
	p.Housephone = startAsShipped(t, ports, e)
	p.tool(t, "pacat", "--record", "--device="+name+"_speaker.monitor", p.ear)
	if hz > 0 {
		p.tool(t, "pacat", "--playback", "--device="+name+"_mouth", rawTone(t, hz))
	}
	return p
}

// tool runs a program of PulseAudio until the test ends.
func (p *roomPhone) tool(t *testing.T, name string, args ...string) {
	t.Helper()
	common := []string{"--raw", "--format=s16le", "--channels=1", fmt.Sprintf("--rate=%d", earRate), "--latency-msec=40"}
	peers.Start(t, peers.Command{
		Path: peers.Program(t, name), Args: append(common, args...), Quiet: true,
		Env: []string{"PULSE_SERVER=" + p.server.Env("PULSE_SERVER")},
	})
}

const spoken = 8000 // amplitude of what is said in a room

func rawTone(t *testing.T, hz float64) string {
	t.Helper()
	var raw []byte
	for i := range 90 * earRate {
		v := int16(spoken * math.Sin(2*math.Pi*hz*float64(i)/earRate))
		raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
	}
	path := filepath.Join(t.TempDir(), "mouth.raw")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// heardLately is the end of what came out of the loudspeaker.
func (p *roomPhone) heardLately(d time.Duration) peers.Sound {
	s := peers.Sound{Rate: earRate}
	raw, err := os.ReadFile(p.ear)
	if err != nil {
		return s
	}
	for i := 0; i+1 < len(raw); i += 2 {
		s.Samples = append(s.Samples, int16(binary.LittleEndian.Uint16(raw[i:])))
	}
	return s.Last(d)
}

// hears waits until the loudspeaker gives a tone, between two levels relative to how loud it was said, in dB.
func (p *roomPhone) hears(t *testing.T, hz, least, most float64) {
	t.Helper()
	var share, level float64
	if !peers.Eventually(patience, func() bool {
		s := p.heardLately(400 * time.Millisecond)
		share, level = s.Power(hz), 20*math.Log10(s.RMS()*math.Sqrt2/spoken+1e-9)
		return share > 0.8 && level > least && level < most
	}) {
		t.Fatalf("%s does not hear %v Hz: %.2f of the sound, %.1f dB, want %v to %v dB", p.name, hz, share, level, least, most)
	}
}

// quiet waits until the loudspeaker gives nothing.
func (p *roomPhone) quiet(t *testing.T) {
	t.Helper()
	if !peers.Eventually(patience, func() bool { return p.heardLately(300*time.Millisecond).RMS() < 20 }) {
		t.Fatalf("%s hears something", p.name)
	}
}

// talkInRooms is a call between two rooms on a sound server: each hears what is said in the other, at its pitch and level.
func talkInRooms(t *testing.T, s soundServer, codec, srtp string) {
	t.Helper()
	ports := peers.NewPorts(t)
	e := env{"PHONE_CODECS": codec, "SIP_SRTP": srtp, "PHONE_AUTOANSWER": "1"}
	kitchen, hall := phoneIn(t, s, ports, "kitchen", 700, e), phoneIn(t, s, ports, "hall", 1100, e)
	mark := kitchen.Mark()
	kitchen.Do("call", "hall@"+hall.SIPAddr)
	for _, p := range []*roomPhone{kitchen, hall} {
		info := p.JSON("call/info", "an active call", func(m map[string]any) bool { return m["status"] == "active" })
		want(t, info, map[string]any{"secure": srtp != "off"})
		if got := fmt.Sprint(info["codec"]); !strings.EqualFold(got, codec) {
			t.Errorf("%s talks %s, want %s", p.name, got, codec)
		}
	}
	hall.hears(t, kitchen.hz, -3, 3)
	kitchen.hears(t, hall.hz, -3, 3)
	kitchen.Do("call", "hangup")
	hall.Idle()
	hall.quiet(t)
	record := kitchen.Ended(mark)
	want(t, record, map[string]any{"cause": "completed", "by": "local"})
	if q, _ := record["quality"].(map[string]any); !strings.EqualFold(fmt.Sprint(q["codec"]), codec) || q["mos"] == nil {
		t.Errorf("the record's quality is %v", record["quality"])
	}
}

// Two instances on one machine hold a call through PulseAudio, in the clear and encrypted.
func TestCallsThroughPulseAudio(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"pcma", "g722", "opus", "pcmu", "l16"} {
		for _, srtp := range []string{"off", "required"} {
			if !everything && (codec == "pcmu" || codec == "l16" || (codec == "g722") != (srtp == "off")) {
				continue // make e2e-sound has them all
			}
			t.Run(codec+" srtp "+srtp, func(t *testing.T) {
				t.Parallel()
				talkInRooms(t, pulsetest.Start(t, pulsetest.Rooms("kitchen", "hall")), codec, srtp)
			})
		}
	}
}

// The sound server is killed in a call and comes back: the call lasts, it is said once, and there is sound again.
func TestSoundServerRestartsInACall(t *testing.T) {
	t.Parallel()
	server := pulsetest.Start(t, pulsetest.Rooms("hall"))
	ports := peers.NewPorts(t)
	far := start(t, ports, env{"PHONE_AUTOANSWER": "1"})
	hall := phoneIn(t, server, ports, "hall", 0, nil)
	mark := hall.Mark()
	hall.Do("call", "phone@"+far.SIPAddr)
	hall.hears(t, peers.HousephoneTone, -3, 3)
	server.Kill()
	hall.Event(mark, "bridge/log", func(v string) bool { return strings.Contains(v, "sound device is missing") })
	time.Sleep(1500 * time.Millisecond) // at least one more try
	server.Restart()
	hall.tool(t, "pacat", "--record", "--device=hall_speaker.monitor", hall.ear)
	hall.hears(t, peers.HousephoneTone, -3, 3)
	hall.State("status", "active")
	var told int
	for _, m := range hall.Since(mark, hall.Topic("bridge/log")) {
		if strings.Contains(m.Payload, "sound device is missing") {
			told++
		}
	}
	if told != 2 { // microphone and loudspeaker
		t.Errorf("told %d times, want once a direction", told)
	}
	hall.Do("call", "hangup")
	far.Idle()
}

// A call rings out of the loudspeaker with the file of AUDIO_RING_FILE, who calls hears ringback, and a key beeps.
func TestRingsInTheRoom(t *testing.T) {
	t.Parallel()
	server := pulsetest.Start(t, pulsetest.Rooms("kitchen", "hall"))
	ports := peers.NewPorts(t)
	kitchen := phoneIn(t, server, ports, "kitchen", 0, env{"AUDIO_RING_FILE": peers.WriteTone(t, 600, 10*time.Second)})
	hall := phoneIn(t, server, ports, "hall", 0, env{"AUDIO_COUNTRY": "gb"})
	sent := hall.Send("call", "kitchen@"+kitchen.SIPAddr, nil)
	kitchen.State("status", "ring")
	kitchen.hears(t, 600, -20, 10)
	if !peers.Eventually(patience, func() bool { // 400 and 450 Hz together
		s := hall.heardLately(300 * time.Millisecond)
		return s.Power(400)+s.Power(450) > 0.7 && s.RMS() > 100
	}) {
		t.Error("the caller hears no ringback")
	}
	hall.WaitResult(sent)
	kitchen.Do("call", "answer")
	kitchen.quiet(t)
	hall.quiet(t)
	keys := hall.Send("dtmf", "5555", nil)
	if !peers.Eventually(patience, func() bool { // 770 and 1336 Hz
		s := hall.heardLately(80 * time.Millisecond)
		return s.Power(770)+s.Power(1336) > 0.6 && s.RMS() > 50
	}) {
		t.Error("a key does not beep")
	}
	hall.WaitResult(keys)
}

// The self-test measures the way from loudspeaker to microphone.
func TestEchoTestInTheRoom(t *testing.T) {
	t.Parallel()
	server := pulsetest.Start(t, pulsetest.Wire)
	h := start(t, peers.NewPorts(t), env{"PULSE_SERVER": server.Env("PULSE_SERVER"), "AUDIO_CAPTURE": "default", "AUDIO_PLAYBACK": "default"})
	mark := h.Mark()
	h.Do("generic", "echotest")
	var delay int
	var loss float64
	said := h.Event(mark, "generic", nil)
	if _, err := fmt.Sscanf(said, "delay %d ms, echo return loss %f dB", &delay, &loss); err != nil {
		t.Fatalf("%q: %v", said, err)
	}
	if delay < 10 || delay > 500 || math.Abs(loss) > 2 {
		t.Errorf("%q, want 10 to 500 ms and 0 dB of a wire", said)
	}
}

// Names of devices that are not there, and of files that are no sound, stop the start with the reason.
func TestBadSoundSettings(t *testing.T) {
	t.Parallel()
	server := pulsetest.Start(t, pulsetest.Rooms("hall"))
	dir := t.TempDir()
	files := map[string]string{"empty.wav": "", "text.wav": strings.Repeat("no sound at all ", 10), "cut.wav": "RIFF\xff\xff\xff\xffWAVEfmt "}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ variable, value, words string }{
		{"AUDIO_CAPTURE", "pulse_hall_mike", `no sound device "pulse_hall_mike"; there is`},
		{"AUDIO_PLAYBACK", "cupboard", "pulse:hall_speaker"},
		{"AUDIO_CAPTURE", "tone:sharp", "tone:sharp"},
		{"AUDIO_CAPTURE", "file:" + filepath.Join(dir, "empty.wav"), "AUDIO_CAPTURE"},
		{"AUDIO_CAPTURE", "file:" + filepath.Join(dir, "text.wav"), "AUDIO_CAPTURE"},
		{"AUDIO_CAPTURE", "file:" + filepath.Join(dir, "cut.wav"), "AUDIO_CAPTURE"},
		{"AUDIO_COUNTRY", "mars", "itu, us, gb"},
		{"AUDIO_ECHO_CANCEL", "perhaps", "0 or 1"},
		{"SIP_TLS_PIN", "1234", "sha256//BASE64"},
		{"SIP_SRTP", "please", "off, optional, required"},
	} {
		t.Run(c.variable+"="+filepath.Base(c.value), func(t *testing.T) {
			p := peers.Start(t, peers.Command{
				Path: program, Quiet: true,
				Env: []string{"PULSE_SERVER=" + server.Env("PULSE_SERVER"), "SIP_LISTEN=127.0.0.1:0", "HTTP_LISTEN=none", "MQTT_LISTEN=127.0.0.1:0", c.variable + "=" + c.value},
			})
			if exit := p.Wait(patience); exit.Code == 0 || !strings.Contains(p.Log(), c.variable+"=") || !strings.Contains(p.Log(), c.words) {
				t.Errorf("exit %d, it said: %s", exit.Code, p.Log())
			}
		})
	}
}

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"housephone/e2e/peers"
)

// subject is a program that is measured, and the words in which it is spoken to.
type subject struct {
	name string
	user string         // user part of the address that it answers to
	addr netip.AddrPort // its SIP socket
	proc *peers.Process
	born time.Time // just before the process was made
	web  int       // port of the metrics; 0 = none

	prompt func(message) (message, bool) // the command that lets an answered call hear something; nil = it does by itself
	key    func(message) bool            // a key was pressed in a call

	dial    func(address string) message // command: call
	hangUp  message                      // command: end the call
	command func(i int) message          // command number i of many cheap ones

	registered func(message) bool
	rings      func(message) bool // a call comes in
	talks      func(message) bool // the call is answered
	idle       func(message) bool // the call is over
	answers    func(message) bool // a command was carried out
}

// setup is what both programs start from.
type setup struct {
	broker    int    // port of the broker
	program   string // the built service
	wav       string // what both play in a call: 8 kHz, mono
	registrar string // host:port; empty = no registration
	id        string // tells several of a kind apart on the broker
	kind      string // tells revisions of the service apart; "" is the first one
	calls     int    // 0 = a phone of one call, else a voice that answers so many
	ports     int    // first port of their sound
	codec     string // "opus", else G.711
}

// starter starts a subject and returns without waiting until it is ready.
type starter func(t testing.TB, ports *peers.Ports, s setup) *subject

// build makes the service as a user installs it.
func build(ctx context.Context, dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join(dir, "housephone"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "housephone/cmd/housephone")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// rtpPorts is the range of ports for sound.
func (s setup) rtpPorts(ports *peers.Ports) (first, last int) {
	if s.calls == 0 {
		return ports.Range(8, 2)
	}
	return s.ports, s.ports + 2*s.calls + 99
}

func startHousephone(t testing.TB, ports *peers.Ports, s setup) *subject {
	t.Helper()
	sip := ports.Pair()
	web := ports.Next()
	first, last := s.rtpPorts(ports)
	id := "bench" + s.kind + s.id
	base := "housephone/" + id
	env := []string{
		"HOUSEPHONE_ID=" + id,
		"MQTT_URL=mqtt://" + peers.Loopback(s.broker),
		"SIP_LISTEN=" + peers.Loopback(sip),
		fmt.Sprintf("SIP_RTP_PORTS=%d-%d", first, last),
		"HTTP_LISTEN=" + peers.Loopback(web),
		"LOG_LEVEL=warn",
	}
	if s.calls == 0 {
		env = append(env, "AUDIO_CAPTURE=file:"+s.wav, "AUDIO_PLAYBACK=none") // as baresip's bridge, which goes nowhere
	} else {
		env = append(env, "PHONE_MODE=ivr", "PHONE_AUTOANSWER=1", fmt.Sprintf("PHONE_MAX_CALLS=%d", s.calls), "MEDIA_DIR="+filepath.Dir(s.wav))
	}
	if s.codec != "" {
		env = append(env, "PHONE_CODECS="+s.codec)
	}
	if host, port, ok := strings.Cut(s.registrar, ":"); ok {
		env = append(env, "SIP_SERVER="+host, "SIP_PORT="+port, "SIP_USER="+id)
	}
	born := time.Now()
	proc := peers.Start(t, peers.Command{Name: "housephone", Path: s.program, Env: env})
	state := func(datapoint, value string) func(message) bool {
		return func(m message) bool { return m.topic == base+"/"+datapoint && m.payload == value && !m.retained }
	}
	return &subject{
		name: "housephone", user: id, addr: loopback(sip), proc: proc, born: born, web: web,
		prompt: func(m message) (message, bool) { // each call that is answered hears a file
			call, ok := strings.CutSuffix(m.topic, "/status")
			if !ok || m.payload != "active" || m.retained || !strings.HasPrefix(call, base+"/calls/") {
				return message{}, false
			}
			return message{topic: call + "/play/file/set", payload: fmt.Sprintf(`{"value":%q,"repeat":1000}`, filepath.Base(s.wav))}, true
		},
		key:        func(m message) bool { return m.topic == base+"/dtmf" },
		dial:       func(address string) message { return message{topic: base + "/call/set", payload: address} },
		hangUp:     message{topic: base + "/call/set", payload: "hangup"},
		command:    func(i int) message { return message{topic: base + "/volume/set", payload: strconv.Itoa(1 + i%2)} },
		registered: state("registration", "1"),
		rings: func(m message) bool { // who calls, as CALL_INCOMING tells it
			return m.topic == base+"/call" && m.payload != "" && !m.retained
		},
		talks: state("status", "active"),
		idle:  state("status", "hangup"),
		answers: func(m message) bool {
			return m.topic == base+"/result" && strings.Contains(m.payload, `"datapoint":"volume"`) && strings.Contains(m.payload, `"ok":true`)
		},
	}
}

func startBaresip(t testing.TB, ports *peers.Ports, s setup) *subject {
	t.Helper()
	sip := ports.Pair()
	base := "baresip" + s.id
	home := t.TempDir()
	codec := "pcma/8000/1"
	if s.codec == "opus" {
		codec = "opus/48000/2"
	}
	account := fmt.Sprintf("<sip:%s@%s>;regint=0;audio_codecs=%s\n", base, peers.Loopback(sip), codec)
	if s.registrar != "" {
		account = fmt.Sprintf("<sip:%s@%s>;regint=300;audio_codecs=%s\n", base, s.registrar, codec)
	}
	most := 4
	if s.calls > 0 {
		most = s.calls
		account = strings.TrimSpace(account) + ";answermode=auto\n"
	}
	first, last := s.rtpPorts(ports)
	config := fmt.Sprintf(baresipConfig, peers.Loopback(sip), most, s.wav, first, last, modules(t), s.broker, base, base)
	for name, text := range map[string]string{"config": config, "accounts": account, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	born := time.Now()
	proc := peers.Start(t, peers.Command{Path: peers.Program(t, "baresip"), Args: []string{"-f", home}, Home: home})
	command := func(words, params string) message {
		return message{
			topic:   "/" + base + "/command/bench",
			payload: fmt.Sprintf(`{"command":%q,"params":%q,"token":"bench"}`, words, params),
		}
	}
	event := func(kind string) func(message) bool {
		return func(m message) bool {
			return m.topic == "/"+base+"/event" && strings.Contains(m.payload, `"`+kind+`"`)
		}
	}
	return &subject{
		name: "baresip", user: base, addr: loopback(sip), proc: proc, born: born,
		dial:       func(address string) message { return command("dial", address) },
		hangUp:     command("hangup", ""),
		command:    func(int) message { return command("listcalls", "") },
		registered: event("REGISTER_OK"),
		rings:      event("CALL_INCOMING"),
		talks:      event("CALL_ESTABLISHED"),
		key:        event("CALL_DTMF_START"),
		idle:       event("CALL_CLOSED"),
		answers: func(m message) bool {
			return m.topic == "/"+base+"/command_resp/bench" && strings.Contains(m.payload, `"ok":true`)
		},
	}
}

// baresipConfig leaves out whatever the measured work does not need. The network interface is named by its address:
// by its name, the session description carries another one.
const baresipConfig = `poll_method epoll
sip_listen %s
net_interface 127.0.0.1
call_max_calls %d
audio_path /nonexistent
audio_source aufile,%s
audio_player aubridge,none
audio_alert aubridge,none
audio_level no
audio_buffer 20-160
rtp_ports %d-%d
rtcp_mux no
statmode_default off
module_path %s
module g711.so
module opus.so
module aufile.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app mqtt.so
mqtt_broker_host 127.0.0.1
mqtt_broker_port %d
mqtt_broker_clientid %s
mqtt_basetopic %s
`

// modules is the folder of baresip's modules.
func modules(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("the modules of baresip are not installed")
	return ""
}

func loopback(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}

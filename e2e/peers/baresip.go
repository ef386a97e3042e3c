package peers

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// BaresipConfig describes a softphone; the zero value rings until told to answer and sends a tone of 1000 Hz.
type BaresipConfig struct {
	User     string // user part of its address, "baresip" when empty
	Account  string // account parameters, like ";auth_pass=x;regint=60"; default ";regint=0" (no registration)
	Domain   string // host:port of the account; its own listen address when empty
	URIParam string // parameters of the account's address, like ";transport=tcp"
	Codecs   string // audio_codecs, default "pcma/8000/1,pcmu/8000/1"
	ToneHz   float64
	Rate     int // of its sound, samples a second; 8000, and 16000 for G.722: it does not convert
	Channels int // likewise; 1, and 2 for Opus
	CAFile   string
}

// Baresip is a softphone driven through its control socket. It records what it hears.
type Baresip struct {
	*Process
	Port int // SIP over UDP and TCP; TLS is one above
	User string

	t    testing.TB
	conn net.Conn
	home string

	mu     sync.Mutex // guards following
	events []BaresipEvent
	answer map[string]chan baresipAnswer
	tokens int
}

// BaresipEvent is one event of the softphone.
type BaresipEvent struct {
	Type      string `json:"type"` // CALL_INCOMING, CALL_ESTABLISHED, CALL_DTMF_START, ...
	Direction string `json:"direction"`
	Peer      string `json:"peeruri"`
	ID        string `json:"id"`
	Param     string `json:"param"`
	At        time.Time
}

type baresipAnswer struct {
	OK   bool   `json:"ok"`
	Data string `json:"data"`
}

// toneLength is longer than any test: baresip hangs up at the end of its WAV.
const toneLength = 2 * time.Minute

// NewBaresip starts a softphone on loopback.
func NewBaresip(t testing.TB, ports *Ports, c BaresipConfig) *Baresip {
	t.Helper()
	if c.User == "" {
		c.User = "baresip"
	}
	if c.ToneHz == 0 {
		c.ToneHz = 1000
	}
	if c.Rate == 0 {
		c.Rate = toneRate
	}
	if c.Channels == 0 {
		c.Channels = 1
	}
	if c.Codecs == "" {
		c.Codecs = "pcma/8000/1,pcmu/8000/1"
	}
	b := &Baresip{Port: ports.Pair(), User: c.User, t: t, home: t.TempDir(), answer: map[string]chan baresipAnswer{}}
	if c.Domain == "" {
		c.Domain = Loopback(b.Port)
	}
	if c.Account == "" {
		c.Account = ";regint=0"
	}
	control := ports.Next()
	first, last := ports.Range(8, 2)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(b.home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config", baresipConfig(b, c, control, first, last, WriteToneOf(t, c.Rate, c.Channels, c.ToneHz, toneLength)))
	write("accounts", fmt.Sprintf("<sip:%s@%s%s>%s;audio_codecs=%s\n", c.User, c.Domain, c.URIParam, c.Account, c.Codecs))
	write("contacts", "")
	b.Process = Start(t, Command{
		Path: Program(t, "baresip"), Args: []string{"-f", b.home}, Home: b.home,
		Ready: func(p *Process) bool { return strings.Contains(p.Log(), "baresip is ready") && accepts(b.Port) },
	})
	b.connect(control)
	return b
}

func baresipConfig(b *Baresip, c BaresipConfig, control, first, last int, tone string) string {
	lines := []string{
		"poll_method epoll",
		"sip_listen " + Loopback(b.Port),
		"net_interface 127.0.0.1", // not lo: the SDP would carry another address
		"call_local_timeout 120", "call_max_calls 4",
		"audio_path /nonexistent", // no ring tones
		"audio_player aubridge,none", "audio_source aufile," + tone, "audio_alert aubridge,none",
		"ausrc_format s16", "auplay_format s16", "auenc_format s16", "audec_format s16",
		"audio_level no", "audio_buffer 20-160", "rtp_stats yes", "rtcp_mux no",
		// no jitter buffer: it is not reset when the SSRC changes (direct media), and then drops all that follows if the
		// new sequence numbers happen to be below the old ones
		"jitter_buffer_delay 0-0",
		fmt.Sprintf("rtp_ports %d-%d", first, last),
		"module_path " + baresipModules(b.t),
		"module g711.so", "module g722.so", "module opus.so", "module srtp.so", "module aufile.so", "module aubridge.so", "module sndfile.so",
		"module_tmp uuid.so", "module_tmp account.so",
		"module_app contact.so", "module_app menu.so", "module_app ctrl_tcp.so",
		"statmode_default off",
		"snd_path " + b.home,
		"ctrl_tcp_listen " + Loopback(control),
	}
	if c.CAFile != "" {
		lines = append(lines, "sip_cafile "+c.CAFile)
	}
	return strings.Join(lines, "\n") + "\n"
}

func baresipModules(t testing.TB) string {
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("the modules of baresip are not installed; scripts/deps installs them")
	return ""
}

// connect opens the control socket. It takes one client only, so the readiness check must not have dialled it.
func (b *Baresip) connect(port int) {
	b.t.Helper()
	Eventually(readyTimeout, func() bool {
		conn, err := dialTCP(port)
		if err == nil {
			b.conn = conn
		}
		return err == nil
	})
	if b.conn == nil {
		b.t.Fatal("baresip has no control socket")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.read(bufio.NewReader(b.conn))
	}()
	b.t.Cleanup(func() {
		_ = b.conn.Close()
		<-ended
	})
}

// read takes netstrings: a length, a colon, JSON, a comma.
func (b *Baresip) read(r *bufio.Reader) {
	for {
		head, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
		if err != nil {
			return
		}
		body := make([]byte, n+1)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		b.take(body[:n])
	}
}

func (b *Baresip) take(body []byte) {
	var m struct {
		BaresipEvent
		baresipAnswer
		Response bool   `json:"response"`
		Token    string `json:"token"`
	}
	if json.Unmarshal(body, &m) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Response {
		if ch := b.answer[m.Token]; ch != nil {
			ch <- m.baresipAnswer
			delete(b.answer, m.Token)
		}
		return
	}
	m.At = time.Now()
	b.events = append(b.events, m.BaresipEvent)
}

// Try runs a command of its menu (dial, accept, hangup, hold, resume, sndcode, transfer, ...) and returns its answer.
func (b *Baresip) Try(command, params string) (string, bool) {
	b.t.Helper()
	b.mu.Lock()
	b.tokens++
	token := strconv.Itoa(b.tokens)
	ch := make(chan baresipAnswer, 1)
	b.answer[token] = ch
	b.mu.Unlock()
	body, err := json.Marshal(map[string]string{"command": command, "params": params, "token": token})
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.conn, "%d:%s,", len(body), body); err != nil {
		b.t.Fatalf("baresip %s: %v", command, err)
	}
	select {
	case a := <-ch:
		return a.Data, a.OK
	case <-time.After(mqttTimeout):
		b.t.Fatalf("baresip has not answered %s", command)
		return "", false
	}
}

// Do is Try for a command that must work.
func (b *Baresip) Do(command, params string) string {
	b.t.Helper()
	data, ok := b.Try(command, params)
	if !ok {
		b.t.Fatalf("baresip %s %s: %s", command, params, data)
	}
	return data
}

// WaitRegistered waits until the registrar has taken its account. The log tells, since it registers before it
// listens for the control connection, so that nobody hears the event.
func (b *Baresip) WaitRegistered() {
	b.t.Helper()
	b.WaitLog(`200 OK .*binding`, readyTimeout)
}

// Mark is the place after its newest event.
func (b *Baresip) Mark() Mark {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Mark(len(b.events))
}

// Since are the events of one type after a mark.
func (b *Baresip) Since(mark Mark, kind string) []BaresipEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []BaresipEvent
	for _, e := range b.events[mark:] {
		if e.Type == kind {
			found = append(found, e)
		}
	}
	return found
}

// WaitEvent waits for an event of a type after the mark.
func (b *Baresip) WaitEvent(mark Mark, kind string, timeout time.Duration) BaresipEvent {
	b.t.Helper()
	var found []BaresipEvent
	if !Eventually(timeout, func() bool { found = b.Since(mark, kind); return len(found) > 0 }) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.t.Fatalf("baresip: no %s; its events: %+v", kind, b.events[mark:])
	}
	return found[0]
}

// Keys are the DTMF keys it has heard after the mark.
func (b *Baresip) Keys(mark Mark) string {
	var keys strings.Builder
	for _, e := range b.Since(mark, "CALL_DTMF_START") {
		keys.WriteString(e.Param)
	}
	return keys.String()
}

// Address is where it can be called, without "sip:".
func (b *Baresip) Address() string { return b.User + "@" + Loopback(b.Port) }

// Recording is the WAV of what it hears in the newest call; it grows while the call lasts. Empty before the first.
func (b *Baresip) Recording() string {
	found, _ := filepath.Glob(filepath.Join(b.home, "dump-*-dec.wav"))
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1] // the name holds the time
}

// WaitTone waits until it hears a frequency.
func (b *Baresip) WaitTone(hz float64, timeout time.Duration) {
	b.t.Helper()
	if !Eventually(timeout, func() bool { return HearsTone(b.Recording(), hz) }) {
		s, err := ReadWAV(b.Recording())
		s = s.Last(heard)
		b.t.Fatalf("baresip does not hear %v Hz: %v, level %.0f, share %.2f, error %v", hz, s.Length(), s.RMS(), s.Power(hz), err)
	}
}

// WaitSilence waits until it hears nothing.
func (b *Baresip) WaitSilence(timeout time.Duration) {
	b.t.Helper()
	if !Eventually(timeout, func() bool { return HearsSilence(b.Recording()) }) {
		b.t.Fatal("baresip still hears something")
	}
}

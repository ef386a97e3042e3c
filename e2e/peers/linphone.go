package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// LinphoneConfig describes a linphonec; without a registrar it is called at its own address.
type LinphoneConfig struct {
	User      string    // default "alice"
	Registrar *Kamailio // nil = none
	Transport string    // udp (default), tcp, tls
	ToneHz    float64   // what it sends, default 700
	Codec     string    // the only one it has, "opus 48000 2" or "G722 8000 1"; default PCMA and PCMU
	SRTP      bool      // it insists on encrypted sound
}

// Linphone is a softphone driven by its console. It needs no sound card and no sound server: it plays and records files.
type Linphone struct {
	*Process
	Port      int
	User      string
	Recording string // WAV of what it hears; grows while a call lasts
	rate      int    // of the recording
	t         testing.TB
	seen      int // bytes of its output that the test has dealt with
}

// NewLinphone starts linphonec and, with a registrar, waits until it is registered.
func NewLinphone(t testing.TB, ports *Ports, c LinphoneConfig) *Linphone {
	t.Helper()
	if c.User == "" {
		c.User = "alice"
	}
	if c.Transport == "" {
		c.Transport = "udp"
	}
	if c.ToneHz == 0 {
		c.ToneHz = 700
	}
	home := t.TempDir()
	// without this folder its database cannot be opened, and then it opens no SIP port at all, without a word
	if err := os.MkdirAll(filepath.Join(home, ".local", "share", "linphone"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := &Linphone{Port: ports.Next(), User: c.User, Recording: filepath.Join(home, "heard.wav"), rate: c.rate(), t: t}
	media, _ := ports.Range(6, 2)
	config := filepath.Join(home, "linphonerc")
	if err := os.WriteFile(config, []byte(l.config(c, media)), 0o600); err != nil {
		t.Fatal(err)
	}
	l.Process = Start(t, Command{
		Path: Program(t, "linphonec"), Args: []string{"-c", config}, Home: home,
		Ready: func(p *Process) bool { return strings.Contains(p.Log(), "linphonec>") },
	})
	l.Say("soundcard use files")
	l.Say("play " + WriteTone(t, c.ToneHz, toneLength))
	l.Say("record " + l.Recording)
	if c.Registrar != nil {
		l.waitRegistered()
	}
	return l
}

func (l *Linphone) config(c LinphoneConfig, media int) string {
	tcp, tlsPort := l.Port, 0
	if c.Transport == "tls" {
		tcp, tlsPort = 0, l.Port
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[sip]\ndefault_proxy=0\nsip_port=%d\nsip_tcp_port=%d\nsip_tls_port=%d\nuse_ipv6=0\nbind_address=127.0.0.1\n", l.Port, tcp, tlsPort)
	encryption := "none"
	if c.SRTP {
		encryption = "srtp\nmedia_encryption_mandatory=1"
	}
	fmt.Fprintf(&b, "contact=\"%s\" <sip:%s@127.0.0.1>\nmedia_encryption=%s\nverify_server_certs=1\nverify_server_cn=1\n", l.User, l.User, encryption)
	if c.Registrar != nil && c.Registrar.TLS.CAFile != "" {
		fmt.Fprintf(&b, "root_ca=%s\n", c.Registrar.TLS.CAFile)
	}
	// bind_address: else the SDP carries the machine's first IPv6 address
	fmt.Fprintf(&b, "[rtp]\naudio_rtp_port=%d\nbind_address=127.0.0.1\n", media)
	b.WriteString("[video]\nenabled=0\ncapture=0\ndisplay=0\nautomatically_initiate=0\nautomatically_accept=0\n")
	for i, codec := range []string{"PCMA 8000 1", "PCMU 8000 1", "opus 48000 2", "G722 8000 1", "speex 16000 1", "speex 8000 1", "G729 8000 1"} {
		f, enabled := strings.Fields(codec), 0
		if codec == c.Codec || c.Codec == "" && i < 2 {
			enabled = 1
		}
		fmt.Fprintf(&b, "[audio_codec_%d]\nmime=%s\nrate=%s\nchannels=%s\nenabled=%d\n", i, f[0], f[1], f[2], enabled)
	}
	if k := c.Registrar; k != nil {
		address := k.Server(c.Transport)
		fmt.Fprintf(&b, "[proxy_0]\nreg_proxy=<sip:%[1]s;transport=%[2]s>\nreg_route=<sip:%[1]s;transport=%[2]s;lr>\nreg_identity=sip:%[3]s@%[1]s\nreg_expires=300\nreg_sendregister=1\n",
			address, c.Transport, l.User)
		fmt.Fprintf(&b, "[auth_info_0]\nusername=%s\npasswd=%s\nrealm=%s\n", l.User, k.Password(l.User), Realm)
	}
	return b.String()
}

// rate is that of what it records: the codec's.
func (c LinphoneConfig) rate() int {
	switch c.Codec {
	case "opus 48000 2":
		return 48000
	case "G722 8000 1":
		return 16000
	}
	return toneRate
}

// waitRegistered asks for the state, since the console says nothing when a registration succeeds.
func (l *Linphone) waitRegistered() {
	l.t.Helper()
	if !Eventually(readyTimeout, func() bool {
		l.Say("status register")
		time.Sleep(20 * poll)
		return strings.Contains(l.Log(), "registered, identity")
	}) {
		l.t.Fatal("linphonec is not registered")
	}
}

// Do types a console command (call ADDRESS, answer, terminate, pause, resume, transfer ADDRESS, keys as such).
// What Expect finds afterwards was said after it.
func (l *Linphone) Do(line string) {
	l.t.Helper()
	l.seen = len(l.Log())
	l.Say(line)
}

// Expect waits until its console says something that was not there before the last Do or Expect.
func (l *Linphone) Expect(pattern string, timeout time.Duration) string {
	l.t.Helper()
	re := regexp.MustCompile(pattern)
	var found []int
	var said string
	if !Eventually(timeout, func() bool {
		said = l.Log()[l.seen:]
		found = re.FindStringIndex(said)
		return found != nil
	}) {
		l.t.Fatalf("linphonec has not said %q but:\n%s", pattern, tail(said, 2000))
	}
	l.seen += found[1]
	return said[found[0]:found[1]]
}

// WaitTone waits until it hears a frequency.
func (l *Linphone) WaitTone(hz float64, timeout time.Duration) {
	l.t.Helper()
	// While there is no header the recording is taken for one of toneRate.
	if !Eventually(timeout, func() bool { return HearsTone(l.Recording, hz*toneRate/float64(l.rate)) }) {
		s, err := ReadWAV(l.Recording)
		s = s.Last(heard)
		l.t.Fatalf("linphonec does not hear %v Hz: %v, level %.0f, error %v", hz, s.Length(), s.RMS(), err)
	}
}

// Address is where it can be called without a registrar.
func (l *Linphone) Address() string { return l.User + "@" + Loopback(l.Port) }

//go:build soak

package soak

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pion/rtp"

	"housephone/e2e/peers"
	"housephone/phone/phonetest"
)

const (
	calls      = 100 // at a time
	callLength = 20 * time.Second
	sampled    = 5 * time.Second
	restarts   = 2 * time.Minute // of the broker
	settling   = 40 * time.Second
)

// TestSoak lets a hundred callers come and go for as long as SOAK says.
func TestSoak(t *testing.T) {
	length := soakLength(t)
	dir := t.TempDir()
	program, err := peers.Build(t.Context(), dir, false)
	if err != nil {
		t.Fatal(err)
	}
	ports := peers.NewPorts(t)
	broker := peers.NewMosquitto(t, ports, peers.MosquittoConfig{})
	media := prompts(t)
	h := peers.NewHousephone(t, ports, peers.HousephoneConfig{Program: program, Broker: broker, Env: map[string]string{
		"PHONE_MODE": "ivr", "PHONE_AUTOANSWER": "1", "PHONE_MAX_CALLS": strconv.Itoa(calls + 20), "PHONE_CODECS": "pcma",
		"AUDIO_CAPTURE": "none", "AUDIO_PLAYBACK": "none", "MEDIA_DIR": media, "SIP_RTP_PORTS": "20000-20999", "LOG_LEVEL": "warn",
	}})
	clock := listen(t, h, length)
	crowd := newCrowd(t, ports, h, length)
	samples := work(t, h, broker, length)
	done, failed := crowd.outcome(t)
	within(t, h, "hangup")
	ppm := <-clock
	report(t, samples, done, failed, ppm)
}

func soakLength(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("SOAK")
	if text == "" {
		text = "20m"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Minute {
		t.Fatalf("SOAK=%q: want a time of at least 1m, such as 20m or 8h", text)
	}
	return d
}

// prompts is a MEDIA_DIR with something to play.
func prompts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tone, err := os.ReadFile(peers.WriteToneAt(t, 8000, 440, 5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tone.wav"), tone, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// work lets commands come at random and the broker go and come, and looks at the process meanwhile.
func work(t *testing.T, h *peers.Housephone, broker *peers.Mosquitto, length time.Duration) []Sample {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Now()
	nextLook, nextRestart := begin.Add(settling), begin.Add(restarts)
	var samples []Sample
	for now := begin; now.Sub(begin) < length; now = time.Now() {
		switch {
		case now.After(nextRestart):
			broker.Kill()
			time.Sleep(time.Second)
			mark := h.Mark()
			broker.Start()
			h.WaitEvent(mark, h.Topic("connection"), time.Minute, func(v string) bool { return v == "online" })
			nextRestart = nextRestart.Add(restarts)
		case now.After(nextLook):
			samples = append(samples, look(t, h, now.Sub(begin)))
			nextLook = nextLook.Add(sampled)
		default:
			command(h, random)
			time.Sleep(100 * time.Millisecond)
		}
	}
	return samples
}

// command sends one at random; whether it makes sense in that moment is the service's business.
func command(h *peers.Housephone, random *rand.Rand) {
	slot := fmt.Sprintf("calls/%d/", random.IntN(calls)+1)
	all := [][2]string{
		{slot + "play/file", `{"value":"tone.wav","repeat":3}`}, {slot + "play", "stop"}, {slot + "play/voice/default", "Please hold the line."},
		{slot + "dtmf", "123#"}, {slot + "dtmf/collect", `{"max":4,"timeout":2}`}, {"volume", strconv.Itoa(random.IntN(20) + 1)},
		{"generic", "status"}, {"generic", "stats"}, {"mute", "1"}, {"mute", "0"},
		{"volume", "loud"}, {"call", `{"value":"x","ring":-1}`}, {"no/such", "thing"},
	}
	c := all[random.IntN(len(all))]
	h.Publish(h.Topic(c[0])+"/set", c[1])
}

// look samples the process.
func look(t *testing.T, h *peers.Housephone, at time.Duration) Sample {
	t.Helper()
	s := Sample{At: at}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	s.Files = float64(len(files))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseFloat(strings.Fields(kib)[0], 64)
			s.Resident = n / 1024
		}
	}
	_, body := h.Get("/metrics")
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "go_goroutines":
			s.Goroutines = v
		case "go_memstats_heap_inuse_bytes":
			s.Heap = v / (1 << 20)
		}
	}
	return s
}

// within waits until all calls have ended.
func within(t *testing.T, h *peers.Housephone, status string) {
	t.Helper()
	h.WaitState(h.Topic("status"), status, 2*time.Minute)
	if !peers.Eventually(time.Minute, func() bool {
		_, body := h.Get("/metrics")
		return strings.Contains(body, "\nhousephone_calls 0\n")
	}) {
		t.Error("the service still counts calls")
	}
}

// listen makes one call that lasts, and compares the clock of its sound with ours.
func listen(t *testing.T, h *peers.Housephone, length time.Duration) <-chan float64 {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := phonetest.NewPeer(t)
	to := netip.MustParseAddrPort(h.SIPAddr)
	port := conn.LocalAddr().(*net.UDPAddr).Port
	invite := p.Invite("sip:phone@"+h.SIPAddr, to, phonetest.WithSDP(phonetest.SDP(port, "PCMA", "a=rtcp-mux")))
	ok := p.Await(t, "200")
	d := p.Dialog(invite, ok)
	d.Ack(ok)
	go talk(conn, ok.MediaAddr(), length)
	out := make(chan float64, 1)
	go func() {
		ppm := hear(conn)
		d.Bye()
		out <- ppm
	}()
	return out
}

// talk sends silence, so that the call has two sides, and closes the socket at the end.
func talk(conn *net.UDPConn, to netip.AddrPort, length time.Duration) {
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	packet := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 8, SSRC: 7}, Payload: bytes.Repeat([]byte{0xd5}, 160)}
	for end := time.Now().Add(length); time.Now().Before(end); <-tick.C {
		packet.SequenceNumber++
		packet.Timestamp += 160
		if raw, err := packet.Marshal(); err == nil {
			_, _ = conn.WriteToUDPAddrPort(raw, to)
		}
	}
}

// hear follows the clock of what comes until the socket is closed.
func hear(conn *net.UDPConn) (ppm float64) {
	c, buf := NewClock(8000), make([]byte, 2048)
	var first uint32
	var begin time.Time
	for {
		n, err := conn.Read(buf)
		if err != nil {
			ppm, _ = c.PPM()
			return ppm
		}
		var packet rtp.Packet
		if packet.Unmarshal(buf[:n]) != nil || packet.PayloadType != 8 {
			continue
		}
		if begin.IsZero() {
			begin, first = time.Now(), packet.Timestamp
		}
		c.Add(time.Since(begin), packet.Timestamp-first)
	}
}

// crowd is sipp.
type crowd struct {
	*peers.Process
	stats string
	limit time.Duration
}

func newCrowd(t *testing.T, ports *peers.Ports, h *peers.Housephone, length time.Duration) *crowd {
	t.Helper()
	dir := t.TempDir()
	scenario, err := filepath.Abs("../bench/testdata/crowd.xml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sound.alaw"), bytes.Repeat([]byte{0xd5}, 10*8000), 0o600); err != nil {
		t.Fatal(err)
	}
	rate := calls / int(callLength.Seconds())
	all := rate * int(length.Seconds()) // the last ones outlive what is sampled
	c := &crowd{stats: filepath.Join(dir, "stats.csv"), limit: 2*callLength + time.Minute}
	c.Process = peers.Start(t, peers.Command{
		Path: peers.Program(t, "sipp"), Home: dir, Quiet: true,
		Args: []string{
			"-sf", scenario, "-s", "phone", "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", strconv.Itoa(ports.Next()), "-mp", "17000",
			"-m", strconv.Itoa(all), "-l", strconv.Itoa(calls), "-r", strconv.Itoa(rate), "-d", strconv.FormatInt(callLength.Milliseconds(), 10),
			"-nostdin", "-trace_stat", "-stf", c.stats, "-fd", "1", h.SIPAddr,
		},
	})
	return c
}

// outcome waits for the last calls and counts them.
func (c *crowd) outcome(t *testing.T) (done, failed int) {
	t.Helper()
	c.Wait(c.limit)
	text, err := os.ReadFile(c.stats)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("no statistics of sipp: %v", err)
	}
	last := rows[len(rows)-1]
	for i, name := range rows[0] {
		switch name {
		case "SuccessfulCall(C)":
			done, _ = strconv.Atoi(last[i])
		case "FailedCall(C)":
			failed, _ = strconv.Atoi(last[i])
		}
	}
	return done, failed
}

// report prints the slopes, of all but the first quarter, and judges them.
func report(t *testing.T, samples []Sample, done, failed int, ppm float64) {
	t.Helper()
	if len(samples) < 4 {
		t.Fatalf("%d samples", len(samples))
	}
	steady := samples[len(samples)/4:]
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "\nover %s, %d calls at a time\tfirst\tlast\tslope an hour\tresidual\n", samples[len(samples)-1].At.Round(time.Second), calls)
	for _, row := range []struct {
		name  string
		most  float64 // that it may have risen over the whole time
		value func(Sample) float64
	}{
		{"file descriptors", 20, func(s Sample) float64 { return s.Files }},
		{"goroutines", 20, func(s Sample) float64 { return s.Goroutines }},
		{"resident memory, MiB", 8, func(s Sample) float64 { return s.Resident }},
		{"heap in use, MiB", 8, func(s Sample) float64 { return s.Heap }},
	} {
		rise, off := Slope(steady, row.value)
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%+.2f\t%.2f\n", row.name, row.value(steady[0]), row.value(steady[len(steady)-1]), rise, off)
		if grown := rise * (steady[len(steady)-1].At - steady[0].At).Hours(); grown > row.most {
			t.Errorf("%s have grown by %.1f", row.name, grown)
		}
	}
	_ = w.Flush()
	t.Logf("%scalls: %d done, %d failed; clock of the sound: %+.2f ppm", text.String(), done, failed, ppm)
	if failed > 0 || done == 0 {
		t.Errorf("%d calls failed, %d were done", failed, done)
	}
}

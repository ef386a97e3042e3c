package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const patience = 5 * time.Second

// service is the program under attack.
type service struct {
	cmd  *exec.Cmd
	addr netip.AddrPort
	conn *net.UDPConn // of the caller
	seq  int
}

func start(ctx context.Context, bin string, caller net.IP) (*service, error) {
	ports := make([]string, 2)
	for i := range ports {
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		ports[i] = ln.Addr().String()
		_ = ln.Close()
	}
	s := &service{addr: netip.MustParseAddrPort(ports[0])}
	s.cmd = exec.CommandContext(ctx, bin)
	s.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "SIP_LISTEN=" + ports[0], "MQTT_LISTEN=" + ports[1], "HTTP_LISTEN=none", "AUDIO_CAPTURE=none",
		"AUDIO_PLAYBACK=none", "PHONE_AUTOANSWER=1", "LOG_LEVEL=error",
	}
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	var err error
	if s.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: caller}); err != nil {
		s.stop()
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; {
		if _, err = s.call(200 * time.Millisecond); err == nil {
			return s, nil
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("the service does not answer: %w", err)
		}
	}
}

func (s *service) pid() int { return s.cmd.Process.Pid }

func (s *service) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// calls sets up one call after the other, twenty a second, and gives how long each took; 0 is a failed one.
func (s *service) calls(ctx context.Context, length time.Duration) ([]time.Duration, error) {
	var took []time.Duration
	for end := time.Now().Add(length); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		d, err := s.call(patience)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, errRefused) {
			return nil, err
		}
		if err != nil {
			d = 0
		}
		took = append(took, d)
	}
	return took, ctx.Err()
}

var (
	errRefused = errors.New("the call was refused")
	toTag      = regexp.MustCompile(`(?i)\r\nTo:[^\r]*;tag=([^;\r\s]+)`)
)

// call is INVITE, 200, ACK, BYE, 200; the time is that from INVITE to 200. Nothing is sent twice: a
// datagram that is lost is a call that failed.
func (s *service) call(wait time.Duration) (time.Duration, error) {
	s.seq++
	self := s.conn.LocalAddr().String()
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
	message := func(method string, n int, tag, body string) []byte {
		return []byte(fmt.Sprintf("%s sip:phone@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKc%d%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:hall@%s>;tag=h\r\n"+
			"To: <sip:phone@%s>%s\r\nCall-ID: call-%d\r\nCSeq: %d %s\r\nContact: <sip:hall@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			method, s.addr, self, s.seq, method, self, s.addr, tag, s.seq, n, method, self, len(body), body))
	}
	begin := time.Now()
	ok, err := s.exchange(message("INVITE", 1, "", sdp), "1 INVITE", wait)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	m := toTag.FindSubmatch(ok)
	if m == nil {
		return 0, errRefused
	}
	tag := ";tag=" + string(m[1])
	if _, err := s.conn.WriteToUDPAddrPort(message("ACK", 1, tag, ""), s.addr); err != nil {
		return 0, err
	}
	if _, err = s.exchange(message("BYE", 2, tag, ""), "2 BYE", wait); err != nil {
		return 0, err
	}
	return took, nil
}

// exchange sends a request and waits for its final answer.
func (s *service) exchange(raw []byte, cseq string, wait time.Duration) ([]byte, error) {
	if _, err := s.conn.WriteToUDPAddrPort(raw, s.addr); err != nil {
		return nil, err
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(wait))
	buf := make([]byte, 64<<10)
	for {
		n, err := s.conn.Read(buf)
		if err != nil {
			return nil, err
		}
		text := string(buf[:n])
		if !strings.HasPrefix(text, "SIP/2.0 ") || !strings.Contains(text, fmt.Sprintf("Call-ID: call-%d\r\n", s.seq)) || !strings.Contains(text, "CSeq: "+cseq) {
			continue
		}
		switch code := text[8:11]; {
		case code[0] == '1':
		case code == "200":
			return bytes.Clone(buf[:n]), nil
		default:
			return nil, fmt.Errorf("%w: %s", errRefused, code)
		}
	}
}

// resident is the memory of a process in RAM at its highest since its start, in octets (proc_pid_status(5)).
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New("no VmHWM")
}

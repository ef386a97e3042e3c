package phone

import (
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// message builds a request with one header.
func message(name, value string) *sip.Request {
	req := sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", Host: "h"})
	if name != "" {
		req.AppendHeader(sip.NewHeader(name, value))
	}
	return req
}

func TestParseExpires(t *testing.T) {
	for value, want := range map[string]struct {
		secs int
		who  string
		ok   bool
	}{
		"1800":                        {1800, "", true},
		"1800 ; refresher = UAC ;x=y": {1800, "uac", true},
		"90;refresher=uas":            {90, "uas", true},
		"0":                           {},
		"-5":                          {},
		"86401":                       {},
		"99999999999999999999":        {},
		"x":                           {},
		"":                            {},
	} {
		secs, who, ok := parseExpires(message("Session-Expires", value))
		if secs != want.secs || who != want.who || ok != want.ok {
			t.Errorf("%q: %d %q %v", value, secs, who, ok)
		}
	}
	if secs, _, ok := parseExpires(message("x", "120")); secs != 120 || !ok {
		t.Error("the compact form is not read")
	}
}

func TestNextRefresh(t *testing.T) {
	s := session{interval: 1800 * time.Second}
	if s.next(true) != 900*time.Second || s.next(false) != 1768*time.Second {
		t.Errorf("%v, %v", s.next(true), s.next(false))
	}
	s.interval = 60 * time.Second
	if s.next(false) != 40*time.Second { // RFC 4028 10: the smaller of 32 s and a third
		t.Errorf("%v", s.next(false))
	}
}

func TestFragment(t *testing.T) {
	for body, want := range map[string]int{
		"SIP/2.0 200 OK\r\n": 200, "SIP/2.0 486": 486, " sip/2.0 100 Trying": 100, "SIP/2.0 99 x": 0, "SIP/2.0 700 x": 0,
		"": 0, "HTTP/1.1 200 OK": 0, "SIP/2.0": 0, "SIP/2.0 abc": 0, "SIP/2.0 200 OK\r\nX: y\r\n": 200,
	} {
		if got, _ := fragment(body); got != want {
			t.Errorf("%q: %d, want %d", body, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	ps := Patterns{"6??", "+39*", "*@pbx.local", "Bob"}
	for uri, want := range map[string]bool{
		"sip:612@x": true, "sip:6123@x": false, "sip:+39051@x": true, "sip:any@PBX.local": true, "sip:bob@x": true, "sip:eve@x": false, "sip:x": false,
	} {
		var u sip.Uri
		if err := sip.ParseUri(uri, &u); err != nil {
			t.Fatal(err)
		}
		if ps.Match(u) != want {
			t.Errorf("%s: %v", uri, !want)
		}
	}
	if bad, err := CheckPatterns([]string{"ok", "[x"}); err == nil || bad != "[x" {
		t.Errorf("%q %v", bad, err)
	}
}

func TestSplitHostPort(t *testing.T) {
	for in, want := range map[string]struct {
		host string
		port int
	}{
		"a.b": {"a.b", 0}, "a.b:5": {"a.b", 5}, "1.2.3.4:5": {"1.2.3.4", 5}, "[::1]:5": {"::1", 5}, "::1": {"::1", 0}, "[::1]": {"::1", 0}, "": {"", 0},
	} {
		if host, port := splitHostPort(in); host != want.host || port != want.port {
			t.Errorf("%q: %q %d", in, host, port)
		}
	}
	for in, ok := range map[string]bool{"": true, "1.2.3.4": true, "1.2.3.4:5": true, "[::1]:5": true, "::1": true, "name": false, "1.2.3.4:x": false} {
		if _, _, err := splitAdvertise(in); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"60": time.Minute, "60 (maintenance)": time.Minute, "60;duration=5": time.Minute, "": 0, "-1": 0, "x": 0, "99999999999": 0,
	} {
		if got := seconds(message("Retry-After", in), "Retry-After"); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestEventQueueKeepsRecords(t *testing.T) {
	q := newEventQueue()
	for range eventLimit {
		q.push(StateChanged{})
	}
	for range eventLimit {
		q.push(Ended{})
	}
	all := q.take()
	records := 0
	for _, e := range all {
		if _, ok := e.(Ended); ok {
			records++
		}
	}
	if len(all) != eventLimit || records != eventLimit {
		t.Errorf("%d events, %d records", len(all), records)
	}
}

func TestMailboxBounds(t *testing.T) {
	m := newMailbox()
	taken := 0
	for m.offer(func() {}) {
		taken++
	}
	if taken != mailboxLimit {
		t.Errorf("%d requests wait", taken)
	}
	if !m.post(func() {}) {
		t.Error("own work is dropped")
	}
	if n := len(m.close()); n != mailboxLimit+1 || m.post(func() {}) {
		t.Errorf("%d left", n)
	}
}

// What strangers write never breaks out of a header, and never panics.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"sip:a@b", "Signal=5\r\nDuration=160", "SIP/2.0 200 OK", "1800;refresher=uac", "<sip:x>;answer-after=0", "auto", "\"a\" <sip:a@b>", "[::1]:5", "\x00\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if uri, err := parseTarget(s); err == nil && (hasControl(uri.String()) || strings.ContainsAny(uri.String(), "<> \"")) {
			t.Errorf("%q is taken as %q", s, uri.String())
		}
		if key := relayKey(s); len(key) > 1 || key != "" && !isKey(rune(key[0])) {
			t.Errorf("key %q", key)
		}
		if code, reason := fragment(s); code != 0 && (code < 100 || code > 699 || hasControl(reason)) {
			t.Errorf("%d %q", code, reason)
		}
		if secs, _, ok := parseExpires(message("Session-Expires", s)); ok && (secs <= 0 || secs > maxSessionExpires) {
			t.Errorf("%d s", secs)
		}
		if d, ok := answerAfter(s); ok && (d < 0 || d > time.Minute) {
			t.Errorf("answered after %v", d)
		}
		if c := clean(s); hasControl(c) || len(c) > 256 {
			t.Errorf("%q", c)
		}
		if seconds(message("Expires", s), "Expires") < 0 {
			t.Errorf("negative: %q", s)
		}
		_, _ = splitHostPort(s)
		_, _, _ = splitAdvertise(s)
		_ = Patterns{"*@x"}.Match(sip.Uri{User: s, Host: s})
	})
}

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"housephone/phone/phonetest"
)

// pressed is how many keys one call sends: fewer than what the programs' counters of requests bear.
const pressed = 10000

// relay sends keys by INFO within a call and gives how many events a second came out of the broker; all of them do.
func (d *driver) relay(ctx context.Context, s *subject, rtpPort uint16, n int) (float64, error) {
	d.clear()
	if _, err := d.mqtt.publish(s.dial(fmt.Sprintf("sip:driver@%s", d.sip.addr))); err != nil {
		return 0, err
	}
	invite, err := d.sip.await(ctx, "INVITE", isRequest("INVITE"))
	if err != nil {
		return 0, err
	}
	if _, err := d.sip.send(withSDP(d.sip.response(invite, 200, "OK", "bench"), rtpPort).Bytes(), invite.Source); err != nil {
		return 0, err
	}
	if _, err := d.mqtt.await(ctx, "the answered call", s.talks); err != nil {
		return 0, err
	}
	rate, err := d.keys(ctx, s, invite, n)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.name, err)
	}
	return rate, d.end(ctx, s)
}

// keys sends n keys; as many as window are under way.
func (d *driver) keys(ctx context.Context, s *subject, invite *phonetest.Msg, n int) (float64, error) {
	start := time.Now()
	last := start
	for sent, heard := 0, 0; heard < n; {
		for sent < n && sent-heard < window {
			if _, err := d.sip.send(d.sip.key(invite, sent).Bytes(), invite.Source); err != nil {
				return 0, err
			}
			sent++
		}
		m, err := d.mqtt.await(ctx, "a key", s.key)
		if err != nil {
			return 0, fmt.Errorf("key %d: %w", heard, err)
		}
		heard++
		last = m.at
	}
	return float64(n) / last.Sub(start).Seconds(), nil
}

// key makes request number n of the callee inside the dialog of an INVITE: a key, as phones send it without RFC 4733.
func (s *socket) key(invite *phonetest.Msg, n int) *phonetest.Msg {
	contact := invite.Header("Contact")
	if _, rest, ok := strings.Cut(contact, "<"); ok {
		contact, _, _ = strings.Cut(rest, ">")
	}
	m := s.request("INFO", "x", invite.Source)
	m.URI = contact
	m.Set("From", invite.Header("To")+";tag=bench")
	m.Set("To", invite.Header("From"))
	m.Set("Call-ID", invite.CallID())
	m.Set("CSeq", fmt.Sprintf("%d INFO", n+1))
	m.Add("Content-Type", "application/dtmf-relay")
	m.Body = fmt.Appendf(nil, "Signal=%d\r\nDuration=160\r\n", n%10)
	return m
}

// measureRelay counts how fast events get from a call to the broker.
func (b *bench) measureRelay() error {
	const parts = 5
	seconds := make([]float64, len(b.subjects))
	n := max(min(pressed, b.commands)/parts, 1)
	for range parts {
		for i, s := range b.subjects {
			rate, err := b.driver.relay(b.t.Context(), s, b.ends.rtp.addr.Port(), n)
			if err != nil {
				return err
			}
			seconds[i] += float64(n) / rate
		}
	}
	rates := each(seconds, func(s float64) float64 { return parts * float64(n) / s })
	b.add(line("keys of a call relayed to MQTT", "/s", rates, nil).rising())
	return nil
}

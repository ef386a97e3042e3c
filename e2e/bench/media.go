package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"housephone/phone/phonetest"
)

// rtpEnds are the driver's sockets for sound.
type rtpEnds struct{ rtp, rtcp *socket }

var errFewPackets = errors.New("too few packets came")

const (
	frame      = 20 * time.Millisecond
	firstPort  = 30000 // below the ephemeral range, above the blocks of ports that the programs get
	portsTried = 1000
	callWarmup = 2 * time.Second // not counted: the program's threads start, its buffers fill
)

// listenRTP opens an even port for RTP and the next one for RTCP, so that reports do not bounce.
func listenRTP(t testing.TB) rtpEnds {
	t.Helper()
	for port := firstPort; port < firstPort+portsTried; port += 2 {
		rtp, err := open(port)
		if err != nil {
			continue
		}
		rtcp, err := open(port + 1)
		if err != nil {
			_ = rtp.conn.Close()
			continue
		}
		rtp.serve(t)
		rtcp.serve(t)
		return rtpEnds{rtp, rtcp}
	}
	t.Fatal("no two free ports for sound")
	return rtpEnds{}
}

// talk is what is measured in one call.
type talk struct {
	gaps []time.Duration // between packets
	cpu  time.Duration   // processor time
	took time.Duration   // of wall time
	late []time.Duration // of each packet against an even beat through the earliest one
}

func (t *talk) add(more talk) {
	t.gaps, t.late = append(t.gaps, more.gaps...), append(t.late, more.late...)
	t.cpu += more.cpu
	t.took += more.took
}

// lateness is how late each packet came against a beat of one frame through the earliest.
func lateness(moments []time.Time) []time.Duration {
	var out []time.Duration
	for i, m := range moments {
		out = append(out, m.Sub(moments[0])-time.Duration(i)*frame)
	}
	if len(out) > 0 {
		earliest := slices.Min(out)
		for i := range out {
			out[i] -= earliest
		}
	}
	return out
}

// call lets a program call the driver, with sound in both directions, and measures for that long.
func (d *driver) call(ctx context.Context, s *subject, ends rtpEnds, v voice, length time.Duration) (talk, error) {
	d.clear()
	if _, err := d.mqtt.publish(s.dial(fmt.Sprintf("sip:driver@%s", d.sip.addr))); err != nil {
		return talk{}, err
	}
	invite, err := d.sip.await(ctx, "INVITE", isRequest("INVITE"))
	if err != nil {
		return talk{}, err
	}
	v = v.agreed(invite)
	answer := d.sip.response(invite, 200, "OK", "bench")
	answer.Add("Content-Type", "application/sdp")
	answer.Body = v.sdp(ends.rtp.addr.Port())
	if _, err := d.sip.send(answer.Bytes(), invite.Source); err != nil {
		return talk{}, err
	}
	if _, err := d.sip.await(ctx, "ACK", isRequest("ACK")); err != nil {
		return talk{}, err
	}
	if _, err := d.mqtt.await(ctx, "the answered call", s.talks); err != nil {
		return talk{}, err
	}
	t, err := d.sound(ctx, s, ends, v, invite, length)
	return t, errors.Join(err, d.end(ctx, s))
}

// sound sends and receives for a while and measures after the warm-up.
func (d *driver) sound(ctx context.Context, s *subject, ends rtpEnds, v voice, invite *phonetest.Msg, length time.Duration) (talk, error) {
	ctx, stop := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		ends.send(ctx, v, invite.MediaAddr())
	}()
	defer func() {
		stop()
		<-sent
	}()
	if err := pause(ctx, callWarmup); err != nil {
		return talk{}, err
	}
	ends.rtp.forget()
	before, err := cpuTime(s.proc.PID())
	if err != nil {
		return talk{}, err
	}
	start := time.Now()
	if err := pause(ctx, length); err != nil {
		return talk{}, err
	}
	after, err := cpuTime(s.proc.PID())
	if err != nil {
		return talk{}, err
	}
	moments := ends.rtp.arrivals()
	t := talk{cpu: after - before, took: time.Since(start), gaps: gaps(moments), late: lateness(moments)}
	if want := int(length / frame); len(t.gaps) < want/2 { // a machine that stalls loses some
		return talk{}, fmt.Errorf("%d of %d: %w", len(t.gaps), want, errFewPackets)
	}
	return t, nil
}

// end hangs up from the program's side.
func (d *driver) end(ctx context.Context, s *subject) error {
	if _, err := d.mqtt.publish(s.hangUp); err != nil {
		return err
	}
	bye, err := d.sip.await(ctx, "BYE", isRequest("BYE"))
	if err != nil {
		return err
	}
	if err := d.sip.reply(bye, 200, "OK"); err != nil {
		return err
	}
	_, err = d.mqtt.await(ctx, "the end of the call", s.idle)
	return err
}

// send sends sound every 20 ms until ctx ends.
func (e rtpEnds) send(ctx context.Context, v voice, to netip.AddrPort) {
	tick := time.NewTicker(frame)
	defer tick.Stop()
	data := make([]byte, 12, 1500)
	for seq := uint16(0); ; seq++ {
		data = v.packet(data[:12], seq)
		_, _ = e.rtp.send(data, to) // a lost packet is no matter here
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// arrivals are the moments of the packets that have come.
func (s *socket) arrivals() []time.Time {
	var out []time.Time
	for {
		select {
		case p := <-s.packets:
			out = append(out, p.at)
		default:
			return out
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

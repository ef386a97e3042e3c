package main

import (
	"context"
	"fmt"
	"time"
)

// driver is the other end of both programs: a phone and a user of the broker.
type driver struct {
	sip  *socket
	mqtt *mqttClient
}

// settle is how long a program rests between two samples.
const settle = 20 * time.Millisecond

// signals are a program's samples.
type signals struct {
	invite  []time.Duration // publish to INVITE on the wire
	ringing []time.Duration // INVITE in to 180 out
	event   []time.Duration // INVITE in to the MQTT event
}

// callOut takes one sample of publish to INVITE. The call is refused, so that it is over soon.
func (d *driver) callOut(ctx context.Context, s *subject) (time.Duration, error) {
	d.clear()
	start, err := d.mqtt.publish(s.dial(fmt.Sprintf("sip:driver@%s", d.sip.addr)))
	if err != nil {
		return 0, err
	}
	invite, err := d.sip.await(ctx, "INVITE", isRequest("INVITE"))
	if err != nil {
		return 0, err
	}
	if err := d.sip.reply(invite, 486, "Busy Here"); err != nil {
		return 0, err
	}
	if _, err := d.sip.await(ctx, "ACK", isRequest("ACK")); err != nil {
		return 0, err
	}
	_, err = d.mqtt.await(ctx, "the end of the call", s.idle)
	return invite.At.Sub(start), err
}

// callIn takes one sample of INVITE to 180 and to the event. The call is cancelled.
func (d *driver) callIn(ctx context.Context, s *subject, rtpPort uint16) (ringing, event time.Duration, err error) {
	d.clear()
	invite := withSDP(d.sip.request("INVITE", s.user, s.addr), rtpPort)
	start, err := d.sip.send(invite.Bytes(), s.addr)
	if err != nil {
		return 0, 0, err
	}
	progress, err := d.sip.await(ctx, "180", isResponse(180, invite))
	if err != nil {
		return 0, 0, err
	}
	ring, err := d.mqtt.await(ctx, "the event", s.rings)
	if err != nil {
		return 0, 0, err
	}
	if _, err := d.sip.send(follow("CANCEL", invite, invite.Header("To")).Bytes(), s.addr); err != nil {
		return 0, 0, err
	}
	failure, err := d.sip.await(ctx, "487", isResponse(487, invite))
	if err != nil {
		return 0, 0, err
	}
	if _, err := d.sip.send(follow("ACK", invite, failure.Header("To")).Bytes(), s.addr); err != nil {
		return 0, 0, err
	}
	_, err = d.mqtt.await(ctx, "the end of the call", s.idle)
	return progress.At.Sub(start), ring.at.Sub(start), err
}

// clear waits until a program has come to rest and drops what it said meanwhile.
func (d *driver) clear() {
	time.Sleep(settle)
	d.mqtt.forget()
	d.sip.forget()
}

// signalling takes all samples, the programs in turns.
func (d *driver) signalling(ctx context.Context, subjects []*subject, o options, rtpPort uint16) ([]signals, error) {
	out := make([]signals, len(subjects))
	for n := range o.warmup + o.samples {
		for i, s := range subjects {
			invite, err := d.callOut(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("%s, call out %d: %w", s.name, n, err)
			}
			ringing, event, err := d.callIn(ctx, s, rtpPort)
			if err != nil {
				return nil, fmt.Errorf("%s, call in %d: %w", s.name, n, err)
			}
			if n < o.warmup {
				continue
			}
			out[i].invite = append(out[i].invite, invite)
			out[i].ringing = append(out[i].ringing, ringing)
			out[i].event = append(out[i].event, event)
		}
	}
	return out, nil
}

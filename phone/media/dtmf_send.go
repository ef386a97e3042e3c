package media

import (
	"fmt"
	"strings"
	"time"
)

const (
	dtmfPause = 500 * time.Millisecond // length of ','
	maxKeys   = 256                    // queued for one stream
	endCopies = 3                      // RFC 4733 2.5.1.4
)

// eventPacket is one telephone-event packet to be sent.
type eventPacket struct {
	event     byte
	end       bool
	marker    bool
	duration  uint16
	timestamp uint32
}

// payload is the RFC 4733 2.3 form at volume -10 dBm0.
func (p eventPacket) payload() [4]byte {
	const volume, end = 10, 0x80
	b := [4]byte{p.event, volume, byte(p.duration >> 8), byte(p.duration)}
	if p.end {
		b[1] |= end
	}
	return b
}

type dtmfJob struct {
	keys string
	done func()
}

// dtmfSender turns queued keys into event packets and pauses, one step for
// each packet time.
type dtmfSender struct {
	jobs   []dtmfJob
	queued int // keys in jobs
	tone   int // packets of the key being sent, 0 between keys
	sent   int // of these
	wait   int // packet times of pause left
	start  uint32
}

// checkKeys brings keys to the form that is sent.
func checkKeys(keys string) (string, error) {
	keys = strings.ToUpper(keys)
	if keys == "" || len(keys) > maxKeys {
		return "", fmt.Errorf("%d keys, want 1 to %d: %w", len(keys), maxKeys, ErrKeys)
	}
	for _, k := range keys {
		if k != ',' && !strings.ContainsRune(dtmfKeys, k) {
			return "", fmt.Errorf("key %q: %w", k, ErrKeys)
		}
	}
	return keys, nil
}

// queue appends checked keys.
func (d *dtmfSender) queue(keys string, done func()) error {
	if d.queued+len(keys) > maxKeys {
		return fmt.Errorf("%d keys waiting: %w", d.queued, ErrKeys)
	}
	d.queued += len(keys)
	d.jobs = append(d.jobs, dtmfJob{keys, done})
	return nil
}

func (d *dtmfSender) busy() bool { return len(d.jobs) > 0 }

// abort empties the queue and returns what waits for its end.
func (d *dtmfSender) abort() (done []func()) {
	for _, j := range d.jobs {
		done = append(done, j.done)
	}
	*d = dtmfSender{}
	return done
}

// timing is what the packets of a stream look like.
type timing struct {
	ptime     time.Duration
	clock     int           // of telephone-event
	tone, gap time.Duration // of one key
}

func (t timing) frames(d time.Duration) int { return int((d + t.ptime - 1) / t.ptime) }

func (t timing) step() int { return int(int64(t.clock) * int64(t.ptime) / int64(time.Second)) }

// next is the step at timestamp ts. With ok false there is a pause, in which
// sound is silent while busy. done is set with a job's last step.
func (d *dtmfSender) next(ts uint32, t timing) (p eventPacket, ok bool, done func()) {
	if d.tone == 0 && d.wait == 0 {
		d.begin(ts, t)
	}
	if d.tone > 0 {
		return d.packet(t), true, d.finish()
	}
	d.wait = max(d.wait-1, 0)
	return eventPacket{}, false, d.finish()
}

// begin starts the next key or pause.
func (d *dtmfSender) begin(ts uint32, t timing) {
	if len(d.jobs) == 0 {
		return
	}
	job := &d.jobs[0]
	key := job.keys[0]
	if key == ',' {
		d.wait = t.frames(dtmfPause)
		d.pop()
		return
	}
	// One timestamp tells no more than 0xffff units (RFC 4733 2.5.1.3).
	d.tone = max(1, min(t.frames(t.tone), 0xffff/max(t.step(), 1)))
	d.sent, d.start = 0, ts
}

// packet is the next packet of the key being sent: growing duration, then the
// end three times, all under the timestamp of the start.
func (d *dtmfSender) packet(t timing) eventPacket {
	d.sent++
	n := min(d.sent, d.tone)
	p := eventPacket{
		event:     byte(strings.IndexByte(dtmfKeys, d.jobs[0].keys[0])),
		marker:    d.sent == 1,
		end:       n == d.tone,
		duration:  uint16(n * t.step()),
		timestamp: d.start,
	}
	if d.sent == d.tone+endCopies-1 {
		d.tone = 0
		d.wait = max(t.frames(t.gap)-(endCopies-1), 0) // the copies lie within the gap
		d.pop()
	}
	return p
}

// pop removes the key just begun or sent; an empty job stays until the pause
// behind it is over.
func (d *dtmfSender) pop() {
	d.jobs[0].keys = d.jobs[0].keys[1:]
	d.queued--
}

// finish ends the job whose keys and pause are through.
func (d *dtmfSender) finish() func() {
	if len(d.jobs) == 0 || d.jobs[0].keys != "" || d.wait > 0 || d.tone > 0 {
		return nil
	}
	done := d.jobs[0].done
	d.jobs = d.jobs[1:]
	return done
}

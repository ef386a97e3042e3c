package main

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"housephone/bridge"
	"housephone/phone"
	"housephone/phone/media"
)

// meter turns the counters of the parts into Prometheus metrics when they are asked for.
type meter struct {
	phone  func() phone.Stats // nil = no line
	bridge func() bridge.Stats
	state  *atomic.Pointer[phone.State]
	ended  *callCounter
	active func() bool
}

// callCounter counts ended calls by direction and cause.
type callCounter struct{ vec *prometheus.CounterVec }

func newCallCounter() *callCounter {
	return &callCounter{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "housephone_calls_ended_total", Help: "Calls that have ended.",
	}, []string{"direction", "cause"})}
}

func (c *callCounter) count(e phone.Ended) {
	c.vec.WithLabelValues(string(e.Call.Direction), string(e.Cause)).Inc()
}

// Describe sends no descriptions: the set is checked when it is collected.
func (m *meter) Describe(chan<- *prometheus.Desc) {}

// Collect reads every counter once.
func (m *meter) Collect(out chan<- prometheus.Metric) {
	gauge := func(name, help string, v float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("housephone_"+name, help, nil, nil), prometheus.GaugeValue, v)
	}
	counter := func(name, help string, v uint64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("housephone_"+name+"_total", help, nil, nil), prometheus.CounterValue, float64(v))
	}
	b := m.bridge()
	gauge("mqtt_connected", "1 while the broker is connected.", one(b.Connected))
	gauge("mqtt_pending", "Messages that wait for the broker.", float64(b.Pending))
	counter("mqtt_sent", "Messages that the broker has acknowledged.", b.Sent)
	counter("mqtt_connects", "Connections to the broker.", b.Connects)
	if m.phone != nil {
		p := m.phone()
		counter("sip_received", "SIP messages taken in.", p.Transport.Received)
		counter("sip_malformed", "Datagrams and streams that were no SIP message.", p.Transport.Malformed)
		counter("sip_refused", "SIP messages of addresses that may not send any.", p.Transport.Refused)
		gauge("sip_transactions", "SIP transactions alive.", float64(p.ClientTransactions+p.ServerTxs))
		counter("panics", "Internal errors that cost one call.", p.Panics)
		counter("media_frames", "Frames paced.", p.Media.Frames)
		counter("media_late", "Frames sent more than 1 ms late.", p.Media.Late)
		out <- lateness(p.Media)
		counter("media_skipped", "Frames left out because the machine was late.", p.Media.Skipped)
	}
	gauge("active", "1 while this instance of a pair has the phone; always on its own.", one(m.active()))
	if s := m.state.Load(); s != nil {
		gauge("registered", "1 while the registrar knows this phone.", one(s.Registered))
		gauge("calls", "Calls in progress.", float64(len(s.Calls)))
	}
	m.ended.vec.Collect(out)
}

// lateness is how late frames were sent.
func lateness(m media.EngineStats) prometheus.Metric {
	buckets := map[float64]uint64{}
	total := uint64(0)
	bounds := media.LatenessBounds()
	for i, n := range m.Lateness {
		if total += n; i < len(bounds) {
			buckets[bounds[i].Seconds()] = total
		}
	}
	desc := prometheus.NewDesc("housephone_media_lateness_seconds", "How late frames of sound were sent.", nil, nil)
	return prometheus.MustNewConstHistogram(desc, total, m.LateSum.Seconds(), buckets)
}

func one(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

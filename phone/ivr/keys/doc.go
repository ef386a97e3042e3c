// Package keys hears the keys of a telephone in its sound and gathers them.
//
// [Detector] finds DTMF tones in PCM (ITU-T Q.23, Q.24) for calls that have not
// agreed on telephone-events: every key once, in order, none in speech.
// [Collector] gathers keys, however they came, until there are enough.
//
// Both are pure: time is told by the samples or passed in. A Detector is fed by
// one goroutine, a Collector is owned by one.
//
// Non-goals: RTP events, INFO, making tones. Keys heard in sound are no proof of
// who pressed them: whoever opens doors by keys must not take them from here.
package keys

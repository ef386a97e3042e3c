// Package opus is the Opus codec (RFC 6716, RFC 7587) for a telephone: mono, one
// packet for each 20 ms sent, any packet received. The arithmetic is gopus, a
// port of libopus to Go: no cgo, no shared library.
//
// An Encoder and a Decoder carry the state of one direction of one call, are
// used by one goroutine at a time and allocate nothing per packet. The RTP clock
// is 48000 Hz whatever the sample rate here (RFC 7587 4.1); either side may use
// any of the rates without telling the other.
//
// Goals: speech, in-band FEC, DTX, and safety against any payload. Non-goals:
// stereo, music, frames other than 20 ms.
package opus

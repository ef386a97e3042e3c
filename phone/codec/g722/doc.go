// Package g722 is the 64 kbit/s wideband speech codec of ITU-T G.722 (mode 1):
// 16 kHz samples in, one octet for each two of them out.
//
// Goals: the octets and samples of the Recommendation, no allocation, a few
// microseconds for 20 ms of speech. Non-goals: modes 2 and 3 (56 and 48 kbit/s),
// the octet-less packings, and loss concealment.
//
// On amd64 the filter and the predictors run in vectors (SSE2, in assembly);
// elsewhere, and as what the tests compare them with, in plain Go.
//
// An Encoder and a Decoder carry the state of one direction of one call. They
// are not safe for concurrent use; the two are independent of each other.
// In RTP the codec's clock is 8000 Hz although it samples at 16 kHz
// (RFC 3551 4.5.2).
package g722

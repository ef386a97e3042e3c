// Package codec names the audio codecs of a call and turns PCM into RTP
// payloads and back.
//
// Goals: one table of codecs for the offer/answer and for the media engine,
// and encoders and decoders that allocate nothing per frame.
//
// Non-goals: RTP packets, packet-loss concealment, resampling.
//
// PCM is mono (or interleaved) int16 at [Codec.SampleRate]. An [Encoder] or
// [Decoder] belongs to one direction of one call: it may keep state between
// frames and is not safe for concurrent use.
package codec

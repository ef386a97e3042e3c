// Package conceal fills the gaps that lost packets leave in decoded speech, in
// the manner of ITU-T G.711 Appendix I: the last pitch periods go on, fade after
// 10 ms and are silent after 60 ms, and the first frame after the gap is faded
// in.
//
// Unlike the Appendix it adds no delay: it does not hold back the last samples
// to blend them into the repetition, but lets the step at the seam die away.
// It works at any rate from 8 to 48 kHz and with any frame size.
//
// A Concealer sees every frame of one stream in order, from one goroutine, and
// allocates nothing after New.
package conceal

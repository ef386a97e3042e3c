// Package font holds the two eight-pixel-high typefaces of the displays and turns text into columns of pixels.
//
// Goals: one set of drawings (glyphs.txt), two faces made of it. [Proportional] gives every glyph its own width and
// one empty column after it; [CP437] puts every glyph into a cell of eight columns and covers all 256 positions of
// code page 437, box drawing and shades included. Text that a face cannot draw falls back to what a person can
// still read: the letter without its accent, Cyrillic and Greek in Latin letters, a plain quote for a curly one, and
// a question mark for the rest.
//
// Non-goals: shaping, right-to-left text, kerning, colour.
//
// A column is a byte, bit 0 is the top pixel. A Face is immutable and may be shared.
package font

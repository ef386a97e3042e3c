package font

import "sync"

// Face is one typeface.
type Face struct {
	glyphs map[rune]Glyph
	gap    int // empty columns after a glyph
}

// Proportional is the face whose glyphs are as wide as they need to be, with one column between them. Digits are
// all five columns wide, so that a clock does not jump.
func Proportional() *Face { return proportional() }

// CP437 is the face with cells of eight columns that covers code page 437.
func CP437() *Face { return cp437() }

//nolint:gochecknoglobals // read-only tables, made once from the drawings
var (
	proportional = sync.OnceValue(func() *Face {
		glyphs := drawn()
		glyphs[' '] = make(Glyph, 2)
		glyphs['\u00a0'] = glyphs[' ']
		return &Face{glyphs: glyphs, gap: 1}
	})
	cp437 = sync.OnceValue(func() *Face {
		all := drawn()
		all[' '] = make(Glyph, height)
		all['\u00a0'] = all[' ']
		glyphs := make(map[rune]Glyph, 256)
		for _, r := range CodePage437() {
			cell := make(Glyph, height)
			copy(cell[(height-len(all[r]))/2:], all[r])
			glyphs[r] = cell
		}
		return &Face{glyphs: glyphs}
	})
)

// drawn is every glyph there is: drawings, accented letters and box characters.
func drawn() map[rune]Glyph {
	glyphs := parseDrawings(drawings)
	for r, parts := range decompositions() {
		if _, own := glyphs[r]; own {
			continue
		}
		base := glyphs[parts.base]
		if parts.base == 'i' { // the accent takes the place of the dot
			base = glyphs['ı']
		}
		if g := accented(base, parts.base, parts.mark); g != nil {
			glyphs[r] = g
		}
	}
	for r, g := range box() {
		glyphs[r] = g
	}
	return glyphs
}

// CodePage437 gives the 256 characters of code page 437 in their order; position 0 is a blank.
func CodePage437() []rune {
	page := []rune("\u00a0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼")
	for r := ' '; r <= '~'; r++ {
		page = append(page, r)
	}
	return append(page, []rune("⌂"+
		"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»"+
		"░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"+
		"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0")...)
}

// Has reports whether the face draws r itself.
func (f *Face) Has(r rune) bool {
	_, ok := f.glyphs[r]
	return ok
}

// Columns draws one line of text. It has no column before the first glyph and none after the last.
func (f *Face) Columns(text string) []byte {
	var out []byte
	for i, r := range []rune(Fold(text, f.Has)) {
		if i > 0 {
			out = append(out, make([]byte, f.gap)...)
		}
		out = append(out, f.glyphs[r]...)
	}
	return out
}

// Width is the number of columns that text takes.
func (f *Face) Width(text string) int { return len(f.Columns(text)) }

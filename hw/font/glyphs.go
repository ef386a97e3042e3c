package font

import (
	_ "embed"
	"strings"
)

//go:embed glyphs.txt
var drawings string

const height = 8

// Glyph is the picture of one character: one byte a column, left to right, bit 0 on top.
type Glyph []byte

// parseDrawings reads blocks of nine lines: the characters, then their eight rows of '#' and '.'.
func parseDrawings(text string) map[rune]Glyph {
	glyphs := make(map[rune]Glyph)
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(block, "\n")
		names := strings.Fields(lines[0])
		drawn := make([]Glyph, len(names))
		for y, line := range lines[1:] {
			for i, row := range strings.Fields(line) {
				if drawn[i] == nil {
					drawn[i] = make(Glyph, len(row))
				}
				for x, c := range row {
					if c == '#' {
						drawn[i][x] |= 1 << y
					}
				}
			}
		}
		for i, name := range names {
			glyphs[[]rune(name)[0]] = drawn[i]
		}
	}
	return glyphs
}

// accented draws base with mark above or below it. Capitals lose two of their rows to make room.
// It answers nil where that cannot be drawn: a mark without a picture, or one below a letter that reaches down itself.
func accented(base Glyph, letter rune, mark rune) Glyph {
	rows, ok := markRows()[mark]
	if !ok {
		return nil
	}
	out := make(Glyph, max(len(base), 3))
	shift := (len(out) - len(base)) / 2
	for x, col := range base {
		if rows[2] != 0 && col&0x80 != 0 {
			return nil
		}
		if rows[0]|rows[1] != 0 {
			col = makeRoom(col, letter)
		}
		out[x+shift] = col
	}
	left := (len(out) - 3) / 2
	for y, row := range [height]byte{0: rows[0], 1: rows[1], 7: rows[2]} {
		for x := range 3 {
			if row&(4>>x) != 0 {
				out[left+x] |= 1 << y
			}
		}
	}
	return out
}

// makeRoom frees the two top rows of a column: small letters only lose a dot there, capitals and
// tall letters keep rows 0, 2, 3, 4 and 6 of their seven.
func makeRoom(col byte, letter rune) byte {
	if !tall(letter) {
		return col &^ 0x03
	}
	out := col & 0x80
	for to, from := range [...]int{2: 0, 3: 2, 4: 3, 5: 4, 6: 6} {
		if to >= 2 && col&(1<<from) != 0 {
			out |= 1 << to
		}
	}
	return out
}

func tall(letter rune) bool {
	return letter >= 'A' && letter <= 'Z' || strings.ContainsRune("bdhklt", letter)
}

// markRows gives the accents as three pixels (bits 2, 1, 0 = left to right) for the rows 0, 1 and 7.
func markRows() map[rune][3]byte {
	return map[rune][3]byte{
		'`': {0b100, 0b010, 0}, '´': {0b001, 0b010, 0}, '^': {0b010, 0b101, 0},
		'~': {0b011, 0b110, 0}, '¨': {0b101, 0, 0}, '°': {0b111, 0b101, 0},
		'ˇ': {0b101, 0b010, 0}, '¯': {0b111, 0, 0}, '˘': {0b101, 0b111, 0},
		'˙': {0b010, 0, 0}, '˝': {0b011, 0b101, 0}, '¸': {0, 0, 0b010}, '˛': {0, 0, 0b011},
	}
}

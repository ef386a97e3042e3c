package font

// box draws the line characters of code page 437 in a cell of eight by eight. A single line runs through
// column or row 3, a double one through 2 and 4.
func box() map[rune]Glyph {
	glyphs := make(map[rune]Glyph)
	arms := []rune("" + // character, then the arms up, right, down, left: 0 none, 1 single, 2 double
		"│1010┤1011╡1012╢2021╖0021╕0012╣2022║2020╗0022╝2002╜2001╛1002┐0011└1100┴1101┬0111├1110─0101┼1111╞1210" +
		"╟2120╚2200╔0220╩2202╦0222╠2220═0202╬2222╧1202╨2101╤0212╥0121╙2100╘1200╒0210╓0120╫2121╪1212┘1001┌0110")
	for i := 0; i+4 < len(arms); i += 5 {
		var d [4]int
		for side := range d {
			d[side] = int(arms[i+1+side] - '0')
		}
		glyphs[arms[i]] = boxGlyph(d)
	}
	for r, cell := range map[rune]func(x, y int) bool{
		'█': func(_, _ int) bool { return true },
		'▄': func(_, y int) bool { return y >= 4 },
		'▀': func(_, y int) bool { return y < 4 },
		'▌': func(x, _ int) bool { return x < 4 },
		'▐': func(x, _ int) bool { return x >= 4 },
		'░': func(x, y int) bool { return (x+2*(y%2))%4 == 0 },
		'▒': func(x, y int) bool { return (x+y)%2 == 0 },
		'▓': func(x, y int) bool { return (x+2*(y%2))%4 != 0 },
	} {
		g := make(Glyph, height)
		for x := range height {
			for y := range height {
				if cell(x, y) {
					g[x] |= 1 << y
				}
			}
		}
		glyphs[r] = g
	}
	return glyphs
}

// boxGlyph draws the four arms, each turned so that it points up.
func boxGlyph(arms [4]int) Glyph {
	g := make(Glyph, height)
	for side := range arms {
		for _, line := range armLines(arms[side], arms[(side+3)%4], arms[(side+1)%4], arms[(side+2)%4]) {
			for y := 0; y <= line.end; y++ {
				x, y := turn(line.at, y, side)
				g[x] |= 1 << y
			}
			if side == 1 || side == 2 { // the cell is one pixel longer on these sides
				x, y := turn(line.at, -1, side)
				g[x] |= 1 << y
			}
		}
	}
	return g
}

// armLine is a line of an arm that points up: in column at, from the upper edge to row end.
type armLine struct{ at, end int }

// armLines tells where the lines of an arm end, given its own strength and that of the arms to its
// left, to its right and opposite.
func armLines(own, left, right, opposite int) []armLine {
	const near, centre, far = 2, 3, 4
	double := left == 2 || right == 2
	switch own {
	case 1:
		switch {
		case !double || opposite != 0:
			return []armLine{{centre, centre}}
		case left != 0 && right != 0:
			return []armLine{{centre, near}}
		}
		return []armLine{{centre, far}}
	case 2:
		end := func(side int) int {
			switch {
			case side == 2:
				return near
			case side == 0 && double:
				return far
			}
			return centre
		}
		return []armLine{{near, end(left)}, {far, end(right)}}
	}
	return nil
}

// turn rotates a point by side quarter turns clockwise about the crossing at 3,3.
func turn(x, y, side int) (int, int) {
	x, y = x-3, y-3
	for range side {
		x, y = -y, x
	}
	return x + 3, y + 3
}

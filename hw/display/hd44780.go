package display

import (
	"fmt"
	"image"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/devices/v3/ssd1306/image1bit"

	"housephone/hw/font"
)

// Outputs of the PCF8574 on the usual backpack; the four data lines are the upper ones.
const (
	lcdRegisterSelect = 0x01
	lcdEnable         = 0x04
	lcdBacklight      = 0x08
)

// Instructions of the HD44780 (data sheet ADE-207-272, table 6).
const (
	lcdClear       = 0x01
	lcdEntryMode   = 0x06 // the cursor moves right
	lcdOff         = 0x08
	lcdOn          = 0x0c
	lcdFunctionSet = 0x28 // four data lines, two lines of text, 5 by 8 dots
	lcdSetAddress  = 0x80
)

// HD44780 is a character LCD behind a PCF8574 I²C expander.
type HD44780 struct {
	dev           i2c.Dev
	columns, rows int
	sleep         func(time.Duration)
	light         byte
	shown         [][]byte // what the chip holds; nil rows are unknown
	stale         bool     // the halves of an octet may be out of step
}

var _ Display = (*HD44780)(nil)

// NewHD44780 starts the LCD at addr of bus. Sleep is time.Sleep, or what a test puts in its place.
func NewHD44780(bus i2c.Bus, addr uint16, columns, rows int, sleep func(time.Duration)) (*HD44780, error) {
	if columns < 8 || columns > 40 || rows < 1 || rows > 4 || columns*rows > 80 {
		return nil, fmt.Errorf("%d by %d characters: 8x1 to 40x2 and 20x4 are possible", columns, rows)
	}
	l := &HD44780{
		dev:     i2c.Dev{Bus: bus, Addr: addr},
		columns: columns, rows: rows, sleep: sleep,
		light: lcdBacklight,
		shown: make([][]byte, rows),
	}
	if err := l.start(); err != nil {
		return nil, fmt.Errorf("start LCD at %#x: %w", addr, err)
	}
	return l, nil
}

// start brings the chip into its four-bit mode from any state (data sheet, figure 24).
func (l *HD44780) start() error {
	l.sleep(40 * time.Millisecond)
	for _, step := range [...]struct {
		half byte
		wait time.Duration
	}{{0x30, 5 * time.Millisecond}, {0x30, time.Millisecond}, {0x30, time.Millisecond}, {0x20, time.Millisecond}} {
		if err := l.dev.Tx(l.pulse(nil, step.half), nil); err != nil {
			return err
		}
		l.sleep(step.wait)
	}
	for _, instruction := range [...]byte{lcdFunctionSet, lcdOff, lcdClear, lcdEntryMode, lcdOn} {
		if err := l.dev.Tx(l.octet(nil, instruction, 0), nil); err != nil {
			return err
		}
		if instruction == lcdClear {
			l.sleep(2 * time.Millisecond)
		}
	}
	return nil
}

// pulse appends what clocks in the four upper bits of v: the lines settle, enable rises, enable falls.
func (l *HD44780) pulse(to []byte, v byte) []byte {
	v |= l.light
	return append(to, v, v|lcdEnable, v)
}

// octet appends both halves of b. Even at 400 kHz the six bytes last longer than the 37 µs the chip needs.
func (l *HD44780) octet(to []byte, b, register byte) []byte {
	return l.pulse(l.pulse(to, b&0xf0|register), b<<4|register)
}

func (l *HD44780) String() string {
	return fmt.Sprintf("%dx%d HD44780 at %#x on %s", l.columns, l.rows, l.dev.Addr, l.dev.Bus)
}

// Geometry counts in characters.
func (l *HD44780) Geometry() Geometry {
	return Geometry{Rows: l.rows, Width: l.columns, Tempo: Tempo{Every: 300 * time.Millisecond, Units: 1}}
}

// Measure counts in characters.
func (l *HD44780) Measure(text string) int { return len(lcdText(text)) }

// Show rewrites the rows that have changed; after an error it starts the chip anew.
func (l *HD44780) Show(v View) error {
	if l.stale {
		if err := l.start(); err != nil {
			return fmt.Errorf("start LCD: %w", err)
		}
		l.shown, l.stale = make([][]byte, l.rows), false
	}
	for row := range l.rows {
		var text []byte
		if row < len(v.Rows) {
			text = lcdText(v.Rows[row])
		}
		want := window(v, text, l.columns, 3, ' ', false)
		if string(want) == string(l.shown[row]) {
			continue
		}
		out := l.octet(nil, lcdSetAddress|l.address(row), 0)
		for _, c := range want {
			out = l.octet(out, c, lcdRegisterSelect)
		}
		if err := l.dev.Tx(out, nil); err != nil {
			l.stale = true
			return fmt.Errorf("write row %d: %w", row, err)
		}
		l.shown[row] = want
	}
	return nil
}

// address is the cell where a row begins: the third and fourth row continue the first and second.
func (l *HD44780) address(row int) byte {
	return byte(row%2*0x40 + row/2*l.columns)
}

// SetBrightness turns the light behind the glass off at 0 and on above; the expander can do no more.
func (l *HD44780) SetBrightness(level int) error {
	l.light = 0
	if level > 0 {
		l.light = lcdBacklight
	}
	if err := l.dev.Tx([]byte{l.light}, nil); err != nil {
		return fmt.Errorf("set light: %w", err)
	}
	return nil
}

// Image draws the characters with the CP437 face.
func (l *HD44780) Image() image.Image {
	picture := image1bit.NewVerticalLSB(image.Rect(0, 0, 8*l.columns, 8*l.rows))
	for row, shown := range l.shown {
		copy(picture.Pix[row*picture.Stride:], font.CP437().Columns(lcdString(shown)))
	}
	return dots(picture)
}

// Halt clears the text and turns the light off.
func (l *HD44780) Halt() error {
	l.light = 0
	l.shown = make([][]byte, l.rows)
	if err := l.dev.Tx(l.octet(nil, lcdClear, 0), nil); err != nil {
		return fmt.Errorf("clear: %w", err)
	}
	return nil
}

// lcdSigns are the characters of ROM A00, the common one, that are not at their ASCII place.
func lcdSigns() map[rune]byte {
	return map[rune]byte{
		'¥': 0x5c, '→': 0x7e, '←': 0x7f, '°': 0xdf, 'ä': 0xe1, 'ß': 0xe2, 'ε': 0xe3, 'µ': 0xe4, 'σ': 0xe5, 'ρ': 0xe6,
		'ñ': 0xee, 'ö': 0xef, 'θ': 0xf2, '∞': 0xf3, 'Ω': 0xf4, 'ü': 0xf5, 'Σ': 0xf6, 'π': 0xf7, '÷': 0xfd, '█': 0xff,
	}
}

// lcdText is text in the codes of the chip.
func lcdText(text string) []byte {
	signs := lcdSigns()
	plain := func(r rune) bool { return r >= ' ' && r < '~' && r != '\\' }
	folded := font.Fold(text, func(r rune) bool { return plain(r) || signs[r] != 0 })
	out := make([]byte, 0, len(folded))
	for _, r := range folded {
		if plain(r) {
			out = append(out, byte(r))
		} else {
			out = append(out, signs[r])
		}
	}
	return out
}

// lcdString is what codes of the chip look like.
func lcdString(codes []byte) string {
	letters := make(map[byte]rune)
	for r, code := range lcdSigns() {
		letters[code] = r
	}
	var b strings.Builder
	for _, code := range codes {
		if r, ok := letters[code]; ok {
			b.WriteRune(r)
		} else {
			b.WriteByte(code)
		}
	}
	return b.String()
}

package hwtest

import (
	"fmt"
	"strings"
	"sync"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// LCD is an HD44780 behind a PCF8574 that understands what is sent: an i2c.BusCloser with one device.
type LCD struct {
	addr          uint16
	columns, rows int

	mu      sync.Mutex
	fail    bool
	wide    bool // still in eight-bit mode
	half    int  // -1, or the first half of an octet
	enable  bool
	lit, on bool
	address byte
	memory  [128]byte
}

var _ i2c.BusCloser = (*LCD)(nil)

// NewLCD makes an LCD in the state after power up.
func NewLCD(addr uint16, columns, rows int) *LCD {
	return &LCD{addr: addr, columns: columns, rows: rows, wide: true, half: -1}
}

// Fail makes every transfer fail until it is called with false. A failing transfer leaves the chip in the middle of
// an octet.
func (l *LCD) Fail(fail bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = fail
}

// Text is what a person reads, codes above 0x7f as \x..; empty when the glass is off.
func (l *LCD) Text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		return ""
	}
	var b strings.Builder
	for row := range l.rows {
		begin := row%2*0x40 + row/2*l.columns
		for _, c := range l.memory[begin : begin+l.columns] {
			if c < ' ' || c > '~' {
				fmt.Fprintf(&b, "\\x%02x", c)
			} else {
				b.WriteByte(c)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Lit tells whether the light behind the glass is on.
func (l *LCD) Lit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lit
}

// String names the bus.
func (l *LCD) String() string { return "I2C1" }

// Close does nothing.
func (l *LCD) Close() error { return nil }

// SetSpeed does nothing.
func (l *LCD) SetSpeed(physic.Frequency) error { return nil }

// Tx takes what is written to the expander.
func (l *LCD) Tx(addr uint16, w, r []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if addr != l.addr || len(r) != 0 {
		return fmt.Errorf("no device answers at %#x", addr)
	}
	if l.fail {
		if len(w) > 3 {
			w = w[:3]
			for _, b := range w {
				l.lines(b)
			}
		}
		return ErrBus
	}
	for _, b := range w {
		l.lines(b)
	}
	return nil
}

// lines looks at the expander's outputs; the chip reads at the falling edge of enable.
func (l *LCD) lines(b byte) {
	l.lit = b&0x08 != 0
	enable := b&0x04 != 0
	falling := l.enable && !enable
	l.enable = enable
	switch {
	case !falling:
	case l.wide:
		l.instruction(b & 0xf0)
	case l.half < 0:
		l.half = int(b & 0xf0)
	default:
		octet := byte(l.half) | b>>4
		l.half = -1
		if b&0x01 != 0 {
			l.memory[l.address&0x7f] = octet
			l.address++
		} else {
			l.instruction(octet)
		}
	}
}

func (l *LCD) instruction(b byte) {
	switch {
	case b&0x80 != 0:
		l.address = b & 0x7f
	case b&0xe0 == 0x20:
		l.wide = b&0x10 != 0
		l.half = -1
	case b&0xf8 == 0x08:
		l.on = b&0x04 != 0
	case b == 0x01:
		l.address = 0
		for i := range l.memory {
			l.memory[i] = ' '
		}
	}
}

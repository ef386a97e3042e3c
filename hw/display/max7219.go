package display

import (
	"fmt"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Registers of the MAX7219 (data sheet 19-4452, table 2). 1 to 8 are the digits.
const (
	regDecodeMode  = 0x09
	regIntensity   = 0x0a
	regScanLimit   = 0x0b
	regShutdown    = 0x0c
	regDisplayTest = 0x0f
)

// MAX7219Options says how matrices of eight by eight LEDs are chained and mounted.
type MAX7219Options struct {
	// Cascaded is the number of modules, 1 to 8.
	Cascaded int
	// Orientation is the turn, in degrees counter-clockwise, that every block of the picture needs because of how
	// the LEDs are wired to the chip: 0, 90, -90 or 180. The common boards with four modules need 90 or -90.
	Orientation int
	// Reverse is set when the module next to the computer is the right one, not the left one.
	Reverse bool
	// Speed of the SPI clock; 0 means 1 MHz, which holds on a metre of ribbon cable. The chip takes up to 10 MHz.
	Speed physic.Frequency
}

// MAX7219 is a row of LED matrices, 8 pixels high.
type MAX7219 struct {
	conn  spi.Conn
	opts  MAX7219Options
	level byte
	last  []byte // the picture that the chips hold, nil when that is unknown
	buf   []byte
}

var _ Matrix = (*MAX7219)(nil)

// NewMAX7219 takes port and brings the chips, whatever state they are in, to a dark picture of middle brightness.
func NewMAX7219(port spi.Port, opts MAX7219Options) (*MAX7219, error) {
	if opts.Cascaded < 1 || opts.Cascaded > 8 {
		return nil, fmt.Errorf("%d modules: 1 to 8 are possible", opts.Cascaded)
	}
	switch opts.Orientation {
	case 0, 90, -90, 180:
	default:
		return nil, fmt.Errorf("orientation %d: 0, 90, -90 and 180 are possible", opts.Orientation)
	}
	if opts.Speed == 0 {
		opts.Speed = physic.MegaHertz
	}
	conn, err := port.Connect(opts.Speed, spi.Mode0, 8)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	m := &MAX7219{conn: conn, opts: opts, level: MaxBrightness / 2, buf: make([]byte, 2*opts.Cascaded)}
	if err := m.Write(make([]byte, 8*opts.Cascaded)); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *MAX7219) String() string { return fmt.Sprintf("%d MAX7219 on %s", m.opts.Cascaded, m.conn) }

// Size is eight pixels a module.
func (m *MAX7219) Size() (width, height int) { return 8 * m.opts.Cascaded, 8 }

// Write sends the digits that differ from the picture before. A picture that has not changed, or one after an error,
// is sent whole with all settings, so that chips that lost their state by a dip of the supply come back.
func (m *MAX7219) Write(pixels []byte) error {
	digits := m.digits(pixels)
	all := m.last == nil || string(digits) == string(m.last)
	if all {
		if err := m.setUp(); err != nil {
			return err
		}
	}
	n := m.opts.Cascaded
	for d := range 8 {
		row := digits[d*n : (d+1)*n]
		if !all && string(row) == string(m.last[d*n:(d+1)*n]) {
			continue
		}
		for i, b := range row {
			m.buf[2*i], m.buf[2*i+1] = byte(d+1), b
		}
		if err := m.send(fmt.Sprintf("digit %d", d)); err != nil {
			return err
		}
	}
	if all { // light only what has been set
		if err := m.register(regShutdown, 1); err != nil {
			return err
		}
	}
	m.last = digits
	return nil
}

// setUp writes the registers that hold no picture.
func (m *MAX7219) setUp() error {
	for _, r := range [...][2]byte{{regDisplayTest, 0}, {regDecodeMode, 0}, {regScanLimit, 7}, {regIntensity, m.level}} {
		if err := m.register(r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// digits orders a picture as the chain wants it: the eight digits, of each the byte for every module, that of the
// module at the far end of the chain first.
func (m *MAX7219) digits(pixels []byte) []byte {
	n := m.opts.Cascaded
	out := make([]byte, 8*n)
	for i := range n {
		block := n - 1 - i
		if m.opts.Reverse {
			block = i
		}
		turned := rotate([8]byte(pixels[8*block:]), m.opts.Orientation)
		for d, column := range turned {
			out[d*n+i] = column
		}
	}
	return out
}

// rotate turns a block of eight columns counter-clockwise by 0, 90, -90 or 180 degrees.
func rotate(block [8]byte, degrees int) [8]byte {
	if degrees == 0 {
		return block
	}
	var out [8]byte
	for x := range 8 {
		for y := range 8 {
			if block[x]&(1<<y) == 0 {
				continue
			}
			switch degrees {
			case 90:
				out[y] |= 1 << (7 - x)
			case -90:
				out[7-y] |= 1 << x
			default:
				out[7-x] |= 1 << (7 - y)
			}
		}
	}
	return out
}

// SetBrightness sets the intensity, which is never quite dark.
func (m *MAX7219) SetBrightness(level int) error {
	m.level = byte(min(max(level, 0), MaxBrightness))
	return m.register(regIntensity, m.level)
}

// Halt puts the chips into shutdown.
func (m *MAX7219) Halt() error {
	m.last = nil
	return m.register(regShutdown, 0)
}

// register writes the same value to a register of every chip.
func (m *MAX7219) register(register, value byte) error {
	for i := range m.opts.Cascaded {
		m.buf[2*i], m.buf[2*i+1] = register, value
	}
	return m.send(fmt.Sprintf("register %d", register))
}

func (m *MAX7219) send(what string) error {
	if err := m.conn.Tx(m.buf, nil); err != nil {
		m.last = nil
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

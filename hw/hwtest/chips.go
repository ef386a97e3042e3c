package hwtest

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// ErrBus is the error of a fake bus that was told to fail.
var ErrBus = errors.New("input/output error")

// MatrixChain is a chain of MAX7219 modules with eight by eight LEDs. It is an spi.PortCloser that understands what
// is sent; the first module is the one next to the computer.
type MatrixChain struct {
	mu        sync.Mutex
	registers [][16]byte
	fail      bool
	frames    int
}

var _ spi.PortCloser = (*MatrixChain)(nil)

// NewMatrixChain makes modules that hold noise, as after power up.
func NewMatrixChain(modules int) *MatrixChain {
	c := &MatrixChain{registers: make([][16]byte, modules)}
	c.Glitch()
	return c
}

// Glitch makes the chips forget everything, like a dip of their supply.
func (c *MatrixChain) Glitch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.registers {
		c.registers[i] = [16]byte{1: 0xa5, 2: 0x5a, 3: 0xff, 9: 0xff, 0xf: 1}
	}
}

// Fail makes every transfer fail until it is called with false.
func (c *MatrixChain) Fail(fail bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = fail
}

// Register is the value of a register in the module at index.
func (c *MatrixChain) Register(index int, register byte) byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.registers[index][register]
}

// Transfers is how often something was sent.
func (c *MatrixChain) Transfers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames
}

// Picture is what a person sees who looks at modules whose digit n is column n and whose segment DP is
// the lowest row; "dark" where the chips are in shutdown, test mode or wrongly set up.
func (c *MatrixChain) Picture() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for y := range 8 {
		for _, r := range c.registers {
			if r[0xc] != 1 || r[0xf] != 0 || r[9] != 0 || r[0xb] != 7 {
				return "dark"
			}
			for x := 1; x <= 8; x++ {
				b.WriteByte(".#"[r[x]>>y&1])
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// String names the port.
func (c *MatrixChain) String() string { return "SPI0.0" }

// Close does nothing.
func (c *MatrixChain) Close() error { return nil }

// LimitSpeed does nothing.
func (c *MatrixChain) LimitSpeed(physic.Frequency) error { return nil }

// Connect accepts what the data sheet allows.
func (c *MatrixChain) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if f > 10*physic.MegaHertz || mode != spi.Mode0 || bits != 8 {
		return nil, fmt.Errorf("the MAX7219 does not take %s, %s, %d bits", f, mode, bits)
	}
	return c, nil
}

// Duplex says that nothing comes back.
func (c *MatrixChain) Duplex() conn.Duplex { return conn.Half }

// TxPackets is not what a MAX7219 is driven with.
func (c *MatrixChain) TxPackets([]spi.Packet) error { return errors.ErrUnsupported }

// Tx shifts w through the chain: what is sent first ends in the module farthest away.
func (c *MatrixChain) Tx(w, _ []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames++
	if c.fail {
		return ErrBus
	}
	if len(w) != 2*len(c.registers) {
		return fmt.Errorf("%d bytes for %d modules", len(w), len(c.registers))
	}
	for i := range c.registers {
		at := len(w) - 2 - 2*i
		c.registers[i][w[at]&0x0f] = w[at+1]
	}
	return nil
}

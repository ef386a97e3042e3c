package hwtest

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Board is a computer with the pins and buses that a test gives it. Fill it before it is used.
type Board struct {
	Pins  map[string]*Pin
	Ports map[string]spi.PortCloser
	Buses map[string]i2c.BusCloser
}

// NewBoard makes a board with pins of these names.
func NewBoard(pins ...string) *Board {
	b := &Board{Pins: make(map[string]*Pin), Ports: make(map[string]spi.PortCloser), Buses: make(map[string]i2c.BusCloser)}
	for _, name := range pins {
		b.Pins[name] = NewPin(name)
	}
	return b
}

// Pin finds a pin.
func (b *Board) Pin(name string) (gpio.PinIO, error) {
	if p := b.Pins[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no such pin %s", name)
}

// SPI finds a port.
func (b *Board) SPI(name string) (spi.PortCloser, error) {
	if p := b.Ports[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no such port %s", name)
}

// I2C finds a bus.
func (b *Board) I2C(name string) (i2c.BusCloser, error) {
	if p := b.Buses[name]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no such bus %s", name)
}

// Change is a level that a pin was set to.
type Change struct {
	At    time.Time
	Level gpio.Level
}

// Pin is a gpiotest.Pin that remembers what it was set to, and that can fail.
type Pin struct {
	gpiotest.Pin

	mu      sync.Mutex
	err     error
	hasty   bool
	waits   int
	changes []Change
	duty    gpio.Duty
}

var _ gpio.PinIO = (*Pin)(nil)

// NewPin makes a pin whose input is high.
func NewPin(name string) *Pin {
	return &Pin{Pin: gpiotest.Pin{N: name, L: gpio.High, EdgesChan: make(chan gpio.Level, 4096)}}
}

// Drive changes the input to level, as a contact does.
func (p *Pin) Drive(level gpio.Level) { p.EdgesChan <- level }

// Fail makes the pin answer every request with err until it is called with nil.
func (p *Pin) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// Hasty makes the pin never wait for an edge, like a driver that takes a time-out for one that is over.
func (p *Pin) Hasty() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hasty = true
}

// Waits is how often an edge was waited for.
func (p *Pin) Waits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waits
}

// Changes is everything the output was set to.
func (p *Pin) Changes() []Change {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Change(nil), p.changes...)
}

// Duty is what the pulses of the output were set to.
func (p *Pin) Duty() gpio.Duty {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.duty
}

func (p *Pin) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// In makes the pin an input.
func (p *Pin) In(pull gpio.Pull, edge gpio.Edge) error {
	if err := p.failure(); err != nil {
		return err
	}
	return p.Pin.In(pull, edge)
}

// WaitForEdge waits as gpiotest does, unless the pin is hasty.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	p.mu.Lock()
	p.waits++
	hasty := p.hasty
	p.mu.Unlock()
	return !hasty && p.Pin.WaitForEdge(timeout)
}

// Out sets the output.
func (p *Pin) Out(l gpio.Level) error {
	if err := p.failure(); err != nil {
		return err
	}
	p.mu.Lock()
	p.changes = append(p.changes, Change{time.Now(), l})
	p.mu.Unlock()
	return p.Pin.Out(l)
}

// PWM sets the duty of the output.
func (p *Pin) PWM(duty gpio.Duty, _ physic.Frequency) error {
	if err := p.failure(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.duty = duty
	return nil
}

package hw

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/host/v3"
	"periph.io/x/host/v3/gpioioctl"
)

// Board gives access to the pins and buses of a computer by name.
type Board interface {
	Pin(name string) (gpio.PinIO, error)
	SPI(name string) (spi.PortCloser, error)
	I2C(name string) (i2c.BusCloser, error)
}

// thisMachine is the Board made of the kernel's devices, found by periph.
type thisMachine struct{}

var _ Board = thisMachine{}

// Pin finds a line by its name (GPIO4), number (4), place on a header (P1_7), or chip and offset (gpiochip0.4). The
// kernel's character device is preferred to registers, because the kernel knows who uses a line.
func (thisMachine) Pin(name string) (gpio.PinIO, error) {
	if _, err := host.Init(); err != nil {
		return nil, fmt.Errorf("look for pins: %w", err)
	}
	if m := regexp.MustCompile(`^(gpiochip\d+)\.(\d+)$`).FindStringSubmatch(name); m != nil {
		return lineOfChip(m[1], m[2])
	}
	pin := gpioreg.ByName(name)
	if pin == nil {
		pin = gpioreg.ByName(strings.ToUpper(name))
	}
	if pin == nil {
		pin = gpioreg.ByName("GPIO" + name)
	}
	if pin == nil {
		return nil, noPin()
	}
	if alias, ok := pin.(gpio.RealPin); ok {
		pin = alias.Real()
	}
	for _, chip := range gpioioctl.Chips {
		if line := chip.ByName(pin.Name()); line != nil {
			return &kernelLine{GPIOLine: line, chip: chip.Path(), registers: pin}, nil
		}
	}
	return pin, nil
}

// kernelLine is a line of the character device, whose pulse width only the registers can modulate.
type kernelLine struct {
	*gpioioctl.GPIOLine
	chip      string // path of the device
	registers gpio.PinIO
	out       *outLine // nil until Out
}

// Out sets the level, and takes the line as an output with it when it is not one yet. It belongs to one goroutine.
func (k *kernelLine) Out(level gpio.Level) error {
	if k.out != nil {
		return k.out.set(level)
	}
	out, err := openOut(k.chip, k.Number(), level)
	if errors.Is(err, errors.ErrUnsupported) {
		return k.GPIOLine.Out(level)
	}
	k.out = out
	return err
}

// PWM sets the pin's duty where the board can.
func (k *kernelLine) PWM(duty gpio.Duty, f physic.Frequency) error { return k.registers.PWM(duty, f) }

func lineOfChip(name, offset string) (gpio.PinIO, error) {
	n, err := strconv.Atoi(offset)
	if err != nil {
		return nil, fmt.Errorf("offset %s: %w", offset, err)
	}
	for _, chip := range gpioioctl.Chips {
		if chip.Name() == name && n < chip.LineCount() {
			line := chip.ByNumber(n)
			return &kernelLine{GPIOLine: line, chip: chip.Path(), registers: line}, nil
		}
	}
	return nil, noPin()
}

// noPin says why there is no such pin, as far as that can be known.
func noPin() error {
	chips, err := filepath.Glob("/dev/gpiochip*")
	if err != nil || len(chips) == 0 {
		return errors.New("no such pin; this machine has no GPIO (no /dev/gpiochip*)")
	}
	f, err := os.Open(chips[0])
	if err != nil {
		return explain(err, "gpio")
	}
	_ = f.Close() // nothing was read or written
	names := pinNames()
	if len(names) > 12 {
		names = append(names[:12], "...")
	}
	return fmt.Errorf("no such pin; there are %s", strings.Join(names, ", "))
}

// pinNames are the names that lines of the kernel's chips have, or the library's names where there are none.
func pinNames() []string {
	var names []string
	for _, chip := range gpioioctl.Chips {
		for _, line := range chip.Lines() {
			if line.Name() != "" {
				names = append(names, line.Name())
			}
		}
	}
	if len(names) > 0 {
		return names
	}
	for _, pin := range gpioreg.All() {
		names = append(names, pin.Name())
	}
	return names
}

// SPI opens a port.
func (thisMachine) SPI(name string) (spi.PortCloser, error) {
	if _, err := host.Init(); err != nil {
		return nil, fmt.Errorf("look for SPI: %w", err)
	}
	var names []string
	for _, ref := range spireg.All() {
		names = append(names, ref.Name)
	}
	if len(names) == 0 {
		return nil, errors.New("this machine has no SPI port (on a Raspberry Pi: dtparam=spi=on)")
	}
	port, err := spireg.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w; there are %s", explain(err, "spi"), strings.Join(names, ", "))
	}
	return port, nil
}

// I2C opens a bus.
func (thisMachine) I2C(name string) (i2c.BusCloser, error) {
	if _, err := host.Init(); err != nil {
		return nil, fmt.Errorf("look for I2C: %w", err)
	}
	var names []string
	for _, ref := range i2creg.All() {
		names = append(names, ref.Name)
	}
	if len(names) == 0 {
		return nil, errors.New("this machine has no I2C bus (on a Raspberry Pi: dtparam=i2c_arm=on)")
	}
	bus, err := i2creg.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w; there are %s", explain(err, "i2c"), strings.Join(names, ", "))
	}
	return bus, nil
}

// explain adds what a person can do about the common errors of devices.
func explain(err error, group string) error {
	switch {
	case errors.Is(err, os.ErrPermission) || saysErrno(err, syscall.EACCES) || saysErrno(err, syscall.EPERM):
		return fmt.Errorf("%w (the user must belong to group %s)", err, group)
	case saysErrno(err, syscall.EBUSY):
		return fmt.Errorf("%w (another program or driver uses it)", err)
	}
	return err
}

// saysErrno tells whether err is an errno, or ends with its words: the library turns those of GPIO lines into text.
func saysErrno(err error, errno syscall.Errno) bool {
	return errors.Is(err, errno) || err != nil && strings.HasSuffix(err.Error(), errno.Error())
}

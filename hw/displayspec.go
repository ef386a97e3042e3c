package hw

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"housephone/hw/display"
	"housephone/hw/font"
)

// displaySpec is HW_DISPLAY understood.
type displaySpec struct {
	value      string
	brightness int
	clock      clockStyle
	open       func(c Config) (display.Display, func() error, error)
}

const allowedDisplay = "max7219[:SPI0.0]?cascaded=1..8&orientation=0|90|-90|180&reverse=0|1&font=proportional|cp437&speed=1MHz, " +
	"ssd1306[:I2C1]?addr=0x3c&size=128x64&turned=0|1&scale=1|2&font=..., ssd1306:SPI0.0?dc=GPIO25&..., " +
	"hd44780[:I2C1]?addr=0x27&size=16x2, sim?cascaded=4 or sim?size=32x8&terminal=1; all with brightness=0..15&clock=24h|12h|off"

func parseDisplay(value string) (displaySpec, error) {
	if value == "" {
		return displaySpec{}, nil
	}
	head, o := parseOptions(varDisplay, value, value, allowedDisplay)
	s := displaySpec{value: value}
	s.brightness = o.number("brightness", display.MaxBrightness/2, 0, display.MaxBrightness)
	s.clock = clockStyle(o.choice("clock", string(clock24), string(clock24), string(clock12), string(clockOff)))
	driver, bus, _ := strings.Cut(head, ":")
	switch driver {
	case "max7219":
		s.open = openMAX7219(o, bus)
	case "ssd1306":
		s.open = openSSD1306(o, bus)
	case "hd44780":
		s.open = openHD44780(o, bus)
	case "sim":
		s.open = openSim(o, bus)
	default:
		o.fail("there is no display %q", driver)
	}
	return s, o.done()
}

type openDisplay = func(Config) (display.Display, func() error, error)

func faceOption(o *options) func() *font.Face {
	if o.choice("font", "proportional", "proportional", "cp437") == "cp437" {
		return font.CP437
	}
	return font.Proportional
}

func openMAX7219(o *options, bus string) openDisplay {
	face := faceOption(o)
	opts := display.MAX7219Options{Cascaded: o.number("cascaded", 1, 1, 8), Reverse: o.flag("reverse", false)}
	if turn, err := strconv.Atoi(o.choice("orientation", "0", "0", "90", "-90", "180")); err == nil {
		opts.Orientation = turn
	}
	if v, ok := o.take("speed"); ok {
		if err := opts.Speed.Set(v); err != nil || opts.Speed < 10*physic.KiloHertz || opts.Speed > 10*physic.MegaHertz {
			o.fail("speed=%q: 10kHz to 10MHz are possible", v)
		}
	}
	busName(o, bus, "SPI")
	return func(c Config) (display.Display, func() error, error) {
		port, err := c.Board.SPI(or(bus, "SPI0.0"))
		if err != nil {
			return nil, nil, err
		}
		m, err := display.NewMAX7219(port, opts)
		if err != nil {
			return nil, nil, closing(port.Close, err)
		}
		d, err := display.NewRaster(m, face(), 1, display.Tempo{Every: time.Second / 30, Units: 1})
		return d, port.Close, err
	}
}

func openSSD1306(o *options, bus string) openDisplay {
	face := faceOption(o)
	width, height := o.size("size", 128, 64)
	if width != 128 || height != 64 && height != 32 {
		o.fail("size=%dx%d: 128x64 and 128x32 are possible", width, height)
	}
	turned, scale := o.flag("turned", false), o.number("scale", 2, 1, 2)
	// A whole picture takes 25 ms on a bus of 400 kHz and 100 ms on one of 100 kHz.
	tempo := display.Tempo{Every: 100 * time.Millisecond, Units: 4}
	raster := func(m display.Matrix, free func() error) (display.Display, func() error, error) {
		d, err := display.NewRaster(m, face(), scale, tempo)
		return d, free, err
	}
	if strings.HasPrefix(bus, "SPI") {
		return openSSD1306SPI(o, bus, height, turned, raster)
	}
	addr := o.number("addr", 0x3c, 0x3c, 0x3d)
	busName(o, bus, "I2C")
	return func(c Config) (display.Display, func() error, error) {
		i2c, err := c.Board.I2C(or(bus, "I2C1"))
		if err != nil {
			return nil, nil, err
		}
		m, err := display.NewSSD1306I2C(i2c, uint16(addr), height, turned)
		if err != nil {
			return nil, nil, closing(i2c.Close, err)
		}
		return raster(m, i2c.Close)
	}
}

type newRaster = func(m display.Matrix, free func() error) (display.Display, func() error, error)

func openSSD1306SPI(o *options, bus string, height int, turned bool, raster newRaster) openDisplay {
	dc, ok := o.take("dc")
	if !ok || !pinName(dc) {
		o.fail("an OLED on SPI needs dc=PIN")
	}
	busName(o, bus, "SPI")
	return func(c Config) (display.Display, func() error, error) {
		pin, err := c.Board.Pin(dc)
		if err != nil {
			return nil, nil, fmt.Errorf("pin %s: %w", dc, err)
		}
		port, err := c.Board.SPI(bus)
		if err != nil {
			return nil, nil, err
		}
		m, err := display.NewSSD1306SPI(port, pin, height, turned)
		if err != nil {
			return nil, nil, closing(port.Close, err)
		}
		return raster(m, port.Close)
	}
}

func openHD44780(o *options, bus string) openDisplay {
	addr := o.number("addr", 0x27, 0x08, 0x77)
	columns, rows := o.size("size", 16, 2)
	if columns < 8 || columns > 40 || rows > 4 || columns*rows > 80 {
		o.fail("size=%dx%d: 16x2, 20x4 and the like are possible", columns, rows)
	}
	busName(o, bus, "I2C")
	return func(c Config) (display.Display, func() error, error) {
		i2c, err := c.Board.I2C(or(bus, "I2C1"))
		if err != nil {
			return nil, nil, err
		}
		d, err := display.NewHD44780(i2c, uint16(addr), columns, rows, time.Sleep)
		if err != nil {
			return nil, nil, closing(i2c.Close, err)
		}
		return d, i2c.Close, nil
	}
}

func openSim(o *options, bus string) openDisplay {
	if bus != "" {
		o.fail("a simulated display has no bus %q", bus)
	}
	face := faceOption(o)
	width, height := o.size("size", 8*o.number("cascaded", 4, 1, 8), 8)
	if width < 8 || width > 512 || height > 128 || height%8 != 0 {
		o.fail("size=%dx%d: 8x8 to 512x128 are possible, the height in steps of 8", width, height)
	}
	terminal := o.flag("terminal", false)
	return func(c Config) (display.Display, func() error, error) {
		out := c.Terminal
		if !terminal {
			out = nil
		}
		m, err := display.NewSim(width, height, out)
		if err != nil {
			return nil, nil, err
		}
		d, err := display.NewRaster(m, face(), 1, display.Tempo{Every: time.Second / 30, Units: 1})
		return d, func() error { return nil }, err
	}
}

// busName checks the name of a bus as far as that goes without opening it.
func busName(o *options, bus, kind string) {
	if bus != "" && !pinName(bus) {
		o.fail("%q is no %s bus", bus, kind)
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// closing gives a bus back after err, which is the one that counts.
func closing(free func() error, err error) error {
	_ = free()
	return err
}

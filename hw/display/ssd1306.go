package display

import (
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/devices/v3/ssd1306"
)

// SSD1306 is an OLED of 128 by 64 or 32 pixels.
type SSD1306 struct {
	start func() (*ssd1306.Dev, error)
	dev   *ssd1306.Dev
	level int // -1 until it was set
	stale bool
}

var _ Matrix = (*SSD1306)(nil)

// NewSSD1306I2C starts the OLED at addr (0x3c or 0x3d) of bus. Turned is set when it hangs upside down.
func NewSSD1306I2C(bus i2c.Bus, addr uint16, height int, turned bool) (*SSD1306, error) {
	return newSSD1306(func() (*ssd1306.Dev, error) {
		return ssd1306.NewI2C(addressed{bus, addr}, ssd1306Options(height, turned))
	})
}

// NewSSD1306SPI starts the OLED on port, whose data/command input is at dc.
func NewSSD1306SPI(port spi.Port, dc gpio.PinOut, height int, turned bool) (*SSD1306, error) {
	port = &connected{Port: port}
	return newSSD1306(func() (*ssd1306.Dev, error) {
		return ssd1306.NewSPI(port, dc, ssd1306Options(height, turned))
	})
}

func newSSD1306(start func() (*ssd1306.Dev, error)) (*SSD1306, error) {
	dev, err := start()
	if err != nil {
		return nil, fmt.Errorf("start OLED: %w", err)
	}
	return &SSD1306{start: start, dev: dev, level: -1}, nil
}

// ssd1306Options knows that the common modules of 32 rows have their COM pins in sequence.
func ssd1306Options(height int, turned bool) *ssd1306.Opts {
	return &ssd1306.Opts{W: 128, H: height, Sequential: height == 32, Rotated: turned}
}

func (s *SSD1306) String() string { return s.dev.String() }

// Size is the size of the glass in pixels.
func (s *SSD1306) Size() (width, height int) {
	size := s.dev.Bounds().Max
	return size.X, size.Y
}

// Write sends the smallest rectangle that has changed. After an error it starts the OLED anew and sends everything.
func (s *SSD1306) Write(pixels []byte) error {
	if s.stale {
		dev, err := s.start()
		if err != nil {
			return fmt.Errorf("start OLED: %w", err)
		}
		s.dev, s.stale = dev, false
		if s.level >= 0 {
			if err := s.SetBrightness(s.level); err != nil {
				return err
			}
		}
	}
	if _, err := s.dev.Write(pixels); err != nil {
		s.stale = true
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// SetBrightness sets the contrast, whose 256 steps look much alike.
func (s *SSD1306) SetBrightness(level int) error {
	s.level = min(max(level, 0), MaxBrightness)
	if err := s.dev.SetContrast(byte(s.level * 17)); err != nil {
		s.stale = true
		return fmt.Errorf("set contrast: %w", err)
	}
	return nil
}

// Halt turns the glass off.
func (s *SSD1306) Halt() error { return s.dev.Halt() }

// addressed sends everything to one address, because the driver only knows the common one.
type addressed struct {
	bus  i2c.Bus
	addr uint16
}

func (a addressed) String() string                    { return a.bus.String() }
func (a addressed) SetSpeed(f physic.Frequency) error { return a.bus.SetSpeed(f) }
func (a addressed) Tx(_ uint16, w, r []byte) error    { return a.bus.Tx(a.addr, w, r) }

// connected gives the same connection to everyone who asks, because a port connects only once.
type connected struct {
	spi.Port
	conn spi.Conn
}

func (c *connected) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	if c.conn != nil {
		return c.conn, nil
	}
	conn, err := c.Port.Connect(f, mode, bits)
	c.conn = conn
	return conn, err
}

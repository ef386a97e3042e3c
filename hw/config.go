package hw

import (
	"io"
	"log/slog"
	"time"
)

// Names of the variables whose values Config holds.
const (
	varDoorbell  = "HW_DOORBELL"
	varDoor      = "HW_DOOR"
	varPulse     = "HW_DOOR_PULSE"
	varCodes     = "HW_DOOR_CODES_FILE"
	varBacklight = "HW_BACKLIGHT"
	varDisplay   = "HW_DISPLAY"
)

// Config says what hardware there is. The strings are the values of the HW_ variables; the zero value is a panel without
// any hardware.
type Config struct {
	// Doorbell is HW_DOORBELL: one button or several, separated by commas. A button is [name:]PIN, where PIN is a
	// GPIO name (GPIO4), number (4), line of a chip (gpiochip0.4) or sim. Options: active=low|high (low),
	// pull=up|down|none (the one that suits active), debounce=30ms, long=1s, quiet=200ms.
	Doorbell string
	// Door is HW_DOOR: the PIN of the relay, or sim. Option: active=high|low (high).
	Door string
	// DoorPulse is HW_DOOR_PULSE: how long the relay is on, 3s if empty, MaxPulse at most.
	DoorPulse string
	// DoorCodesFile is HW_DOOR_CODES_FILE: the file that ParseCodes reads.
	DoorCodesFile string
	// Backlight is HW_BACKLIGHT: a name below /sys/class/backlight, a directory that looks like one, a PIN, pwm:PIN,
	// a command, or sim. Options: sleep=60s (off after that time without a call or a press), wake=0|1 (on when a call
	// rings or a button is pressed; 1 where sleep is given), active=high|low, brightness=LEVEL, duty=PERCENT.
	Backlight string
	// Display is HW_DISPLAY, one of
	//
	//	max7219[:SPI0.0]  LED matrices in a chain: cascaded=1..8 (1), orientation=0|90|-90|180 (0), reverse=0|1 (0),
	//	                  speed=1MHz, font=proportional|cp437
	//	ssd1306[:I2C1]    OLED: addr=0x3c, size=128x64|128x32, turned=0|1, scale=1|2 (2), font=
	//	ssd1306:SPI0.0    the same with dc=PIN instead of addr
	//	hd44780[:I2C1]    character LCD behind a PCF8574: addr=0x27, size=16x2
	//	sim               cascaded=1..8 (4) or size=32x8, terminal=0|1, font=
	//
	// all with brightness=0..15 (7) and clock=24h|12h|off (24h).
	Display string

	// Board gives access to pins and buses; nil is the machine this runs on.
	Board Board
	// Terminal is where a simulated display with terminal=1 draws; nil is nowhere.
	Terminal io.Writer
	// SysfsBacklight is /sys/class/backlight if empty.
	SysfsBacklight string
	// Log takes what an operator should know; nil is nowhere.
	Log *slog.Logger
}

// Validate tells the first value that cannot be used, as a ConfigError. It opens nothing.
func (c Config) Validate() error {
	_, err := c.plan()
	return err
}

// plan is a Config understood.
type plan struct {
	buttons []buttonSpec
	door    pinSpec // name "" = none
	pulse   time.Duration
	light   lightSpec
	display displaySpec
}

func (c Config) plan() (plan, error) {
	var p plan
	var err error
	if p.buttons, err = parseButtons(c.Doorbell); err != nil {
		return plan{}, err
	}
	if p.door, err = parseDoor(c.Door); err != nil {
		return plan{}, err
	}
	if p.pulse, err = parsePulse(c.DoorPulse); err != nil {
		return plan{}, err
	}
	if p.light, err = parseLight(c.Backlight); err != nil {
		return plan{}, err
	}
	if p.display, err = parseDisplay(c.Display); err != nil {
		return plan{}, err
	}
	if c.DoorCodesFile != "" && p.door.name == "" {
		return plan{}, ConfigError{varCodes, c.DoorCodesFile, "there is no door to open", "only together with " + varDoor}
	}
	return p, p.pinsDiffer()
}

// pinsDiffer refuses one pin with two uses.
func (p plan) pinsDiffer() error {
	users := make(map[string]string)
	use := func(variable string, pin pinSpec) error {
		if pin.name == "" || pin.sim() {
			return nil
		}
		key := pin.key()
		if other, taken := users[key]; taken {
			return ConfigError{variable, pin.name, "the pin is used by " + other + " already", "a pin of its own"}
		}
		users[key] = variable
		return nil
	}
	for _, b := range p.buttons {
		if err := use(varDoorbell, b.pin); err != nil {
			return err
		}
	}
	if err := use(varDoor, p.door); err != nil {
		return err
	}
	return use(varBacklight, p.light.pin)
}

// parsePulse reads HW_DOOR_PULSE; the zero value is three seconds.
func parsePulse(value string) (time.Duration, error) {
	if value == "" {
		return 3 * time.Second, nil
	}
	const least = 50 * time.Millisecond
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > MaxPulse {
		return 0, ConfigError{varPulse, value, "not usable", "a time such as 3s or 500ms, from " + least.String() + " to " + MaxPulse.String()}
	}
	return d, nil
}

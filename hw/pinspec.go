package hw

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// simPin is the name of a pin that is not there.
const simPin = "sim"

// pinSpec is a pin and the level at which it is on.
type pinSpec struct {
	name      string
	activeLow bool
	pull      gpio.Pull
}

func (p pinSpec) sim() bool { return p.name == simPin }

// level is that of a pin which is on or off.
func (p pinSpec) level(on bool) gpio.Level { return gpio.Level(on != p.activeLow) }

// key is the same for GPIO4, gpio4 and 4.
func (p pinSpec) key() string { return strings.TrimPrefix(strings.ToUpper(p.name), "GPIO") }

func pinName(s string) bool { return regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`).MatchString(s) }

func buttonName(s string) bool {
	return regexp.MustCompile(`^[a-z0-9_-]{1,32}$`).MatchString(s) && s != "set"
}

// buttonSpec is one button of HW_DOORBELL.
type buttonSpec struct {
	name                  string
	pin                   pinSpec
	debounce, long, quiet time.Duration
}

const allowedButtons = "sim, a GPIO name or number, or several as name:GPIO4,name:GPIO17 (names of a-z 0-9 _ -, not set); " +
	"options ?active=low|high&pull=up|down|none&debounce=30ms&long=1s&quiet=200ms"

func parseButtons(value string) ([]buttonSpec, error) {
	if value == "" {
		return nil, nil
	}
	var out []buttonSpec
	names := make(map[string]bool)
	parts := strings.Split(value, ",")
	for _, part := range parts {
		b, err := parseButton(value, part)
		if err != nil {
			return nil, err
		}
		if b.name == "" && len(parts) > 1 {
			b.name = strings.ToLower(b.pin.name)
		}
		if names[b.name] {
			return nil, ConfigError{varDoorbell, value, "two buttons are called " + strconv.Quote(b.name), allowedButtons}
		}
		names[b.name] = true
		out = append(out, b)
	}
	return out, nil
}

func parseButton(value, part string) (buttonSpec, error) {
	head, o := parseOptions(varDoorbell, value, part, allowedButtons)
	var b buttonSpec
	name, pin, named := strings.Cut(head, ":")
	if named {
		if !buttonName(name) {
			o.fail("%q is no name of a button", name)
		}
		b.name, head = name, pin
	}
	if !pinName(head) {
		o.fail("%q is no pin", head)
	}
	b.pin = pinSpec{name: head, activeLow: o.choice("active", "low", "low", "high") == "low"}
	otherwise := "up"
	if !b.pin.activeLow {
		otherwise = "down"
	}
	b.pin.pull = map[string]gpio.Pull{"up": gpio.PullUp, "down": gpio.PullDown, "none": gpio.Float}[o.choice("pull", otherwise, "up", "down", "none")]
	b.debounce = o.duration("debounce", 30*time.Millisecond, 0, time.Second)
	b.long = o.duration("long", time.Second, 100*time.Millisecond, time.Minute)
	b.quiet = o.duration("quiet", 200*time.Millisecond, 0, time.Minute)
	return b, o.done()
}

const allowedDoor = "sim, or a GPIO name or number; option ?active=high|low"

func parseDoor(value string) (pinSpec, error) {
	if value == "" {
		return pinSpec{}, nil
	}
	head, o := parseOptions(varDoor, value, value, allowedDoor)
	if !pinName(head) {
		o.fail("%q is no pin", head)
	}
	pin := pinSpec{name: head, activeLow: o.choice("active", "high", "low", "high") == "low"}
	return pin, o.done()
}

package hw

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// lightSpec is HW_BACKLIGHT understood.
type lightSpec struct {
	value      string
	sim        bool
	command    []string
	pin        pinSpec // name "" = none
	duty       gpio.Duty
	path       string // of a sysfs directory, or its name, which may also be a pin
	brightness int    // -1 = as it is
	sleep      time.Duration
	wake       bool
}

const allowedLight = "sim, a name below /sys/class/backlight or a directory, a GPIO name or number (?active=high|low), " +
	"pwm:GPIO18?duty=60%, a command such as 'command:vcgencmd display_power {1|0}'; all with ?sleep=60s&wake=0|1, sysfs with brightness=LEVEL"

func parseLight(value string) (lightSpec, error) {
	if value == "" {
		return lightSpec{}, nil
	}
	s := lightSpec{value: value, brightness: -1}
	text, isCommand := strings.CutPrefix(strings.TrimSpace(value), "command:")
	if isCommand || strings.Contains(text, " ") {
		return parseLightCommand(s, text)
	}
	head, o := parseOptions(varBacklight, value, text, allowedLight)
	s.timing(o)
	gpioName := regexp.MustCompile(`^((?i:gpio)?\d+|P\d+_\d+|gpiochip\d+\.\d+)$`)
	pwm, isPWM := strings.CutPrefix(head, "pwm:")
	switch {
	case head == "sim":
		s.sim = true
	case isPWM:
		if !pinName(pwm) {
			o.fail("%q is no pin", pwm)
		}
		s.pin = pinSpec{name: pwm}
		s.duty = s.dutyOption(o)
	case gpioName.MatchString(head):
		s.pin = pinSpec{name: head, activeLow: o.choice("active", "high", "low", "high") == "low"}
	case filepath.IsAbs(head) || pinName(head):
		s.path = head
		s.brightness = o.number("brightness", -1, 1, 1<<30)
	default:
		o.fail("%q is no backlight", head)
	}
	return s, o.done()
}

// timing reads the options that all kinds of light have.
func (s *lightSpec) timing(o *options) {
	s.sleep = o.duration("sleep", 0, time.Second, 24*time.Hour)
	s.wake = o.flag("wake", s.sleep > 0)
}

func (s *lightSpec) dutyOption(o *options) gpio.Duty {
	v, ok := o.take("duty")
	if !ok {
		return gpio.DutyMax
	}
	duty, err := gpio.ParseDuty(v)
	if err != nil || !strings.HasSuffix(v, "%") || duty == 0 {
		o.fail("duty=%q: 1%% to 100%% are possible", v)
	}
	return duty
}

// parseLightCommand reads a command; its options follow the last question mark, because commands may hold others.
func parseLightCommand(s lightSpec, text string) (lightSpec, error) {
	rest := ""
	if i := strings.LastIndex(text, "?"); i >= 0 && regexp.MustCompile(`^\?(sleep|wake)=`).MatchString(text[i:]) {
		text, rest = text[:i], text[i:]
	}
	_, o := parseOptions(varBacklight, s.value, rest, allowedLight)
	s.timing(o)
	command, err := splitCommand(text)
	if err != nil {
		o.fail("%s", err)
	}
	s.command = command
	return s, o.done()
}

// splitCommand splits a command line at its blanks; quotes hold words together. There is no shell.
func splitCommand(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	begun := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		case r < ' ':
			return nil, fmt.Errorf("the command holds the control character %q", r)
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("a %c is not closed", quote)
	case len(words) == 0:
		return nil, fmt.Errorf("the command is empty")
	}
	return words, nil
}

// fillCommand puts 1 or 0 for {}, and the first or second word for {first|second}. A command without either gets 1 or 0
// as its last word.
func fillCommand(words []string, on bool) []string {
	place := regexp.MustCompile(`\{([^{}|]*)(?:\|([^{}|]*))?\}`)
	filled := false
	out := make([]string, 0, len(words)+1)
	for _, word := range words {
		out = append(out, place.ReplaceAllStringFunc(word, func(match string) string {
			filled = true
			first, second, pair := strings.Cut(match[1:len(match)-1], "|")
			if !pair {
				first, second = "1", "0"
			}
			if on {
				return first
			}
			return second
		}))
	}
	if !filled {
		out = append(out, map[bool]string{true: "1", false: "0"}[on])
	}
	return out
}

// open finds the light.
func (s lightSpec) open(c Config) (lamp, error) {
	switch {
	case s.sim:
		return simLamp{}, nil
	case s.command != nil:
		return openCommandLamp(s.command)
	case s.pin.name != "":
		return s.openPin(c.Board)
	}
	return s.openPath(c)
}

func (s lightSpec) openPin(board Board) (lamp, error) {
	pin, err := board.Pin(s.pin.name)
	if err != nil {
		return nil, fmt.Errorf("pin %s: %w", s.pin.name, err)
	}
	if s.duty != 0 {
		return pwmLamp{pin, s.duty}, nil
	}
	return pinLamp{pin, s.pin}, nil
}

// openPath takes a directory of sysfs, a program, or a pin whose name looks like neither.
func (s lightSpec) openPath(c Config) (lamp, error) {
	root := c.SysfsBacklight
	if root == "" {
		root = "/sys/class/backlight"
	}
	dir := s.path
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(root, s.path)
	}
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return openSysfsLamp(dir, s.brightness)
	case err == nil && info.Mode()&0o111 != 0:
		return openCommandLamp([]string{dir})
	case filepath.IsAbs(s.path):
		return nil, fmt.Errorf("%s is neither a directory with brightness nor a program", s.path)
	}
	if pin, err := c.Board.Pin(s.path); err == nil {
		return pinLamp{pin, pinSpec{name: s.path}}, nil
	}
	return nil, fmt.Errorf("no %s below %s (there is %s), and no such pin", s.path, root, lightNames(root))
}

func lightNames(root string) string {
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) == 0 {
		return "nothing"
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, ", ")
}

package hw

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/gpio"
)

func TestButtons(t *testing.T) {
	for _, tc := range []struct {
		value string
		want  []buttonSpec
	}{
		{"", nil},
		{"sim", []buttonSpec{{"", pinSpec{"sim", true, gpio.PullUp}, 30 * time.Millisecond, time.Second, 200 * time.Millisecond}}},
		{"GPIO4?active=high&debounce=5ms&long=2s&quiet=0s", []buttonSpec{{"", pinSpec{"GPIO4", false, gpio.PullDown}, 5 * time.Millisecond, 2 * time.Second, 0}}},
		{"front:GPIO4, garden:17?pull=none", []buttonSpec{
			{"front", pinSpec{"GPIO4", true, gpio.PullUp}, 30 * time.Millisecond, time.Second, 200 * time.Millisecond},
			{"garden", pinSpec{"17", true, gpio.Float}, 30 * time.Millisecond, time.Second, 200 * time.Millisecond},
		}},
		{"GPIO4,GPIO17", []buttonSpec{
			{"gpio4", pinSpec{"GPIO4", true, gpio.PullUp}, 30 * time.Millisecond, time.Second, 200 * time.Millisecond},
			{"gpio17", pinSpec{"GPIO17", true, gpio.PullUp}, 30 * time.Millisecond, time.Second, 200 * time.Millisecond},
		}},
	} {
		got, err := parseButtons(tc.value)
		if err != nil {
			t.Errorf("%q: %v", tc.value, err)
		}
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(buttonSpec{}, pinSpec{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.value, diff)
		}
	}
}

func TestGoodValues(t *testing.T) {
	for _, c := range []Config{
		{},
		{Doorbell: "front:gpiochip0.4,sim"},
		{Door: "sim", DoorPulse: "500ms", DoorCodesFile: "/nowhere"},
		{Door: "GPIO22?active=low", DoorPulse: "1m"},
		{Backlight: "sim"},
		{Backlight: "rpi_backlight?sleep=60s&brightness=100"},
		{Backlight: "10-0045"},
		{Backlight: "/sys/class/backlight/rpi_backlight"},
		{Backlight: "GPIO18?active=low&sleep=1m&wake=0"},
		{Backlight: "pwm:GPIO18?duty=60%"},
		{Backlight: "vcgencmd display_power {1|0}"},
		{Backlight: "command:/usr/local/bin/screen?sleep=60s"},
		{Display: "sim"},
		{Display: "sim?size=64x16&terminal=1&clock=off&brightness=0"},
		{Display: "max7219"},
		{Display: "max7219:"},
		{Display: "max7219:SPI0.0?cascaded=4&orientation=90"},
		{Display: "max7219:SPI0.1?cascaded=8&orientation=-90&reverse=1&font=cp437&speed=8MHz"},
		{Display: "ssd1306:I2C1"},
		{Display: "ssd1306?addr=0x3d&size=128x32&turned=1&scale=1"},
		{Display: "ssd1306:SPI0.0?dc=GPIO25"},
		{Display: "hd44780:I2C1?addr=0x3f&size=20x4"},
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// badValues is also the seed of the fuzz test.
func badValues() []Config {
	return []Config{
		{Doorbell: ","}, {Doorbell: "GPIO4,"}, {Doorbell: "front:"}, {Doorbell: ":GPIO4"}, {Doorbell: "Front:GPIO4"},
		{Doorbell: "set:GPIO4"}, {Doorbell: "a/b:GPIO4"}, {Doorbell: "GPIO 4"}, {Doorbell: "GPIO4?active=maybe"},
		{Doorbell: "GPIO4?pull=left"}, {Doorbell: "GPIO4?debounce=1h"}, {Doorbell: "GPIO4?debounce=30"},
		{Doorbell: "GPIO4?debounce"}, {Doorbell: "GPIO4?bounce=1ms"}, {Doorbell: "GPIO4?long=1s&long=2s"},
		{Doorbell: "a:GPIO4,a:GPIO5"}, {Doorbell: "sim,sim"}, {Doorbell: "a:GPIO4,b:gpio4"}, {Doorbell: "a:GPIO4,b:4"},
		{Door: "GPIO4; rm -rf /"}, {Door: "GPIO4?pull=up"}, {Door: "GPIO4?active=1"}, {Door: "../gpio"},
		{Doorbell: "GPIO4", Door: "4"}, {Door: "GPIO18", Backlight: "18"},
		{DoorPulse: "3"}, {DoorPulse: "0s"}, {DoorPulse: "-3s"}, {DoorPulse: "61s"}, {DoorPulse: "1h"}, {DoorPulse: "soon"},
		{DoorCodesFile: "/etc/codes"},
		{Backlight: "?sleep=60s"}, {Backlight: "a/b"}, {Backlight: "sim?sleep=1ms"}, {Backlight: "sim?wake=2"},
		{Backlight: "sim?brightness=5"}, {Backlight: "rpi?brightness=0"}, {Backlight: "pwm:"}, {Backlight: "pwm:GPIO18?duty=200%"},
		{Backlight: "pwm:GPIO18?duty=0%"}, {Backlight: "pwm:GPIO18?duty=5"}, {Backlight: "command:"}, {Backlight: "command: "},
		{Backlight: "xset 'dpms"}, {Backlight: "xset dpms\nrm"}, {Backlight: "xset dpms?sleep=never"},
		{Display: "max7220"}, {Display: "max7219:SPI0/0"}, {Display: "max7219?cascaded=0"},
		{Display: "max7219?cascaded=9"}, {Display: "max7219?orientation=45"}, {Display: "max7219?speed=20MHz"},
		{Display: "max7219?speed=fast"}, {Display: "max7219?font=comic"}, {Display: "max7219?size=16x2"}, {Display: "max7219?brightness=16"},
		{Display: "max7219?clock=sun"}, {Display: "max7219?reverse=perhaps"}, {Display: "ssd1306:I2C1?addr=0x50"},
		{Display: "ssd1306?size=64x48"}, {Display: "ssd1306:SPI0.0"}, {Display: "ssd1306?dc=GPIO25"}, {Display: "ssd1306?scale=3"},
		{Display: "hd44780?size=16"}, {Display: "hd44780?size=80x2"}, {Display: "hd44780?addr=999"},
		{Display: "sim:SPI0.0"}, {Display: "sim?size=0x0"}, {Display: "sim?size=32x7"}, {Display: "sim?size=9999x8"},
	}
}

func TestBadValues(t *testing.T) {
	for _, c := range badValues() {
		err := c.Validate()
		var bad ConfigError
		if !errors.As(err, &bad) {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if bad.Reason == "" || bad.Allowed == "" || !strings.HasPrefix(bad.Error(), bad.Variable+"=") || strings.Contains(bad.Error(), "\n") {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := New(c); err == nil {
			t.Errorf("New accepts %+v", c)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, c := range badValues() {
		f.Add(c.Doorbell, c.Door, c.DoorPulse, c.Backlight, c.Display)
	}
	f.Add("front:GPIO4,garden:17?pull=none", "GPIO22", "3s", "command:a 'b c' {on|off}?sleep=60s", "max7219:SPI0.0?cascaded=4&orientation=90")
	f.Fuzz(func(t *testing.T, doorbell, door, pulse, backlight, display string) {
		c := Config{Doorbell: doorbell, Door: door, DoorPulse: pulse, Backlight: backlight, Display: display}
		p, err := c.plan()
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Fatalf("the error has more than one line: %q", err)
			}
			return
		}
		if p.pulse > MaxPulse || p.pulse <= 0 {
			t.Fatalf("a pulse of %v", p.pulse)
		}
		if len(p.light.command) > 0 {
			on, off := fillCommand(p.light.command, true), fillCommand(p.light.command, false)
			if len(on) != len(off) {
				t.Fatalf("%q and %q", on, off)
			}
		}
	})
}

func TestCommandWords(t *testing.T) {
	for _, tc := range []struct {
		line    string
		on, off []string
	}{
		{"vcgencmd display_power {1|0}", []string{"vcgencmd", "display_power", "1"}, []string{"vcgencmd", "display_power", "0"}},
		{"wlr-randr --output HDMI-A-1 --{on|off}", []string{"wlr-randr", "--output", "HDMI-A-1", "--on"}, []string{"wlr-randr", "--output", "HDMI-A-1", "--off"}},
		{"screen {}", []string{"screen", "1"}, []string{"screen", "0"}},
		{"screen", []string{"screen", "1"}, []string{"screen", "0"}},
		{`echo "a b" '' ';rm' $(x) {}`, []string{"echo", "a b", "", ";rm", "$(x)", "1"}, []string{"echo", "a b", "", ";rm", "$(x)", "0"}},
	} {
		words, err := splitCommand(tc.line)
		if err != nil {
			t.Errorf("%s: %v", tc.line, err)
		}
		if diff := cmp.Diff(tc.on, fillCommand(words, true)); diff != "" {
			t.Errorf("%s, on (-want +got):\n%s", tc.line, diff)
		}
		if diff := cmp.Diff(tc.off, fillCommand(words, false)); diff != "" {
			t.Errorf("%s, off (-want +got):\n%s", tc.line, diff)
		}
	}
}

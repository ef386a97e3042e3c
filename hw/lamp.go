package hw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// lamp is a light that is on or off.
type lamp interface {
	set(ctx context.Context, on bool) error
	// lit tells whether the light is on, as far as that can be known.
	lit() (on, known bool)
}

// simLamp is a light that is not there.
type simLamp struct{}

func (simLamp) set(context.Context, bool) error { return nil }
func (simLamp) lit() (on, known bool)           { return false, false }

// pinLamp is a light at a pin.
type pinLamp struct {
	pin  gpio.PinOut
	spec pinSpec
}

func (l pinLamp) set(_ context.Context, on bool) error {
	return explain(l.pin.Out(l.spec.level(on)), "gpio")
}
func (pinLamp) lit() (on, known bool) { return false, false }

// pwmLamp is a light that is dimmed by pulses; 1 kHz does not flicker.
type pwmLamp struct {
	pin  gpio.PinOut
	duty gpio.Duty
}

func (l pwmLamp) set(_ context.Context, on bool) error {
	duty := l.duty
	if !on {
		duty = 0
	}
	return explain(l.pin.PWM(duty, physic.KiloHertz), "gpio")
}
func (pwmLamp) lit() (on, known bool) { return false, false }

// commandLamp is a light that a program switches.
type commandLamp struct{ words []string }

// commandTime is how long the program may take, commandOutput how much of its words an error repeats.
const (
	commandTime   = 5 * time.Second
	commandOutput = 200
)

func (l commandLamp) set(ctx context.Context, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	words := fillCommand(l.words, on)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = time.Second // a grandchild may hold the output open
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return fmt.Errorf("%s: %w%s", words[0], err, said.quote())
	}
	return nil
}

// lit takes the screen for on, because running the program may need a desktop that has not come up yet.
func (commandLamp) lit() (on, known bool) { return true, true }

func openCommandLamp(words []string) (lamp, error) {
	if _, err := exec.LookPath(words[0]); err != nil {
		return nil, err
	}
	return commandLamp{words}, nil
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-commandOutput):]...)
	t.kept = t.kept[max(0, len(t.kept)-commandOutput):]
	return len(p), nil
}

func (t *tail) quote() string {
	said := strings.ToValidUTF8(string(bytes.TrimSpace(t.kept)), "?")
	if said == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", said)
}

// sysfsLamp is a light of the kernel (Documentation/ABI/stable/sysfs-class-backlight).
type sysfsLamp struct {
	dir        string
	power      bool // there is a bl_power, else brightness 0 is off
	brightness int  // when on; -1 = leave
}

// Values of bl_power (include/uapi/linux/fb.h).
const (
	blankUnblank   = 0
	blankPowerdown = 4
)

func openSysfsLamp(dir string, brightness int) (lamp, error) {
	most, err := readNumber(filepath.Join(dir, "max_brightness"))
	if err != nil {
		return nil, err
	}
	if brightness > most {
		return nil, fmt.Errorf("brightness=%d: %s takes up to %d", brightness, dir, most)
	}
	_, err = os.Stat(filepath.Join(dir, "bl_power"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, explain(err, "video")
	}
	l := sysfsLamp{dir: dir, power: err == nil, brightness: brightness}
	if !l.power && brightness < 0 {
		l.brightness = most
		if now, err := readNumber(filepath.Join(dir, "brightness")); err == nil && now > 0 {
			l.brightness = now
		}
	}
	return l, nil
}

func (l sysfsLamp) set(_ context.Context, on bool) error {
	if l.brightness >= 0 && (on || !l.power) {
		level := l.brightness
		if !on {
			level = 0
		}
		if err := l.write("brightness", level); err != nil {
			return err
		}
	}
	if !l.power {
		return nil
	}
	if on {
		return l.write("bl_power", blankUnblank)
	}
	return l.write("bl_power", blankPowerdown)
}

func (l sysfsLamp) write(name string, n int) error {
	f, err := os.OpenFile(filepath.Join(l.dir, name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return explain(err, "video")
	}
	_, err = f.WriteString(strconv.Itoa(n) + "\n")
	return explain(errors.Join(err, f.Close()), "video")
}

func (l sysfsLamp) lit() (on, known bool) {
	name, want := "brightness", func(n int) bool { return n > 0 }
	if l.power {
		name, want = "bl_power", func(n int) bool { return n == blankUnblank }
	}
	n, err := readNumber(filepath.Join(l.dir, name))
	return err == nil && want(n), err == nil
}

func readNumber(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, explain(err, "video")
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"housephone/hw"
	"housephone/phone"
	"housephone/topics"
)

// hwEnv is the door station's hardware; package hw reads the values.
type hwEnv struct {
	Doorbell     string `env:"HW_DOORBELL" doc:"button: GPIO name or number, or sim; several as front:GPIO4,garden:GPIO17"`
	DoorbellCall list   `env:"HW_DOORBELL_CALL" doc:"addresses that a press calls, all at once, separated by commas"`
	Door         string `env:"HW_DOOR" doc:"GPIO of the door opener's relay, or sim"`
	DoorPulse    string `env:"HW_DOOR_PULSE" envDefault:"3s" doc:"how long the relay is on"`
	CodesFile    string `env:"HW_DOOR_CODES_FILE" doc:"file of the codes that open the door: name hash [from=..] [days=..] [hours=..]; housephone -hash-code makes a hash"`
	Backlight    string `env:"HW_BACKLIGHT" doc:"name below /sys/class/backlight, GPIO, pwm:GPIO, a command, or sim"`
	Display      string `env:"HW_DISPLAY" doc:"max7219:SPI0.0?cascaded=4&orientation=90, ssd1306:I2C1, hd44780:I2C1, or sim"`
}

func (e hwEnv) config() hw.Config {
	return hw.Config{
		Doorbell: e.Doorbell, Door: e.Door, DoorPulse: e.DoorPulse, DoorCodesFile: e.CodesFile, Backlight: e.Backlight, Display: e.Display,
	}
}

// fitted tells whether there is any hardware.
func (e hwEnv) fitted() bool {
	return e.Doorbell != "" || e.Door != "" || e.Backlight != "" || e.Display != ""
}

func (e hwEnv) features(f topics.Features) {
	f[topics.FeatureDoorbell] = e.Doorbell != ""
	f[topics.FeatureDoor] = e.Door != ""
	f[topics.FeatureBacklight] = e.Backlight != ""
	f[topics.FeatureDisplay] = e.Display != ""
}

// panelEvent is what one event of the hardware is published as.
func (v view) panelEvent(e hw.Event) []topics.Message {
	switch e := e.(type) {
	case hw.Pressed:
		name, value := "doorbell", topics.DoorbellRing
		if e.Button != "" {
			name += "/" + e.Button
		}
		if e.Long {
			value = topics.DoorbellLongPress
		}
		return []topics.Message{v.tree.Message(name, value)}
	case hw.DoorState:
		value := topics.DoorLocked
		if e.Unlocked {
			value = topics.DoorUnlocked
		}
		return []topics.Message{v.tree.Message("door", value)}
	case hw.DoorAccess:
		doc := topics.DoorEvent{Event: topics.DoorRefused, By: e.By, How: string(e.How), Reason: e.Reason}
		if e.Opened {
			doc.Event = topics.DoorOpened
		}
		if doc.By == "" {
			doc.By = e.From
		}
		return []topics.Message{v.json("door/event", doc)}
	case hw.BacklightState:
		return []topics.Message{v.tree.Message("backlit", topics.Bool(e.On))}
	case hw.DisplayText:
		return []topics.Message{v.tree.Message("display", e.Text)}
	case hw.DisplayBrightness:
		return []topics.Message{v.tree.Message("display/brightness", strconv.Itoa(e.Level))}
	}
	return nil
}

// panelStatus is what the display shows of the phone.
func (v view) panelStatus(s phone.State, registrar bool) hw.Status {
	out := hw.Status{Unregistered: registrar && !s.Registered}
	c := findCall(s.Calls, s.Current)
	switch c.Status {
	case phone.StatusRing:
		out.Call = hw.CallRinging
	case phone.StatusDial:
		out.Call = hw.CallDialing
	case phone.StatusActive:
		out.Call, out.Since = hw.CallActive, c.Answered
	}
	out.Remote = c.Remote.Name
	if out.Remote == "" {
		out.Remote = v.addresses.Short(c.Remote.URI)
	}
	return out
}

// panelCommand carries out the commands of the hardware's datapoints.
func (c *commander) panelCommand(cmd topics.Command) outcome {
	p := c.panel
	if p == nil {
		return nil
	}
	switch cmd.Datapoint {
	case "doorbell":
		return func(context.Context) error { return panelError(p.Press(cmd.Arg)) }
	case "door":
		if cmd.Value == "lock" {
			return onPanel(p.Lock)
		}
		return onPanel(func(ctx context.Context) error { return p.Unlock(ctx, "", hw.HowTopic) })
	case "backlit":
		return onPanel(func(ctx context.Context) error { return p.SetBacklight(ctx, cmd.Value == "1") })
	case "display":
		return onPanel(func(ctx context.Context) error { return p.ShowText(ctx, displayText(cmd)) })
	case "display/brightness":
		level, err := strconv.Atoi(cmd.Value)
		if err != nil {
			return failed(topics.Invalid, "the brightness is 0 to 15")
		}
		return onPanel(func(ctx context.Context) error { return p.SetBrightness(ctx, level) })
	}
	return nil
}

func onPanel(f func(context.Context) error) outcome {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return panelError(f(ctx))
	}
}

func displayText(cmd topics.Command) hw.Text {
	t := hw.Text{Text: cmd.Value}
	if on, ok := cmd.OptionBool("scroll"); ok {
		t.Scroll = hw.ScrollNever
		if on {
			t.Scroll = hw.ScrollOn
		}
	}
	if s, ok := cmd.OptionSeconds("seconds"); ok {
		t.For = time.Duration(s * float64(time.Second))
	}
	return t
}

// panelError words an error of the hardware in the vocabulary of the topics.
func panelError(err error) error {
	code := topics.Failed
	switch {
	case err == nil:
		return nil
	case errors.Is(err, hw.ErrNotFitted), errors.Is(err, hw.ErrStopped):
		code = topics.NotSupported
	case errors.Is(err, hw.ErrNoButton), errors.Is(err, hw.ErrTooLong), errors.Is(err, hw.ErrOutOfRange):
		code = topics.Invalid
	case errors.Is(err, hw.ErrTooSoon):
		code = topics.Refused
	}
	return &topics.Error{Code: code, Message: err.Error()}
}

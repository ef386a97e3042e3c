package hw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/gpio"

	"housephone/hw/hwtest"
)

// running is a panel that runs until the test ends, inside of a synctest bubble: time passes only while all wait.
type running struct {
	*Panel
	t     *testing.T
	begin time.Time
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, c Config) *running {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{Panel: p, t: t, begin: time.Now(), stop: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- p.Run(ctx) }()
	synctest.Wait()
	return r
}

// end stops the panel and waits for Run.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Run: %v", err)
	}
}

// said is what happened since the last call, with the time since the start.
func (r *running) said() []string {
	synctest.Wait()
	var out []string
	for {
		select {
		case e := <-r.events:
			out = append(out, describe(r.begin, e))
		default:
			return out
		}
	}
}

func describe(begin time.Time, e Event) string {
	switch e := e.(type) {
	case Pressed:
		return fmt.Sprintf("pressed %q long=%v at %v", e.Button, e.Long, e.At.Sub(begin))
	case DoorAccess:
		return fmt.Sprintf("access opened=%v by=%q from=%q how=%s reason=%q", e.Opened, e.By, e.From, e.How, e.Reason)
	}
	return fmt.Sprintf("%T%+v", e, e)
}

func (r *running) expect(what string, want ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.said()); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func changes(begin time.Time, pin *hwtest.Pin) []string {
	var out []string
	for _, c := range pin.Changes() {
		out = append(out, fmt.Sprintf("%v %v", c.At.Sub(begin), c.Level))
	}
	return out
}

func TestDoorbell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard("GPIO4", "GPIO17")
		r := start(t, Config{Board: board, Doorbell: "front:GPIO4,garden:GPIO17?active=high,test:sim"})
		defer r.end()
		if diff := cmp.Diff([]string{"front", "garden", "test"}, r.Buttons()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(time.Second)
		r.expect("before any press")

		board.Pins["GPIO4"].Drive(gpio.Low)
		time.Sleep(2 * time.Second)
		board.Pins["GPIO4"].Drive(gpio.High)
		time.Sleep(time.Second)
		r.expect("held for two seconds", `pressed "front" long=false at 1.03s`, `pressed "front" long=true at 2s`)

		board.Pins["GPIO17"].Drive(gpio.High)
		time.Sleep(100 * time.Millisecond)
		board.Pins["GPIO17"].Drive(gpio.Low)
		time.Sleep(time.Second)
		r.expect("the other button, which closes to high", `pressed "garden" long=false at 4.03s`)

		if err := r.Press("test"); err != nil {
			t.Error(err)
		}
		if err := r.Press("test"); !errors.Is(err, ErrTooSoon) {
			t.Errorf("pressed twice at once: %v", err)
		}
		if err := r.Press(""); err != nil {
			t.Error(err)
		}
		if err := r.Press("back"); !errors.Is(err, ErrNoButton) {
			t.Errorf("a button that does not exist: %v", err)
		}
		r.expect("by topic", `pressed "test" long=false at 5.1s`, `pressed "front" long=false at 5.1s`)
	})
}

func TestDoorbellTracesOnAPin(t *testing.T) {
	for _, trace := range hwtest.Bounces() {
		synctest.Test(t, func(t *testing.T) {
			board := hwtest.NewBoard("GPIO4")
			r := start(t, Config{Board: board, Doorbell: "GPIO4"})
			defer r.end()
			for _, edge := range trace.Edges {
				time.Sleep(time.Until(r.begin.Add(edge.At)))
				board.Pins["GPIO4"].Drive(gpio.Level(!edge.Closed))
			}
			time.Sleep(time.Until(r.begin.Add(trace.Length)))
			var short, long int
			for _, e := range r.said() {
				if strings.Contains(e, "long=false") {
					short++
				} else {
					long++
				}
			}
			if short != trace.Short || long != trace.Long {
				t.Errorf("%s: %d short and %d long", trace.Name, short, long)
			}
		})
	}
}

func TestDriverThatDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard("GPIO4")
		pin := board.Pins["GPIO4"]
		pin.Hasty()
		r := start(t, Config{Board: board, Doorbell: "GPIO4"})
		defer r.end()
		time.Sleep(10 * time.Second)
		if n := pin.Waits(); n < 38 || n > 42 {
			t.Errorf("asked %d times in ten seconds", n)
		}
		pin.Lock()
		pin.L = gpio.Low
		pin.Unlock()
		time.Sleep(500 * time.Millisecond)
		if got := r.said(); len(got) != 1 {
			t.Errorf("a press without edges: %v", got)
		}
	})
}

func TestDoor(t *testing.T) {
	for _, tc := range []struct {
		door    string
		on, off gpio.Level
	}{{"GPIO22", gpio.High, gpio.Low}, {"GPIO22?active=low", gpio.Low, gpio.High}} {
		synctest.Test(t, func(t *testing.T) {
			board := hwtest.NewBoard("GPIO22")
			pin := board.Pins["GPIO22"]
			r := start(t, Config{Board: board, Door: tc.door, DoorPulse: "3s"})
			r.expect("the start", "hw.DoorState{Unlocked:false}")

			time.Sleep(time.Second)
			for range 3 { // twice too often
				if err := r.Unlock(t.Context(), "panel", HowTopic); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
			}
			time.Sleep(time.Second)
			access := `access opened=true by="panel" from="" how=topic reason=""`
			r.expect("a pulse", "hw.DoorState{Unlocked:true}", access, access, access, "hw.DoorState{Unlocked:false}")

			if err := r.Unlock(t.Context(), "panel", HowTopic); err != nil {
				t.Error(err)
			}
			time.Sleep(500 * time.Millisecond)
			for range 2 { // once without need
				if err := r.Lock(t.Context()); err != nil {
					t.Error(err)
				}
			}
			r.expect("lock", "hw.DoorState{Unlocked:true}", access, "hw.DoorState{Unlocked:false}")

			if err := r.Unlock(t.Context(), "panel", HowTopic); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			r.end()
			r.expect("the end in the middle of a pulse", "hw.DoorState{Unlocked:true}", access, "hw.DoorState{Unlocked:false}")

			want := []string{
				fmt.Sprintf("0s %v", tc.off),
				fmt.Sprintf("1s %v", tc.on), fmt.Sprintf("4s %v", tc.off),
				fmt.Sprintf("5s %v", tc.on), fmt.Sprintf("5.5s %v", tc.off), fmt.Sprintf("5.5s %v", tc.off),
				fmt.Sprintf("5.5s %v", tc.on), fmt.Sprintf("6.5s %v", tc.off),
			}
			if diff := cmp.Diff(want, changes(r.begin, pin)); diff != "" {
				t.Errorf("the relay (-want +got):\n%s", diff)
			}
			if err := r.Unlock(t.Context(), "panel", HowTopic); !errors.Is(err, ErrStopped) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

func TestRelayThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard("GPIO22")
		pin := board.Pins["GPIO22"]
		r := start(t, Config{Board: board, Door: "GPIO22"})
		defer r.end()
		r.said()
		if err := r.Unlock(t.Context(), "panel", HowTopic); err != nil {
			t.Fatal(err)
		}
		r.said()
		pin.Fail(hwtest.ErrBus)
		time.Sleep(5 * time.Second)
		r.expect("off fails", "hw.Fault{Part:door Err:switch relay off: input/output error}")
		if err := r.Unlock(t.Context(), "panel", HowTopic); !errors.Is(err, ErrRelay) {
			t.Errorf("unlock: %v", err)
		}
		if err := r.Lock(t.Context()); !errors.Is(err, ErrRelay) {
			t.Errorf("lock: %v", err)
		}
		r.said()
		pin.Fail(nil)
		time.Sleep(time.Second)
		r.expect("off works again", "hw.Fault{Part:door Err:<nil>}", "hw.DoorState{Unlocked:false}")
		if got := pin.Read(); got != gpio.Low {
			t.Error("the relay is on")
		}

		pin.Fail(hwtest.ErrBus)
		if err := r.Unlock(t.Context(), "panel", HowTopic); !errors.Is(err, hwtest.ErrBus) {
			t.Errorf("on fails: %v", err)
		}
		for _, e := range r.said() {
			if strings.Contains(e, "Unlocked:true") || strings.Contains(e, "opened=true") {
				t.Errorf("told that the door is open: %s", e)
			}
		}
		pin.Fail(nil)
	})
}

func TestDoorByCode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codes")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("family " + hashOf(t, "4711") + "\nguard " + hashOf(t, "0815") + " from=sip:guard@example.org\n")
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		r := start(t, Config{Door: "sim", DoorCodesFile: path, Log: slog.New(slog.NewTextHandler(&logged, nil))})
		defer r.end()
		r.said()
		try := func(code Code, from string, how How) error {
			t.Helper()
			_, err := r.UnlockByCode(t.Context(), Attempt{Code: code, From: from, How: how})
			return err
		}
		if err := try("4711", "601", HowDTMF); err != nil {
			t.Error(err)
		}
		r.expect("a right code", "hw.DoorState{Unlocked:true}", `access opened=true by="family" from="601" how=dtmf reason=""`)
		if err := try("0815", "sip:guard@example.org", HowMessage); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		r.said()

		calling := func(code Code, from string) error {
			_, err := r.UnlockByCode(t.Context(), Attempt{Code: code, From: from, How: HowDTMF, Calling: true})
			return err
		}
		if err := calling("4711", "603"); !errors.Is(err, ErrNotFromHere) {
			t.Errorf("a code without from= of someone who calls in: %v", err)
		}
		if err := calling("0815", "sip:guard@example.org"); err != nil {
			t.Errorf("a code with from= of someone who calls in: %v", err)
		}
		time.Sleep(10 * time.Second)
		r.said()

		for _, how := range []How{HowTopic, "inband", ""} {
			if err := try("4711", "601", how); !errors.Is(err, ErrNotFromHere) {
				t.Errorf("how %q: %v", how, err)
			}
		}
		r.said()
		for range 3 {
			if err := try("9999", "602", HowDTMF); !errors.Is(err, ErrWrongCode) {
				t.Error(err)
			}
		}
		time.Sleep(time.Second)
		var locked LockedOutError
		if err := try("4711", "602", HowDTMF); !errors.As(err, &locked) || locked.For != 29*time.Second {
			t.Errorf("after three wrong codes: %v", err)
		}
		wrong := `access opened=false by="" from="602" how=dtmf reason="wrong code"`
		r.expect("wrong codes", wrong, wrong, wrong,
			`access opened=false by="" from="602" how=dtmf reason="too many wrong codes, locked out for 29s"`)
		time.Sleep(30 * time.Second)
		if err := try("4711", "602", HowDTMF); err != nil {
			t.Errorf("after the lock-out: %v", err)
		}
		time.Sleep(10 * time.Second)
		r.said()

		write("family garbage garbage garbage\n")
		if err := try("4711", "601", HowDTMF); !errors.Is(err, ErrNoCodes) {
			t.Errorf("with a file of garbage: %v", err)
		}
		r.expect("with a file of garbage", `access opened=false by="" from="601" how=dtmf reason="no usable codes file"`)
		write("new " + hashOf(t, "12345") + "\n")
		if err := try("4711", "601", HowDTMF); !errors.Is(err, ErrWrongCode) {
			t.Errorf("a code that was taken away: %v", err)
		}
		if err := try("12345", "601", HowDTMF); err != nil {
			t.Errorf("a code that was added: %v", err)
		}
		for _, code := range []string{"4711", "0815", "9999", "12345"} {
			if strings.Contains(logged.String(), code) {
				t.Errorf("the log tells code %s:\n%s", code, logged.String())
			}
		}
	})
}

func TestCodesAreCheckedOneByOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codes")
	costly, err := HashCode("4711", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("family "+costly+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := access{path: path, log: slog.New(slog.DiscardHandler)}
	var tried, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := a.check(Attempt{Code: "0000", From: "601", How: HowDTMF}, epoch())
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, ErrWrongCode) {
				tried++
			} else {
				refused++
			}
		})
	}
	all.Wait()
	if tried < 1 || tried > freeAttempts || tried+refused != 50 {
		t.Errorf("%d codes were tried at once, %d refused", tried, refused)
	}
}

func TestDisplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard()
		chain := hwtest.NewMatrixChain(4)
		board.Ports["SPI0.0"] = chain
		r := start(t, Config{Board: board, Display: "max7219:SPI0.0?cascaded=4&brightness=3"})
		r.expect("the start", "hw.DisplayBrightness{Level:3}", "hw.DisplayText{Text:}")
		clock := chain.Picture()
		if clock == "dark" || !strings.Contains(clock, "#") || chain.Register(0, 0x0a) != 3 {
			t.Errorf("the clock, intensity %d:\n%s", chain.Register(0, 0x0a), clock)
		}

		r.ShowStatus(Status{Call: CallRinging, Remote: "grandmother"})
		r.expect("a ring", "hw.DisplayText{Text:RING grandmother}")
		first := chain.Picture()
		time.Sleep(900 * time.Millisecond)
		if chain.Picture() != first {
			t.Error("a long text moves before it can be read")
		}
		before := chain.Transfers()
		time.Sleep(1100 * time.Millisecond)
		if chain.Picture() == first {
			t.Error("a long text does not move")
		}
		if n := chain.Transfers() - before; n > 31*8 {
			t.Errorf("%d transfers in a second", n)
		}

		if err := r.ShowText(t.Context(), Text{Text: "hi", For: 5 * time.Second}); err != nil {
			t.Error(err)
		}
		r.expect("a text for seconds", "hw.DisplayText{Text:hi}")
		time.Sleep(6 * time.Second)
		r.expect("its seconds are over", "hw.DisplayText{Text:RING grandmother}")
		r.ShowStatus(Status{Call: CallActive, Remote: "602", Since: time.Now()})
		time.Sleep(3500 * time.Millisecond)
		r.expect("a call", "hw.DisplayText{Text:CALL 602}")
		r.ShowStatus(Status{Unregistered: true})
		r.expect("no line", "hw.DisplayText{Text:NOT REGISTERED}")
		r.ShowStatus(Status{})
		r.expect("the clock again", "hw.DisplayText{Text:}")

		if err := r.SetBrightness(t.Context(), 15); err != nil || chain.Register(3, 0x0a) != 15 {
			t.Errorf("brightness: %v", err)
		}
		if err := r.SetBrightness(t.Context(), 16); !errors.Is(err, ErrOutOfRange) {
			t.Errorf("brightness 16: %v", err)
		}
		if err := r.ShowText(t.Context(), Text{Text: strings.Repeat("x", MaxText+1)}); !errors.Is(err, ErrTooLong) {
			t.Errorf("a very long text: %v", err)
		}
		r.expect("brightness", "hw.DisplayBrightness{Level:15}")
		var picture bytes.Buffer
		if err := r.WriteDisplayPNG(t.Context(), &picture); err != nil {
			t.Fatal(err)
		}
		if img, err := png.Decode(&picture); err != nil || img.Bounds().Dx() != 32*6+1 {
			t.Errorf("picture: %v", err)
		}
		r.end()
		if chain.Picture() != "dark" {
			t.Error("the display is on after the end")
		}
	})
}

func TestDisplayThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard()
		chain := hwtest.NewMatrixChain(4)
		board.Ports["SPI0.0"] = chain
		r := start(t, Config{Board: board, Display: "max7219?cascaded=4&clock=off"})
		defer r.end()
		r.said()
		if err := r.ShowText(t.Context(), Text{Text: "hi"}); err != nil {
			t.Fatal(err)
		}
		want := chain.Picture()
		r.said()

		chain.Glitch()
		time.Sleep(refresh + time.Millisecond)
		if got := chain.Picture(); got != want {
			t.Errorf("after a dip of the supply:\n%s", got)
		}
		chain.Fail(true)
		time.Sleep(2 * refresh)
		r.expect("the bus fails", "hw.Fault{Part:display Err:register 15: input/output error}")
		if err := r.ShowText(t.Context(), Text{Text: "ho"}); !errors.Is(err, hwtest.ErrBus) {
			t.Errorf("a text for a dead display: %v", err)
		}
		before := chain.Transfers()
		time.Sleep(10 * time.Minute)
		if n := chain.Transfers() - before; n < 15 || n > 30 {
			t.Errorf("a dead display was tried %d times in ten minutes", n)
		}
		chain.Fail(false)
		chain.Glitch()
		time.Sleep(longestRetry)
		r.expect("the bus works again", "hw.DisplayText{Text:ho}", "hw.Fault{Part:display Err:<nil>}")
		if got := chain.Picture(); got == "dark" || got == want {
			t.Errorf("after the bus has come back:\n%s", got)
		}
	})
}

func TestDisplaysByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard()
		lcd := hwtest.NewLCD(0x3f, 20, 4)
		board.Buses["I2C1"] = lcd
		r := start(t, Config{Board: board, Display: "hd44780:I2C1?addr=0x3f&size=20x4"})
		defer r.end()
		time.Sleep(time.Second)
		r.ShowStatus(Status{Call: CallRinging, Remote: "Grüße <601>"})
		synctest.Wait()
		if got := strings.Split(lcd.Text(), "\n"); strings.TrimSpace(got[0]) != "RING" || strings.TrimSpace(got[1]) != `Gr\xf5\xe2e <601>` {
			t.Errorf("LCD: %q", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var terminal bytes.Buffer
		r := start(t, Config{Display: "sim?terminal=1&clock=off", Terminal: &terminal})
		defer r.end()
		if err := r.ShowText(t.Context(), Text{Text: "hi"}); err != nil {
			t.Error(err)
		}
		if !strings.Contains(terminal.String(), "█") {
			t.Errorf("nothing is drawn:\n%s", terminal.String())
		}
	})
}

func TestBacklightSleepsAndWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard("GPIO4", "GPIO18")
		r := start(t, Config{Board: board, Doorbell: "GPIO4", Backlight: "GPIO18?active=low&sleep=60s"})
		defer r.end()
		r.expect("the start", "hw.BacklightState{On:true}")
		time.Sleep(61 * time.Second)
		r.expect("after a minute", "hw.BacklightState{On:false}")
		if err := r.Press(""); err != nil {
			t.Error(err)
		}
		r.expect("a press", `pressed "" long=false at 1m1s`, "hw.BacklightState{On:true}")
		time.Sleep(61 * time.Second)
		r.ShowStatus(Status{Call: CallRinging})
		time.Sleep(time.Hour)
		r.expect("a ring that lasts", "hw.BacklightState{On:false}", "hw.BacklightState{On:true}")
		r.ShowStatus(Status{})
		time.Sleep(61 * time.Second)
		r.expect("after it", "hw.BacklightState{On:false}")
		for _, on := range []bool{true, true, false} {
			if err := r.SetBacklight(t.Context(), on); err != nil {
				t.Error(err)
			}
		}
		r.expect("by topic", "hw.BacklightState{On:true}", "hw.BacklightState{On:false}")
		if got := board.Pins["GPIO18"].Read(); got != gpio.High {
			t.Error("the pin of a light that is off and closes to low is low")
		}
	})
}

func TestBacklightThatOnlySleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Doorbell: "sim", Backlight: "sim?sleep=60s&wake=0"})
		defer r.end()
		time.Sleep(61 * time.Second)
		if err := r.Press(""); err != nil {
			t.Error(err)
		}
		r.ShowStatus(Status{Call: CallRinging})
		r.expect("neither a press nor a ring wakes", "hw.BacklightState{On:true}", "hw.BacklightState{On:false}", `pressed "" long=false at 1m1s`)
	})
}

func TestLamps(t *testing.T) {
	root := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(text))
	}
	file("panel/max_brightness", "255\n")
	file("panel/brightness", "200\n")
	file("panel/bl_power", "4\n")
	file("old/max_brightness", "31\n")
	file("old/brightness", "17\n")
	program := file("switch.sh", "#!/bin/sh\necho \"$@\" >> "+root+"/calls\n")
	board := hwtest.NewBoard("LIGHT", "GPIO18")

	for _, tc := range []struct {
		value  string
		at     bool // what it is at the start
		result func() string
		on     string
		off    string
	}{
		{"panel?brightness=100", false, func() string { return read("panel/bl_power") + "," + read("panel/brightness") }, "0,100", "4,100"},
		{filepath.Join(root, "panel"), false, func() string { return read("panel/bl_power") }, "0", "4"},
		{"old", true, func() string { return read("old/brightness") }, "17", "0"},
		{program, true, func() string { return read("calls") }, "", "1\n0\n1\n1\n0"},
		{"command:" + program + " --{on|off} 'a b'", true, func() string { return last(read("calls")) }, "--on a b", "--off a b"},
		{"LIGHT", true, func() string { return board.Pins["LIGHT"].Read().String() }, "High", "Low"},
		{"pwm:GPIO18?duty=50%", true, func() string { return board.Pins["GPIO18"].Duty().String() }, "50%", "0%"},
		{"sim", true, func() string { return "" }, "", ""},
	} {
		p, err := New(Config{Board: board, Backlight: tc.value, SysfsBacklight: root})
		if err != nil {
			t.Fatalf("%s: %v", tc.value, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		if e := <-p.Events(); e != (BacklightState{tc.at}) {
			t.Errorf("%s begins with %v", tc.value, e)
		}
		for _, on := range []bool{true, false, true, true, false} {
			if err := p.SetBacklight(ctx, on); err != nil {
				t.Errorf("%s: %v", tc.value, err)
			}
			want := tc.off
			if on {
				want = tc.on
			}
			if got := tc.result(); tc.value != program && got != want {
				t.Errorf("%s, on %v: %q, want %q", tc.value, on, got, want)
			}
		}
		if got := tc.result(); got != tc.off {
			t.Errorf("%s ends with %q, want %q", tc.value, got, tc.off)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", tc.value, err)
		}
	}
}

func last(lines string) string { return lines[strings.LastIndex(lines, "\n")+1:] }

func TestLampThatFails(t *testing.T) {
	ok := filepath.Join(t.TempDir(), "ok")
	p, err := New(Config{Backlight: `sh -c "test ! -e ` + ok + ` || { yes | head -c 1000000; echo broken >&2; exit 3; }"`})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	<-p.Events()
	if err := os.WriteFile(ok, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = p.SetBacklight(ctx, false)
	if err == nil || !strings.Contains(err.Error(), "broken") || len(err.Error()) > 1000 {
		t.Errorf("a command that fails with a megabyte of output: %v", err)
	}
	if e, is := (<-p.Events()).(Fault); !is || e.Part != "backlight" {
		t.Errorf("told %v", e)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestHardwareThatIsNotThere(t *testing.T) {
	board := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO22")
	board.Pins["GPIO5"].Fail(fmt.Errorf("line_request ioctl: %w", syscall.EBUSY))
	for _, tc := range []struct {
		config Config
		want   []string
	}{
		{Config{Doorbell: "GPIO99"}, []string{"HW_DOORBELL", "GPIO99", "no such pin"}},
		{Config{Doorbell: "GPIO5"}, []string{"HW_DOORBELL", "GPIO5", "another program"}},
		{Config{Door: "GPIO99"}, []string{"HW_DOOR", "GPIO99", "no such pin"}},
		{Config{Door: "GPIO5"}, []string{"HW_DOOR", "GPIO5", "another program"}},
		{Config{Door: "GPIO22", Doorbell: "GPIO99"}, []string{"HW_DOORBELL"}},
	} {
		tc.config.Board = board
		p, err := New(tc.config)
		if err != nil {
			t.Errorf("%+v: %v", tc.config, err)
			continue
		}
		err = p.Run(t.Context())
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%+v: %v, without %q", tc.config, err, want)
			}
		}
		for _, c := range board.Pins["GPIO22"].Changes() {
			if c.Level == gpio.High {
				t.Error("the door was opened")
			}
		}
	}
}

// A display or a light that is not there does not take the bell away.
func TestDisplayAndLightThatAreNotThere(t *testing.T) {
	for _, tc := range []struct {
		config Config
		want   []string
	}{
		{Config{Display: "max7219:SPI9.9"}, []string{"HW_DISPLAY", "SPI9.9"}},
		{Config{Display: "max7219"}, []string{"HW_DISPLAY", "input/output error"}},
		{Config{Display: "hd44780?addr=0x3f"}, []string{"HW_DISPLAY", "0x3f"}},
		{Config{Display: "ssd1306"}, []string{"HW_DISPLAY", "0x3c"}},
		{Config{Display: "ssd1306:SPI0.0?dc=GPIO99"}, []string{"HW_DISPLAY", "GPIO99"}},
		{Config{Backlight: "panel", SysfsBacklight: "/nonexistent"}, []string{"HW_BACKLIGHT", "panel", "nothing"}},
		{Config{Backlight: "/nonexistent/panel"}, []string{"HW_BACKLIGHT", "neither"}},
		{Config{Backlight: "GPIO99"}, []string{"HW_BACKLIGHT", "GPIO99"}},
		{Config{Backlight: "nonexistent-program {}"}, []string{"HW_BACKLIGHT", "nonexistent-program"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			board := hwtest.NewBoard("GPIO4")
			chain := hwtest.NewMatrixChain(1)
			chain.Fail(true)
			board.Ports["SPI0.0"] = chain
			board.Buses["I2C1"] = hwtest.NewLCD(0x27, 16, 2)
			tc.config.Board, tc.config.Doorbell = board, "GPIO4"
			r := start(t, tc.config)
			defer r.end()
			time.Sleep(500 * time.Millisecond) // an LCD wants its time before it is asked
			said := strings.Join(r.said(), "; ")
			for _, want := range append(tc.want, "hw.Fault") {
				if !strings.Contains(said, want) || strings.Contains(said, "\n") {
					t.Errorf("%+v: %s, without %q", tc.config, said, want)
				}
			}
			for name, err := range map[string]error{
				"text": r.ShowText(t.Context(), Text{Text: "hi"}), "brightness": r.SetBrightness(t.Context(), 3),
				"picture": r.WriteDisplayPNG(t.Context(), &bytes.Buffer{}), "light": r.SetBacklight(t.Context(), true),
			} {
				if err == nil {
					t.Errorf("%+v: %s works", tc.config, name)
				}
			}
			board.Pins["GPIO4"].Drive(gpio.Low)
			time.Sleep(time.Second)
			board.Pins["GPIO4"].Drive(gpio.High)
			time.Sleep(time.Minute)
			if said := r.said(); len(said) == 0 || !strings.Contains(said[0], "pressed") {
				t.Errorf("%+v: a press: %v", tc.config, said)
			}
		})
	}
}

// What comes back is found.
func TestDisplayAndLightThatComeLater(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		board := hwtest.NewBoard()
		chain := hwtest.NewMatrixChain(1)
		chain.Fail(true)
		board.Ports["SPI0.0"] = chain
		r := start(t, Config{Board: board, Display: "max7219", Backlight: "panel", SysfsBacklight: root})
		defer r.end()
		_ = r.ShowText(t.Context(), Text{Text: "hi"})
		time.Sleep(time.Minute)
		r.said()
		chain.Fail(false)
		for name, text := range map[string]string{"max_brightness": "9", "brightness": "9"} {
			path := filepath.Join(root, "panel", name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(longestRetry)
		said := strings.Join(r.said(), "; ")
		for _, want := range []string{"hw.Fault{Part:display Err:<nil>}", "hw.Fault{Part:backlight Err:<nil>}", "hw.DisplayText{Text:hi}", "hw.BacklightState{On:true}"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s, without %s", said, want)
			}
		}
		if err := r.SetBacklight(t.Context(), false); err != nil || chain.Picture() == "dark" {
			t.Errorf("%v, %s", err, chain.Picture())
		}
	})
}

func TestCodesFileThatIsNotThere(t *testing.T) {
	for _, path := range []string{"/nonexistent/codes", t.TempDir()} {
		var bad ConfigError
		if _, err := New(Config{Door: "sim", DoorCodesFile: path}); !errors.As(err, &bad) || bad.Variable != "HW_DOOR_CODES_FILE" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPartsThatAreNotSetUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{})
		defer r.end()
		_, byCode := r.UnlockByCode(t.Context(), Attempt{Code: "4711", How: HowDTMF})
		for name, err := range map[string]error{
			"Press": r.Press(""), "Unlock": r.Unlock(t.Context(), "", HowTopic), "Lock": r.Lock(t.Context()), "UnlockByCode": byCode,
			"ShowText": r.ShowText(t.Context(), Text{}), "SetBrightness": r.SetBrightness(t.Context(), 1),
			"WriteDisplayPNG": r.WriteDisplayPNG(t.Context(), nil), "SetBacklight": r.SetBacklight(t.Context(), true),
		} {
			if !errors.Is(err, ErrNotFitted) {
				t.Errorf("%s: %v", name, err)
			}
		}
		r.ShowStatus(Status{})
		r.expect("nothing")
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Door: "sim"})
		defer r.end()
		if _, err := r.UnlockByCode(t.Context(), Attempt{Code: "4711", How: HowDTMF}); !errors.Is(err, ErrNoCodes) {
			t.Errorf("a door without codes: %v", err)
		}
	})
}

func TestNobodyReadsTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Door: "sim", Doorbell: "sim?quiet=0s", Display: "sim"})
		defer r.end()
		for range 1000 {
			if err := r.Press(""); err != nil {
				t.Fatal(err)
			}
			r.ShowStatus(Status{Call: CallDialing})
		}
		if err := r.Unlock(t.Context(), "panel", HowTopic); err != nil {
			t.Errorf("the door does not open: %v", err)
		}
		if n := r.Dropped(); n < 900 {
			t.Errorf("%d events were dropped", n)
		}
	})
}

func TestCallsBeforeRunEndWithTheirContext(t *testing.T) {
	p, err := New(Config{Door: "sim"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Unlock(ctx, "", HowTopic); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestThisMachine(t *testing.T) {
	// Whatever machine this is: what does not exist is an error of one line, and nothing panics.
	for name, look := range map[string]func() error{
		"a pin":           func() error { _, err := thisMachine{}.Pin("GPIO9999"); return err },
		"a line":          func() error { _, err := thisMachine{}.Pin("gpiochip99.1"); return err },
		"a line too far":  func() error { _, err := thisMachine{}.Pin("gpiochip0.99999"); return err },
		"a number":        func() error { _, err := thisMachine{}.Pin("9999"); return err },
		"a port":          func() error { _, err := thisMachine{}.SPI("SPI99.9"); return err },
		"an I2C bus":      func() error { _, err := thisMachine{}.I2C("I2C99"); return err },
		"a mad line name": func() error { _, err := thisMachine{}.Pin("gpiochip0.99999999999999999999"); return err },
	} {
		if err := look(); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

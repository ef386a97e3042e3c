package display

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/spi/spitest"

	"housephone/hw/font"
)

var update = flag.Bool("update", false, "write testdata anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// transcript writes down what a driver sends, step by step.
type transcript struct {
	t     *testing.T
	lines strings.Builder
	sent  func() []string // everything since the last call
}

func (tr *transcript) step(name string, err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatalf("%s: %v", name, err)
	}
	fmt.Fprintf(&tr.lines, "# %s\n", name)
	for _, line := range tr.sent() {
		tr.lines.WriteString(line + "\n")
	}
}

func spiTranscript(t *testing.T, record *spitest.Record) *transcript {
	return &transcript{t: t, sent: func() []string { return hexOf(&record.Ops) }}
}

func hexOf(ops *[]conntest.IO) []string {
	var out []string
	for _, op := range *ops {
		out = append(out, fmt.Sprintf("% x", op.W))
	}
	*ops = nil
	return out
}

func i2cTranscript(t *testing.T, record *i2ctest.Record) *transcript {
	return &transcript{t: t, sent: func() []string {
		var out []string
		for _, op := range record.Ops {
			out = append(out, fmt.Sprintf("%02x: % x", op.Addr, op.W))
		}
		record.Ops = nil
		return out
	}}
}

func show(t *testing.T, d Display, rows ...string) error {
	t.Helper()
	return d.Show(View{Rows: rows})
}

func TestGoldenMAX7219(t *testing.T) {
	for _, orientation := range []int{0, 90, -90, 180} {
		record := &spitest.Record{}
		tr := spiTranscript(t, record)
		m, err := NewMAX7219(record, MAX7219Options{Cascaded: 2, Orientation: orientation})
		tr.step("start", err)
		r, err := NewRaster(m, font.Proportional(), 1, Tempo{time.Second / 30, 1})
		if err != nil {
			t.Fatal(err)
		}
		tr.step("show F1", show(t, r, "F1"))
		tr.step("show F7: digits that differ", show(t, r, "F7"))
		tr.step("show F7 again: everything", show(t, r, "F7"))
		tr.step("brightness 15", r.SetBrightness(15))
		tr.step("brightness 99", r.SetBrightness(99))
		tr.step("halt", r.Halt())
		golden(t, fmt.Sprintf("max7219_%d.txt", orientation), tr.lines.String())
	}
}

func TestGoldenSSD1306(t *testing.T) {
	record := &i2ctest.Record{}
	tr := i2cTranscript(t, record)
	m, err := NewSSD1306I2C(record, 0x3d, 32, false)
	tr.step("start 128x32 at 0x3d", err)
	r, err := NewRaster(m, font.Proportional(), 2, Tempo{time.Second / 10, 4})
	if err != nil {
		t.Fatal(err)
	}
	tr.step("show", show(t, r, "RING", "601"))
	tr.step("show: the part that differs", show(t, r, "RING", "602"))
	tr.step("brightness 8", r.SetBrightness(8))
	tr.step("halt", r.Halt())
	golden(t, "ssd1306_i2c.txt", tr.lines.String())
}

func TestGoldenSSD1306SPI(t *testing.T) {
	record := &spitest.Record{}
	tr := spiTranscript(t, record)
	m, err := NewSSD1306SPI(record, &gpiotest.Pin{N: "GPIO25"}, 64, true)
	tr.step("start 128x64 upside down", err)
	r, err := NewRaster(m, font.CP437(), 1, Tempo{time.Second / 10, 4})
	if err != nil {
		t.Fatal(err)
	}
	tr.step("show", show(t, r, "A"))
	golden(t, "ssd1306_spi.txt", tr.lines.String())
}

func TestGoldenHD44780(t *testing.T) {
	record := &i2ctest.Record{}
	tr := i2cTranscript(t, record)
	var waited []time.Duration
	l, err := NewHD44780(record, 0x27, 16, 2, func(d time.Duration) { waited = append(waited, d) })
	tr.step("start", err)
	tr.step("show", show(t, l, "Tür", "5°"))
	tr.step("show: the row that differs", show(t, l, "Tür", "6°"))
	tr.step("show: nothing differs", show(t, l, "Tür", "6°"))
	tr.step("brightness 0", l.SetBrightness(0))
	tr.step("brightness 1", l.SetBrightness(1))
	tr.step("halt", l.Halt())
	golden(t, "hd44780.txt", tr.lines.String())

	want := []time.Duration{40e6, 5e6, 1e6, 1e6, 1e6, 2e6}
	if diff := cmp.Diff(want, waited); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

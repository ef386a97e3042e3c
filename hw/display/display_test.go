package display

import (
	"bytes"
	"errors"
	"image"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi/spitest"

	"housephone/hw/font"
	"housephone/hw/hwtest"
)

func smooth() Tempo { return Tempo{Every: time.Second / 30, Units: 1} }

// turnPicture turns every block of eight by eight in a picture clockwise by degrees.
func turnPicture(picture string, degrees int) string {
	lines := strings.Fields(picture)
	out := make([][]byte, 8)
	for y := range out {
		out[y] = make([]byte, len(lines[0]))
		for x := range out[y] {
			bx, cx := x/8*8, x%8
			var fx, fy int
			switch degrees {
			case 0:
				fx, fy = cx, y
			case 90:
				fx, fy = y, 7-cx
			case 180:
				fx, fy = 7-cx, 7-y
			case -90:
				fx, fy = 7-y, cx
			}
			out[y][x] = lines[fy][bx+fx]
		}
	}
	return string(bytes.Join(out, []byte("\n"))) + "\n"
}

func TestMAX7219ShowsTheSamePictureHoweverMounted(t *testing.T) {
	const want = "" +
		".....####..###.#...#..###.......\n" +
		".....#...#..#..#...#.#...#......\n" +
		".....#...#..#..##..#.#..........\n" +
		".....####...#..#.#.#.#.###......\n" +
		".....#.#....#..#..##.#...#......\n" +
		".....#..#...#..#...#.#...#......\n" +
		".....#...#.###.#...#..###.......\n" +
		"................................\n"
	for _, orientation := range []int{0, 90, -90, 180} {
		chain := hwtest.NewMatrixChain(4)
		if got := chain.Picture(); got != "dark" {
			t.Fatalf("before the start:\n%s", got)
		}
		m, err := NewMAX7219(chain, MAX7219Options{Cascaded: 4, Orientation: orientation})
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewRaster(m, font.Proportional(), 1, smooth())
		if err != nil {
			t.Fatal(err)
		}
		// The module's LEDs are turned clockwise by as much as the block is turned counter-clockwise.
		if err := r.Show(View{Rows: []string{"R"}}); err != nil {
			t.Fatal(err)
		}
		if err := r.Show(View{Rows: []string{"RING"}}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, turnPicture(chain.Picture(), orientation)); diff != "" {
			t.Errorf("orientation %d (-want +got):\n%s", orientation, diff)
		}
	}
}

func TestMAX7219Reverse(t *testing.T) {
	chain := hwtest.NewMatrixChain(2)
	m, err := NewMAX7219(chain, MAX7219Options{Cascaded: 2, Reverse: true})
	if err != nil {
		t.Fatal(err)
	}
	pixels := make([]byte, 16)
	pixels[0] = 0x01 // the upper left corner belongs to the far module now
	if err := m.Write(pixels); err != nil {
		t.Fatal(err)
	}
	if chain.Register(1, 1) != 1 || chain.Register(0, 1) != 0 {
		t.Errorf("the left column went to the wrong module:\n%s", chain.Picture())
	}
}

func TestMAX7219ComesBack(t *testing.T) {
	chain := hwtest.NewMatrixChain(1)
	m, err := NewMAX7219(chain, MAX7219Options{Cascaded: 1})
	if err != nil {
		t.Fatal(err)
	}
	one, two := bytes.Repeat([]byte{0x11}, 8), bytes.Repeat([]byte{0x22}, 8)
	if err := m.Write(one); err != nil {
		t.Fatal(err)
	}
	want := chain.Picture()

	chain.Glitch()
	if err := m.Write(one); err != nil { // the same picture is sent whole
		t.Fatal(err)
	}
	if got := chain.Picture(); got != want {
		t.Errorf("after a dip of the supply:\n%s", got)
	}

	chain.Fail(true)
	if err := m.Write(two); !errors.Is(err, hwtest.ErrBus) {
		t.Fatalf("a dead bus: %v", err)
	}
	chain.Fail(false)
	chain.Glitch()
	if err := m.Write(two); err != nil {
		t.Fatal(err)
	}
	want = strings.Repeat("........\n########\n........\n........\n", 2)
	if got := chain.Picture(); got != want {
		t.Errorf("after an error of the bus:\n%s", got)
	}
}

func TestStartOnADeadBus(t *testing.T) {
	chain := hwtest.NewMatrixChain(1)
	chain.Fail(true)
	if _, err := NewMAX7219(chain, MAX7219Options{Cascaded: 1}); !errors.Is(err, hwtest.ErrBus) {
		t.Errorf("MAX7219: %v", err)
	}
	lcd := hwtest.NewLCD(0x27, 16, 2)
	if _, err := NewHD44780(lcd, 0x3f, 16, 2, func(time.Duration) {}); err == nil {
		t.Error("an LCD that does not answer was started")
	}
	if _, err := NewSSD1306I2C(&i2ctest.Playback{DontPanic: true}, 0x3c, 64, false); err == nil {
		t.Error("an OLED that does not answer was started")
	}
}

func TestRejectedOptions(t *testing.T) {
	for _, opts := range []MAX7219Options{{}, {Cascaded: 9}, {Cascaded: 1, Orientation: 45}, {Cascaded: 1, Speed: 20 * physic.MegaHertz}} {
		if _, err := NewMAX7219(hwtest.NewMatrixChain(1), opts); err == nil {
			t.Errorf("accepted %+v", opts)
		}
	}
	for _, size := range [][2]int{{0, 0}, {16, 5}, {80, 2}} {
		if _, err := NewHD44780(hwtest.NewLCD(0x27, 16, 2), 0x27, size[0], size[1], func(time.Duration) {}); err == nil {
			t.Errorf("accepted an LCD of %v", size)
		}
	}
	for _, size := range [][2]int{{0, 8}, {32, 7}, {1024, 8}} {
		if _, err := NewSim(size[0], size[1], nil); err == nil {
			t.Errorf("accepted a matrix of %v", size)
		}
	}
	sim, err := NewSim(32, 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewRaster(sim, font.CP437(), 2, smooth()); err == nil {
		t.Error("letters of 16 pixels on a matrix of 8")
	}
}

func TestWindow(t *testing.T) {
	for _, tc := range []struct {
		name   string
		view   View
		row    string
		centre bool
		want   string
	}{
		{"fits", View{}, "abc", false, "abc.."},
		{"fits, centred", View{}, "abc", true, ".abc."},
		{"exactly", View{}, "abcde", true, "abcde"},
		{"too long, begin", View{}, "abcdefg", true, "abcde"},
		{"too long, shifted", View{Offset: 4}, "abcdefg", true, "efg.."},
		{"too long, the next round enters", View{Offset: 6}, "abcdefg", true, "g..ab"},
		{"one round", View{Offset: 9}, "abcdefg", true, "abcde"},
		{"still", View{Offset: 4, Still: true}, "abcdefg", true, "abcde"},
		{"moving though it fits", View{Offset: 2, Moving: true}, "abc", true, "c...."},
		{"moving, the next round", View{Offset: 4, Moving: true}, "abc", true, "...ab"},
		{"empty", View{Offset: 4, Moving: true}, "", true, "....."},
	} {
		if got := string(window(tc.view, []byte(tc.row), 5, 2, '.', tc.centre)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestHD44780(t *testing.T) {
	chip := hwtest.NewLCD(0x27, 20, 4)
	l, err := NewHD44780(chip, 0x27, 20, 4, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	show := func(rows ...string) {
		t.Helper()
		if err := l.Show(View{Rows: rows}); err != nil {
			t.Fatal(err)
		}
	}
	show("one", "two", "three", "four")
	want := "one                 \ntwo                 \nthree               \nfour                \n"
	if diff := cmp.Diff(want, chip.Text()); diff != "" {
		t.Errorf("four rows (-want +got):\n%s", diff)
	}
	show("Grüße \\ ~ €")
	if got := strings.Split(chip.Text(), "\n")[0]; got != `Gr\xf5\xe2e / - EUR       ` {
		t.Errorf("signs: %q", got)
	}
	if !chip.Lit() {
		t.Error("no light")
	}
	if err := l.SetBrightness(0); err != nil || chip.Lit() {
		t.Errorf("light at brightness 0: %v, %v", chip.Lit(), err)
	}

	chip.Fail(true)
	if err := l.Show(View{Rows: []string{"lost"}}); !errors.Is(err, hwtest.ErrBus) {
		t.Errorf("a dead bus: %v", err)
	}
	chip.Fail(false)
	show("back")
	if got := strings.Split(chip.Text(), "\n")[0]; got != "back                " {
		t.Errorf("after an error of the bus: %q", got)
	}
	if err := l.Halt(); err != nil || strings.TrimSpace(chip.Text()) != "" {
		t.Errorf("after halt %q, %v", chip.Text(), err)
	}
}

func TestLCDCodesLookLikeTheText(t *testing.T) {
	const text = "Grün 5° ñ ¥ → Ω"
	if got := lcdString(lcdText(text)); got != text {
		t.Errorf("%q became %q", text, got)
	}
}

// flaky is a bus that fails on demand.
type flaky struct {
	i2ctest.Record
	fail bool
}

func (f *flaky) Tx(addr uint16, w, r []byte) error {
	if f.fail {
		return hwtest.ErrBus
	}
	return f.Record.Tx(addr, w, r)
}

var _ i2c.Bus = (*flaky)(nil)

func TestSSD1306ComesBack(t *testing.T) {
	bus := &flaky{}
	s, err := NewSSD1306I2C(bus, 0x3c, 64, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetBrightness(3); err != nil {
		t.Fatal(err)
	}
	picture := make([]byte, 1024)
	picture[5] = 0xff
	bus.fail = true
	if err := s.Write(picture); !errors.Is(err, hwtest.ErrBus) {
		t.Fatalf("a dead bus: %v", err)
	}
	if err := s.Write(picture); !errors.Is(err, hwtest.ErrBus) {
		t.Fatalf("a bus that stays dead: %v", err)
	}
	bus.fail = false
	bus.Ops = nil
	if err := s.Write(picture); err != nil {
		t.Fatal(err)
	}
	var data int
	var contrast bool
	for _, op := range bus.Ops {
		if op.W[0] == 0x40 {
			data += len(op.W) - 1
		}
		contrast = contrast || bytes.Equal(op.W, []byte{0, 0x81, 3 * 17})
	}
	if data != 1024 || !contrast {
		t.Errorf("after an error %d bytes of picture were sent, contrast restored: %v", data, contrast)
	}
}

func TestSSD1306SPIStartsTwice(t *testing.T) {
	port := &connected{Port: &spitest.Record{}}
	for range 2 {
		if _, err := port.Connect(physic.MegaHertz, 0, 8); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLayout(t *testing.T) {
	one, err := NewSim(32, 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	matrix, err := NewRaster(one, font.Proportional(), 1, smooth())
	if err != nil {
		t.Fatal(err)
	}
	lcd, err := NewHD44780(hwtest.NewLCD(0x27, 16, 2), 0x27, 16, 2, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		display Display
		lines   []string
		want    []string
		scrolls bool
	}{
		{"one row, one line", matrix, []string{"12:34"}, []string{"12:34"}, false},
		{"one row, two lines", matrix, []string{"RING", "601"}, []string{"RING 601"}, true},
		{"two rows, two lines", lcd, []string{"RING", "601"}, []string{"RING", "601"}, false},
		{"two rows, a long line", lcd, []string{"parcel at the neighbours"}, []string{"parcel at the", "neighbours"}, false},
		{"too long to break", lcd, []string{"the parcel is at the neighbours in number 9"}, []string{"the parcel is at the neighbours in number 9"}, true},
		{"a long caller", lcd, []string{"RING", "Grandmother and Grandfather"}, []string{"RING", "Grandmother and Grandfather"}, true},
		{"three lines", lcd, []string{"a", "b", "c"}, []string{"a", "b c"}, false},
		{"line break in a text", lcd, []string{"a\nb"}, []string{"a", "b"}, false},
		{"nothing", lcd, nil, nil, false},
	} {
		rows := Layout(tc.display, tc.lines)
		if len(rows) == 0 {
			rows = nil
		}
		if diff := cmp.Diff(tc.want, rows); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if got := Scrolls(tc.display, rows); got != tc.scrolls {
			t.Errorf("%s: scrolls %v", tc.name, got)
		}
	}
}

func TestImageShowsTheDots(t *testing.T) {
	sim, err := NewSim(16, 8, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRaster(sim, font.Proportional(), 1, smooth())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Show(View{Rows: []string{"|"}}); err != nil {
		t.Fatal(err)
	}
	lit := func(img image.Image, x, y int) bool {
		red, _, _, _ := img.At(x*6+3, y*6+3).RGBA()
		return red > 0x8000
	}
	img := r.Image()
	if img.Bounds().Dx() != 16*6+1 || !lit(img, 7, 0) || lit(img, 7, 3) || lit(img, 8, 0) {
		t.Errorf("the picture does not show the bar in column 7")
	}
}

func TestSimDrawsOnATerminal(t *testing.T) {
	var out strings.Builder
	sim, err := NewSim(8, 8, &out)
	if err != nil {
		t.Fatal(err)
	}
	picture := []byte{0x01, 0x02, 0x03, 0, 0, 0, 0, 0x80}
	for range 2 {
		if err := sim.Write(picture); err != nil {
			t.Fatal(err)
		}
	}
	want := "+--------+\n|▀▄█     |\n|        |\n|        |\n|       ▄|\n+--------+\n"
	if out.String() != want {
		t.Errorf("drew\n%s", out.String())
	}
	if err := sim.Write(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String()[len(want):], "\x1b[6A+") {
		t.Errorf("the second picture is not drawn over the first: %q", out.String()[len(want):])
	}
}

func FuzzLayout(f *testing.F) {
	f.Add("RING", "Grüße 家 \x00\xff\n\n", 5)
	f.Fuzz(func(t *testing.T, a, b string, offset int) {
		sim, err := NewSim(32, 16, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewRaster(sim, font.Proportional(), 1, smooth())
		if err != nil {
			t.Fatal(err)
		}
		l, err := NewHD44780(hwtest.NewLCD(0x27, 16, 2), 0x27, 16, 2, func(time.Duration) {})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []Display{r, l} {
			rows := Layout(d, []string{a, b})
			if len(rows) > d.Geometry().Rows {
				t.Fatalf("%d rows on a display of %d", len(rows), d.Geometry().Rows)
			}
			if err := d.Show(View{Rows: rows, Offset: offset & 0xffff}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkScroll30FramesFourModules(b *testing.B) {
	m, err := NewMAX7219(hwtest.NewMatrixChain(4), MAX7219Options{Cascaded: 4, Orientation: 90})
	if err != nil {
		b.Fatal(err)
	}
	r, err := NewRaster(m, font.Proportional(), 1, smooth())
	if err != nil {
		b.Fatal(err)
	}
	rows := []string{"a caller with quite a long name is at the garden gate and waits"}
	offset := 0
	for b.Loop() { // one second of scrolling
		for range 30 {
			offset++
			if err := r.Show(View{Rows: rows, Offset: offset}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e7, "%core")
}

package font

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata anew")

// picture draws columns the way a person reads them.
func picture(columns []byte) string {
	var b strings.Builder
	for y := range height {
		for _, col := range columns {
			b.WriteByte(".#"[col>>y&1])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

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

func TestGoldenFaces(t *testing.T) {
	var b strings.Builder
	page := CodePage437()
	for row := 0; row < 256; row += 16 {
		fmt.Fprintf(&b, "%#02x %s\n%s\n", row, string(page[row:row+16]), picture(CP437().Columns(string(page[row:row+16]))))
	}
	golden(t, "cp437.txt", b.String())

	b.Reset()
	for _, s := range []string{
		"RING 601", "NOT REGISTERED", "Grüße, Øystein & Łukasz", "12:34:56", "Ñandú ÀÉÎÕÜÅ ç ő ž Š Ż", "the quick brown fox", "jumps over @ 100% [ok]",
	} {
		fmt.Fprintf(&b, "%s\n%s\n", s, picture(Proportional().Columns(s)))
	}
	golden(t, "proportional.txt", b.String())
}

func TestCodePageIsComplete(t *testing.T) {
	page := CodePage437()
	if len(page) != 256 {
		t.Fatalf("the code page has %d positions", len(page))
	}
	seen := make(map[string]rune)
	for i, r := range page {
		g := CP437().glyphs[r]
		if len(g) != height {
			t.Errorf("position %#x (%q) has %d columns", i, r, len(g))
		}
		if i == 0 || i == 255 || r == ' ' {
			continue
		}
		if other, twice := seen[string(g)]; twice {
			t.Errorf("%q looks like %q", r, other)
		}
		seen[string(g)] = r
		if !Proportional().Has(r) {
			t.Errorf("the proportional face lacks %q", r)
		}
	}
}

func TestBoxLinesMeetAtTheEdges(t *testing.T) {
	edge := func(s string) (right, left byte) {
		g := CP437().Columns(s)
		return g[height-1], g[0]
	}
	for _, pair := range []string{"──", "══", "├─", "╠═", "┼┤", "╔╗", "╓┐", "╚╩", "╞═"} {
		r := []rune(pair)
		right, _ := edge(string(r[0]))
		_, left := edge(string(r[1]))
		if right != left || right == 0 {
			t.Errorf("%s: right edge %08b, left edge %08b", pair, right, left)
		}
	}
	if diff := cmp.Diff(strings.Join([]string{
		"..#.#...", "..#.#...", "###.####", "........", "###.####", "..#.#...", "..#.#...", "..#.#...", "",
	}, "\n"), picture(CP437().Columns("╬"))); diff != "" {
		t.Errorf("double cross (-want +got):\n%s", diff)
	}
}

func TestWidth(t *testing.T) {
	for _, tc := range []struct {
		face *Face
		text string
		want int
	}{
		{Proportional(), "", 0},
		{Proportional(), "1", 5},
		{Proportional(), "12:34", 4*5 + 1 + 4},
		{Proportional(), "il", 3},
		{Proportional(), "a b", 5 + 1 + 2 + 1 + 5},
		{CP437(), "", 0},
		{CP437(), "il", 16},
		{CP437(), "12:34", 40},
	} {
		if got := tc.face.Width(tc.text); got != tc.want {
			t.Errorf("width of %q: %d, want %d", tc.text, got, tc.want)
		}
	}
}

func TestFold(t *testing.T) {
	ascii := func(r rune) bool { return r >= ' ' && r <= '~' }
	for _, tc := range []struct{ in, ascii, cp437 string }{
		{"Müller", "Muller", "Müller"},
		{"Łódź", "Lodz", "Lódz"},
		{"Škoda – “new”…", `Skoda - "new"...`, `Skoda - "new"...`},
		{"Straße", "Strasse", "Straße"},
		{"Æon ÆSIR", "Aeon AeSIR", "Æon ÆSIR"},
		{"Привет, Щука", "Privet, Shchuka", "Privet, Shchuka"},
		{"Ελλάδα", "Ellada", "Ellaδα"},
		{"5 € 20 °C", "5 EUR 20 oC", "5 EUR 20 °C"},
		{"a\tb\r\nc", "a b  c", "a b  c"},
		{"e\u0301", "e", "e"},
		{"家", "?", "?"},
		{"\xff", "?", "?"},
		{"👨\u200d👩", "??", "??"},
	} {
		if got := Fold(tc.in, ascii); got != tc.ascii {
			t.Errorf("%q in ASCII: %q, want %q", tc.in, got, tc.ascii)
		}
		if got := Fold(tc.in, CP437().Has); got != tc.cp437 {
			t.Errorf("%q in code page 437: %q, want %q", tc.in, got, tc.cp437)
		}
	}
}

func TestAccentsAreVisible(t *testing.T) {
	for r, parts := range decompositions() {
		if parts.mark == '/' || !Proportional().Has(r) {
			continue
		}
		if string(Proportional().glyphs[r]) == string(Proportional().glyphs[parts.base]) {
			t.Errorf("%q looks like %q", r, parts.base)
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Grüße 家 \x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, face := range []*Face{Proportional(), CP437()} {
			folded := Fold(text, face.Has)
			if !utf8.ValidString(folded) {
				t.Fatalf("%q became %q", text, folded)
			}
			for _, r := range folded {
				if !face.Has(r) {
					t.Fatalf("%q became %q, and %q has no picture", text, folded, r)
				}
			}
			if again := Fold(folded, face.Has); again != folded {
				t.Fatalf("folding %q twice: %q", folded, again)
			}
			if len(face.Columns(text)) != face.Width(folded) {
				t.Fatalf("width of %q", text)
			}
		}
	})
}

package speech

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func openCache(t *testing.T, dir string, max int64) *Cache {
	t.Helper()
	c, err := OpenCache(dir, max)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestCacheSparesTheEngine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	e := &fake{name: "a", knows: []string{"amy"}, speak: says(5)}
	s := speaker(t, Config{Engines: []Engine{e}, Cache: openCache(t, dir, 0)})
	for range 3 {
		for _, voice := range []string{"default", "amy"} {
			if got, err := speak(t, s, "One here. Two here. One here.", voice); err != nil || len(got) != 3 || got[0] != 5 {
				t.Fatalf("%v %v", got, err)
			}
		}
	}
	if len(e.asked) != 4 { // two sentences by two voices
		t.Errorf("asked %q", e.asked)
	}
	// Another process finds them again.
	e2 := &fake{name: "a", speak: fails}
	s2 := speaker(t, Config{Engines: []Engine{e2}, Cache: openCache(t, dir, 0)})
	if got, err := speak(t, s2, "Two here.", ""); err != nil || got[0] != 5 {
		t.Errorf("%v %v", got, err)
	}
	// The voice of a stand-in is not remembered as that of the preferred engine.
	b := &fake{name: "b", speak: says(6)}
	s3 := speaker(t, Config{Engines: []Engine{e2, b}, Cache: openCache(t, dir, 0)})
	if got, err := speak(t, s3, "New one.", ""); err != nil || got[0] != 6 {
		t.Errorf("%v %v", got, err)
	}
	e2.speak = says(5)
	s4 := speaker(t, Config{Engines: []Engine{e2, b}, Cache: openCache(t, dir, 0)})
	if got, err := speak(t, s4, "New one.", ""); err != nil || got[0] != 5 {
		t.Errorf("%v %v", got, err)
	}
}

// TestCacheFirstAudio: cached words are there within 250 ms of the command.
func TestCacheFirstAudio(t *testing.T) {
	c := openCache(t, t.TempDir(), 0)
	s := speaker(t, Config{Engines: []Engine{Espeak{}}, Cache: c})
	if _, err := speak(t, s, "The front door is open.", ""); err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 5 {
		begin := time.Now()
		if _, err := speak(t, s, "The front door is open.", ""); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(begin))
	}
	if best > 250*time.Millisecond {
		t.Errorf("first audio after %v", best)
	}
}

func TestCacheIsBounded(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, dir, 10_000)
	pcm := make([]int16, 1500) // 3044 bytes as a file: three have room
	put := func(names ...string) {
		t.Helper()
		for _, n := range names {
			if err := c.put(name(n), pcm, 8000); err != nil {
				t.Fatal(err)
			}
		}
	}
	has := func(n string) bool { _, ok := c.get(name(n), 8000); return ok }
	put("a", "b", "c")
	has("a")
	put("d")
	if has("b") || !has("a") || !has("c") || !has("d") {
		t.Error("not the one used last went")
	}
	if err := c.put(name("e"), make([]int16, 6000), 8000); err != nil || has("e") || !has("a") {
		t.Errorf("a sound above the bound: %v", err)
	}
	put("d", "d")
	var size int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if len(entries) != 3 || size != c.bytes {
		t.Errorf("%d files, %d bytes, counted %d", len(entries), size, c.bytes)
	}
	// A smaller bound at the next start makes room at once.
	if again := openCache(t, dir, 4000); again.bytes != 3044 {
		t.Errorf("%d bytes", again.bytes)
	}
}

func name(n string) string { return strings.Repeat("0", 63) + n + ".wav" }

func TestCacheSurvivesDamage(t *testing.T) {
	dir := t.TempDir()
	c := openCache(t, dir, 0)
	if err := c.put(name("a"), []int16{1, 2, 3}, 8000); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, name("a")))
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		name("b"): "", name("c"): "RIFF", name("d"): string(whole[:46]), name("e"): string(whole) + "more",
		".new-XYZ": "half", "readme.txt": "not ours",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c = openCache(t, dir, 0)
	if pcm, ok := c.get(name("a"), 8000); !ok || len(pcm) != 3 {
		t.Errorf("whole file: %v %v", pcm, ok)
	}
	for _, n := range []string{"b", "c", "d", "e"} {
		if pcm, ok := c.get(name(n), 8000); ok {
			t.Errorf("%s: %v", n, pcm)
		}
	}
	if _, ok := c.get(name("a"), 16000); ok {
		t.Error("another rate found")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "readme.txt" {
		t.Errorf("left: %v %v", entries, err)
	}
}

// TestCacheWithoutDisk: a folder that cannot be written to costs the cache, not
// the words.
func TestCacheWithoutDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	c := openCache(t, dir, 0)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	var told []string
	s := speaker(t, Config{Engines: []Engine{&fake{name: "a", speak: says(1)}}, Cache: c, Failed: func(e string, _ error) { told = append(told, e) }})
	if got, err := speak(t, s, "Hello there.", ""); err != nil || len(got) != 1 || len(told) != 1 || told[0] != "cache" {
		t.Errorf("%v %v, told %v", got, err, told)
	}
}

func TestCacheConcurrently(t *testing.T) {
	c := openCache(t, t.TempDir(), 5000)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 20 {
				n := name(string(rune('a' + (i+k)%5)))
				if err := c.put(n, make([]int16, 700+k), 8000); err != nil {
					t.Error(err)
				}
				c.get(n, 8000)
			}
		})
	}
	all.Wait()
	if c.bytes > 5000 {
		t.Errorf("%d bytes", c.bytes)
	}
}

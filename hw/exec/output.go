package exec

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxOutput is how many bytes are kept of what a command writes to stdout, and again of stderr.
const MaxOutput = 16 << 10

// output keeps the first MaxOutput bytes and counts the rest, so that a command which writes without end is not held up.
type output struct {
	mu   sync.Mutex // guards following
	kept []byte
	lost int
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(p), MaxOutput-len(o.kept))
	o.kept = append(o.kept, p[:n]...)
	o.lost += len(p) - n
	return len(p), nil
}

// String is the output as UTF-8, with a mark where it was cut.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost == 0 {
		return strings.ToValidUTF8(string(o.kept), string(utf8.RuneError))
	}
	whole, lost := o.kept, o.lost
	for range utf8.UTFMax - 1 { // a character that was cut in the middle is lost as a whole
		if r, size := utf8.DecodeLastRune(whole); r != utf8.RuneError || size != 1 {
			break
		}
		whole, lost = whole[:len(whole)-1], lost+1
	}
	return fmt.Sprintf("%s\n[cut: %d more bytes]", strings.ToValidUTF8(string(whole), string(utf8.RuneError)), lost)
}

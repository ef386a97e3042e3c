package speech

import (
	"context"
	"fmt"
	"strings"
)

// DefaultVoice is the voice that every engine has.
const DefaultVoice = "default"

// maxSeconds is the longest sound of one sentence.
const maxSeconds = 120

// Sound is mono PCM.
type Sound struct {
	PCM  []int16
	Rate int // Hz
}

// Engine speaks single sentences.
type Engine interface {
	// Name tells engines apart, in messages and in the cache.
	Name() string
	// Speak returns the sound of a short text, or [ErrVoice] where it does not
	// know the voice. It ends soon after ctx does.
	Speak(ctx context.Context, text, voice string) (Sound, error)
	// Voices lists the voices besides the default one, as far as the engine
	// tells them.
	Voices(ctx context.Context) ([]string, error)
}

// checkVoice lets pass what can be part of a program's argument and of a file
// name: letters, digits and a few signs, no sign in front.
func checkVoice(voice string) error {
	if len(voice) == 0 || len(voice) > 64 || strings.ContainsRune("+-._#", rune(voice[0])) {
		return fmt.Errorf("%.80q: %w", voice, ErrVoice)
	}
	for _, c := range []byte(voice) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("+-._#", c) < 0 {
			return fmt.Errorf("%.80q: %w", voice, ErrVoice)
		}
	}
	return nil
}

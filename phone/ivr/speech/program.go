package speech

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"housephone/phone/audio"
)

const (
	maxOutput = 32 << 20 // bytes of WAV that a program may write
	maxStderr = 4 << 10  // bytes of its complaints that are kept
	// killDelay is how long a killed program may keep its pipes open.
	killDelay = time.Second
)

// limited keeps what is written to it up to a limit and fails beyond; a quiet
// one drops the rest instead. The buffer is not embedded: its ReadFrom would
// get around the limit.
type limited struct {
	kept  bytes.Buffer
	limit int
	quiet bool
}

func (l *limited) Write(p []byte) (int, error) {
	room := l.limit - l.kept.Len()
	if len(p) <= room {
		return l.kept.Write(p)
	}
	l.kept.Write(p[:room])
	if l.quiet {
		return len(p), nil
	}
	return room, ErrTooLong
}

// run starts a program without a shell, with the text on standard input, and
// reads the WAV file that it writes to standard output. A program that does not
// end is killed with all that it started.
func run(ctx context.Context, argv []string, text string) (Sound, error) {
	out, complaint := &limited{limit: maxOutput}, &limited{limit: maxStderr, quiet: true}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(text)
	cmd.Stdout, cmd.Stderr = out, complaint
	cmd.WaitDelay = killDelay
	ownGroup(cmd)
	if err := cmd.Run(); err != nil {
		return Sound{}, &programError{err: err, said: strings.TrimSpace(strings.ToValidUTF8(complaint.kept.String(), "?"))}
	}
	pcm, rate, err := audio.ReadWAV(&out.kept)
	if err != nil {
		return Sound{}, fmt.Errorf("output: %w", err)
	}
	return Sound{pcm, rate}, nil
}

// programError is the end of a program with what it wrote to standard error.
type programError struct {
	err  error
	said string
}

func (e *programError) Error() string {
	if e.said == "" {
		return e.err.Error()
	}
	return fmt.Sprintf("%v: %.300q", e.err, e.said)
}

func (e *programError) Unwrap() error { return e.err }

// Espeak speaks with the program espeak-ng. Voices are its language codes with
// or without a variant: "de", "en-gb+f3".
type Espeak struct {
	// Path of the program; empty = espeak-ng of the search path.
	Path string
	// Language is the default voice; empty = en.
	Language string
}

var _ Engine = Espeak{}

// Name is espeak-ng with its default language.
func (e Espeak) Name() string { return "espeak-ng " + e.language() }

func (e Espeak) path() string {
	if e.Path == "" {
		return "espeak-ng"
	}
	return e.Path
}

func (e Espeak) language() string {
	if e.Language == "" {
		return "en"
	}
	return e.Language
}

// Speak runs the program once.
func (e Espeak) Speak(ctx context.Context, text, voice string) (Sound, error) {
	if voice == DefaultVoice {
		voice = e.language()
	}
	if err := checkVoice(voice); err != nil {
		return Sound{}, err
	}
	// Double brackets would be read as names of sounds.
	text = strings.ReplaceAll(text, "[[", "[ [")
	sound, err := run(ctx, []string{e.path(), "-v", voice, "-b", "1", "--stdin", "--stdout"}, text)
	var p *programError
	if errors.As(err, &p) && strings.Contains(p.said, "voice does not exist") {
		return Sound{}, fmt.Errorf("%.80q: %w", voice, ErrVoice)
	}
	return sound, err
}

// Voices lists the language codes.
func (e Espeak) Voices(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, e.path(), "--voices")
	cmd.WaitDelay = killDelay
	out := &limited{limit: 1 << 20}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s --voices: %w", e.path(), err)
	}
	var voices []string
	for i, line := range strings.Split(out.kept.String(), "\n") {
		if f := strings.Fields(line); i > 0 && len(f) > 1 {
			voices = append(voices, f[1])
		}
	}
	return voices, nil
}

// Command speaks with any program that reads text from standard input and
// writes a WAV file to standard output.
type Command struct{ argv []string }

var _ Engine = Command{}

// ErrCommand means a command line that cannot be read.
var ErrCommand = errors.New("not a command line")

// ParseCommand reads a command line: words parted by spaces, with single or
// double quotes around words that hold some; no shell is involved. In a word
// {voice} stands for the name of the voice; without it the command knows the
// default voice alone.
func ParseCommand(line string) (Command, error) {
	var argv []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case r == ' ' || r == '\t':
			if inWord {
				argv = append(argv, word.String())
				word.Reset()
			}
			inWord = false
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if inWord {
		argv = append(argv, word.String())
	}
	switch {
	case quote != 0:
		return Command{}, fmt.Errorf("%.80q: quote without an end: %w", line, ErrCommand)
	case strings.ContainsRune(line, 0):
		return Command{}, fmt.Errorf("%.80q: %w", line, ErrCommand)
	case len(argv) == 0 || argv[0] == "" || strings.Contains(argv[0], placeholder):
		return Command{}, fmt.Errorf("%.80q: no program: %w", line, ErrCommand)
	}
	return Command{argv}, nil
}

const placeholder = "{voice}"

// Name is the command line.
func (c Command) Name() string {
	quoted := make([]string, len(c.argv))
	for i, a := range c.argv {
		quoted[i] = a
		if a == "" || strings.ContainsAny(a, " \t\"'") {
			quoted[i] = strconv.Quote(a)
		}
	}
	return strings.Join(quoted, " ")
}

// Speak runs the program once.
func (c Command) Speak(ctx context.Context, text, voice string) (Sound, error) {
	if err := checkVoice(voice); err != nil {
		return Sound{}, err
	}
	argv := make([]string, len(c.argv))
	chooses := false
	for i, a := range c.argv {
		chooses = chooses || strings.Contains(a, placeholder)
		argv[i] = strings.ReplaceAll(a, placeholder, voice)
	}
	if voice != DefaultVoice && !chooses {
		return Sound{}, fmt.Errorf("%.80q: %w", voice, ErrVoice)
	}
	return run(ctx, argv, text)
}

// Voices is empty: programs have no common way to tell.
func (Command) Voices(context.Context) ([]string, error) { return nil, nil }

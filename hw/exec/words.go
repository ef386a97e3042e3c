package exec

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// split cuts a line into words. Blanks separate; 'single quotes' keep everything, "double quotes" all but \" and \\, and
// a backslash outside of quotes keeps the next character. Nothing is expanded. Errors are ErrInvalid.
func split(line string) ([]string, error) {
	if err := printable(line); err != nil {
		return nil, err
	}
	var words []string
	var word strings.Builder
	var quote rune // the quote that is open, 0 = none
	open, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			open, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			open, quote = true, r
		case quote == 0 && (r == ' ' || r == '\t'):
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			open = true
			word.WriteRune(r)
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("%w: a quote %c is not closed", ErrInvalid, quote)
	case escaped:
		return nil, fmt.Errorf("%w: nothing follows the backslash at the end", ErrInvalid)
	case open:
		words = append(words, word.String())
	}
	return words, nil
}

// printable refuses what a single line of text does not hold.
func printable(line string) error {
	if !utf8.ValidString(line) {
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalid)
	}
	for _, r := range line {
		if unicode.IsControl(r) && r != '\t' {
			return fmt.Errorf("%w: there is a line break or control character in it", ErrInvalid)
		}
	}
	return nil
}

// remoteLine writes argv so that the login shell of any host reads it back: sh, zsh, csh and fish agree on plain
// characters, on single quotes without backslash, and on a backslash outside of quotes.
func remoteLine(argv []string) string {
	var line strings.Builder
	for i, arg := range argv {
		if i > 0 {
			line.WriteByte(' ')
		}
		if arg == "" {
			line.WriteString("''")
		}
		for arg != "" {
			n := strings.IndexFunc(arg, func(r rune) bool { return r == '\'' || r == '\\' })
			if n == 0 {
				line.WriteString(`\` + arg[:1])
				arg = arg[1:]
				continue
			}
			if n < 0 {
				n = len(arg)
			}
			line.WriteString(quoted(arg[:n]))
			arg = arg[n:]
		}
	}
	return line.String()
}

// quoted puts text without quotes and backslashes into single quotes, unless every shell takes it as it is.
func quoted(text string) string {
	for _, r := range text {
		if !alphanumeric(r) && !strings.ContainsRune("_./:@+,-", r) {
			return "'" + text + "'"
		}
	}
	return text
}

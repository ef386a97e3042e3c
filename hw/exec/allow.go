package exec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxAllowFile = 64 << 10 // bytes
	maxAllowLine = 4 << 10
)

// Allow is the content of an allow file.
type Allow struct{ entries map[string]entry }

// entry is one line: what a name stands for.
type entry struct {
	name   string
	argv   []template
	params []param // in the order in which they are first used; numbered ones by their number
}

// template is one argument: literals and placeholders, one after the other.
type template []piece

// piece is a literal, or where param is not below 0, the value of a placeholder.
type piece struct {
	literal string
	param   int
}

// ParseAllow reads an allow file. A line is
//
//	name = program argument "argument with blanks" {1} {2:0..100}
//	name = program --room={room:kitchen|hall} {words:text}
//
// Words are cut as a shell would, and nothing in them is expanded but placeholders: {1} to {9} for arguments by
// position, or {name} for arguments that are given as name=value, not both in a line. A kind after a colon says what is
// accepted: word (the default), text, a range of numbers, or words separated by |. {{ and }} are plain braces. The program
// has no placeholder and is an absolute path or a name. Empty lines and those that begin with # are skipped. Errors
// name the line.
func ParseAllow(r io.Reader) (Allow, error) {
	a := Allow{entries: make(map[string]entry)}
	limited := &io.LimitedReader{R: r, N: maxAllowFile + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, maxAllowLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		e, err := parseEntry(line)
		if err != nil {
			return Allow{}, fmt.Errorf("line %d: %w", n, err)
		}
		if _, twice := a.entries[e.name]; twice {
			return Allow{}, fmt.Errorf("line %d: %s is given twice", n, e.name)
		}
		a.entries[e.name] = e
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return Allow{}, fmt.Errorf("line %d: longer than %d bytes", n+1, maxAllowLine)
	case err != nil:
		return Allow{}, fmt.Errorf("after line %d: %w", n, err)
	case limited.N == 0:
		return Allow{}, fmt.Errorf("longer than %d bytes", maxAllowFile)
	}
	return a, nil
}

// Names are the commands, sorted.
func (a Allow) Names() []string {
	var names []string
	for name := range a.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func parseEntry(line string) (entry, error) {
	name, rest, ok := strings.Cut(line, "=")
	e := entry{name: strings.TrimSpace(name)}
	if !ok || !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`).MatchString(e.name) {
		return entry{}, errors.New("not a line of: name = program arguments; a name has letters, digits and _.-")
	}
	words, err := split(rest)
	if err != nil {
		return entry{}, err
	}
	if len(words) == 0 {
		return entry{}, fmt.Errorf("%s has no program", e.name)
	}
	if strings.Contains(words[0], "/") && words[0][0] != '/' || words[0] == "" {
		return entry{}, fmt.Errorf("program %q: an absolute path or a name without / is possible", words[0])
	}
	typed := make(map[string]bool)
	for i, w := range words {
		t, err := e.parseTemplate(w, typed)
		if err != nil {
			return entry{}, err
		}
		if i == 0 && len(e.params) > 0 {
			return entry{}, fmt.Errorf("program %q: a placeholder is not possible there", w)
		}
		e.argv = append(e.argv, t)
	}
	return e, e.count()
}

// parseTemplate reads one argument and adds its placeholders to the params. Typed holds those that have a kind of their
// own.
func (e *entry) parseTemplate(w string, typed map[string]bool) (template, error) {
	var t template
	for w != "" {
		n := strings.IndexAny(w, "{}")
		if n < 0 {
			return append(t, piece{w, -1}), nil
		}
		if n > 0 {
			t = append(t, piece{w[:n], -1})
			w = w[n:]
		}
		if strings.HasPrefix(w, "{{") || strings.HasPrefix(w, "}}") {
			t, w = append(t, piece{w[:1], -1}), w[2:]
			continue
		}
		inner, rest, closed := strings.Cut(w[1:], "}")
		if w[0] == '}' || !closed {
			return nil, fmt.Errorf("%q: a brace stands alone; a brace of its own is written twice", w)
		}
		p, hasKind, err := parseParam(inner)
		if err != nil {
			return nil, err
		}
		i, err := e.param(p, hasKind, typed)
		if err != nil {
			return nil, err
		}
		t, w = append(t, piece{param: i}), rest
	}
	return t, nil
}

// param finds or adds a placeholder, which may be used again without its kind.
func (e *entry) param(p param, hasKind bool, typed map[string]bool) (int, error) {
	i := slices.IndexFunc(e.params, func(q param) bool { return q.name == p.name })
	if i < 0 {
		e.params = append(e.params, p)
		typed[p.name] = hasKind
		return len(e.params) - 1, nil
	}
	if hasKind && typed[p.name] && e.params[i].kind.String() != p.kind.String() {
		return 0, fmt.Errorf("{%s} has two kinds", p.name)
	}
	if hasKind {
		e.params[i].kind, typed[p.name] = p.kind, true
	}
	return i, nil
}

// count refuses a mix of numbers and names, and numbers with a gap.
func (e *entry) count() error {
	numbers := 0
	for _, p := range e.params {
		if n, err := strconv.Atoi(p.name); err == nil {
			numbers = max(numbers, n)
		}
	}
	if numbers != 0 && numbers != len(e.params) {
		return fmt.Errorf("%s: placeholders are {1} to {%d} without a gap, or names only", e.name, numbers)
	}
	return nil
}

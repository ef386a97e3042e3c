package exec

import (
	"fmt"
	"slices"
	"strings"
)

// fill makes the arguments of the entry from those of the sender. Errors are ErrArgument and say what is possible, but do
// not repeat values, which may be secrets.
func (e entry) fill(args []string) ([]string, error) {
	given, err := e.assign(args)
	if err != nil {
		return nil, err
	}
	values := make([]string, len(e.params))
	for i, p := range e.params {
		value, ok := given[p.name]
		if !ok || !p.kind.accept(value) {
			return nil, fmt.Errorf("%s: %w: %s must be %s", e.name, ErrArgument, p.name, p.kind)
		}
		values[i] = value
	}
	argv := make([]string, len(e.argv))
	for i, t := range e.argv {
		argv[i] = t.fill(values)
	}
	return argv, nil
}

func (t template) fill(values []string) string {
	var b strings.Builder
	for _, p := range t {
		if p.param < 0 {
			b.WriteString(p.literal)
		} else {
			b.WriteString(values[p.param])
		}
	}
	return b.String()
}

// assign tells which argument belongs to which placeholder.
func (e entry) assign(args []string) (map[string]string, error) {
	if len(args) != len(e.params) {
		return nil, fmt.Errorf("%s: %w: %d given, usage: %s", e.name, ErrArgument, len(args), e.usage())
	}
	given := make(map[string]string, len(args))
	for i, arg := range args {
		if e.numbered() {
			given[string(rune('1'+i))] = arg
			continue
		}
		name, value, ok := strings.Cut(arg, "=")
		known := slices.ContainsFunc(e.params, func(p param) bool { return p.name == name })
		if _, twice := given[name]; !ok || !known || twice {
			return nil, fmt.Errorf("%s: %w: usage: %s", e.name, ErrArgument, e.usage())
		}
		given[name] = value
	}
	return given, nil
}

// numbered tells whether the placeholders are numbers, of which there are nine at most.
func (e entry) numbered() bool {
	return len(e.params) > 0 && e.params[0].name[0] <= '9'
}

// usage is the command as a sender writes it.
func (e entry) usage() string {
	words := []string{e.name}
	for _, p := range e.params {
		if !e.numbered() {
			words = append(words, fmt.Sprintf("%s=<%s>", p.name, kindName(p.kind)))
		}
	}
	for i := range e.params {
		n := string(rune('1' + i))
		if at := slices.IndexFunc(e.params, func(p param) bool { return p.name == n }); at >= 0 {
			words = append(words, "<"+kindName(e.params[at].kind)+">")
		}
	}
	return strings.Join(words, " ")
}

func kindName(k kind) string {
	switch k.(type) {
	case word:
		return "word"
	case text:
		return "text"
	}
	return k.String()
}

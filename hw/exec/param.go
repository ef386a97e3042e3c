package exec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxArgument is how many bytes an argument may have.
const maxArgument = 1024

// param is a placeholder: what may be put into it.
type param struct {
	name string // a name, or a number from 1
	kind kind
}

// kind checks a value. Values have neither control characters nor bytes that are not UTF-8.
type kind interface {
	accept(value string) bool
	fmt.Stringer // what is possible
}

type (
	word   struct{}
	text   struct{}
	number struct{ least, most int }
	choice []string
)

func (word) String() string     { return "letters, digits and _.,:@%+- that do not begin with a sign" }
func (text) String() string     { return "a text of at most 1024 bytes that does not begin with -" }
func (n number) String() string { return fmt.Sprintf("%d..%d", n.least, n.most) }
func (c choice) String() string { return strings.Join(c, "|") }

// accept refuses what could be read as an option or lead out of a folder.
func (word) accept(value string) bool {
	if value == "" || len(value) > maxArgument || strings.ContainsRune(".,:@%+-", rune(value[0])) {
		return false
	}
	for _, r := range value {
		if !alphanumeric(r) && !strings.ContainsRune("_.,:@%+-", r) {
			return false
		}
	}
	return true
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

func (text) accept(value string) bool {
	return value != "" && len(value) <= maxArgument && value[0] != '-'
}

// accept takes plain decimal digits only: no sign but a minus, no zeros in front.
func (n number) accept(value string) bool {
	i, err := strconv.Atoi(value)
	return err == nil && strconv.Itoa(i) == value && i >= n.least && i <= n.most
}

func (c choice) accept(value string) bool { return slices.Contains(c, value) }

// parseParam reads what stands between the braces: NAME or NAME:KIND. Typed tells that a kind was given.
func parseParam(s string) (p param, typed bool, err error) {
	name, kindName, typed := strings.Cut(s, ":")
	if !regexp.MustCompile(`^([1-9]|[A-Za-z_][A-Za-z0-9_]{0,31})$`).MatchString(name) {
		return param{}, false, fmt.Errorf("{%s}: a placeholder is {1} to {9} or {name}; a brace of its own is written twice", s)
	}
	if !typed {
		return param{name, word{}}, false, nil
	}
	k, err := parseKind(kindName)
	return param{name, k}, true, err
}

func parseKind(s string) (kind, error) {
	least, most, ranged := strings.Cut(s, "..")
	switch {
	case s == "word":
		return word{}, nil
	case s == "text":
		return text{}, nil
	case strings.Contains(s, "|"):
		c := choice(strings.Split(s, "|"))
		if slices.Contains(c, "") {
			return nil, fmt.Errorf("%q: a choice is empty", s)
		}
		return c, nil
	case ranged:
		from, errFrom := strconv.Atoi(least)
		to, errTo := strconv.Atoi(most)
		if errFrom != nil || errTo != nil || from > to {
			return nil, fmt.Errorf("%q is not a range such as 0..100", s)
		}
		return number{from, to}, nil
	}
	return nil, fmt.Errorf("unknown kind %q: word, text, 0..100 and on|off are possible", s)
}

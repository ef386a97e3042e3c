package hw

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options reads `head?name=value&name=value`. The first thing that is wrong is kept and told by done.
type options struct {
	variable, value, allowed string
	given                    map[string]string
	err                      error
}

// parseOptions splits text, which is value or a part of it.
func parseOptions(variable, value, text, allowed string) (head string, o *options) {
	o = &options{variable: variable, value: value, allowed: allowed, given: make(map[string]string)}
	head, list, some := strings.Cut(strings.TrimSpace(text), "?")
	if !some {
		return head, o
	}
	for pair := range strings.SplitSeq(list, "&") {
		name, v, ok := strings.Cut(pair, "=")
		if _, twice := o.given[name]; !ok || name == "" || twice {
			o.fail("%q is not one name=value", pair)
			continue
		}
		o.given[name] = v
	}
	return head, o
}

func (o *options) fail(format string, args ...any) {
	if o.err == nil {
		o.err = ConfigError{o.variable, o.value, fmt.Sprintf(format, args...), o.allowed}
	}
}

// done is the first error, or one about options that nobody asked for.
func (o *options) done() error {
	for _, name := range slices.Sorted(maps.Keys(o.given)) {
		o.fail("unknown option %q", name)
	}
	return o.err
}

func (o *options) take(name string) (string, bool) {
	v, ok := o.given[name]
	delete(o.given, name)
	return v, ok
}

func (o *options) choice(name, otherwise string, among ...string) string {
	v, ok := o.take(name)
	if !ok {
		return otherwise
	}
	if !slices.Contains(among, v) {
		o.fail("%s=%q: %s are possible", name, v, strings.Join(among, ", "))
	}
	return v
}

func (o *options) flag(name string, otherwise bool) bool {
	v, ok := o.take(name)
	if !ok {
		return otherwise
	}
	on, err := strconv.ParseBool(v)
	if err != nil {
		o.fail("%s=%q: 0 and 1 are possible", name, v)
	}
	return on
}

func (o *options) number(name string, otherwise, least, most int) int {
	v, ok := o.take(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.ParseInt(v, 0, 32)
	if err != nil || int(n) < least || int(n) > most {
		o.fail("%s=%q: a number from %d to %d is possible", name, v, least, most)
	}
	return int(n)
}

func (o *options) duration(name string, otherwise, least, most time.Duration) time.Duration {
	v, ok := o.take(name)
	if !ok {
		return otherwise
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		o.fail("%s=%q: a time from %s to %s is possible", name, v, least, most)
	}
	return d
}

// size reads WIDTHxHEIGHT.
func (o *options) size(name string, width, height int) (w, h int) {
	v, ok := o.take(name)
	if !ok {
		return width, height
	}
	ws, hs, _ := strings.Cut(v, "x")
	w, errW := strconv.Atoi(ws)
	h, errH := strconv.Atoi(hs)
	if errW != nil || errH != nil || w < 1 || h < 1 || w > 1024 || h > 1024 {
		o.fail("%s=%q: a size such as %dx%d is possible", name, v, width, height)
	}
	return w, h
}

package menu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Error is one fault of a menu file.
type Error struct {
	Line int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// ErrTooBig means a menu file above the limits.
var ErrTooBig = errors.New("menu file too big")

// parser collects faults instead of ending at the first one.
type parser struct {
	menu  *Menu
	all   []*Node
	errs  []error
	jumps []*Node // nodes with a post_action to check
}

func (p *parser) fail(line int, format string, args ...any) {
	const enough = 20
	if len(p.errs) < enough {
		p.errs = append(p.errs, &Error{line, fmt.Sprintf(format, args...)})
	}
}

// Parse reads a menu file. The error joins an [*Error] for every fault that was
// found.
func Parse(data []byte) (*Menu, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%d bytes, not up to %d: %w", len(data), MaxFile, ErrTooBig)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{1, "empty menu file"}
		}
		return nil, fmt.Errorf("menu file: %w", err)
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, &Error{1, "more than one document in the menu file"}
	}
	p := &parser{menu: &Menu{PINAttempts: defaultAttempts, nodes: map[string]*Node{}}}
	p.file(doc.Content[0])
	if len(p.errs) == 0 {
		p.check()
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	p.menu.all = p.all
	return p.menu, nil
}

func (p *parser) file(n *yaml.Node) {
	p.fields(n, "the file", map[string]func(*yaml.Node){
		"menu":         func(v *yaml.Node) { p.menu.Start = p.node(v, nil, 1) },
		"menus":        func(v *yaml.Node) { p.menus(v) },
		"pin_attempts": func(v *yaml.Node) { p.menu.PINAttempts = p.number(v, 1, 10) },
	})
	if p.menu.Start == nil && len(p.errs) == 0 {
		p.fail(n.Line, "there is no menu")
	}
}

// menus are further trees that jumps may lead to.
func (p *parser) menus(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		p.fail(n.Line, "menus must be a list")
		return
	}
	for _, v := range n.Content {
		if root := p.node(v, nil, 1); root != nil && root.ID == "" {
			p.fail(v.Line, "a menu of the list needs an id")
		}
	}
}

// fields walks a mapping; every key must be known and come once.
func (p *parser) fields(n *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fail(n.Line, "%s must hold words with values", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		f, ok := known[k.Value]
		switch {
		case v.Kind == yaml.AliasNode || k.Kind != yaml.ScalarNode:
			p.fail(k.Line, "references are not supported")
		case !ok:
			p.fail(k.Line, "%s has no %q", what, k.Value)
		case seen[k.Value]:
			p.fail(k.Line, "%q is there twice", k.Value)
		default:
			f(v)
		}
		seen[k.Value] = true
	}
}

func (p *parser) node(n *yaml.Node, parent *Node, depth int) *Node {
	node := &Node{Line: n.Line, Timeout: defaultTimeout, BargeIn: true, parent: parent, After: After{line: n.Line}}
	p.all = append(p.all, node)
	if depth > maxDepth || len(p.all) > maxNodes {
		p.fail(n.Line, "more than %d levels or %d menus", maxDepth, maxNodes)
		return node
	}
	p.fields(n, "a menu", map[string]func(*yaml.Node){
		"id":              func(v *yaml.Node) { p.id(v, node) },
		"message":         func(v *yaml.Node) { node.Message = p.template(v) },
		"audio_file":      func(v *yaml.Node) { node.File = p.text(v) },
		"voice":           func(v *yaml.Node) { node.Voice = p.text(v) },
		"language":        func(v *yaml.Node) { node.Voice = p.text(v) },
		"action":          func(v *yaml.Node) { node.Actions = p.actions(v, node) },
		"post_action":     func(v *yaml.Node) { p.after(v, node) },
		"timeout":         func(v *yaml.Node) { node.Timeout = p.seconds(v) },
		"choices_are_pin": func(v *yaml.Node) { node.IsPIN = p.yes(v) },
		"barge_in":        func(v *yaml.Node) { node.BargeIn = p.yes(v) },
		"choices":         func(v *yaml.Node) { p.choices(v, node, depth) },
		"default":         func(v *yaml.Node) { p.fallback(v, node, depth) },
	})
	if node.Message != "" && node.File != "" {
		p.fail(n.Line, "a menu has a message or an audio_file, not both")
	}
	if node.IsPIN && len(node.Choices) == 0 {
		p.fail(n.Line, "choices_are_pin without choices")
	}
	return node
}

func (p *parser) id(v *yaml.Node, node *Node) {
	node.ID = p.text(v)
	if other, ok := p.menu.nodes[node.ID]; ok {
		p.fail(v.Line, "id %q is that of line %d already", node.ID, other.Line)
	}
	p.menu.nodes[node.ID] = node
}

func (p *parser) fallback(v *yaml.Node, node *Node, depth int) {
	if node.Default != nil {
		p.fail(v.Line, "there is a default already")
		return
	}
	node.Default = p.node(v, node, depth+1)
	if d := node.Default; !d.After.given && len(d.Choices) == 0 {
		// Having said what was wrong, go back to where the caller was.
		d.After.Kind, d.After.Levels = Return, 1
	}
}

func (p *parser) choices(n *yaml.Node, node *Node, depth int) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.fail(n.Line, "choices must hold digits with menus")
		return
	}
	node.Choices = map[string]*Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case v.Kind == yaml.AliasNode || k.Kind != yaml.ScalarNode:
			p.fail(k.Line, "references are not supported")
		case k.Value == "default":
			p.fallback(v, node, depth)
		case k.Value == "timeout":
			node.OnTimeout = p.node(v, node, depth+1)
		case k.Tag != "!!str" && strings.HasPrefix(k.Value, "0x"), k.Value == "", strings.Trim(k.Value, "0123456789*#ABCD") != "", len(k.Value) > 32:
			p.fail(k.Line, "a choice is made of the keys 0-9, *, #, A-D, or is default or timeout")
		case node.Choices[k.Value] != nil:
			p.fail(k.Line, "this choice is there twice")
		default:
			node.Choices[k.Value] = p.node(v, node, depth+1)
		}
	}
}

func (p *parser) after(v *yaml.Node, node *Node) {
	word, arg, _ := strings.Cut(p.text(v), " ")
	node.After = After{line: v.Line, given: true}
	switch {
	case word == "noop" && arg == "":
	case word == "hangup" && arg == "":
		node.After.Kind = HangUp
	case word == "repeat_message" && arg == "":
		node.After.Kind = Repeat
	case word == "return":
		n, err := strconv.Atoi(arg)
		if arg == "" {
			n, err = 1, nil
		}
		if err != nil || n < 1 || n > maxDepth {
			p.fail(v.Line, "return wants a number of levels from 1")
			return
		}
		node.After.Kind, node.After.Levels = Return, n
	case word == "jump" && arg != "":
		node.After.Kind, node.After.ID = Jump, strings.TrimSpace(arg)
	default:
		p.fail(v.Line, "post_action is noop, hangup, repeat_message, return <levels> or jump <id>")
		return
	}
	p.jumps = append(p.jumps, node)
}

// scalars

func (p *parser) text(v *yaml.Node) string {
	switch {
	case v.Kind != yaml.ScalarNode || v.Tag == "!!null" || strings.TrimSpace(v.Value) == "":
		p.fail(v.Line, "there must be a text")
	case len(v.Value) > maxText:
		p.fail(v.Line, "more than %d characters", maxText)
	case strings.ContainsFunc(v.Value, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }):
		p.fail(v.Line, "control characters in the text")
	}
	return strings.TrimSpace(v.Value)
}

// template is a text in which {caller} stands for the caller's number.
func (p *parser) template(v *yaml.Node) string {
	s := p.text(v)
	rest := strings.NewReplacer("{caller}", "", "{name}", "").Replace(s)
	if i := strings.IndexAny(rest, "{}"); i >= 0 {
		p.fail(v.Line, "in braces there can be caller or name only")
	}
	return s
}

func (p *parser) number(v *yaml.Node, low, high int) int {
	n, err := strconv.Atoi(v.Value)
	if v.Kind != yaml.ScalarNode || err != nil || n < low || n > high {
		p.fail(v.Line, "there must be a number from %d to %d", low, high)
		return low
	}
	return n
}

func (p *parser) seconds(v *yaml.Node) time.Duration {
	return time.Duration(p.number(v, 1, 3600)) * time.Second
}

func (p *parser) yes(v *yaml.Node) bool {
	switch strings.ToLower(v.Value) {
	case "true", "yes", "on", "1":
		return true
	case "false", "no", "off", "0":
	default:
		p.fail(v.Line, "there must be true or false")
	}
	return false
}

// sortedChoices lists the digits in a steady order.
func (n *Node) sortedChoices() []string {
	keys := make([]string, 0, len(n.Choices))
	for k := range n.Choices {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

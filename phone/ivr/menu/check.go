package menu

import "strings"

// check finds what is wrong between nodes.
func (p *parser) check() {
	for _, n := range p.jumps {
		if n.After.Kind == Jump && p.menu.nodes[n.After.ID] == nil {
			p.fail(n.After.line, "there is no menu with the id %q", n.After.ID)
		}
		if n.After.Kind == Return && n.up(n.After.Levels) == nil {
			p.fail(n.After.line, "return %d leads above the first menu", n.After.Levels)
		}
	}
	open := p.menu.open()
	for _, n := range p.all {
		p.checkChoices(n)
		for i, a := range n.Actions {
			if _, ok := a.(Messages); ok {
				n.Actions[i] = Messages{Behind: !open[n]}
			}
		}
	}
	if len(p.errs) == 0 {
		p.checkCircles()
	}
}

// open are the nodes that a caller reaches without a PIN, by keys or because they follow.
func (m *Menu) open() map[*Node]bool {
	open := map[*Node]bool{}
	var visit func(*Node)
	visit = func(n *Node) {
		if n == nil || open[n] {
			return
		}
		open[n] = true
		if !n.IsPIN {
			for _, choice := range n.Choices {
				visit(choice)
			}
		}
		for _, next := range []*Node{n.Default, n.OnTimeout, m.follower(n)} {
			visit(next)
		}
	}
	visit(m.Start)
	return open
}

// checkChoices finds digits behind others that are taken first. PINs are not
// named.
func (p *parser) checkChoices(n *Node) {
	digits := n.sortedChoices()
	for i := 1; i < len(digits); i++ {
		for _, first := range digits[:i] {
			if !strings.HasPrefix(digits[i], first) {
				continue
			}
			line := n.Choices[digits[i]].Line
			if n.IsPIN {
				p.fail(line, "this PIN can never be entered: another one is the beginning of it")
			} else {
				p.fail(line, "choice %s can never be reached: %s is taken first", digits[i], first)
			}
			break
		}
	}
	if n.After.Kind != Wait && n.After.Kind != Repeat && len(n.Choices) > 0 && n.Message == "" && n.File == "" {
		p.fail(n.After.line, "the choices can never be reached: the post_action comes at once")
	}
}

// checkCircles finds nodes that follow each other for ever without one that
// listens to keys.
func (p *parser) checkCircles() {
	for _, start := range p.all {
		n := start
		for range p.all {
			if n = p.menu.follower(n); n == nil || len(n.Choices) > 0 {
				break
			}
			if n == start {
				p.fail(start.After.line, "the menus go in a circle without ever listening to a key")
				break
			}
		}
	}
}

// follower is the node that comes after n without a key, or nil.
func (m *Menu) follower(n *Node) *Node {
	switch n.After.Kind {
	case Return:
		return n.up(n.After.Levels)
	case Jump:
		return m.nodes[n.After.ID]
	case Repeat:
		if n.Message == "" && n.File == "" {
			return n
		}
	}
	return nil
}

package menu

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// actions reads one action or a list of them.
func (p *parser) actions(v *yaml.Node, node *Node) []Action {
	list := []*yaml.Node{v}
	if v.Kind == yaml.SequenceNode {
		list = v.Content
	}
	if len(list) > maxActions {
		p.fail(v.Line, "more than %d actions", maxActions)
		return nil
	}
	var out []Action
	for _, item := range list {
		if a := p.one(item, node); a != nil {
			out = append(out, a)
		}
	}
	return out
}

// one reads an action: a word, or a word with its value.
func (p *parser) one(v *yaml.Node, node *Node) (a Action) {
	if v.Kind == yaml.ScalarNode {
		switch v.Value {
		case "open_door":
			return OpenDoor{Node: node.ID}
		case "hangup":
			return Hangup{}
		case "record":
			return Record{}
		case "messages":
			return Messages{}
		}
		p.fail(v.Line, "the action is none of open_door, hangup, record, messages, publish, transfer, play, say")
		return nil
	}
	if v.Kind == yaml.MappingNode && len(v.Content) != 2 {
		p.fail(v.Line, "several actions make a list")
		return nil
	}
	p.fields(v, "an action", map[string]func(*yaml.Node){
		"transfer": func(v *yaml.Node) { a = Transfer{To: p.line(v)} },
		"play":     func(v *yaml.Node) { a = Play{File: p.text(v)} },
		"say":      func(v *yaml.Node) { a = Say{Text: p.template(v), Voice: node.Voice} },
		"publish":  func(v *yaml.Node) { a = p.publish(v) },
		"record":   func(v *yaml.Node) { a = p.record(v) },
	})
	return a
}

func (p *parser) publish(v *yaml.Node) Action {
	var a Publish
	line := v.Line
	p.fields(v, "publish", map[string]func(*yaml.Node){
		"datapoint": func(v *yaml.Node) { a.Datapoint = p.line(v) },
		"value":     func(v *yaml.Node) { a.Value = p.template(v) },
	})
	if a.Datapoint == "" || strings.ContainsAny(a.Datapoint, "+# ") || strings.HasPrefix(a.Datapoint, "/") || strings.HasSuffix(a.Datapoint, "/") {
		p.fail(line, "publish needs a datapoint")
	}
	return a
}

func (p *parser) record(v *yaml.Node) Action {
	var a Record
	p.fields(v, "record", map[string]func(*yaml.Node){
		"max":     func(v *yaml.Node) { a.Max = p.seconds(v) },
		"silence": func(v *yaml.Node) { a.Silence = p.seconds(v) },
	})
	return a
}

// line is a text without line breaks.
func (p *parser) line(v *yaml.Node) string {
	s := p.text(v)
	if strings.ContainsAny(s, "\r\n\t") {
		p.fail(v.Line, "the text must be one line")
	}
	return s
}

package menu

import "time"

// Limits of a menu file.
const (
	MaxFile    = 256 << 10 // bytes
	maxNodes   = 1000
	maxDepth   = 16
	maxText    = 4000 // bytes of one message
	maxActions = 16   // of one node
)

// Defaults for what a file leaves out.
const (
	defaultTimeout  = 30 * time.Second
	defaultAttempts = 3
)

// Menu is a whole menu file.
type Menu struct {
	Start       *Node
	PINAttempts int // wrong PINs in one call before it is ended

	nodes map[string]*Node
	all   []*Node
}

// Nodes lists all nodes in the order of the file.
func (m *Menu) Nodes() []*Node { return m.all }

// Node is one place in the menu.
type Node struct {
	ID      string // may be empty
	Line    int
	Message string // text to speak, or
	File    string // sound file to play, or neither
	Voice   string
	Actions []Action // carried out when the node is entered
	After   After    // when its sound has ended

	Choices   map[string]*Node // by digits
	IsPIN     bool             // choices are PINs
	Default   *Node            // for digits that are no choice; nil = say it again
	OnTimeout *Node            // nil = hang up
	Timeout   time.Duration    // without a key, from the end of the message
	BargeIn   bool             // keys are heard during the message and end it

	parent *Node
}

// AfterKind is what follows the sound of a node.
type AfterKind int

// What may follow the sound of a node.
const (
	Wait   AfterKind = iota // noop: listen to keys until the timeout
	Return                  // go back so many levels
	HangUp                  // hangup
	Repeat                  // repeat_message
	Jump                    // jump to a node
)

// After is a post_action.
type After struct {
	Kind   AfterKind
	Levels int
	ID     string

	line  int
	given bool // by the file
}

// Find returns the node of an id, or nil.
func (m *Menu) Find(id string) *Node { return m.nodes[id] }

// up returns the node so many levels above, or nil.
func (n *Node) up(levels int) *Node {
	for ; levels > 0 && n != nil; levels-- {
		n = n.parent
	}
	return n
}

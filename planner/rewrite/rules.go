package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/types"
)

// Ctx is what rules may use.
type Ctx struct {
	Env   *types.Env
	NewID func() int
	// View tells that the plan is maintained incrementally; else it runs once.
	View bool
	// Off names rules that do not run.
	Off map[string]bool
}

// Rule is one rewrite of a whole tree. visible are the columns that the statement needs.
type Rule struct {
	Name string
	// Needed rules run even when they are switched off.
	Needed bool
	Apply  func(c *Ctx, n *logical.Node, visible []logical.Col) (*logical.Node, error)
}

// Rules are all rules in the order in which they run.
var Rules = []Rule{
	{Name: "fold", Apply: foldAll},
	{Name: "subquery", Needed: true, Apply: subqueries},
	{Name: "decorrelate", Apply: decorrelate},
	{Name: "pushdown", Apply: pushdown},
	{Name: "joinorder", Apply: joinOrder},
	{Name: "fold2", Apply: foldAll},
	{Name: "topn", Needed: true, Apply: topN},
	{Name: "limits", Needed: true, Apply: limits},
	{Name: "distinct", Apply: distinct},
	{Name: "temporal", Needed: true, Apply: temporal},
	{Name: "session", Apply: sessionGroups},
	{Name: "prune", Apply: prune},
	{Name: "merge", Apply: mergeProjects},
	{Name: "hop", Apply: hopSlices},
	{Name: "access", Apply: access},
}

// Run applies the rules.
func Run(c *Ctx, n *logical.Node, visible []logical.Col) (*logical.Node, error) {
	for _, r := range Rules {
		if c.Off[r.Name] && !r.Needed {
			continue
		}
		var err error
		if n, err = r.Apply(c, n, visible); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// bottomUp rebuilds a tree with f applied to every node, inputs first. A node that several parents
// share is visited once and stays shared.
func bottomUp(n *logical.Node, f func(*logical.Node) (*logical.Node, error)) (*logical.Node, error) {
	w := &walker{f: f, done: map[*logical.Node]*logical.Node{}}
	return w.visit(n)
}

type walker struct {
	f    func(*logical.Node) (*logical.Node, error)
	done map[*logical.Node]*logical.Node
}

func (w *walker) visit(n *logical.Node) (*logical.Node, error) {
	if out, ok := w.done[n]; ok {
		return out, nil
	}
	at := n
	for i, in := range n.In {
		x, err := w.visit(in)
		if err != nil {
			return nil, err
		}
		if x != in {
			if at == n {
				c := *n
				c.In = append([]*logical.Node(nil), n.In...)
				at = &c
			}
			at.In[i] = x
		}
	}
	out, err := w.f(at)
	w.done[n] = out
	return out, err
}

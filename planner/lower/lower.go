package lower

import (
	"encoding/json"
	"fmt"
	"strconv"

	"tidemill/exec/plan"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Options say what kind of plan to make.
type Options struct {
	// View makes an incremental plan; otherwise the plan runs once.
	View bool
	// Civil tells that the expressions of a view run in a time zone other than UTC.
	Civil bool
	// NewID gives out column ids that the tree does not use.
	NewID func() int
	// NoShare keeps equal subtrees apart (for tests).
	NoShare bool
	// NoTwoPhase aggregates in one phase (for tests).
	NoTwoPhase bool
}

// Plan makes the physical plan of a tree whose output are the given columns in order; visible of
// them are shown to the user.
func Plan(root *logical.Node, visible int, o *Options) (*plan.Plan, error) {
	l := &lowerer{Options: o, done: map[*logical.Node]int{}, byPrint: map[string]int{}}
	h, err := l.node(root)
	if err != nil {
		return nil, err
	}
	p := l.finish(h, visible)
	l.name(p, root.Cols())
	return p, nil
}

// name gives the root's schema the result's names. Columns of a root that is a scan keep theirs.
func (l *lowerer) name(p *plan.Plan, cols []logical.Col) {
	n := &p.Nodes[p.Root]
	if n.Op == plan.ScanOp {
		return
	}
	n.Schema = append(types.Schema(nil), n.Schema...)
	for i := range n.Schema {
		n.Schema[i].Name = cols[i].Name
	}
}

func (l *lowerer) finish(h, visible int) *plan.Plan {
	at, _ := l.ref(h)
	n := l.nodes[at]
	return &plan.Plan{
		Version: 1, Nodes: l.nodes, Root: at, Key: n.Key, AppendOnly: n.AppendOnly, Visible: visible,
	}
}

type lowerer struct {
	*Options
	nodes []plan.Node
	info  []output
	done  map[*logical.Node]int
	// byPrint finds a node by its fingerprint.
	byPrint map[string]int
	// aliases are handles (−1, −2 …) of shared nodes under other column ids.
	aliases []output
	aliasOf []int
	// inLoop tells that the plan is the loop of a recursive query: all rows are on one worker.
	inLoop bool
	// outer gives the position of an outer row's column, inside an Apply's subplan.
	outer map[int]int
}

// output is what is known of a physical node beside its schema.
type output struct {
	ids  []int
	dist dist
}

// dist is how a node's rows are spread over the workers.
type dist struct {
	kind plan.Exchange // Local = anyhow
	cols []int         // column ids of ByHash
}

// input is an edge that is being made.
type input struct {
	node int
	x    plan.Exchange
	keys []int // positions
}

func local(node int) input { return input{node: node, x: plan.Local} }

// add appends a node, or finds the equal one.
func (l *lowerer) add(n *logical.Node, opName string, format int, cfg any, ins []input, cols []logical.Col, d dist) (int, error) {
	if l.inLoop {
		d = dist{kind: plan.Single}
	}
	raw, err := json.Marshal(cfg)
	if err != nil {
		return 0, fmt.Errorf("plan of %s: %w", opName, err)
	}
	p := plan.Node{Op: opName, Format: format, Config: raw, Schema: schemaOf(cols), AppendOnly: !l.View || logical.AppendOnly(n), Key: l.key(n, cols)}
	for _, in := range ins {
		p.Inputs = append(p.Inputs, plan.Input{Node: in.node, Exchange: in.x, Keys: in.keys})
	}
	print := l.print(n, &p)
	if at, ok := l.byPrint[print]; ok && print != "" && sameIDs(l.info[at].ids, cols) {
		return at, nil
	} else if ok && print != "" {
		return l.alias(at, cols, d)
	}
	l.nodes = append(l.nodes, p)
	l.info = append(l.info, output{ids: idsOf(cols), dist: d})
	if print != "" {
		l.byPrint[print] = len(l.nodes) - 1
	}
	return len(l.nodes) - 1, nil
}

// alias gives the columns of an existing node other ids: the physical node is shared, the ids are
// the logical tree's.
func (l *lowerer) alias(at int, cols []logical.Col, d dist) (int, error) {
	l.aliases = append(l.aliases, output{ids: idsOf(cols), dist: d})
	l.aliasOf = append(l.aliasOf, at)
	return -len(l.aliases), nil
}

func schemaOf(cols []logical.Col) types.Schema {
	out := make(types.Schema, len(cols))
	for i, c := range cols {
		out[i] = c.Field
	}
	return out
}

func idsOf(cols []logical.Col) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = c.ID
	}
	return out
}

func sameIDs(ids []int, cols []logical.Col) bool {
	for i, c := range cols {
		if ids[i] != c.ID {
			return false
		}
	}
	return len(ids) == len(cols)
}

// print is the node's fingerprint: operator, configuration, inputs and types. Names do not count. A
// node that computes something volatile has none.
func (l *lowerer) print(n *logical.Node, p *plan.Node) string {
	if l.NoShare {
		return ""
	}
	volatile := n.Func != nil && n.Func.Volatile
	n.EachExpr(func(e *expr.Expr) { volatile = volatile || logical.Volatile(e) })
	if volatile {
		return ""
	}
	b := append([]byte(p.Op), ' ')
	b = append(b, p.Config...)
	for _, in := range p.Inputs {
		b = strconv.AppendInt(append(b, ' '), int64(in.Node), 10)
		b = append(b, in.Exchange...)
		for _, k := range in.Keys {
			b = strconv.AppendInt(append(b, ','), int64(k), 10)
		}
	}
	for _, f := range p.Schema {
		b = append(append(b, ' '), f.Type.String()...)
	}
	return string(b)
}

// key gives the node's best unique key as positions; nil when there is none.
func (l *lowerer) key(n *logical.Node, cols []logical.Col) []int {
	best := BestKey(n, func(id int) bool { return position(idsOf(cols), id) >= 0 }, len(cols))
	if best == nil {
		return nil
	}
	out := make([]int, len(best))
	for i, id := range best {
		out[i] = position(idsOf(cols), id)
	}
	return out
}

// BestKey picks the candidate key with the fewest columns among those whose columns are allowed,
// preferring columns that are among the first visible ones.
func BestKey(n *logical.Node, allowed func(id int) bool, visible int) []int {
	var best []int
	cols := n.Cols()
	cost := func(k []int) int {
		c := len(k)
		for _, id := range k {
			for i, col := range cols {
				if col.ID == id && i >= visible {
					c += 100
				}
			}
		}
		return c
	}
next:
	for _, k := range logical.Keys(n) {
		for _, id := range k {
			if !allowed(id) {
				continue next
			}
		}
		if best == nil || cost(k) < cost(best) {
			best = append([]int{}, k...)
		}
	}
	return best
}

func position(ids []int, id int) int {
	for i, x := range ids {
		if x == id {
			return i
		}
	}
	return -1
}

// ref resolves a handle from node or add: the physical node and what its columns are called here.
func (l *lowerer) ref(h int) (int, output) {
	if h < 0 {
		return l.aliasOf[-h-1], l.aliases[-h-1]
	}
	return h, l.info[h]
}

// expr turns ids into positions; columns of the outer row become Outer nodes.
func (l *lowerer) expr(e *expr.Expr, ids []int) (*expr.Expr, error) {
	var failure error
	out := expr.Rewrite(e, func(x *expr.Expr) *expr.Expr {
		switch x.Kind {
		case expr.Column:
			c := *x
			c.Pos = 0
			if at := position(ids, x.Index); at >= 0 {
				c.Index = at
				return &c
			}
			if at, ok := l.outer[x.Index]; ok {
				c.Kind, c.Index, c.Level = expr.Outer, at, 1
				return &c
			}
			failure = fmt.Errorf("planner: column %d is not in the input", x.Index)
		case expr.Subquery:
			failure = sqlerr.Unsupported("this subquery is not supported here").At(x.Pos)
		}
		return x
	})
	return out, failure
}

func (l *lowerer) exprs(es []*expr.Expr, ids []int) ([]*expr.Expr, error) {
	out := make([]*expr.Expr, len(es))
	for i, e := range es {
		var err error
		if out[i], err = l.expr(e, ids); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// positions maps column ids.
func positions(cols, ids []int) ([]int, error) {
	out := make([]int, len(cols))
	for i, c := range cols {
		if out[i] = position(ids, c); out[i] < 0 {
			return nil, fmt.Errorf("planner: column %d is not in the input", c)
		}
	}
	return out, nil
}

func sortKeys(order []logical.SortKey, ids []int) ([]plan.SortKey, error) {
	out := make([]plan.SortKey, len(order))
	for i, o := range order {
		at := position(ids, o.Col)
		if at < 0 {
			return nil, fmt.Errorf("planner: sort column %d is not in the input", o.Col)
		}
		out[i] = plan.SortKey{Col: at, Desc: o.Desc, NullsFirst: o.NullsFirst}
	}
	return out, nil
}

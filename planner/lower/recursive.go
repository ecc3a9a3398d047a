package lower

import (
	"tidemill/exec/op/recursive"
	"tidemill/exec/plan"
	"tidemill/planner/logical"
	"tidemill/sql/sqlerr"
)

// recursive lowers WITH RECURSIVE. What the recursive term reads beside the query itself is planned
// outside and enters the loop through a port; only the path from the working table to the term's
// output is inside, in one place: its rows are not spread over the workers.
func (l *lowerer) recursive(n *logical.Node) (int, error) {
	base, term := n.In[0], n.In[1]
	work := workTable(term, n.Work)
	grows := logical.AppendOnly(base) && logical.AppendOnly(term)
	if l.View && !n.All && !grows {
		return 0, sqlerr.Unsupported("WITH RECURSIVE … UNION is supported in a materialized view only over inputs that are never updated or deleted from").
			WithHint("A row that is deleted can hold itself up through a cycle. UNION ALL over data without cycles may change in any way; or run the query ad hoc.")
	}
	loop := &lowerer{Options: l.Options, done: map[*logical.Node]int{}, byPrint: map[string]int{}, outer: l.outer, inLoop: true}
	r := &looper{outside: l, loop: loop, work: work, once: !n.All}
	if err := r.enter(base); err != nil {
		return 0, err
	}
	if err := r.path(term); err != nil {
		return 0, err
	}
	if work != nil {
		work.Grows = grows
		h, err := loop.port(work, len(r.edges), idsOf(work.Out))
		if err != nil {
			return 0, err
		}
		loop.done[work] = h
	}
	var body = &logical.Node{Op: logical.Union, All: true, In: n.In, Map: n.Map, Out: n.Out}
	if !n.All {
		body = &logical.Node{Op: logical.Distinct, In: []*logical.Node{body}}
	}
	h, err := loop.node(body)
	if err != nil {
		return 0, err
	}
	cfg := recursive.Config{Loop: *loop.finish(h, len(n.Out)), All: n.All}
	return l.add(n, recursive.Name, 1, cfg, r.edges, n.Out, dist{kind: plan.Single})
}

// looper divides a recursive term into the loop and what is outside.
type looper struct {
	outside, loop *lowerer
	work          *logical.Node
	once          bool // UNION: the rows of all rounds together are made distinct
	edges         []input
}

// enter plans a tree outside and gives the loop a port for it.
func (r *looper) enter(n *logical.Node) error {
	if _, done := r.loop.done[n]; done {
		return nil
	}
	at, out, err := r.outside.input(n)
	if err != nil {
		return err
	}
	edge := local(at)
	if out.dist.kind != plan.Single {
		edge = input{node: at, x: plan.Single}
	}
	h, err := r.loop.port(n, len(r.edges), out.ids)
	if err != nil {
		return err
	}
	r.loop.done[n] = h
	r.edges = append(r.edges, edge)
	return nil
}

// path walks from the term's output to the working table and checks that each operation on the way is
// linear in it: it may treat the rows of a round on their own.
func (r *looper) path(n *logical.Node) error {
	if n == r.work {
		return nil
	}
	at := -1
	for i, in := range n.In {
		if r.work != nil && holds(in, r.work) {
			at = i
			continue
		}
		if err := r.enter(in); err != nil {
			return err
		}
	}
	if at < 0 { // the term does not reach the working table any more: a condition in it is never true
		return r.enter(n)
	}
	ok := false
	switch n.Op {
	case logical.Filter, logical.Project, logical.TableFunc, logical.Window, logical.Union:
		ok = true
	case logical.Distinct:
		ok = r.once
	case logical.Join:
		switch n.Kind {
		case logical.Inner:
			ok = true
		case logical.Left, logical.Semi, logical.Anti:
			ok = at == 0
		case logical.Right:
			ok = at == 1
		}
	case logical.Apply:
		ok = at == 0
	}
	if !ok {
		what := words[n.Op]
		if what == "" {
			what = "the operation " + string(n.Op)
		}
		return sqlerr.Unsupported("the recursive term of WITH RECURSIVE cannot use %s over the recursive reference", what).
			WithHint("Join the recursive reference with other relations, filter it and compute columns of it; do the rest outside, over the result.")
	}
	return r.path(n.In[at])
}

// words are what the operations are called in SQL.
var words = map[logical.Op]string{
	logical.Agg: "aggregates", logical.Distinct: "DISTINCT", logical.SetOp: "INTERSECT or EXCEPT", logical.Over: "window functions",
	logical.TopN: "LIMIT or DISTINCT ON", logical.Sort: "ORDER BY", logical.Limit: "LIMIT", logical.MaxOne: "a scalar subquery",
	logical.Join: "an outer join", logical.Apply: "a subquery", logical.Recursive: "another recursive query",
}

// workTable finds the leaf that stands for the recursive query; nil when a rewrite has dropped it.
func workTable(n *logical.Node, cols []int) *logical.Node {
	if n.Op == logical.WorkTable && n.Out[0].ID == cols[0] {
		return n
	}
	for _, in := range n.In {
		if w := workTable(in, cols); w != nil {
			return w
		}
	}
	return nil
}

func holds(n, leaf *logical.Node) bool {
	if n == leaf {
		return true
	}
	for _, in := range n.In {
		if holds(in, leaf) {
			return true
		}
	}
	return false
}

// port makes a leaf of the loop for an input of the recursive operator; ids are its columns in order.
func (l *lowerer) port(n *logical.Node, number int, ids []int) (int, error) {
	cols := make([]logical.Col, len(ids))
	cfg := plan.Scan{Object: uint32(number), Cols: make([]int, len(ids))}
	for i, id := range ids {
		cols[i], _ = n.Col(id)
		cols[i].ID, cfg.Cols[i] = id, i
	}
	return l.add(n, plan.ScanOp, 0, cfg, nil, cols, dist{kind: plan.Single})
}

package planner

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/apply"
	"tidemill/exec/plan"
	"tidemill/sql/types"
)

// Explain writes the plan as an indented tree, root first, one operator per line. verbose adds the
// columns, the unique key, whether rows are taken back, and in a maintained plan what bounds the
// operator's state.
func Explain(q *Query, verbose bool) []string {
	e := &explainer{q: q, p: q.Plan, verbose: verbose, uses: map[int]int{}, shown: map[int]bool{}}
	for _, n := range q.Plan.Nodes {
		for _, in := range n.Inputs {
			e.uses[in.Node]++
		}
	}
	e.node(q.Plan.Root, 0, "")
	if verbose {
		e.result()
	}
	return e.out
}

type explainer struct {
	q       *Query
	p       *plan.Plan
	verbose bool
	uses    map[int]int
	shown   map[int]bool
	out     []string
}

func (e *explainer) line(depth int, text string) {
	e.out = append(e.out, strings.Repeat("  ", depth)+text)
}

func (e *explainer) node(i, depth int, edge string) {
	n := &e.p.Nodes[i]
	head := n.Op + e.detail(n) + edge
	if e.uses[i] > 1 {
		if e.shown[i] {
			e.line(depth, fmt.Sprintf("%s [shared #%d, see above]%s", n.Op, i, edge))
			return
		}
		e.shown[i] = true
		head += fmt.Sprintf(" [shared #%d]", i)
	}
	e.line(depth, head)
	if e.verbose {
		e.line(depth, "    "+e.properties(i))
	}
	e.subplan(n, depth)
	for _, in := range n.Inputs {
		e.node(in.Node, depth+1, e.edge(in))
	}
}

// edge tells how rows are spread on the way to the consumer.
func (e *explainer) edge(in plan.Input) string {
	switch in.Exchange {
	case plan.ByHash:
		return " → hash(" + op.Cols(e.p.Nodes[in.Node].Schema, in.Keys) + ")"
	case plan.Single:
		return " → single"
	}
	return ""
}

func (e *explainer) detail(n *plan.Node) string {
	if n.Op == plan.ScanOp {
		var s plan.Scan
		if json.Unmarshal(n.Config, &s) != nil {
			return ""
		}
		name := e.q.Names[s.Object]
		if name == "" {
			name = fmt.Sprintf("#%d", s.Object)
		}
		text := " " + name + " (" + fieldNames(n.Schema) + ")"
		return text + e.access(s.Access)
	}
	s, err := op.Lookup(n.Op)
	if err != nil || s.Explain == nil {
		return ""
	}
	in := make([]types.Schema, len(n.Inputs))
	for i, x := range n.Inputs {
		in[i] = e.p.Nodes[x.Node].Schema
	}
	if text := s.Explain(n.Config, in); text != "" {
		return ": " + text
	}
	return ""
}

// access tells how a scan finds its rows, when it does not read all of them.
func (e *explainer) access(a *plan.Access) string {
	switch {
	case a == nil:
		return ""
	case a.Index == 0 && (a.Low != nil || a.High != nil):
		return " by key range"
	case a.Index == 0:
		return " by key"
	}
	text := " by index " + e.q.Names[a.Index]
	if a.Reverse {
		text += " backwards"
	}
	if a.Limit > 0 {
		text += fmt.Sprintf(", first %d", a.Limit)
	}
	return text
}

func fieldNames(s types.Schema) string {
	names := make([]string, len(s))
	for i, f := range s {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// subplan shows the plan that an apply runs per row.
func (e *explainer) subplan(n *plan.Node, depth int) {
	if n.Op != apply.Name {
		return
	}
	var cfg apply.Config
	var p plan.Plan
	if json.Unmarshal(n.Config, &cfg) != nil || json.Unmarshal(cfg.Sub, &p) != nil {
		return
	}
	q := *e.q
	q.Plan = &p
	e.line(depth+1, "subplan")
	for _, l := range Explain(&q, false) {
		e.line(depth+2, l)
	}
}

func (e *explainer) properties(i int) string {
	n := &e.p.Nodes[i]
	parts := []string{"columns: " + fieldNames(n.Schema)}
	if n.Key != nil {
		parts = append(parts, "key: ("+op.Cols(n.Schema, n.Key)+")")
	}
	if n.AppendOnly {
		parts = append(parts, "append-only")
	} else {
		parts = append(parts, "retract")
	}
	if i < len(e.q.bounds) && e.q.bounds[i].Text != "" {
		parts = append(parts, "state: "+e.q.bounds[i].String())
	}
	return strings.Join(parts, "; ")
}

// result says how the result is stored.
func (e *explainer) result() {
	p := e.p
	root := p.Nodes[p.Root].Schema
	switch {
	case p.Key != nil:
		e.line(0, "result: keyed by ("+op.Cols(root, p.Key)+")")
	case p.AppendOnly:
		e.line(0, "result: log")
	default:
		e.line(0, "result: bag")
	}
	if p.Visible < len(root) {
		e.line(0, "hidden: "+fieldNames(root[p.Visible:]))
	}
}

package planner

import (
	"encoding/json"
	"slices"

	"tidemill/catalog"
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/sql/sqlerr"
)

// EventTime gives the bounds of an object's columns, where of gives the watermark and the floor of
// the sources and tables that declare one.
func EventTime(cat *catalog.Snapshot, object uint32, of func(o *catalog.Object) (watermark, floor int64)) plan.Marks {
	o := cat.ByID(object)
	switch {
	case o == nil:
	case o.Watermark != nil:
		w, f := make(op.Marks, len(o.Columns)), make(op.Marks, len(o.Columns))
		for i := range w {
			w[i], f[i] = op.NoMark, op.NoMark
		}
		w[o.Watermark.Column], f[o.Watermark.Column] = of(o)
		return plan.Marks{Watermarks: w, Floors: f}
	case o.Kind == catalog.MaterializedView:
		p := new(plan.Plan)
		if json.Unmarshal(o.Plan, p) != nil {
			break
		}
		m, err := plan.NewMarker(p)
		if err != nil {
			break
		}
		return m.Run(func(id uint32) plan.Marks { return EventTime(cat, id, of) })[p.Root]
	}
	return plan.Marks{}
}

// timed returns the context with what the catalog knows of event time.
func timed(c *Context) *Context {
	if c.Catalog == nil {
		return c
	}
	own := *c
	own.EventTime = func(object uint32) (cols []int) {
		m := EventTime(c.Catalog, object, func(*catalog.Object) (watermark, floor int64) { return someTime, someTime })
		for i, f := range m.Floors {
			if f != op.NoMark {
				cols = append(cols, i)
			}
		}
		return cols
	}
	return &own
}

// someTime stands for event time in a plan that is looked at before it runs.
const someTime = 1_700_000_000_000_000

// times is what is known of event time in a plan.
type times struct {
	marks []plan.Marks // of the nodes' outputs
	// horizon is how far behind the latest event time rows may come, lateness how far behind the
	// watermark: the greatest of the sources and tables below, in µs.
	horizon, lateness int64
	declared          bool // something below has a watermark
}

// timesOf follows event time through a plan.
func timesOf(c *Context, p *plan.Plan) (*times, error) {
	t := &times{marks: make([]plan.Marks, len(p.Nodes))}
	if c.Catalog == nil {
		return t, nil
	}
	m, err := plan.NewMarker(p)
	if err != nil {
		return nil, err
	}
	t.marks = m.Run(func(object uint32) plan.Marks {
		return EventTime(c.Catalog, object, func(o *catalog.Object) (int64, int64) {
			w := o.Watermark
			t.declared = true
			t.horizon, t.lateness = max(t.horizon, w.Delay+w.Lateness), max(t.lateness, w.Lateness)
			return someTime, someTime
		})
	})
	return t, nil
}

// emitOnClose makes a plan give out its rows when the watermark has passed them: it puts a windowclose
// below the projections and conditions at the root.
func emitOnClose(c *Context, p *plan.Plan) error {
	t, err := timesOf(c, p)
	if err != nil {
		return err
	}
	at := p.Root
	path := []int{}
	for !t.marks[at].Floors.Any() { // through what takes one row at a time
		n := &p.Nodes[at]
		switch n.Op {
		case "project", "filter", "sort", "limit":
			path = append(path, at)
			at = n.Inputs[0].Node
		default:
			return notClosed(t)
		}
	}
	time := slices.IndexFunc(t.marks[at].Floors, func(m int64) bool { return m != op.NoMark })
	below := &p.Nodes[at]
	keys := below.Key
	if len(keys) == 0 {
		for i := range below.Schema {
			keys = append(keys, i)
		}
	}
	cfg, err := json.Marshal(struct {
		Time int   `json:"time"`
		Dist []int `json:"dist"`
	}{time, keys})
	if err != nil {
		return err
	}
	node := plan.Node{
		Op: plan.WindowClose, Format: 1, Config: cfg, Schema: below.Schema, Key: below.Key, AppendOnly: t.lateness == 0 || below.AppendOnly,
		Inputs: []plan.Input{{Node: at, Exchange: plan.ByHash, Keys: keys}},
	}
	to := len(p.Nodes)
	if len(path) > 0 {
		to = path[len(path)-1]
	}
	insert(p, to, node)
	if len(path) == 0 {
		p.Root = to
	} else {
		p.Nodes[to+1].Inputs[0] = plan.Input{Node: to, Exchange: plan.Local}
		if x := p.Nodes[to+1]; x.Op == "sort" || x.Op == "limit" {
			p.Nodes[to+1].Inputs[0].Exchange = plan.Single
		}
	}
	for _, i := range path { // they are behind the new node by now
		p.Nodes[i+1].AppendOnly = node.AppendOnly
	}
	p.AppendOnly = node.AppendOnly
	return nil
}

// insert puts a node at position at of the plan's list.
func insert(p *plan.Plan, at int, node plan.Node) {
	for i := range p.Nodes {
		for k := range p.Nodes[i].Inputs {
			if p.Nodes[i].Inputs[k].Node >= at {
				p.Nodes[i].Inputs[k].Node++
			}
		}
	}
	if p.Root >= at {
		p.Root++
	}
	p.Nodes = slices.Insert(p.Nodes, at, node)
}

// notClosed says why no row of a result is ever final.
func notClosed(t *times) error {
	if t.declared {
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "EMIT ON WINDOW CLOSE needs a result that the watermark closes").
			WithDetail("No column of the result follows the watermark, so that each row may change for ever.").
			WithHint("Group by window_start or window_end of TUMBLE or HOP, by date_trunc() of the watermark column, or by the column itself; join on it too. In MATCH_RECOGNIZE write WITHIN, and show the time of a row.")
	}
	return sqlerr.New(sqlerr.InvalidObjectDefinition, "EMIT ON WINDOW CLOSE needs a watermark").
		WithHint("Declare one where the data comes in: CREATE SOURCE … (…, WATERMARK FOR ts AS ts - INTERVAL '5 seconds').")
}

// bounds says for every operator of a plan what limits its state; "" = it has none.
func bounds(p *plan.Plan, t *times) []op.Bound {
	out := make([]op.Bound, len(p.Nodes))
	for i := range p.Nodes {
		n := &p.Nodes[i]
		spec, err := op.Lookup(n.Op)
		if n.Op == plan.ScanOp || err != nil || spec.Bound == nil {
			continue
		}
		in := make([]op.Input, len(n.Inputs))
		for k, x := range n.Inputs {
			from := &p.Nodes[x.Node]
			in[k] = op.Input{Schema: from.Schema, AppendOnly: from.AppendOnly, Marks: t.marks[x.Node].Floors, Horizon: t.horizon}
		}
		out[i] = spec.Bound(n.Config, in)
	}
	return out
}

// RequireBounded refuses a plan with an operator whose state grows for as long as rows come.
func (q *Query) RequireBounded() error {
	for i, b := range q.bounds {
		if !b.Unbounded {
			continue
		}
		n := &q.Plan.Nodes[i]
		e := &explainer{q: q, p: q.Plan}
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "the state of operator %q is unbounded: %s", n.Op+e.detail(n), b.Text).
			WithHint("%s", remedy(n.Op))
	}
	return nil
}

// remedy tells what to write so that an operator's state is bounded.
func remedy(name string) string {
	const declare = "Declare a watermark (WATERMARK FOR ts AS ts - INTERVAL '5 seconds') and "
	switch name {
	case "join":
		return declare + "join on a column that follows it on both sides, such as window_start of TUMBLE."
	case "distinct", "setop":
		return declare + "keep a column that follows it in the select list."
	case "match":
		return declare + "let ORDER BY in MATCH_RECOGNIZE begin with it, and bound matches by WITHIN."
	case "topn":
		return declare + "partition by a column that follows it, such as window_start of TUMBLE; or leave out PARTITION BY."
	}
	return declare + "group by a column that follows it, such as window_start of TUMBLE."
}

package lower

import (
	"fmt"
	"slices"

	"tidemill/exec/op/distinct"
	"tidemill/exec/op/filter"
	"tidemill/exec/op/limit"
	"tidemill/exec/op/project"
	"tidemill/exec/op/session"
	"tidemill/exec/op/setop"
	"tidemill/exec/op/sort"
	"tidemill/exec/op/tablefunc"
	"tidemill/exec/op/temporal"
	"tidemill/exec/op/topn"
	"tidemill/exec/op/window"
	"tidemill/exec/plan"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// node lowers a logical node once and returns its handle.
func (l *lowerer) node(n *logical.Node) (int, error) {
	if h, ok := l.done[n]; ok {
		return h, nil
	}
	h, err := l.lower(n)
	if err != nil {
		return 0, err
	}
	l.done[n] = h
	return h, nil
}

func (l *lowerer) lower(n *logical.Node) (int, error) {
	switch n.Op {
	case logical.Scan:
		return l.scan(n)
	case logical.Values:
		return l.values(n)
	case logical.Filter:
		return l.filter(n)
	case logical.Project:
		return l.project(n)
	case logical.Join:
		return l.join(n)
	case logical.AsOf:
		return l.asOf(n)
	case logical.Probe:
		return l.probe(n)
	case logical.Agg:
		return l.agg(n)
	case logical.Distinct:
		return l.distinct(n)
	case logical.Union:
		return l.union(n)
	case logical.SetOp:
		return l.setOp(n)
	case logical.Window:
		return l.window(n)
	case logical.Session:
		return l.session(n)
	case logical.Temporal:
		return l.temporal(n)
	case logical.Expand:
		return l.expand(n)
	case logical.TableFunc:
		return l.tableFunc(n)
	case logical.Sort, logical.Limit, logical.MaxOne:
		return l.batchOnly(n)
	case logical.TopN:
		return l.topN(n)
	case logical.Over:
		return l.over(n)
	case logical.Match:
		return l.match(n)
	case logical.Apply:
		return l.apply(n)
	case logical.Recursive:
		return l.recursive(n)
	}
	return 0, fmt.Errorf("planner: cannot lower %s", n.Op)
}

// input lowers the only input.
// input lowers an input. Its physical columns are the logical ones.
func (l *lowerer) input(n *logical.Node) (int, output, error) {
	at, out, err := l.wideInput(n)
	cols := n.Cols()
	if err != nil || len(out.ids) == len(cols) {
		return at, out, err
	}
	refs := make([]*expr.Expr, len(cols))
	for i, c := range cols {
		refs[i] = logical.Ref(c)
	}
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{n}, Out: cols, Exprs: refs}
	h, err := l.projection(p, at, out, cols, refs)
	if err != nil {
		return 0, output{}, err
	}
	at, out = l.ref(h)
	return at, out, nil
}

// wideInput lowers an input that may have more physical columns than logical ones: window functions
// add those of their arguments. It is for nodes that find columns by their ids.
func (l *lowerer) wideInput(n *logical.Node) (int, output, error) {
	h, err := l.node(n)
	if err != nil {
		return 0, output{}, err
	}
	at, out := l.ref(h)
	return at, out, nil
}

// scanConfig is plan.Scan with the values of its access that are known when parameters are bound.
type scanConfig struct {
	plan.Scan
	AccessExprs *AccessExprs `json:"access_exprs,omitempty"`
}

// AccessExprs are the values of a plan.Access as expressions over parameters.
type AccessExprs struct {
	Eq   [][]*expr.Expr `json:"eq,omitempty"`
	Low  *expr.Expr     `json:"low,omitempty"`
	High *expr.Expr     `json:"high,omitempty"`
}

func (l *lowerer) scan(n *logical.Node) (int, error) {
	cfg := scanConfig{Scan: plan.Scan{Object: n.Scan.Object, Cols: n.Scan.Cols}}
	if cfg.Cols == nil {
		cfg.Cols = []int{}
	}
	if a := n.Scan.Access; a != nil {
		if err := l.access(&cfg, a); err != nil {
			return 0, err
		}
	}
	return l.add(n, plan.ScanOp, 0, cfg, nil, n.Out, dist{kind: plan.Local})
}

// access fills in how a scan reads. With a parameter anywhere all values wait for the parameters.
func (l *lowerer) access(cfg *scanConfig, a *logical.Access) error {
	out := &plan.Access{Index: a.Index, Reverse: a.Reverse, Limit: a.Limit}
	cfg.Access = out
	var values AccessExprs
	literal := true
	value := func(e *expr.Expr) (*expr.Expr, error) {
		literal = literal && e.Kind == expr.Literal
		return l.expr(e, nil)
	}
	var err error
	for _, list := range a.Eq {
		bound := make([]*expr.Expr, len(list))
		for i, e := range list {
			if bound[i], err = value(e); err != nil {
				return err
			}
		}
		values.Eq = append(values.Eq, bound)
	}
	if a.Low != nil {
		out.Low = &plan.Bound{Strict: a.LowOpen}
		if values.Low, err = value(a.Low); err != nil {
			return err
		}
	}
	if a.High != nil {
		out.High = &plan.Bound{Strict: a.HighOpen}
		if values.High, err = value(a.High); err != nil {
			return err
		}
	}
	if !literal {
		cfg.AccessExprs = &values
		return nil
	}
	for _, list := range values.Eq {
		var data []types.Datum
		for _, e := range list {
			data = append(data, *e.Lit)
		}
		out.Eq = append(out.Eq, data)
	}
	if values.Low != nil {
		out.Low.Value = *values.Low.Lit
	}
	if values.High != nil {
		out.High.Value = *values.High.Lit
	}
	return nil
}

func (l *lowerer) filter(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	pred, err := l.expr(logical.AndAll(n.Preds), in.ids)
	if err != nil {
		return 0, err
	}
	return l.add(n, filter.Name, 1, filter.Config{Pred: pred}, []input{local(at)}, n.Cols(), in.dist)
}

func (l *lowerer) project(n *logical.Node) (int, error) {
	from, where := n.In[0], (*expr.Expr)(nil)
	if from.Op == logical.Filter {
		if pred := logical.AndAll(from.Preds); expr.Shares(pred, n.Exprs) {
			from, where = from.In[0], pred
		}
	}
	at, in, err := l.wideInput(from)
	if err != nil {
		return 0, err
	}
	if where == nil {
		return l.projection(n, at, in, n.Out, n.Exprs)
	}
	cfg := project.Config{}
	if cfg.Where, err = l.expr(where, in.ids); err != nil {
		return 0, err
	}
	if cfg.Exprs, err = l.exprs(n.Exprs, in.ids); err != nil {
		return 0, err
	}
	return l.add(n, project.Name, project.FormatOf(cfg), cfg, []input{local(at)}, n.Out, in.dist.renamed(columnsOf(n.Exprs, n.Out)))
}

func (l *lowerer) projection(n *logical.Node, at int, in output, out []logical.Col, es []*expr.Expr) (int, error) {
	xs, err := l.exprs(es, in.ids)
	if err != nil {
		return 0, err
	}
	d := in.dist.renamed(columnsOf(es, out))
	same := len(es) == len(in.ids)
	for i := range es {
		same = same && xs[i].Kind == expr.Column && xs[i].Index == i
	}
	if same && len(es) > 0 {
		return l.alias(at, out, d)
	}
	cfg := project.Config{Exprs: xs}
	return l.add(n, project.Name, project.FormatOf(cfg), cfg, []input{local(at)}, out, d)
}

// columnsOf tells under which ids a projection has the columns that it passes on.
func columnsOf(es []*expr.Expr, out []logical.Col) map[int]int {
	to := map[int]int{}
	for i, e := range es {
		if e.Kind == expr.Column {
			to[e.Index] = out[i].ID
		}
	}
	return to
}

// renamed is the distribution after a projection.
func (d dist) renamed(to map[int]int) dist {
	if d.kind != plan.ByHash {
		return d
	}
	out := dist{kind: plan.ByHash}
	for _, c := range d.cols {
		id, ok := to[c]
		if !ok {
			return dist{kind: plan.Local}
		}
		out.cols = append(out.cols, id)
	}
	return out
}

// within tells whether rows that agree on keys are on one worker already.
func (d dist) within(keys []int) bool {
	switch d.kind {
	case plan.Single:
		return true
	case plan.ByHash:
		for _, c := range d.cols {
			if position(keys, c) < 0 {
				return false
			}
		}
		return len(d.cols) > 0
	}
	return false
}

// gather makes an edge on which rows that agree on keys meet; no keys means all rows.
func (l *lowerer) gather(at int, in output, keys []int) (input, dist, error) {
	if in.dist.within(keys) {
		return local(at), in.dist, nil
	}
	if len(keys) == 0 {
		return input{node: at, x: plan.Single}, dist{kind: plan.Single}, nil
	}
	pos, err := positions(keys, in.ids)
	return input{node: at, x: plan.ByHash, keys: pos}, dist{kind: plan.ByHash, cols: keys}, err
}

// placed is what the field dist of an operator says (exec/op/place) whose state is kept by the columns
// keys: nil when the rows are spread by just these. Only state that outlives the query needs it.
func (l *lowerer) placed(d dist, keys, ids []int) ([]int, error) {
	switch {
	case !l.View || d.kind == plan.ByHash && slices.Equal(d.cols, keys):
		return nil, nil
	case d.kind == plan.ByHash:
		return positions(d.cols, ids)
	}
	return []int{}, nil
}

type noConfig struct{}

func (l *lowerer) distinct(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	edge, d, err := l.gather(at, in, in.ids)
	if err != nil {
		return 0, err
	}
	placed, err := l.placed(d, in.ids, in.ids)
	if err != nil {
		return 0, err
	}
	return l.add(n, distinct.Name, 1, distinct.Config{Dist: placed}, []input{edge}, n.Cols(), d)
}

// arm lowers an input of a union or set operation with its columns in the order of the output.
func (l *lowerer) arm(n *logical.Node, i int) (int, output, error) {
	at, in, err := l.input(n.In[i])
	if err != nil {
		return 0, in, err
	}
	same := len(in.ids) == len(n.Map[i])
	for k := 0; same && k < len(in.ids); k++ {
		same = in.ids[k] == n.Map[i][k]
	}
	if same {
		return at, in, nil
	}
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{n.In[i]}}
	for _, id := range n.Map[i] {
		c, _ := n.In[i].Col(id)
		p.Exprs = append(p.Exprs, logical.Ref(c))
		c.ID = l.NewID()
		p.Out = append(p.Out, c)
	}
	return l.input(p)
}

func (l *lowerer) union(n *logical.Node) (int, error) {
	var ins []input
	for i := range n.In {
		at, _, err := l.arm(n, i)
		if err != nil {
			return 0, err
		}
		ins = append(ins, local(at))
	}
	return l.add(n, "union", 1, noConfig{}, ins, n.Out, dist{kind: plan.Local})
}

func (l *lowerer) setOp(n *logical.Node) (int, error) {
	var ins []input
	for i := range n.In {
		at, in, err := l.arm(n, i)
		if err != nil {
			return 0, err
		}
		in.dist = dist{kind: plan.Local} // both sides must be spread alike
		edge, _, err := l.gather(at, in, in.ids)
		if err != nil {
			return 0, err
		}
		ins = append(ins, edge)
	}
	d := dist{kind: plan.ByHash, cols: idsOf(n.Out)}
	if len(n.Out) == 0 {
		d = dist{kind: plan.Single}
	}
	placed, err := l.placed(d, idsOf(n.Out), idsOf(n.Out))
	if err != nil {
		return 0, err
	}
	return l.add(n, setop.Name, 1, setop.Config{Kind: n.SetOp, All: n.All, Dist: placed}, ins, n.Out, d)
}

func (l *lowerer) window(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	cfg := window.Config{Kind: n.Win.Kind, Col: position(in.ids, n.Win.Time), Size: n.Win.Size, Slide: n.Win.Slide, Offset: n.Win.Offset,
		Months: n.Win.Months, Zone: n.Win.Zone}
	if cfg.Kind == window.Tumble {
		cfg.Slide = 0
	}
	return l.add(n, window.Name, 1, cfg, []input{local(at)}, n.Cols(), in.dist)
}

// session lowers a Session; one with a single column of its own asks for numbers.
func (l *lowerer) session(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	edge, d, err := l.gather(at, in, n.Keys)
	if err != nil {
		return 0, err
	}
	keys, err := positions(n.Keys, in.ids)
	if err != nil {
		return 0, err
	}
	placed, err := l.placed(d, n.Keys, in.ids)
	if err != nil {
		return 0, err
	}
	cfg := session.Config{Col: position(in.ids, n.Win.Time), Gap: n.Win.Size, Keys: keys, Dist: placed, IDs: len(n.Out) == 1}
	return l.add(n, session.Name, 1, cfg, []input{edge}, n.Cols(), d)
}

// temporal lowers a Temporal. Insertion and deletion of a row must meet on one worker: a unique key
// says where, or all columns do.
func (l *lowerer) temporal(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	keys := BestKey(n.In[0], func(int) bool { return true }, len(in.ids))
	if keys == nil {
		keys = in.ids
	}
	edge, d, err := l.gather(at, in, keys)
	if err != nil {
		return 0, err
	}
	cfg := temporal.Config{Cmp: n.Preds[0].Name, Dist: []int{}}
	if d.kind == plan.ByHash {
		if cfg.Dist, err = positions(d.cols, in.ids); err != nil {
			return 0, err
		}
	}
	if cfg.Bound, err = l.expr(n.Preds[0].Args[0], in.ids); err != nil {
		return 0, err
	}
	if cfg.Limit, err = l.expr(n.Preds[0].Args[1], nil); err != nil {
		return 0, err
	}
	return l.add(n, temporal.Name, 1, cfg, []input{edge}, n.Cols(), d)
}

func (l *lowerer) tableFunc(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	args, err := l.exprs(n.Func.Args, in.ids)
	if err != nil {
		return 0, err
	}
	cfg := tablefunc.Config{Func: n.Func.Name, ArgTypes: n.Func.ArgTypes, Args: args, Ordinality: n.Func.Ordinality, Outer: n.Func.Outer}
	for _, m := range n.Func.More {
		call := tablefunc.Call{Func: m.Name, ArgTypes: m.ArgTypes, Columns: m.Columns}
		if call.Args, err = l.exprs(m.Args, in.ids); err != nil {
			return 0, err
		}
		cfg.More = append(cfg.More, call)
	}
	return l.add(n, tablefunc.Name, 1, cfg, []input{local(at)}, n.Cols(), in.dist)
}

// countConfig carries limits that are parameters until they are bound.
type countConfig struct {
	LimitExpr  *expr.Expr `json:"limit_expr,omitempty"`
	OffsetExpr *expr.Expr `json:"offset_expr,omitempty"`
}

func counts(n *logical.Node) (lim *int64, off int64, exprs countConfig) {
	switch {
	case n.Limit == nil:
	case n.Limit.Kind == expr.Literal:
		lim = &n.Limit.Lit.I
	default:
		exprs.LimitExpr = n.Limit
	}
	switch {
	case n.Offset == nil:
	case n.Offset.Kind == expr.Literal:
		off = n.Offset.Lit.I
	default:
		exprs.OffsetExpr = n.Offset
	}
	return lim, off, exprs
}

// batchOnly lowers the operators that plans of views cannot have.
func (l *lowerer) batchOnly(n *logical.Node) (int, error) {
	if l.View {
		return 0, sqlerr.Unsupported("%s is not supported in a materialized view", n.Op)
	}
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	edge := input{node: at, x: plan.Single}
	single := dist{kind: plan.Single}
	switch n.Op {
	case logical.Sort:
		keys, err := sortKeys(n.Order, in.ids)
		if err != nil {
			return 0, err
		}
		cfg := sort.Config{Keys: keys}
		if lim := n.Limit; lim != nil && lim.Kind == expr.Literal {
			cfg.Limit = lim.Lit.I
		}
		return l.add(n, sort.Name, 1, cfg, []input{edge}, n.Cols(), single)
	case logical.Limit:
		lim, off, exprs := counts(n)
		cfg := struct {
			limit.Config
			countConfig
		}{limit.Config{Limit: lim, Offset: off}, exprs}
		return l.add(n, limit.Name, 1, cfg, []input{edge}, n.Cols(), single)
	}
	return l.add(n, "maxone", 1, noConfig{}, []input{edge}, n.Cols(), single)
}

func (l *lowerer) topN(n *logical.Node) (int, error) {
	at, in, err := l.input(n.In[0])
	if err != nil {
		return 0, err
	}
	edge, d, err := l.gather(at, in, n.Keys)
	if err != nil {
		return 0, err
	}
	order, err := sortKeys(n.Order, in.ids)
	if err != nil {
		return 0, err
	}
	part, err := positions(n.Keys, in.ids)
	if err != nil {
		return 0, err
	}
	placed, err := l.placed(d, n.Keys, in.ids)
	if err != nil {
		return 0, err
	}
	lim, off, exprs := counts(n)
	cfg := struct {
		topn.Config
		countConfig
	}{topn.Config{Dist: placed, Order: order, Limit: lim, Offset: off, Partition: part, WithTies: n.WithTies, Dense: n.Dense, Number: len(n.Out) > 0}, exprs}
	return l.add(n, topn.Name, 1, cfg, []input{edge}, n.Cols(), d)
}

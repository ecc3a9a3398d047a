package lower

import (
	"tidemill/exec/op/overwindow"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
)

// over lowers window functions of one window.
func (l *lowerer) over(n *logical.Node) (int, error) {
	cols := n.In[0].Cols()
	args := l.argColumns(n.In[0], idsOf(cols))
	for i := range n.Over {
		c := &n.Over[i]
		for _, e := range c.Args {
			args.col(e)
		}
		if c.Filter != nil {
			args.col(c.Filter)
		}
	}
	in := n.In[0]
	if len(args.p.Out) > len(cols) {
		in = args.p
	}
	at, out, err := l.wideInput(in)
	if err != nil {
		return 0, err
	}
	col := func(e *expr.Expr) int { return position(out.ids, args.p.Out[args.col(e)].ID) }
	cfg := overwindow.Config{Kept: l.View}
	for i := range n.Over {
		call, err := overFunc(&n.Over[i], col)
		if err != nil {
			return 0, err
		}
		cfg.Funcs = append(cfg.Funcs, call)
	}
	if cfg.Partition, err = positions(n.Keys, out.ids); err != nil {
		return 0, err
	}
	if cfg.Order, err = sortKeys(n.Order, out.ids); err != nil {
		return 0, err
	}
	edge, d, err := l.gather(at, out, n.Keys)
	if err != nil {
		return 0, err
	}
	if cfg.Dist, err = l.placed(d, n.Keys, out.ids); err != nil {
		return 0, err
	}
	var all []logical.Col // what the input really has: arguments of a window below may be among it
	for i, f := range l.nodes[at].Schema {
		all = append(all, logical.Col{ID: out.ids[i], Field: f})
	}
	return l.add(n, overwindow.Name, 1, cfg, []input{edge}, append(all, n.Out...), d)
}

// overFunc makes the operator's call; col gives the position of an argument.
func overFunc(c *logical.OverCall, col func(*expr.Expr) int) (overwindow.Func, error) {
	call := overwindow.Func{Name: c.Name, ArgTypes: c.ArgTypes, RetType: c.Ret}
	for _, e := range c.Args {
		call.Args = append(call.Args, col(e))
	}
	if c.Filter != nil {
		at := col(c.Filter)
		call.Filter = &at
	}
	if len(c.Args) > 1 && !c.Agg && c.Args[1].Kind == expr.Literal && c.Args[1].Type.IsInteger() {
		by := c.Args[1].Lit.I // 0 for NULL, which finds no row but its own
		call.Const = &by
	}
	var err error
	call.Frame, err = frame(c.Frame)
	return call, err
}

// frame turns a window frame into the operator's.
func frame(f *logical.FrameInfo) (*overwindow.Frame, error) {
	if f == nil {
		return nil, nil
	}
	out := &overwindow.Frame{Mode: f.Unit, Exclude: f.Exclude}
	var err error
	if out.Start, err = bound(f.Unit, f.Start); err != nil {
		return nil, err
	}
	out.End, err = bound(f.Unit, f.End)
	return out, err
}

var bounds = map[string]string{
	"unbounded preceding": overwindow.Unbounded, "unbounded following": overwindow.Unbounded,
	"current row": overwindow.Current, "preceding": overwindow.Preceding, "following": overwindow.Following,
}

func bound(unit string, b logical.FrameBound) (overwindow.Bound, error) {
	out := overwindow.Bound{Kind: bounds[b.Kind]}
	if b.Offset == nil {
		return out, nil
	}
	when := "starting"
	if b.End {
		when = "ending"
	}
	switch {
	case b.Offset.Kind != expr.Literal:
		return out, sqlerr.Unsupported("the offset of a window frame must be a constant").At(b.Offset.Pos)
	case b.Offset.Lit.Null:
		return out, sqlerr.New(sqlerr.NullValueNotAllowed, "frame %s offset must not be null", when)
	case unit == "range":
		if overwindow.NegativeOffset(*b.Offset.Lit) {
			return out, sqlerr.New("22013", "invalid preceding or following size in window function")
		}
		out.Value = b.Offset.Lit
		return out, nil
	case b.Offset.Lit.I < 0:
		return out, sqlerr.New("22013", "frame %s offset must not be negative", when)
	}
	out.Offset = b.Offset.Lit.I
	return out, nil
}

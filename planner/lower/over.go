package lower

import (
	"tidemill/exec/op/overwindow"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
)

// over lowers window functions, which only batch queries have.
func (l *lowerer) over(n *logical.Node) (int, error) {
	if l.View {
		return 0, sqlerr.Unsupported("window functions are not supported in a materialized view").
			WithHint("Only ROW_NUMBER() with a condition such as row_number <= 10 on it in an enclosing query is.")
	}
	cols := n.In[0].Cols()
	args := l.argColumns(n.In[0], idsOf(cols))
	var cfg overwindow.Config
	for i := range n.Over {
		c := &n.Over[i]
		call := overwindow.Func{Name: c.Name, ArgTypes: c.ArgTypes, RetType: c.Ret}
		for _, e := range c.Args {
			call.Args = append(call.Args, args.col(e))
		}
		if c.Filter != nil {
			at := args.col(c.Filter)
			call.Filter = &at
		}
		var err error
		if call.Frame, err = frame(c.Frame); err != nil {
			return 0, err
		}
		cfg.Funcs = append(cfg.Funcs, call)
	}
	in := n.In[0]
	if len(args.p.Out) > len(cols) {
		in = args.p
	}
	at, out, err := l.input(in)
	if err != nil {
		return 0, err
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
	all := append(append([]logical.Col(nil), in.Cols()...), n.Out...)
	return l.add(n, overwindow.Name, 1, cfg, []input{edge}, all, d)
}

// frame turns a window frame into the operator's.
func frame(f *logical.FrameInfo) (*overwindow.Frame, error) {
	if f == nil {
		return nil, nil
	}
	switch {
	case f.Unit == "groups":
		return nil, sqlerr.Unsupported("window frames in GROUPS mode are not supported")
	case f.Exclude != "":
		return nil, sqlerr.Unsupported("window frame EXCLUDE is not supported")
	case f.Unit == "range" && (f.Start.Offset != nil || f.End.Offset != nil):
		return nil, sqlerr.Unsupported("RANGE frames with an offset are not supported").WithHint("Use ROWS.")
	}
	out := &overwindow.Frame{Mode: f.Unit}
	var err error
	if out.Start, err = bound(f.Start); err != nil {
		return nil, err
	}
	out.End, err = bound(f.End)
	return out, err
}

var bounds = map[string]string{
	"unbounded preceding": overwindow.Unbounded, "unbounded following": overwindow.Unbounded,
	"current row": overwindow.Current, "preceding": overwindow.Preceding, "following": overwindow.Following,
}

func bound(b logical.FrameBound) (overwindow.Bound, error) {
	out := overwindow.Bound{Kind: bounds[b.Kind]}
	if b.Offset == nil {
		return out, nil
	}
	switch {
	case b.Offset.Kind != expr.Literal:
		return out, sqlerr.Unsupported("a window frame's offset must be a constant").At(b.Offset.Pos)
	case b.Offset.Lit.Null:
		return out, sqlerr.New(sqlerr.NullValueNotAllowed, "frame offset must not be null")
	case b.Offset.Lit.I < 0:
		return out, sqlerr.New("22013", "frame offset must not be negative")
	}
	out.Offset = b.Offset.Lit.I
	return out, nil
}

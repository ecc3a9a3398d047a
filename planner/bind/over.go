package bind

import (
	"slices"
	"strings"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// windowOnly are the functions that exist with OVER only.
var windowOnly = map[string]bool{
	"row_number": true, "rank": true, "dense_rank": true, "percent_rank": true, "cume_dist": true, "ntile": true,
	"lag": true, "lead": true, "first_value": true, "last_value": true, "nth_value": true,
}

// windowCall binds f(…) OVER (…); its value is a column that an Over node makes.
func (c *exprCtx) windowCall(e *ast.Call, name string) (*expr.Expr, error) {
	switch {
	case !windowOnly[name] && !fn.IsAggregate(name):
		return nil, sqlerr.New(sqlerr.WrongObjectType, "OVER specified, but %s is not a window function nor an aggregate function", name).At(e.Position())
	case c.inOver:
		return nil, sqlerr.New(sqlerr.WindowingError, "window function calls cannot be nested").At(e.Position())
	case c.inAgg:
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot contain window function calls").At(e.Position())
	case c.block == nil || c.noWindow:
		return nil, sqlerr.New(sqlerr.WindowingError, "window functions are not allowed in %s", c.clause).At(e.Position())
	case e.Distinct:
		return nil, sqlerr.Unsupported("DISTINCT is not implemented for window functions").At(e.Position())
	case len(e.WithinGroup) > 0:
		return nil, sqlerr.Unsupported("OVER is not supported for ordered-set aggregate %s", name).At(e.Position())
	case len(e.OrderBy) > 0:
		return nil, sqlerr.Unsupported("aggregate ORDER BY is not implemented for window functions").At(e.Position())
	}
	inner := *c
	inner.inOver = true
	item := &overItem{pos: e.Position()}
	if err := inner.overCall(item, e, name); err != nil {
		return nil, err
	}
	if err := inner.window(item, e.Over); err != nil {
		return nil, err
	}
	item.col = c.b.NewCol(name, item.call.Ret, !item.call.Agg && item.call.Ret.ID == types.Int8 && len(item.call.Args) == 0)
	c.block.overs = append(c.block.overs, item)
	return colRef(item.col, e.Position()), nil
}

func (c *exprCtx) overCall(item *overItem, e *ast.Call, name string) error {
	var err error
	if fn.IsAggregate(name) && !windowOnly[name] {
		call := &logical.AggCall{}
		args, err := c.bindAll(e.Args)
		if err != nil {
			return err
		}
		spec, err := c.resolveAgg(call, name, args, e.Position())
		if err == nil {
			err = overable(spec, e.Position())
		}
		if err != nil {
			return err
		}
		item.call = logical.OverCall{Name: call.Name, ArgTypes: call.ArgTypes, Args: call.Args, Ret: call.Ret, Agg: true}
	} else if err := c.rankCall(item, e, name); err != nil {
		return err
	}
	if e.Filter != nil {
		if !item.call.Agg {
			return sqlerr.Unsupported("FILTER is not implemented for non-aggregate window functions").At(e.Position())
		}
		item.call.Filter, err = c.boolean(e.Filter, "FILTER")
	}
	return err
}

// rankCall types the functions that are window functions only.
func (c *exprCtx) rankCall(item *overItem, e *ast.Call, name string) error {
	args, err := c.bindAll(e.Args)
	if err != nil {
		return err
	}
	ret := types.T(types.Int8)
	low, high, ints := 0, 0, -1
	switch name {
	case "percent_rank", "cume_dist":
		ret = types.T(types.Float8)
	case "ntile":
		low, high, ret, ints = 1, 1, int4Type, 0
	case "lag", "lead":
		low, high, ints = 1, 3, 1
	case "first_value", "last_value":
		low, high = 1, 1
	case "nth_value":
		low, high, ints = 2, 2, 1
	}
	if len(args) < low || len(args) > high {
		return noSuchWindow(name, args, e.Position())
	}
	if ints >= 0 && len(args) > ints {
		x, ok, err := c.b.coerce(args[ints], int4Type, fn.Implicit)
		if err != nil {
			return err
		}
		if !ok {
			return noSuchWindow(name, args, e.Position())
		}
		args[ints] = x
	}
	if len(args) == 3 { // lag and lead with a default
		both, _, err := c.b.unify(strings.ToUpper(name), []*expr.Expr{args[0], args[2]})
		if err != nil {
			return overArgs(err, name, args, e.Position())
		}
		args[0], args[2] = both[0], both[1]
	}
	for i := range args {
		if args[i], err = c.b.known(args[i]); err != nil {
			return err
		}
	}
	if low > 0 && name != "ntile" {
		ret = args[0].Type
	}
	ret.Mod = -1
	ats := make([]types.Type, len(args))
	for i, a := range args {
		ats[i] = a.Type
	}
	item.call = logical.OverCall{Name: name, Args: args, ArgTypes: ats, Ret: ret}
	return nil
}

// overArgs turns arguments of no common type into a function that does not exist.
func overArgs(err error, name string, args []*expr.Expr, pos int) error {
	if sqlerr.As(err).Code != "42804" {
		return err
	}
	return noSuchWindow(name, args, pos)
}

func noSuchWindow(name string, args []*expr.Expr, pos int) error {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type
	}
	return sqlerr.New(sqlerr.UndefinedFunction, "function %s(%s) does not exist", name, typeList(ts)).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.").At(pos)
}

func typeList(ts []types.Type) string {
	out := ""
	for i, t := range ts {
		if i > 0 {
			out += ", "
		}
		out += t.String()
	}
	return out
}

// window binds OVER (…) or OVER name.
func (c *exprCtx) window(item *overItem, w *ast.Window) error {
	spec, err := c.windowSpec(w, 0)
	if err != nil {
		return err
	}
	for _, p := range spec.PartitionBy {
		e, err := c.bind(p)
		if err != nil {
			return err
		}
		if e, err = c.b.known(e); err != nil {
			return err
		}
		item.partition = append(item.partition, e)
	}
	if item.order, err = c.orderExprs(spec.OrderBy); err != nil {
		return err
	}
	return c.frame(item, spec.Frame, w.Position())
}

// windowSpec follows references to named windows.
func (c *exprCtx) windowSpec(w *ast.Window, depth int) (*ast.Window, error) {
	if w.Name == "" {
		return w, nil
	}
	base := c.block.windows[w.Name]
	if base == nil || depth > len(c.block.windows) {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "window %q does not exist", w.Name).At(w.Position())
	}
	base, err := c.windowSpec(base, depth+1)
	if err != nil {
		return nil, err
	}
	out := *base
	out.Name = ""
	if !w.Copies {
		return &out, nil
	}
	if len(w.PartitionBy) > 0 {
		return nil, sqlerr.New(sqlerr.WindowingError, "cannot override PARTITION BY clause of window %q", w.Name).At(w.Position())
	}
	if len(w.OrderBy) > 0 {
		if len(base.OrderBy) > 0 {
			return nil, sqlerr.New(sqlerr.WindowingError, "cannot override ORDER BY clause of window %q", w.Name).At(w.Position())
		}
		out.OrderBy = w.OrderBy
	}
	if base.Frame != nil {
		err := sqlerr.New(sqlerr.WindowingError, "cannot copy window %q because it has a frame clause", w.Name).At(w.Position())
		if depth == 0 && len(w.OrderBy) == 0 && w.Frame == nil {
			err = err.WithHint("Omit the parentheses in this OVER clause.")
		}
		return nil, err
	}
	out.Frame = w.Frame
	return &out, nil
}

func (c *exprCtx) frame(item *overItem, f *ast.Frame, pos int) error {
	if f == nil {
		return nil
	}
	if f.Unit == "groups" && len(item.order) == 0 {
		return sqlerr.New(sqlerr.WindowingError, "GROUPS mode requires an ORDER BY clause").At(pos)
	}
	out := &logical.FrameInfo{Unit: f.Unit, Exclude: f.Exclude}
	var err error
	if out.Start, err = c.frameBound(item, f, f.Start, pos); err != nil {
		return err
	}
	if out.End, err = c.frameBound(item, f, f.End, pos); err != nil {
		return err
	}
	out.End.End = true
	item.call.Frame = out
	return nil
}

func (c *exprCtx) frameBound(item *overItem, f *ast.Frame, b ast.Bound, pos int) (logical.FrameBound, error) {
	out := logical.FrameBound{Kind: b.Kind}
	if b.Offset == nil {
		return out, nil
	}
	e, err := c.bind(b.Offset)
	if err != nil {
		return out, err
	}
	for range logical.ColsOf(e) {
		return out, sqlerr.New(sqlerr.InvalidColumnReference, "argument of %s must not contain variables", strings.ToUpper(f.Unit)).At(e.Pos)
	}
	if f.Unit != "range" {
		x, ok, err := c.b.coerce(e, int8Type, fn.Assignment)
		if err != nil {
			return out, err
		}
		if !ok {
			return out, sqlerr.New("42804", "argument of %s must be type bigint, not type %s", strings.ToUpper(f.Unit), e.Type).At(e.Pos)
		}
		out.Offset = Fold(x, &c.b.Env)
		return out, nil
	}
	if len(item.order) != 1 {
		return out, sqlerr.New(sqlerr.WindowingError, "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column").At(pos)
	}
	out.Offset, err = c.rangeOffset(e, item.order[0].Expr.Type)
	return out, err
}

// rangeOffset brings the offset of a RANGE frame over a column of type t to the type that is added to
// such values.
func (c *exprCtx) rangeOffset(e *expr.Expr, t types.Type) (*expr.Expr, error) {
	var want types.Type
	switch t.ID {
	case types.Int2, types.Int4, types.Int8:
		want = int8Type
	case types.Float4, types.Float8:
		want = types.T(types.Float8)
	case types.Numeric:
		want = types.T(types.Numeric)
	case types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval:
		want = types.T(types.Interval)
	default:
		return nil, sqlerr.Unsupported("RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s", t).At(e.Pos)
	}
	x, ok, err := c.b.coerce(e, want, fn.Implicit)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, sqlerr.Unsupported("RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s and offset type %s", t, e.Type).
			WithHint("Cast the offset value to an appropriate type.").At(e.Pos)
	}
	return Fold(x, &c.b.Env), nil
}

// overs puts one Over node per window above node.
func (st *selectState) overs(node *logical.Node) (*logical.Node, error) {
	rest := slices.Clone(st.bl.overs)
	for len(rest) > 0 {
		first := rest[0]
		o := &logical.Node{Op: logical.Over}
		var other []*overItem
		node = st.windowColumns(node, first, o)
		for _, it := range rest {
			if !sameWindow(first, it) {
				other = append(other, it)
				continue
			}
			o.Over, o.Out = append(o.Over, it.call), append(o.Out, it.col)
		}
		o.In = []*logical.Node{node}
		node, rest = o, other
	}
	return node, nil
}

// windowColumns projects what partitions and orders a window into columns.
func (st *selectState) windowColumns(node *logical.Node, it *overItem, o *logical.Node) *logical.Node {
	cols := newColumns(st.b, node)
	for _, e := range it.partition {
		o.Keys = append(o.Keys, cols.id(e))
	}
	for _, e := range it.order {
		o.Order = append(o.Order, logical.SortKey{Col: cols.id(e.Expr), Desc: e.Desc, NullsFirst: e.NullsFirst})
	}
	return cols.node()
}

// orderColumns projects what orders the node o into columns.
func orderColumns(b *Binder, node *logical.Node, order []logical.OrderExpr, o *logical.Node) *logical.Node {
	cols := newColumns(b, node)
	for _, e := range order {
		o.Order = append(o.Order, logical.SortKey{Col: cols.id(e.Expr), Desc: e.Desc, NullsFirst: e.NullsFirst})
	}
	return cols.node()
}

// columns adds columns for expressions to those of a node.
type columns struct {
	b    *Binder
	cols []logical.Col
	p    *logical.Node
}

func newColumns(b *Binder, node *logical.Node) *columns {
	cols := node.Cols()
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{node}, Out: slices.Clone(cols)}
	for _, c := range cols {
		p.Exprs = append(p.Exprs, logical.Ref(c))
	}
	return &columns{b, cols, p}
}

// id returns the column of an expression.
func (c *columns) id(e *expr.Expr) int {
	if e.Kind == expr.Column && c.p.In[0].Has(e.Index) {
		return e.Index
	}
	col := c.b.NewCol("window", e.Type, logical.NotNull(e, c.cols))
	c.p.Out, c.p.Exprs = append(c.p.Out, col), append(c.p.Exprs, e)
	return col.ID
}

// node is the node with the columns.
func (c *columns) node() *logical.Node {
	if len(c.p.Out) == len(c.cols) {
		return c.p.In[0]
	}
	return c.p
}

func sameWindow(a, b *overItem) bool {
	return slices.EqualFunc(a.partition, b.partition, logical.Equal) &&
		slices.EqualFunc(a.order, b.order, func(x, y logical.OrderExpr) bool {
			return x.Desc == y.Desc && x.NullsFirst == y.NullsFirst && logical.Equal(x.Expr, y.Expr)
		})
}

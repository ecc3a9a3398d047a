package bind

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// block is one SELECT while its expressions are bound.
type block struct {
	inArgs   int  // arguments of aggregates of the block that are being bound
	inFilter bool // the FILTER of one is
	aggs     []logical.AggCall
	aggCols  []logical.Col
	overs    []*overItem
	srfs     []*srfItem
	// groupings are the calls of GROUPING.
	groupings []groupingCall
	windows   map[string]*ast.Window
}

// overItem is a window function call with its window.
type overItem struct {
	call      logical.OverCall
	partition []*expr.Expr
	order     []logical.OrderExpr
	col       logical.Col
	pos       int
}

// srfItem is a set-returning function of a select list.
type srfItem struct {
	info *logical.FuncInfo
	cols []logical.Col
}

// aggregate binds an aggregate call; its value is a column that the block's Agg makes.
func (c *exprCtx) aggregate(e *ast.Call, name string) (*expr.Expr, error) {
	if c.inAgg {
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot be nested").At(e.Position())
	}
	inner := *c
	inner.inAgg = true
	inner.clause = "aggregate arguments"
	if inner.block == nil {
		inner.block = &block{} // only to see the arguments; the call may belong to an outer query
	}
	inner.block.inArgs++
	call, err := inner.aggCall(e, name)
	inner.block.inArgs--
	if err != nil {
		return nil, err
	}
	target := c.blockFor(call)
	if target != nil && target.inFilter {
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in FILTER").At(e.Position())
	}
	if target != nil && target.inArgs > 0 { // a subquery in the arguments of an aggregate of the same query
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot be nested").At(e.Position())
	}
	if target == nil {
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in %s", c.clause).At(e.Position())
	}
	return target.addAgg(c.b, call, name, e.Position()), nil
}

// addAgg adds a call, or finds the equal one that is there already.
func (bl *block) addAgg(b *Binder, call *logical.AggCall, name string, pos int) *expr.Expr {
	for i := range bl.aggs {
		if sameAgg(&bl.aggs[i], call) {
			return colRef(bl.aggCols[i], pos)
		}
	}
	col := b.NewCol(name, call.Ret, name == "count")
	bl.aggs, bl.aggCols = append(bl.aggs, *call), append(bl.aggCols, col)
	return colRef(col, pos)
}

func sameAgg(a, b *logical.AggCall) bool {
	if a.Name != b.Name || a.Distinct != b.Distinct || len(a.Args) != len(b.Args) || len(a.Order) != len(b.Order) ||
		!slices.EqualFunc(a.Direct, b.Direct, logical.Equal) ||
		(a.Filter == nil) != (b.Filter == nil) || a.Filter != nil && !logical.Equal(a.Filter, b.Filter) {
		return false
	}
	for i := range a.Args {
		if !logical.Equal(a.Args[i], b.Args[i]) || logical.Volatile(a.Args[i]) {
			return false
		}
	}
	for i := range a.Order {
		if !logical.Equal(a.Order[i].Expr, b.Order[i].Expr) || a.Order[i].Desc != b.Order[i].Desc ||
			a.Order[i].NullsFirst != b.Order[i].NullsFirst {
			return false
		}
	}
	return true
}

// blockFor finds the query that an aggregate belongs to: the innermost whose columns it reads.
func (c *exprCtx) blockFor(call *logical.AggCall) *block {
	used := logical.Set{}
	for _, a := range call.Args {
		logical.AddCols(used, a)
	}
	if call.Filter != nil {
		logical.AddCols(used, call.Filter)
	}
	if len(used) == 0 {
		return c.block
	}
	for at := c.s; at != nil; at = at.parent {
		for _, r := range at.rels {
			for _, col := range r.cols {
				if used[col.ID] {
					if at == c.s {
						return c.block
					}
					return at.block
				}
			}
		}
	}
	return c.block
}

func (c *exprCtx) aggCall(e *ast.Call, name string) (*logical.AggCall, error) {
	if e.Variadic {
		return nil, sqlerr.Unsupported("VARIADIC arguments are not supported").At(e.Position())
	}
	if e.Star && len(e.Args) == 0 && name != "count" {
		return nil, sqlerr.New(sqlerr.UndefinedFunction, "function %s() does not exist", name).
			WithHint("No function matches the given name and argument types. You might need to add explicit type casts.").At(e.Position())
	}
	args, err := c.bindAll(e.Args)
	if err != nil {
		return nil, err
	}
	call := &logical.AggCall{Distinct: e.Distinct}
	if len(e.WithinGroup) > 0 {
		err = c.withinGroup(call, e, name, args)
	} else {
		err = c.plainAgg(call, e, name, args)
	}
	if err != nil {
		return nil, err
	}
	if e.Filter != nil {
		f := *c
		f.clause, f.inAgg, f.block = "FILTER", false, nil
		c.block.inFilter = true
		call.Filter, err = f.boolean(e.Filter, "FILTER")
		if c.block.inFilter = false; err != nil {
			return nil, err
		}
	}
	return call, distinctOrder(call, e)
}

// plainAgg resolves a call without WITHIN GROUP.
func (c *exprCtx) plainAgg(call *logical.AggCall, e *ast.Call, name string, args []*expr.Expr) error {
	var err error
	if call.Order, err = c.orderExprs(e.OrderBy); err != nil {
		return err
	}
	spec, err := c.resolveAgg(call, name, args, e.Position())
	switch {
	case err != nil:
		return err
	case spec.Within:
		return sqlerr.New(sqlerr.WrongObjectType, "WITHIN GROUP is required for ordered-set aggregate %s", name).At(e.Position())
	case spec.NeedsOrder && len(call.Order) == 0:
		return sqlerr.New(sqlerr.WrongObjectType, "aggregate %s needs an order", name).
			WithHint("Write %s(x ORDER BY y).", name).At(e.Position())
	}
	return nil
}

// distinctOrder checks that agg(DISTINCT x ORDER BY y) sorts by its arguments.
func distinctOrder(call *logical.AggCall, e *ast.Call) error {
	if !call.Distinct {
		return nil
	}
	for i, o := range call.Order {
		found := false
		for _, a := range call.Args {
			if logical.Equal(a, o.Expr) || relabelled(a) && logical.Equal(a.Args[0], o.Expr) {
				found, call.Order[i].Expr = true, a
			}
		}
		if !found {
			return sqlerr.New(sqlerr.InvalidColumnReference, "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list").
				At(e.OrderBy[i].Expr.Position())
		}
	}
	return nil
}

// relabelled tells whether e is a varchar taken for text, which has the same values in the same order.
func relabelled(e *expr.Expr) bool {
	return e.Kind == expr.Cast && e.Type.ID == types.Text && e.Args[0].Type.ID == types.Varchar
}

// resolveAgg chooses the overload and fills in the call but for its order.
func (c *exprCtx) resolveAgg(call *logical.AggCall, name string, args []*expr.Expr, pos int) (*fn.Aggregate, error) {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = c.b.typeOf(a)
	}
	spec, coerced, err := fn.ResolveAggregate(name, ts)
	if err != nil {
		e := *sqlerr.As(err)
		return nil, e.At(pos)
	}
	for i := range args {
		if args[i], err = c.b.implicitArg(args[i], coerced[i]); err != nil {
			return nil, err
		}
		ts[i] = args[i].Type
	}
	call.Name, call.ArgTypes, call.Args = spec.Name, spec.Args, args
	call.Ret = spec.ReturnType(ts)
	call.Ordered = spec.Kind != fn.Linear
	call.Merges = spec.Kind == fn.Linear && spec.Merge != nil
	return spec, nil
}

// orderExprs binds ORDER BY inside an aggregate or a window.
func (c *exprCtx) orderExprs(items []ast.OrderItem) ([]logical.OrderExpr, error) {
	var out []logical.OrderExpr
	for _, it := range items {
		e, err := c.bind(it.Expr)
		if err != nil {
			return nil, err
		}
		if e, err = c.b.known(e); err != nil {
			return nil, err
		}
		out = append(out, logical.OrderExpr{Expr: e, Desc: it.Desc, NullsFirst: nullsFirst(it)})
	}
	return out, nil
}

// nullsFirst applies Postgres's default: NULLs are the largest values.
func nullsFirst(it ast.OrderItem) bool {
	if it.NullsFirst != nil {
		return *it.NullsFirst
	}
	return it.Desc
}

package bind

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// maxGroupingSets bounds the product of ROLLUP, CUBE and GROUPING SETS, as in Postgres.
const maxGroupingSets = 4096

// groupItem binds one element of GROUP BY and returns the sets that it stands for, as numbers of groups.
func (st *selectState) groupItem(g ast.GroupItem) ([][]int, error) {
	if g.Kind == "" {
		exprs := []ast.Expr{g.Expr}
		if row, ok := g.Expr.(*ast.Row); ok {
			exprs = row.Elems
		}
		set, err := st.groupSet(exprs)
		return [][]int{set}, err
	}
	elems := make([][]int, len(g.Sets))
	for i, exprs := range g.Sets {
		var err error
		if elems[i], err = st.groupSet(exprs); err != nil {
			return nil, err
		}
	}
	n := len(elems)
	var out [][]int
	switch g.Kind {
	case "rollup":
		for k := n; k >= 0; k-- {
			out = append(out, slices.Concat(elems[:k]...))
		}
	case "cube":
		for bits := 1<<n - 1; bits >= 0; bits-- {
			var set []int
			for i, e := range elems {
				if bits&(1<<(n-1-i)) != 0 {
					set = append(set, e...)
				}
			}
			out = append(out, set)
		}
	default:
		out = elems
	}
	return out, nil
}

func (st *selectState) groupSet(exprs []ast.Expr) ([]int, error) {
	set := []int{}
	for _, e := range exprs {
		at, err := st.bindGroup(e)
		if err != nil {
			return nil, err
		}
		set = append(set, at)
	}
	return set, nil
}

// crossSets joins every set of a with every set of b.
func crossSets(a, b [][]int) ([][]int, error) {
	if len(a)*len(b) > maxGroupingSets {
		return nil, sqlerr.New(sqlerr.StatementTooComplex, "too many grouping sets present (maximum %d)", maxGroupingSets)
	}
	out := make([][]int, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			set := slices.Concat(x, y)
			slices.Sort(set)
			out = append(out, slices.Compact(set))
		}
	}
	return out, nil
}

// distinctSets keeps the first of equal sets, for GROUP BY DISTINCT.
func distinctSets(sets [][]int) [][]int {
	var out [][]int
	for _, s := range sets {
		if !slices.ContainsFunc(out, func(o []int) bool { return slices.Equal(o, s) }) {
			out = append(out, s)
		}
	}
	return out
}

// expand puts an Expand below the aggregation: rows are repeated per grouping set, with copies of the
// group columns that are NULL in the sets that leave them out. It returns the columns that stand for
// the groups above, those that all sets have, and the number of the set.
func (st *selectState) expand(agg *logical.Node, keys []logical.Col) (above []logical.Col, fixed []int, set *expr.Expr) {
	ex := &logical.Node{Op: logical.Expand, In: agg.In, Sets: make([][]int, len(st.sets))}
	above = slices.Clone(keys)
	agg.Keys = nil
	for g, k := range keys {
		all := true
		for _, s := range st.sets {
			all = all && slices.Contains(s, g)
		}
		if all {
			fixed = append(fixed, k.ID)
		} else {
			for i, s := range st.sets {
				if slices.Contains(s, g) {
					ex.Sets[i] = append(ex.Sets[i], len(ex.Keys))
				}
			}
			above[g] = st.b.NewCol(k.Name, k.Type, false)
			ex.Keys, ex.Out = append(ex.Keys, k.ID), append(ex.Out, above[g])
		}
		agg.Keys = append(agg.Keys, above[g].ID)
	}
	for i := range ex.Sets {
		if ex.Sets[i] == nil {
			ex.Sets[i] = []int{}
		}
	}
	id := st.b.NewCol("set", int4Type, true)
	ex.Out = append(ex.Out, id)
	agg.In, agg.Keys = []*logical.Node{ex}, append(agg.Keys, id.ID)
	return above, fixed, logical.Ref(id)
}

// emptySets makes sure that the groups of empty grouping sets exist when there are no rows. A constant
// row per such set is added to the input of the aggregation, and no call counts it.
func (st *selectState) emptySets(agg *logical.Node, set int) {
	var empty []int
	for i, s := range st.sets {
		if len(s) == 0 {
			empty = append(empty, i)
		}
	}
	if len(empty) == 0 {
		return
	}
	in := agg.In[0]
	real := &logical.Node{Op: logical.Project, In: []*logical.Node{in}}
	none := &logical.Node{Op: logical.Values, Rows: make([][]*expr.Expr, len(empty))}
	union := &logical.Node{Op: logical.Union, In: []*logical.Node{real, none}, Map: make([][]int, 2)}
	// add adds column c to the union: e of real rows, d of the constant ones.
	add := func(c logical.Col, e *expr.Expr, d types.Datum) *expr.Expr {
		a, b := st.b.NewCol(c.Name, e.Type, c.NotNull), st.b.NewCol(c.Name, e.Type, c.NotNull)
		real.Out, real.Exprs = append(real.Out, a), append(real.Exprs, e)
		none.Out = append(none.Out, b)
		for i := range none.Rows {
			if c.ID == set {
				d = types.IntDatum(types.Int4, int64(empty[i]))
			}
			none.Rows[i] = append(none.Rows[i], expr.Lit(d))
		}
		union.Out = append(union.Out, c)
		union.Map[0], union.Map[1] = append(union.Map[0], a.ID), append(union.Map[1], b.ID)
		return logical.Ref(c)
	}
	for _, k := range agg.Keys {
		c, _ := in.Col(k)
		c.NotNull = k == set
		add(c, logical.Ref(c), types.NullOf(c.Type))
	}
	var counts *expr.Expr
	value := func(e *expr.Expr) *expr.Expr {
		name := "arg"
		if c, ok := in.Col(e.Index); ok && e.Kind == expr.Column {
			name = c.Name
		}
		return add(st.b.NewCol(name, e.Type, false), e, types.NullOf(e.Type))
	}
	flag := func(e *expr.Expr) *expr.Expr {
		return add(st.b.NewCol("counts", e.Type, false), e, types.BoolDatum(false))
	}
	for i := range agg.Aggs {
		a := &agg.Aggs[i]
		a.Args, a.Order = slices.Clone(a.Args), slices.Clone(a.Order)
		for k, e := range a.Args {
			a.Args[k] = value(e)
		}
		for k := range a.Order {
			a.Order[k].Expr = value(a.Order[k].Expr)
		}
		if a.Filter != nil {
			a.Filter = flag(a.Filter)
			continue
		}
		if counts == nil {
			counts = flag(expr.Lit(types.BoolDatum(true)))
		}
		a.Filter = counts
	}
	agg.In = []*logical.Node{union}
}

// groupingCall is GROUPING(…), whose value is known once GROUP BY is bound.
type groupingCall struct {
	args []*expr.Expr
	col  logical.Col
}

// grouping binds GROUPING(…); its value stands for a column until the grouping sets are known.
func (c *exprCtx) grouping(e *ast.Call) (*expr.Expr, error) {
	if c.block == nil || c.inAgg {
		return nil, sqlerr.New(sqlerr.GroupingError, "grouping operations are not allowed in %s", c.clause).At(e.Position())
	}
	if len(e.Args) > 31 {
		return nil, sqlerr.New("54023", "GROUPING must have fewer than 32 arguments").At(e.Position())
	}
	args, err := c.bindAll(e.Args)
	if err != nil {
		return nil, err
	}
	g := groupingCall{args: args, col: c.b.NewCol("grouping", int4Type, true)}
	c.block.groupings = append(c.block.groupings, g)
	return colRef(g.col, e.Position()), nil
}

// groupingCalls returns the values of the calls of GROUPING, by the ids of their columns: per set a
// number whose bits tell which arguments the set leaves out.
func (st *selectState) groupingCalls(set *expr.Expr) (map[int]*expr.Expr, error) {
	out := map[int]*expr.Expr{}
	for _, g := range st.bl.groupings {
		masks := make([]int64, len(st.sets))
		for _, a := range g.args {
			at := slices.IndexFunc(st.groups, func(x *expr.Expr) bool { return logical.Equal(x, a) })
			if at < 0 {
				return nil, sqlerr.New(sqlerr.GroupingError, "arguments to GROUPING must be grouping expressions of the associated query level").At(a.Pos)
			}
			for i, s := range st.sets {
				if masks[i] <<= 1; !slices.Contains(s, at) {
					masks[i]++
				}
			}
		}
		out[g.col.ID] = choose(set, masks)
	}
	return out, nil
}

// choose is CASE set WHEN 0 THEN values[0] …; the most common value is the ELSE.
func choose(set *expr.Expr, values []int64) *expr.Expr {
	seen := map[int64]int{}
	rest := values[0]
	for _, v := range values {
		if seen[v]++; seen[v] > seen[rest] {
			rest = v
		}
	}
	number := func(v int64) *expr.Expr { return expr.Lit(types.IntDatum(types.Int4, v)) }
	if seen[rest] == len(values) {
		return number(rest)
	}
	out := &expr.Expr{Kind: expr.Case, Type: int4Type}
	for i, v := range values {
		if v != rest {
			is := &expr.Expr{Kind: expr.Call, Name: "=", Type: types.T(types.Bool), ArgTypes: []types.Type{int4Type, int4Type},
				Args: []*expr.Expr{set, number(int64(i))}}
			out.Args = append(out.Args, is, number(v))
		}
	}
	out.Args = append(out.Args, number(rest))
	return out
}

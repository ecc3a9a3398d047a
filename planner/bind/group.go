package bind

import (
	"slices"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// bindGroups binds GROUP BY.
func (st *selectState) bindGroups() error {
	st.grouped = len(st.bl.aggs) > 0 || len(st.bl.groupings) > 0 || st.having != nil || st.sel.GroupAll || len(st.sel.GroupBy) > 0
	st.sets = [][]int{{}}
	for _, g := range st.sel.GroupBy {
		alternatives, err := st.groupItem(g)
		if err != nil {
			return err
		}
		if st.sets, err = crossSets(st.sets, alternatives); err != nil {
			return err
		}
	}
	if st.sel.GroupDistinct {
		st.sets = distinctSets(st.sets)
	}
	return nil
}

// bindGroup binds a group expression and returns its number among the groups.
func (st *selectState) bindGroup(e ast.Expr) (int, error) {
	before := len(st.items)
	i, err := st.sortItem(e, "GROUP BY", false)
	if err != nil {
		return 0, err
	}
	x := st.items[i].e
	if len(st.items) > before {
		st.items = st.items[:before] // a group expression is not an output column
	} else if bad := st.ownedByBlock(x); bad != "" {
		return 0, sqlerr.New(sqlerr.GroupingError, "%s functions are not allowed in GROUP BY", bad).At(st.items[i].e.Pos)
	}
	if x.Type.ID == types.Unknown {
		if x, err = st.b.known(x); err != nil {
			return 0, err
		}
		if i < len(st.items) {
			st.items[i].e = x
		}
	}
	at := slices.IndexFunc(st.groups, func(g *expr.Expr) bool { return logical.Equal(g, x) })
	if at < 0 {
		at = len(st.groups)
		st.groups = append(st.groups, x)
	}
	return at, nil
}

// ownedByBlock tells whether an expression holds an aggregate, a window function or a set-returning
// function of the block.
func (st *selectState) ownedByBlock(e *expr.Expr) string {
	used := logical.ColsOf(e)
	for _, c := range st.bl.aggCols {
		if used[c.ID] {
			return "aggregate"
		}
	}
	for _, o := range st.bl.overs {
		if used[o.col.ID] {
			return "window"
		}
	}
	return ""
}

// aggregate puts the Agg and HAVING above node and replaces group expressions in all that is above.
func (st *selectState) aggregate(node *logical.Node) (*logical.Node, error) {
	st.grouped = st.grouped || len(st.bl.aggs) > 0
	if !st.grouped {
		return node, nil
	}
	agg := &logical.Node{Op: logical.Agg, Aggs: st.bl.aggs, Out: st.bl.aggCols}
	input, keys := st.groupKeys(node)
	agg.In = []*logical.Node{input}
	for _, k := range keys {
		agg.Keys = append(agg.Keys, k.ID)
	}
	fixed := agg.Keys
	var set *expr.Expr // the number of the grouping set
	if len(st.sets) > 1 {
		keys, fixed, set = st.expand(agg, keys)
	}
	groupings, err := st.groupingCalls(set)
	if err != nil {
		return nil, err
	}
	// Subqueries see columns that are groups, under the number they have above the grouping.
	for i, g := range st.groups {
		if g.Kind == expr.Column && g.Index != keys[i].ID {
			groupings[g.Index] = logical.Ref(keys[i])
		}
	}
	st.mapExprs(func(e *expr.Expr) *expr.Expr {
		return logical.Replace(replaceGroups(e, st.groups, keys), groupings)
	})
	if err := st.checkGrouped(agg, fixed); err != nil {
		return nil, err
	}
	if set != nil {
		st.emptySets(agg, set.Index)
	}
	if st.having != nil {
		return logical.NewFilter(agg, logical.Conjuncts(st.having)), nil
	}
	return agg, nil
}

// groupKeys gives each group expression a column; expressions that are none yet are projected below.
func (st *selectState) groupKeys(node *logical.Node) (*logical.Node, []logical.Col) {
	keys := make([]logical.Col, len(st.groups))
	cols := node.Cols()
	p := &logical.Node{Op: logical.Project, In: []*logical.Node{node}, Out: slices.Clone(cols)}
	for _, c := range cols {
		p.Exprs = append(p.Exprs, logical.Ref(c))
	}
	for i, g := range st.groups {
		if c, ok := node.Col(g.Index); ok && g.Kind == expr.Column {
			keys[i] = c
			continue
		}
		keys[i] = st.b.NewCol("group", g.Type, logical.NotNull(g, cols))
		p.Out, p.Exprs = append(p.Out, keys[i]), append(p.Exprs, g)
	}
	if len(p.Out) == len(cols) {
		return node, keys
	}
	return p, keys
}

// mapExprs rewrites all expressions that are evaluated after grouping.
func (st *selectState) mapExprs(f func(*expr.Expr) *expr.Expr) {
	for i := range st.items {
		st.items[i].e = f(st.items[i].e)
	}
	if st.having != nil {
		st.having = f(st.having)
	}
	for _, o := range st.bl.overs {
		for i := range o.call.Args {
			o.call.Args[i] = f(o.call.Args[i])
		}
		if o.call.Filter != nil {
			o.call.Filter = f(o.call.Filter)
		}
		for i := range o.partition {
			o.partition[i] = f(o.partition[i])
		}
		for i := range o.order {
			o.order[i].Expr = f(o.order[i].Expr)
		}
	}
	for _, s := range st.bl.srfs {
		for i := range s.info.Args {
			s.info.Args[i] = f(s.info.Args[i])
		}
	}
}

// replaceGroups replaces the largest subexpressions that are group expressions by their columns.
func replaceGroups(e *expr.Expr, groups []*expr.Expr, keys []logical.Col) *expr.Expr {
	if e == nil {
		return nil
	}
	for i, g := range groups {
		if logical.Equal(e, g) {
			return colRef(keys[i], e.Pos)
		}
	}
	out := *e
	if sub, ok := e.Sub.(*logical.Subquery); ok {
		s := *sub
		s.Left = replaceGroups(s.Left, groups, keys)
		s.Lefts = slices.Clone(s.Lefts)
		for i, l := range s.Lefts {
			s.Lefts[i] = replaceGroups(l, groups, keys)
		}
		out.Sub = &s
	}
	if len(e.Args) == 0 {
		return &out
	}
	out.Args = make([]*expr.Expr, len(e.Args))
	for i, a := range e.Args {
		out.Args[i] = replaceGroups(a, groups, keys)
	}
	return &out
}

// checkGrouped refuses columns of the input that are neither grouped nor inside an aggregate. A
// column of a relation whose primary key is grouped, in all grouping sets, depends on it and becomes a
// group column too. fixed are the group columns of all sets.
func (st *selectState) checkGrouped(agg *logical.Node, fixed []int) error {
	ok := logical.SetOf(agg.Keys...)
	keys, n := logical.SetOf(fixed...), len(agg.Keys)
	input := agg.In[0].IDs()
	var failure error
	check := func(e *expr.Expr) *expr.Expr {
		used := logical.ColsOf(e)
		for id := range used {
			if !input[id] || ok[id] || failure != nil {
				continue
			}
			if st.dependent(agg, keys, id) {
				agg.Keys = append(agg.Keys, id)
				ok[id] = true
				continue
			}
			failure = st.ungrouped(e, id)
		}
		return e
	}
	st.mapExprs(check)
	slices.Sort(agg.Keys[n:])
	return failure
}

// dependent tells whether a column is fixed by the group columns: they hold a key of its relation.
func (st *selectState) dependent(agg *logical.Node, keys logical.Set, id int) bool {
	for _, r := range st.s.rels {
		if !slices.ContainsFunc(r.cols, func(c column) bool { return c.ID == id }) {
			continue
		}
		scan := findScan(agg.In[0], id)
		if scan == nil || scan.Scan.System {
			return false
		}
		for _, k := range logical.Keys(scan) {
			if len(k) > 0 && keys.Contains(logical.SetOf(k...)) {
				return true
			}
		}
	}
	return false
}

// findScan finds the leaf that makes a column.
func findScan(n *logical.Node, id int) *logical.Node {
	if n.Op == logical.Scan {
		if n.Has(id) {
			return n
		}
		return nil
	}
	for _, in := range n.In {
		if s := findScan(in, id); s != nil {
			return s
		}
	}
	return nil
}

func (st *selectState) ungrouped(e *expr.Expr, id int) error {
	pos, name, inner := 0, "", true
	expr.Walk(e, func(x *expr.Expr) bool {
		if x.Kind == expr.Column && x.Index == id {
			pos, inner = x.Pos, false
		}
		return true
	})
	if inner {
		pos = posInside(e, id)
	}
	for _, r := range st.s.rels {
		for _, c := range r.cols {
			if c.ID == id {
				name = r.name + "." + c.Name
			}
		}
	}
	if name == "" {
		for _, c := range st.s.cols {
			if c.ID == id {
				name = c.Name
			}
		}
	}
	if inner {
		return sqlerr.New(sqlerr.GroupingError, "subquery uses ungrouped column %q from outer query", name).At(pos)
	}
	return sqlerr.New(sqlerr.GroupingError, "column %q must appear in the GROUP BY clause or be used in an aggregate function", name).At(pos)
}

// posInside finds where a subquery of the expression reads the column.
func posInside(e *expr.Expr, id int) int {
	pos := 0
	expr.Walk(e, func(x *expr.Expr) bool {
		switch {
		case x.Kind == expr.Column && x.Index == id && pos == 0:
			pos = x.Pos
		case x.Kind == expr.Subquery:
			eachNode(x.Sub.(*logical.Subquery).Node, func(n *logical.Node) {
				n.EachExpr(func(y *expr.Expr) {
					if pos == 0 {
						pos = posInside(y, id)
					}
				})
			})
		}
		return pos == 0
	})
	return pos
}

func eachNode(n *logical.Node, f func(*logical.Node)) {
	f(n)
	for _, in := range n.In {
		eachNode(in, f)
	}
}

package bind

import (
	"slices"
	"strings"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// bindTemporal binds l JOIN r FOR SYSTEM_TIME AS OF. With PROCTIME() it is the right side as it stands
// when a left row arrives, with a time of the left row the version that was valid then.
func (b *Binder) bindTemporal(t *ast.Join, name *ast.TableName, s *scope, left *source) (*source, error) {
	if t.Kind != "inner" && t.Kind != "left" {
		return nil, sqlerr.Unsupported("FOR SYSTEM_TIME AS OF is supported in inner and left joins only").At(t.Position())
	}
	plain, bare := *t, *name
	bare.AsOf = nil
	plain.Right = &bare
	src, err := b.bindJoin(&plain, s, left)
	if err != nil {
		return nil, err
	}
	n := src.node
	if n.Op != logical.Join {
		return nil, sqlerr.Unsupported("a LATERAL right side of FOR SYSTEM_TIME AS OF is not supported").At(t.Position())
	}
	for _, e := range n.Preds {
		if logical.HasSubquery(e) {
			return nil, sqlerr.Unsupported("a subquery in the condition of this kind of join is not supported").At(t.Position())
		}
	}
	if !isProcTime(name.AsOf) {
		ctx := &exprCtx{b: b, s: &scope{part: src.part, parent: s.parent, ctes: s.ctes}, clause: "FOR SYSTEM_TIME AS OF"}
		at, err := ctx.bind(name.AsOf)
		if err != nil {
			return nil, err
		}
		v := &versions{b: b, n: n, name: name}
		src.node, err = v.join(ctx, at)
		return src, err
	}
	probe := *n
	probe.Op = logical.Probe
	src.node = &probe
	return src, nil
}

// isProcTime tells whether e is PROCTIME().
func isProcTime(e ast.Expr) bool {
	c, ok := e.(*ast.Call)
	return ok && len(c.Args) == 0 && strings.EqualFold(c.Name[len(c.Name)-1], "proctime")
}

// versions binds the join of rows with the versions of a relation that were valid at their time. The
// relation's rows are the versions: of those with equal keys the one is valid whose event time is the
// greatest that is not after the left row's.
type versions struct {
	b    *Binder
	n    *logical.Node // the join of both sides
	name *ast.TableName
}

func (v *versions) join(ctx *exprCtx, at *expr.Expr) (*logical.Node, error) {
	n, pos := v.n, v.name.AsOf.Position()
	l, r := n.In[0].IDs(), n.In[1].IDs()
	if used := logical.ColsOf(at); len(used) == 0 || !l.Contains(used) || logical.HasSubquery(at) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "FOR SYSTEM_TIME AS OF must name a time of the left side, or PROCTIME()").At(pos)
	}
	p := &asOfParts{}
	var keys []int // the right side's
	var rest []*expr.Expr
	for _, e := range n.Preds {
		_, y, ok := logical.EquiPair(e, l, r)
		if !ok {
			_, y, ok = logical.NullSafePair(e, l, r)
		}
		if !ok {
			rest = append(rest, e)
			continue
		}
		p.equal = append(p.equal, e)
		if y.Kind == expr.Column {
			keys = append(keys, y.Index)
		}
	}
	name := v.name.Name[len(v.name.Name)-1]
	if len(p.equal) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "FOR SYSTEM_TIME AS OF needs the key of %q in the join condition", name).
			WithHint("Versions are told apart by key: JOIN %s FOR SYSTEM_TIME AS OF … AS r ON r.key = l.key.", name).At(v.name.Position())
	}
	right := v.history(n.In[1], keys, nil)
	times := v.times(right)
	if len(times) != 1 {
		return nil, v.noTime(name, len(times))
	}
	have := logical.SetOf(keys...)
	if slices.ContainsFunc(logical.Keys(right), func(k []int) bool { return have.Contains(logical.SetOf(k...)) }) {
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "%q keeps one row per key, not its versions", name).
			WithDetail("FOR SYSTEM_TIME AS OF looks for the row of the key that was valid at a time, among all rows of the relation.").
			WithHint("Give it a primary key with the time in it, or use the history: a source, or a plain view with row_number() OVER (PARTITION BY key ORDER BY time DESC) = 1 over it.").
			At(v.name.Position())
	}
	col, _ := right.Col(times[0])
	ge, err := ctx.operator(">=", []*expr.Expr{at, logical.Ref(col)}, pos)
	if err != nil {
		return nil, err
	}
	p.match = &logical.AsOfInfo{Left: ge.Args[0], Right: ge.Args[1], Cmp: ">="}
	over := *n
	over.In = []*logical.Node{n.In[0], right}
	return v.conditions(p, &over, rest)
}

// conditions puts the conditions that are no equalities where they belong: they are about the version
// that was found, and do not make another one valid.
func (v *versions) conditions(p *asOfParts, n *logical.Node, rest []*expr.Expr) (*logical.Node, error) {
	if n.Kind == logical.Inner {
		return logical.NewFilter(p.node(n), rest), nil
	}
	r := n.In[1].IDs()
	for _, e := range rest {
		if logical.ColsOf(e).Meets(r) {
			return nil, sqlerr.Unsupported("a LEFT JOIN with FOR SYSTEM_TIME AS OF takes equalities and conditions about the left side only").
				WithHint("Compute with CASE over the columns of the version, or filter its relation in a view.").At(v.name.Position())
		}
	}
	p.left = rest
	return p.node(n), nil
}

func (v *versions) noTime(name string, found int) error {
	if found > 1 {
		return sqlerr.New(sqlerr.AmbiguousColumn, "more than one column of %q follows a watermark", name).
			WithHint("Name the one from which on a row is valid: ASOF JOIN … ON … AND left_time >= right_time.").At(v.name.Position())
	}
	return sqlerr.New(sqlerr.InvalidTableDefinition, "%q has no event time that tells its versions apart", name).
		WithHint("Declare it where the data comes in, WATERMARK FOR valid_from AS valid_from, or name the column: ASOF JOIN … ON … AND left_time >= right_time.").
		At(v.name.Position())
}

// times lists the columns of n that are the event time of a relation below.
func (v *versions) times(n *logical.Node) []int {
	switch n.Op {
	case logical.Scan:
		var out []int
		if v.b.EventTime == nil || n.Scan.System {
			return nil
		}
		cols := v.b.EventTime(n.Scan.Object)
		for i, c := range n.Out {
			if slices.Contains(cols, n.Scan.Cols[i]) {
				out = append(out, c.ID)
			}
		}
		return out
	case logical.Project:
		below := v.times(n.In[0])
		var out []int
		for i, e := range n.Exprs {
			if e.Kind == expr.Column && slices.Contains(below, e.Index) {
				out = append(out, n.Out[i].ID)
			}
		}
		return out
	case logical.Filter, logical.Sort, logical.Over, logical.TopN:
		return v.times(n.In[0])
	case logical.Union:
		var out []int
		for i, c := range n.Out {
			if !slices.ContainsFunc(n.Map, func(m []int) bool { return !v.isTime(n, m[i]) }) {
				out = append(out, c.ID)
			}
		}
		return out
	}
	return nil
}

// isTime tells whether a column of some input of n is event time.
func (v *versions) isTime(n *logical.Node, col int) bool {
	return slices.ContainsFunc(n.In, func(in *logical.Node) bool { return slices.Contains(v.times(in), col) })
}

// history returns n without what keeps only the newest row of each key: all of the rows are versions.
// ones are columns that conditions above hold to 1.
func (v *versions) history(n *logical.Node, keys, ones []int) *logical.Node {
	switch n.Op {
	case logical.Filter:
		for _, p := range n.Preds {
			if c, ok := isFirst(p); ok {
				ones = append(slices.Clip(ones), c)
			}
		}
		return n.With(v.history(n.In[0], keys, ones))
	case logical.Sort:
		return n.With(v.history(n.In[0], keys, ones))
	case logical.Project:
		at := func(ids []int) (out []int) {
			for i, c := range n.Out {
				if e := n.Exprs[i]; e.Kind == expr.Column && slices.Contains(ids, c.ID) {
					out = append(out, e.Index)
				}
			}
			return out
		}
		return n.With(v.history(n.In[0], at(keys), at(ones)))
	case logical.TopN:
		if one := n.Limit; one != nil && one.Kind == expr.Literal && one.Lit.I == 1 && n.Offset == nil && len(n.Out) == 0 && v.newest(n, keys) {
			return n.In[0]
		}
	case logical.Over:
		if len(n.Over) == 1 && n.Over[0].Name == "row_number" && slices.Contains(ones, n.Out[0].ID) && v.newest(n, keys) {
			out := &logical.Node{Op: logical.Project, In: n.In, Out: n.Cols()}
			for _, c := range out.Out {
				e := logical.Ref(c)
				if c.ID == n.Out[0].ID {
					e = expr.Lit(types.IntDatum(c.Type.ID, 1))
				}
				out.Exprs = append(out.Exprs, e)
			}
			return out
		}
	}
	return n
}

// newest tells whether n orders the rows of each key by event time, newest first.
func (v *versions) newest(n *logical.Node, keys []int) bool {
	order := n.Order
	for len(order) > 0 && slices.Contains(n.Keys, order[0].Col) { // the leading columns of DISTINCT ON
		order = order[1:]
	}
	part, have := logical.SetOf(n.Keys...), logical.SetOf(keys...)
	return part.Contains(have) && have.Contains(part) && len(order) > 0 && order[0].Desc && slices.Contains(v.times(n.In[0]), order[0].Col)
}

// isFirst tells whether a condition holds a column to 1, as one number of a row.
func isFirst(e *expr.Expr) (col int, ok bool) {
	if e.Kind != expr.Call || len(e.Args) != 2 || e.Args[0].Kind != expr.Column {
		return 0, false
	}
	c := e.Args[1]
	for c.Kind == expr.Cast {
		c = c.Args[0]
	}
	limit := map[string]int64{"=": 1, "<=": 1, "<": 2}[e.Name]
	return e.Args[0].Index, limit > 0 && c.Kind == expr.Literal && !c.Lit.Null && c.Type.IsInteger() && c.Lit.I == limit
}

package bind

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
)

// source is a bound FROM item: a tree and what can be named of it.
type source struct {
	node *logical.Node
	part
}

// bindFrom binds a comma-separated FROM list. s is the scope of the SELECT: it ends up with all
// items, and lateral items see what stands to their left.
func (b *Binder) bindFrom(items []ast.TableExpr, s *scope) (*logical.Node, error) {
	var node *logical.Node
	for _, item := range items {
		left := &source{node: node, part: s.part}
		src, err := b.bindTable(item, s, left)
		if err != nil {
			return nil, err
		}
		if err := checkAliases(s.part, src.part, item.Position()); err != nil {
			return nil, err
		}
		if node == nil {
			node = src.node
		} else {
			node = lateralJoin(logical.Inner, node, src.node, nil)
		}
		s.part = s.part.and(src.part)
	}
	if node == nil {
		node = logical.OneRow()
	}
	return node, nil
}

// lateralJoin joins two trees; when the right one reads columns of the left one it becomes an Apply.
func lateralJoin(kind logical.JoinKind, l, r *logical.Node, on []*expr.Expr) *logical.Node {
	if !logical.Free(r).Meets(l.IDs()) {
		return logical.NewJoin(kind, l, r, on)
	}
	apply := &logical.Node{Op: logical.Apply, Sub: &logical.ApplyInfo{Kind: "lateral"}}
	if kind == logical.Left {
		apply.Sub.Kind = "lateral left"
		apply.In = []*logical.Node{l, logical.NewFilter(r, on)}
		return apply
	}
	apply.In = []*logical.Node{l, r}
	return logical.NewFilter(apply, on)
}

func (p part) and(q part) part {
	return part{
		rels: append(slices.Clip(p.rels), q.rels...),
		cols: append(slices.Clip(p.cols), q.cols...),
	}
}

func checkAliases(a, b part, pos int) error {
	for _, r := range b.rels {
		for _, o := range a.rels {
			if r.name == o.name && (r.schema == o.schema || r.original != "" || o.original != "") {
				return sqlerr.New(sqlerr.DuplicateAlias, "table name %q specified more than once", r.name).At(pos)
			}
		}
	}
	return nil
}

// bindTable binds one FROM item. left is what a lateral item may refer to.
func (b *Binder) bindTable(t ast.TableExpr, s *scope, left *source) (*source, error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	defer b.leave()
	if err := b.grow(1); err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case *ast.TableName:
		return b.bindTableName(t, s)
	case *ast.Derived:
		return b.bindDerived(t, s, left)
	case *ast.TableFunc:
		return b.bindTableFunc(t, s, left)
	case *ast.Join:
		return b.bindJoin(t, s, left)
	case *ast.MatchRecognize:
		return b.bindMatch(t, s, left)
	}
	return nil, sqlerr.Unsupported("this kind of FROM item is not supported").At(t.Position())
}

// lateralScope is the scope of a lateral FROM item: what stands to its left, then the outer queries.
func lateralScope(s *scope, left *source) *scope {
	return &scope{part: left.part, parent: s.parent, ctes: s.ctes}
}

// barredScope is the scope of an item that is not lateral: outer queries only.
func barredScope(s *scope, left *source) *scope {
	return &scope{parent: s.parent, ctes: s.ctes, barred: &left.part}
}

func (b *Binder) bindDerived(t *ast.Derived, s *scope, left *source) (*source, error) {
	outer := barredScope(s, left)
	if t.Lateral {
		outer = lateralScope(s, left)
	}
	q, err := b.bindQuery(t.Query, &queryEnv{outer: outer, ctes: s.ctes, resolve: true})
	if err != nil {
		return nil, err
	}
	return derivedSource(q.Node, q.Cols, t.Alias, t.Columns, t.Position())
}

// derivedSource names the result of a subquery.
func derivedSource(n *logical.Node, cols []Column, alias string, names []string, pos int) (*source, error) {
	cols = slices.Clone(cols)
	if err := renameCols(cols, names, alias, pos); err != nil {
		return nil, err
	}
	fields := fieldsOf(cols)
	if alias == "" {
		return &source{node: n, part: part{cols: fields}}, nil
	}
	r := &relation{name: alias, cols: fields, original: "\x00"}
	return &source{node: n, part: part{rels: []*relation{r}, cols: fields}}, nil
}

func (b *Binder) bindTableName(t *ast.TableName, s *scope) (*source, error) {
	if t.AsOf != nil {
		return nil, sqlerr.Unsupported("FOR SYSTEM_TIME AS OF is supported on the right side of a JOIN only").
			WithHint("Write … JOIN relation FOR SYSTEM_TIME AS OF left_time AS alias ON ….").At(t.Position())
	}
	if len(t.Name) == 1 {
		c, r := s.ctes.find(t.Name[0])
		if r != nil {
			return r.ref(b, t)
		}
		if c != nil {
			n, cols, err := c.ref(b, t.Position())
			if err != nil {
				return nil, err
			}
			alias := t.Alias
			if alias == "" {
				alias = t.Name[0]
			}
			return derivedSource(n, cols, alias, t.Columns, t.Position())
		}
	}
	rel, err := b.resolveRelation(t.Name, t.Position())
	if err != nil {
		return nil, err
	}
	b.refer(rel, t)
	var src *source
	if rel.object != nil && rel.object.Kind == catalog.View {
		src, err = b.expandView(rel.object, t.Position())
	} else {
		src, err = b.scan(rel, t.Position())
	}
	if err != nil {
		return nil, err
	}
	r := src.rels[0]
	r.schema, r.name = rel.schema, rel.name
	if t.Alias != "" {
		r.name, r.original = t.Alias, rel.name
	}
	if len(t.Columns) > len(r.cols) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "table %q has %d columns available but %d columns specified",
			r.name, len(r.cols), len(t.Columns)).At(t.Position())
	}
	for i, n := range t.Columns {
		r.cols[i].Name = n
	}
	src.cols = r.cols
	return src, nil
}

// bindJoin binds a JOIN.
func (b *Binder) bindJoin(t *ast.Join, s *scope, left *source) (*source, error) {
	if strings.HasPrefix(t.Kind, "asof") {
		return b.bindAsOf(t, s, left)
	}
	if name, ok := t.Right.(*ast.TableName); ok && name.AsOf != nil {
		return b.bindTemporal(t, name, s, left)
	}
	l, err := b.bindTable(t.Left, s, left)
	if err != nil {
		return nil, err
	}
	seen := &source{part: left.and(l.part)}
	r, err := b.bindTable(t.Right, s, seen)
	if err != nil {
		return nil, err
	}
	if err := checkAliases(l.part, r.part, t.Position()); err != nil {
		return nil, err
	}
	kind := joinKinds[t.Kind]
	if kind == "" {
		return nil, sqlerr.Unsupported("join kind %q is not supported", t.Kind).At(t.Position())
	}
	if (kind == logical.Right || kind == logical.Full) && logical.Free(r.node).Meets(l.node.IDs()) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "invalid reference to FROM-clause entry: the combining JOIN type must be INNER or LEFT for a LATERAL reference").At(t.Position())
	}
	both := l.part.and(r.part)
	using := t.Using
	if t.Natural {
		using = commonNames(l.cols, r.cols)
	}
	if len(using) > 0 {
		return b.joinUsing(t, kind, l, r, using)
	}
	var preds []*expr.Expr
	if t.On != nil {
		ctx := &exprCtx{b: b, s: &scope{part: both, parent: s.parent, ctes: s.ctes}, clause: "JOIN conditions"}
		on, err := ctx.boolean(t.On, "JOIN/ON")
		if err != nil {
			return nil, err
		}
		preds = logical.Conjuncts(on)
	}
	return &source{node: lateralJoin(kind, l.node, r.node, preds), part: nullSide(kind, l.part, r.part)}, nil
}

var joinKinds = map[string]logical.JoinKind{
	"inner": logical.Inner, "cross": logical.Inner, "left": logical.Left, "right": logical.Right, "full": logical.Full,
}

// nullSide combines the parts of a join; columns of an outer join's optional side may be NULL.
func nullSide(kind logical.JoinKind, l, r part) part {
	if kind == logical.Left || kind == logical.Full {
		r = r.nullable()
	}
	if kind == logical.Right || kind == logical.Full {
		l = l.nullable()
	}
	return l.and(r)
}

func (p part) nullable() part {
	loosen := func(cols []column) []column {
		out := slices.Clone(cols)
		for i := range out {
			out[i].NotNull = false
		}
		return out
	}
	out := part{cols: loosen(p.cols)}
	for _, r := range p.rels {
		c := *r
		if !c.optional {
			if at := slices.IndexFunc(r.cols, func(c column) bool { return c.NotNull }); at >= 0 {
				c.witness = r.cols[at].ID
			}
		}
		c.optional, c.cols = true, loosen(r.cols)
		out.rels = append(out.rels, &c)
	}
	return out
}

func commonNames(l, r []column) []string {
	var out []string
	for _, c := range l {
		if slices.ContainsFunc(r, func(d column) bool { return d.Name == c.Name }) && !slices.Contains(out, c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

// joinUsing joins on equally named columns, which appear once, first, in the result.
func (b *Binder) joinUsing(t *ast.Join, kind logical.JoinKind, l, r *source, using []string) (*source, error) {
	var preds []*expr.Expr
	var merged []column
	var computed []*expr.Expr
	var computedCols []logical.Col
	for _, name := range using {
		lc, err := usingColumn(l.cols, name, "left", t.Position())
		if err != nil {
			return nil, err
		}
		rc, err := usingColumn(r.cols, name, "right", t.Position())
		if err != nil {
			return nil, err
		}
		b.use(lc, t.Position(), true)
		b.use(rc, t.Position(), true)
		ctx := &exprCtx{b: b, s: &scope{}}
		le, re := colRef(lc.Col, t.Position()), colRef(rc.Col, t.Position())
		eq, err := ctx.operator("=", []*expr.Expr{le, re}, t.Position())
		if err != nil {
			return nil, err
		}
		preds = append(preds, eq)
		switch kind {
		case logical.Full:
			e, err := ctx.common("JOIN/USING", expr.Coalesce, []*expr.Expr{le, re}, t.Position())
			if err != nil {
				return nil, err
			}
			col := b.NewCol(name, e.Type, lc.NotNull && rc.NotNull)
			computed, computedCols = append(computed, e), append(computedCols, col)
			merged = append(merged, column{Col: col})
		case logical.Right:
			merged = append(merged, *rc)
		default:
			merged = append(merged, *lc)
		}
	}
	p := nullSide(kind, l.part, r.part)
	node := lateralJoin(kind, l.node, r.node, preds)
	if computed != nil {
		cols := node.Cols()
		proj := &logical.Node{Op: logical.Project, In: []*logical.Node{node}, Out: append(slices.Clip(cols), computedCols...)}
		for _, c := range cols {
			proj.Exprs = append(proj.Exprs, logical.Ref(c))
		}
		proj.Exprs = append(proj.Exprs, computed...)
		node = proj
	}
	rest := merged
	for _, c := range p.cols {
		if !slices.Contains(using, c.Name) {
			rest = append(rest, c)
		}
	}
	return &source{node: node, part: part{rels: p.rels, cols: rest}}, nil
}

func usingColumn(cols []column, name, side string, pos int) (*column, error) {
	var found *column
	for i := range cols {
		if cols[i].Name == name {
			if found != nil {
				return nil, sqlerr.New(sqlerr.AmbiguousColumn, "common column name %q appears more than once in %s table", name, side).At(pos)
			}
			found = &cols[i]
		}
	}
	if found == nil {
		return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q specified in USING clause does not exist in %s table", name, side).At(pos)
	}
	return found, nil
}

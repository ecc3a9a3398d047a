package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

func isNull(e *expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.IsNull, Type: types.T(types.Bool), Args: []*expr.Expr{e}}
}

func not(e *expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.Not, Type: types.T(types.Bool), Args: []*expr.Expr{e}}
}

func or(es ...*expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.Or, Type: types.T(types.Bool), Args: es}
}

// cases is CASE WHEN … THEN … ELSE otherwise over pairs of condition and truth value.
func cases(otherwise *expr.Expr, arms ...*expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: expr.Case, Type: types.T(types.Bool), Args: append(arms, otherwise)}
}

func truth(v bool) *expr.Expr { return expr.Lit(types.BoolDatum(v)) }

func unknownTruth() *expr.Expr { return expr.Lit(types.NullOf(types.T(types.Bool))) }

// nullableIn gives the value of an uncorrelated IN with NULLs for a view: the matches are joined, and
// the numbers of rows and of NULLs decide between false and unknown. A batch query runs the subquery.
func (a *applyRule) nullableIn(col logical.Col) (*logical.Node, error) {
	if !a.View || a.correlated() {
		return nil, nil
	}
	s := &subRule{a.Ctx}
	eq := s.equal(&logical.Subquery{ApplyInfo: *a.n.Sub}, col)
	total, known := s.counts(a.sub, col)
	joined := logical.NewJoin(logical.Inner, a.left, total, nil)
	inner := &applyRule{Ctx: a.Ctx, n: a.n, left: joined, sub: a.sub, p: &puller{ctx: a.Ctx, outer: joined.IDs()}}
	match := logical.Col{ID: a.NewID(), Field: types.Field{Name: "match", Type: types.T(types.Bool)}}
	flag := *a.n
	flag.Out = []logical.Col{match}
	inner.n = &flag
	out, err := inner.exists(a.sub, eq)
	if out == nil || err != nil {
		return nil, err
	}
	none, err := compare("=", logical.Ref(total.Out[0]), bigint(0))
	if err != nil {
		return nil, err
	}
	some, err := compare("<>", logical.Ref(total.Out[0]), logical.Ref(known))
	if err != nil {
		return nil, err
	}
	value := cases(truth(false), logical.Ref(match), truth(true), none, truth(false),
		or(isNull(a.n.Sub.Left), some), unknownTruth())
	return a.project(out, a.n.Out, func(logical.Col) *expr.Expr { return value }), nil
}

// extremes tells which end of the values decides a comparison with ANY and with ALL.
var extremes = map[string]map[string]string{
	"any": {">": "min", ">=": "min", "<": "max", "<=": "max"},
	"all": {">": "max", ">=": "max", "<": "min", "<=": "min"},
}

// extreme turns an uncorrelated comparison with ANY or ALL into one with the least or the greatest
// value. A batch query runs the subquery.
func (a *applyRule) extreme() (*logical.Node, error) {
	info := a.n.Sub
	name := extremes[info.Kind][info.Cmp]
	if name == "" || !a.View || a.correlated() {
		return nil, nil
	}
	s := &subRule{a.Ctx}
	col := a.sub.Cols()[0]
	spec, at, err := fn.ResolveAggregate(name, []types.Type{col.Type})
	if err != nil || !at[0].Same(col.Type) {
		return nil, nil
	}
	total, known := s.counts(a.sub, col)
	read := total.Aggs[1].Args[0]
	end := logical.Col{ID: a.NewID(), Field: types.Field{Name: name, Type: spec.ReturnType(at)}}
	total.Out = append(total.Out, end)
	total.Aggs = append(total.Aggs, logical.AggCall{Name: spec.Name, ArgTypes: spec.Args, Args: []*expr.Expr{read},
		Ret: end.Type, Ordered: spec.Kind == fn.Ordered, Merges: spec.Kind == fn.Linear && spec.Merge != nil})
	met := &expr.Expr{Kind: expr.Call, Type: types.T(types.Bool), Name: info.Cmp, ArgTypes: info.CmpTypes,
		Args: []*expr.Expr{info.Left, logical.Ref(end)}}
	none, err := compare("=", logical.Ref(total.Out[0]), bigint(0))
	if err != nil {
		return nil, err
	}
	some, err := compare("<>", logical.Ref(total.Out[0]), logical.Ref(known))
	if err != nil {
		return nil, err
	}
	unsure := or(isNull(info.Left), some)
	value := cases(truth(false), none, truth(false), met, truth(true), unsure, unknownTruth())
	if info.Kind == "all" {
		value = cases(truth(true), none, truth(true), not(met), truth(false), unsure, unknownTruth())
	}
	joined := logical.NewJoin(logical.Inner, a.left, total, nil)
	return a.project(joined, a.n.Out, func(logical.Col) *expr.Expr { return value }), nil
}

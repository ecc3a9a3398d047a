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

// matchCtx is where an expression of MATCH_RECOGNIZE stands.
type matchCtx struct {
	m      *matchBinder
	define bool
	// within is the navigation or aggregate whose argument this is, "" outside: there columns are those of
	// one row, which is one of the variable's.
	within string
	known  bool // a column has told the variable
	labels []int
}

// column binds a column reference. Outside of navigations A.x is the last row of A's up to here.
func (x *matchCtx) column(c *exprCtx, r *ast.ColumnRef) (*expr.Expr, error) {
	var labels []int
	if len(r.Parts) > 2 {
		return nil, x.m.noVariable(strings.Join(r.Parts[:len(r.Parts)-1], "."), r.Position())
	}
	if len(r.Parts) == 2 {
		var err error
		if labels, err = x.m.variable(r.Parts[0], r.Position()); err != nil {
			return nil, err
		}
	}
	col, err := c.s.lookup(c.b, r.Parts[len(r.Parts)-1:], r.Position())
	if err != nil {
		return nil, err
	}
	if col == nil {
		return nil, c.s.missing(r.Parts[len(r.Parts)-1:], r.Position())
	}
	if x.within == "" {
		return x.m.read(logical.MatchRead{Kind: "value", Expr: col, Set: x.m.set(labels)}, col.Type, r.Position()), nil
	}
	return col, x.of(labels, r.Position())
}

// of notes the variable of a column in an argument.
func (x *matchCtx) of(labels []int, pos int) error {
	if x.known && (!slices.Equal(x.labels, labels) || (labels == nil) != (x.labels == nil)) {
		return sqlerr.New(sqlerr.InvalidColumnReference, "the columns in the argument of %s must be of one pattern variable", upperName(x.within)).
			WithHint("Call it once for each variable.").At(pos)
	}
	x.known, x.labels = true, labels
	return nil
}

func upperName(name string) string { return strings.ToUpper(name) }

// call binds the functions of row patterns and aggregates; done is false for others.
func (x *matchCtx) call(c *exprCtx, e *ast.Call, name string) (out *expr.Expr, done bool, err error) {
	aggregate := fn.IsAggregate(name) && !fn.IsScalar(name)
	switch name {
	case "prev", "next", "first", "last", "classifier", "match_number":
	default:
		if !aggregate {
			if e.Rows != "" {
				err = sqlerr.New(sqlerr.SyntaxError, "%s needs FIRST, LAST or an aggregate behind it", upperName(e.Rows)).At(e.Position())
			}
			return nil, err != nil, err
		}
	}
	switch {
	case x.within != "":
		err = sqlerr.Unsupported("%s inside of %s is not supported", upperName(name), upperName(x.within)).
			WithHint("PREV and NEXT take FIRST(…), LAST(…) or CLASSIFIER() as their whole argument; other arguments are made of columns.").At(e.Position())
	case e.Rows == "final" && x.define:
		err = sqlerr.New(sqlerr.SyntaxError, "FINAL is not allowed in DEFINE: the rest of the match is not known there").At(e.Position())
	case e.Over != nil:
		err = sqlerr.New(sqlerr.WindowingError, "window functions are not allowed in %s", c.clause).At(e.Position())
	case e.Distinct || e.Filter != nil || len(e.OrderBy) > 0 || len(e.WithinGroup) > 0 || e.Variadic:
		err = sqlerr.Unsupported("DISTINCT, FILTER, ORDER BY and WITHIN GROUP are not supported in MATCH_RECOGNIZE").At(e.Position())
	case aggregate && name != "first" && name != "last":
		out, err = x.aggregate(c, e, name)
	case name == "match_number":
		if len(e.Args) > 0 || e.Star {
			err = x.usage("MATCH_NUMBER()", e)
			break
		}
		out = x.m.read(logical.MatchRead{Kind: "number"}, int8Type, e.Position())
	default:
		var r logical.MatchRead
		var t types.Type
		if r, t, err = x.navigate(c, e, name); err == nil {
			out = x.m.read(r, t, e.Position())
		}
	}
	return out, true, err
}

func (x *matchCtx) usage(usage string, e *ast.Call) error {
	return sqlerr.New(sqlerr.SyntaxError, "wrong arguments of %s", upperName(e.Name[0])).WithHint("Write %s.", usage).At(e.Position())
}

// navigate binds PREV, NEXT, FIRST, LAST and CLASSIFIER.
func (x *matchCtx) navigate(c *exprCtx, e *ast.Call, name string) (r logical.MatchRead, t types.Type, err error) {
	if name == "classifier" {
		return x.classifier(e)
	}
	usage := map[string]string{"prev": "PREV(value [, rows])", "next": "NEXT(value [, rows])",
		"first": "FIRST(value [, rows])", "last": "LAST(value [, rows])"}[name]
	if len(e.Args) < 1 || len(e.Args) > 2 || e.ArgNames != nil {
		return r, t, x.usage(usage, e)
	}
	physical := name == "prev" || name == "next"
	arg, isCall := e.Args[0].(*ast.Call)
	inner := ""
	if isCall && len(arg.Name) == 1 {
		inner = arg.Name[0]
	}
	switch {
	case physical && e.Rows != "":
		return r, t, sqlerr.New(sqlerr.SyntaxError, "%s needs FIRST, LAST or an aggregate behind it", upperName(e.Rows)).
			WithHint("Write %s(%s LAST(value)).", upperName(name), upperName(e.Rows)).At(e.Position())
	case inner == "classifier", physical && (inner == "first" || inner == "last"):
		if arg.Rows == "final" && x.define {
			return r, t, sqlerr.New(sqlerr.SyntaxError, "FINAL is not allowed in DEFINE: the rest of the match is not known there").At(arg.Position())
		}
		r, t, err = x.navigate(c, arg, inner)
	default:
		r, t, err = x.value(c, e.Args[0], name)
	}
	if err != nil {
		return r, t, err
	}
	n := 0
	if physical {
		n = 1
	}
	if len(e.Args) == 2 {
		if n, err = x.offset(e.Args[1], name); err != nil {
			return r, t, err
		}
	}
	switch name {
	case "prev":
		r.Move = -n
	case "next":
		r.Move = n
	default:
		r.First, r.Skip, r.Final = name == "first", n, e.Rows == "final"
	}
	if x.define && r.Kind == "label" && r.Move != 0 {
		return r, t, sqlerr.Unsupported("PREV and NEXT of CLASSIFIER() are not supported in DEFINE").
			WithHint("Write LAST(CLASSIFIER(), 1) for the row before in the match.").At(e.Position())
	}
	return r, t, nil
}

// classifier binds CLASSIFIER([variable]).
func (x *matchCtx) classifier(e *ast.Call) (r logical.MatchRead, t types.Type, err error) {
	var labels []int
	if len(e.Args) > 0 {
		ref, ok := e.Args[0].(*ast.ColumnRef)
		if !ok || len(e.Args) > 1 || len(ref.Parts) != 1 {
			return r, t, x.usage("CLASSIFIER() or CLASSIFIER(variable)", e)
		}
		if labels, err = x.m.variable(ref.Parts[0], ref.Position()); err != nil {
			return r, t, err
		}
	}
	return logical.MatchRead{Kind: "label", Set: x.m.set(labels)}, types.T(types.Text), nil
}

// inner is the context of an argument of name.
func (x *matchCtx) inner(c *exprCtx, name string) *exprCtx {
	out := *c
	out.match = &matchCtx{m: x.m, define: x.define, within: name}
	return &out
}

// value binds the argument of a navigation, an expression of columns of one row.
func (x *matchCtx) value(c *exprCtx, e ast.Expr, name string) (r logical.MatchRead, t types.Type, err error) {
	in := x.inner(c, name)
	v, err := in.bind(e)
	if err == nil {
		v, err = x.m.b.known(v)
	}
	if err != nil {
		return r, t, err
	}
	if !in.match.known {
		return r, t, sqlerr.New(sqlerr.InvalidColumnReference, "the argument of %s must have a column", upperName(name)).At(e.Position())
	}
	return logical.MatchRead{Kind: "value", Expr: v, Set: x.m.set(in.match.labels)}, v.Type, nil
}

// maxOffset bounds the offsets of navigations: threads of the search carry as many rows.
const maxOffset = 1000

func (x *matchCtx) offset(e ast.Expr, name string) (int, error) {
	w := &windowCall{b: x.m.b}
	v, err := w.constant(e)
	if err != nil {
		return 0, err
	}
	if v, err = x.m.b.implicit(v, int8Type); err != nil {
		return 0, err
	}
	v = Fold(v, &x.m.b.Env)
	if v.Kind != expr.Literal || v.Lit.Null || v.Lit.I < 0 || v.Lit.I > maxOffset {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "the number of rows of %s must be a constant from 0 to %d", upperName(name), maxOffset).At(e.Position())
	}
	return int(v.Lit.I), nil
}

// aggregate binds an aggregate over the rows of a variable.
func (x *matchCtx) aggregate(c *exprCtx, e *ast.Call, name string) (*expr.Expr, error) {
	in := x.inner(c, name)
	var args []*expr.Expr
	star, _ := lastArg(e).(*ast.Star)
	switch {
	case e.Star && name != "count", star != nil && (name != "count" || len(e.Args) > 1 || len(star.Table) != 1):
		return nil, x.usage("count(*), count(variable.*) or "+name+"(value)", e)
	case star != nil: // count(A.*)
		labels, err := x.m.variable(star.Table[0], star.Position())
		if err != nil {
			return nil, err
		}
		in.match.labels = labels
	default:
		var err error
		if args, err = in.bindAll(e.Args); err != nil {
			return nil, err
		}
	}
	call := &logical.AggCall{}
	spec, err := c.resolveAgg(call, name, args, e.Position())
	switch {
	case err != nil:
		return nil, err
	case spec.Within || spec.NeedsOrder || spec.Derive != nil:
		return nil, sqlerr.Unsupported("aggregate %s is not supported in MATCH_RECOGNIZE", name).At(e.Position())
	case x.define && spec.Kind != fn.Linear && name != "min" && name != "max":
		return nil, sqlerr.Unsupported("aggregate %s is not supported in DEFINE", name).
			WithHint("count, sum, avg, min, max and the variances are.").At(e.Position())
	}
	r := logical.MatchRead{Kind: "agg", Agg: call, Set: x.m.set(in.match.labels), Final: e.Rows == "final"}
	return x.m.read(r, call.Ret, e.Position()), nil
}

// noQuery refuses subqueries in DEFINE and MEASURES.
func (x *matchCtx) noQuery(e ast.Expr) error {
	switch q := e.(type) {
	case *ast.Subquery, *ast.Exists, *ast.ArrayQuery:
	case *ast.In:
		if q.Query == nil {
			return nil
		}
	case *ast.Quantified:
		if q.Query == nil {
			return nil
		}
	default:
		return nil
	}
	return sqlerr.Unsupported("subqueries in MATCH_RECOGNIZE are not supported").
		WithHint("Join in a subquery first: FROM (SELECT … JOIN …) AS t MATCH_RECOGNIZE (…).").At(e.Position())
}

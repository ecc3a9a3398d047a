package logical

import (
	"strings"

	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// clock are the functions that read the time at which a statement began.
var clock = map[string]bool{"now": true, "current_timestamp": true, "current_date": true, "localtimestamp": true,
	"transaction_timestamp": true, "statement_timestamp": true}

// ReadsClock tells whether e reads the time at which a statement began.
func ReadsClock(e *expr.Expr) bool {
	found := false
	expr.Walk(e, func(x *expr.Expr) bool {
		found = found || x.Kind == expr.Call && clock[x.Name]
		return !found
	})
	return found
}

// turned gives the comparison with its sides swapped, denied the one that is true when it is false.
var (
	turned = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
	denied = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
)

// TemporalConds takes a condition with the time apart. It must compare an expression over columns, the
// bound, with one over the time that never falls, the limit. Each result is a call of <, <=, > or >=
// with bound and limit, of one type, in this order; an equality gives two. ok is false when the
// condition has another form.
func TemporalConds(p *expr.Expr) (conds []*expr.Expr, ok bool) {
	name := p.Name
	if p.Kind == expr.Not {
		p = p.Args[0]
		name = denied[p.Name]
	}
	if p.Kind != expr.Call || turned[name] == "" || len(p.Args) != 2 {
		return nil, false
	}
	bound, limit := p.Args[0], p.Args[1]
	if ReadsClock(bound) {
		bound, limit, name = limit, bound, turned[name]
	}
	if ReadsClock(bound) || HasSubquery(bound) || Volatile(bound) || !rises(limit) {
		return nil, false
	}
	if bound, limit, ok = oneType(bound, limit); !ok {
		return nil, false
	}
	names := []string{name}
	if name == "=" {
		names = []string{"<=", ">="}
	}
	for _, name := range names {
		s, _, err := fn.ResolveScalar(name, []types.Type{bound.Type, limit.Type})
		if err != nil {
			return nil, false
		}
		conds = append(conds, &expr.Expr{Kind: expr.Call, Name: s.Name, ArgTypes: s.Args, Type: types.T(types.Bool),
			Args: []*expr.Expr{bound, limit}, Pos: p.Pos})
	}
	return conds, true
}

// Expires tells whether a condition of TemporalConds ends by the passing of time, rather than begins.
func Expires(cond *expr.Expr) bool { return cond.Name == ">" || cond.Name == ">=" }

// oneType casts the sides of a comparison to the same type without changing its result.
func oneType(a, b *expr.Expr) (x, y *expr.Expr, ok bool) {
	moment := func(t types.Type) bool { return t.IsTime() || t.ID == types.Date }
	switch {
	case a.Type.ID == b.Type.ID:
		return a, b, true
	case moment(a.Type) && moment(b.Type): // views have UTC
		to := types.T(types.Timestamptz)
		return cast(a, to), cast(b, to), true
	case a.Type.IsInteger() && b.Type.IsInteger():
		to := types.T(types.Int8)
		return cast(a, to), cast(b, to), true
	}
	return nil, nil, false
}

func cast(e *expr.Expr, to types.Type) *expr.Expr {
	if e.Type.ID == to.ID {
		return e
	}
	return &expr.Expr{Kind: expr.Cast, Type: to, Args: []*expr.Expr{e}, Pos: e.Pos}
}

// rises tells whether an expression reads the time, and nothing else that changes, and never falls as
// time goes on.
func rises(e *expr.Expr) bool {
	switch e.Kind {
	case expr.Cast:
		to := e.Type
		return (to.IsTime() || to.ID == types.Date || to.IsNumber()) && rises(e.Args[0])
	case expr.Call:
		return risingCall(e)
	}
	return false
}

func risingCall(e *expr.Expr) bool {
	args := e.Args
	switch {
	case clock[e.Name]:
		return len(args) == 0 || fixed(args[0])
	case len(args) == 1:
		return (e.Name == "floor" || e.Name == "ceil" || e.Name == "ceiling" || e.Name == "round") && rises(args[0])
	case len(args) == 3:
		return e.Name == "date_bin" && fixed(args[0]) && rises(args[1]) && fixed(args[2])
	case len(args) != 2:
		return false
	}
	a, b := args[0], args[1]
	switch e.Name {
	case "+":
		return rises(a) && fixed(b) || fixed(a) && rises(b)
	case "-":
		return rises(a) && fixed(b)
	case "*":
		return rises(a) && positive(b) || positive(a) && rises(b)
	case "/":
		return rises(a) && positive(b)
	case "date_trunc":
		return fixed(a) && rises(b)
	case "extract", "date_part":
		return literalText(a) == "epoch" && rises(b)
	case "timezone": // in another zone the clock is put back once a year
		return literalText(a) == "utc" && rises(b)
	}
	return false
}

// fixed tells whether an expression is a constant.
func fixed(e *expr.Expr) bool {
	return len(ColsOf(e)) == 0 && !ReadsClock(e) && !HasSubquery(e) && !Volatile(e)
}

func positive(e *expr.Expr) bool {
	for e.Kind == expr.Cast {
		e = e.Args[0]
	}
	if e.Kind != expr.Literal || e.Lit.Null || !e.Type.IsNumber() {
		return false
	}
	text := string(types.AppendText(nil, *e.Lit, nil))
	return !strings.HasPrefix(text, "-") && strings.ContainsAny(text, "123456789")
}

// literalText is a text constant in lower case.
func literalText(e *expr.Expr) string {
	for e.Kind == expr.Cast {
		e = e.Args[0]
	}
	if e.Kind != expr.Literal || e.Lit.Null {
		return ""
	}
	return strings.ToLower(string(e.Lit.S))
}

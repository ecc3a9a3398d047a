package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

func bigint(v int64) *expr.Expr { return expr.Lit(types.IntDatum(types.Int8, v)) }

// compare makes a comparison of two operands of the same type.
func compare(op string, l, r *expr.Expr) (*expr.Expr, error) {
	s, _, err := fn.ResolveScalar(op, []types.Type{l.Type, r.Type})
	if err != nil {
		return nil, err
	}
	return &expr.Expr{Kind: expr.Call, Type: types.T(types.Bool), Name: s.Name, ArgTypes: s.Args, Args: []*expr.Expr{l, r}}, nil
}

// countCall is count(*), or count(e).
func countCall(e *expr.Expr) logical.AggCall {
	call := logical.AggCall{Name: "count", Ret: types.T(types.Int8), Merges: true}
	if e != nil {
		call.Args = []*expr.Expr{e}
	}
	ts := make([]types.Type, len(call.Args))
	for i, a := range call.Args {
		ts[i] = a.Type
	}
	if a, _, err := fn.ResolveAggregate("count", ts); err == nil {
		call.ArgTypes = a.Args
	}
	return call
}

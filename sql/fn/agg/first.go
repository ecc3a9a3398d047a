package agg

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func init() {
	firstOf := func(_ *fn.Ctx, _ int64, next next, out *rows.VecBuilder) error {
		if v, _, ok := next(); ok {
			out.AppendDatum(v[0])
		} else {
			out.AppendNull()
		}
		return nil
	}
	const pairs = " FROM (VALUES ('a', 2), ('b', 1), ('c', 3)) t(x, at)"
	for _, a := range []fn.Aggregate{
		{Name: "any_value", Summary: "Some argument that is not NULL: the least, so that it is the same every time.",
			Examples: []fn.Example{{SQL: "SELECT any_value(x) FROM (VALUES ('b'), ('a'), (NULL)) t(x)", Result: "a"}}},
		{Name: "first", NeedsOrder: true, KeepNulls: true, Summary: "Argument of the first row in the order of ORDER BY inside the call.",
			Examples: []fn.Example{{SQL: "SELECT first(x ORDER BY at)" + pairs, Result: "b"}}},
		{Name: "first_value", NeedsOrder: true, KeepNulls: true, Summary: "The same as first.",
			Examples: []fn.Example{{SQL: "SELECT first_value(x ORDER BY at)" + pairs, Result: "b"}}},
		{Name: "last", NeedsOrder: true, KeepNulls: true, Descending: true, Summary: "Argument of the last row in the order of ORDER BY inside the call.",
			Examples: []fn.Example{{SQL: "SELECT last(x ORDER BY at)" + pairs, Result: "c"}}},
		{Name: "last_value", NeedsOrder: true, KeepNulls: true, Descending: true, Summary: "The same as last.",
			Examples: []fn.Example{{SQL: "SELECT last_value(x ORDER BY at)" + pairs, Result: "c"}}},
	} {
		a.Args, a.Ret, a.Kind, a.Single, a.Family = []types.Type{fn.AnyElement}, fn.AnyElement, fn.Ordered, true, family
		a.FinalOrdered = firstOf
		fn.RegisterAggregate(a)
	}
}

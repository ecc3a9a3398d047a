package filter

import (
	"testing"

	_ "tidemill/sql/fn/cmp"
	_ "tidemill/sql/fn/math"

	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int8s  = types.T(types.Int8)
	schema = types.Schema{{Name: "a", Type: int8s}, {Name: "b", Type: int8s}}
)

func call(name string, ret types.Type, args ...*expr.Expr) *expr.Expr {
	e := &expr.Expr{Kind: expr.Call, Name: name, Type: ret, Args: args}
	for _, a := range args {
		e.ArgTypes = append(e.ArgTypes, a.Type)
	}
	return e
}

func lit(v int64) *expr.Expr { return expr.Lit(types.IntDatum(types.Int8, v)) }

// pred is a / b > 0: NULL for NULLs, an error for b = 0 and for the least a by −1.
func pred() *expr.Expr {
	return call(">", types.T(types.Bool), call("/", int8s, expr.Col(0, int8s), expr.Col(1, int8s)), lit(0))
}

func fails(r optest.Row) bool {
	return !r[0].Null && !r[1].Null && (r[1].I == 0 || r[1].I == -1 && r[0].I == -1<<63)
}

func TestModel(t *testing.T) {
	optest.Run(t, optest.Case{
		Op: Name, Config: Config{Pred: pred()}, In: []types.Schema{schema}, Out: schema, Stateless: true,
		Model: func(in []optest.Relation) (out optest.Relation) {
			for _, x := range in[0] {
				if r := x.Row; !r[0].Null && !r[1].Null && !fails(r) && r[0].I/r[1].I > 0 {
					out = append(out, x)
				}
			}
			return out
		},
		Errors: func(in []optest.Relation) (n int64) {
			in[0].Each(func(r optest.Row) {
				if fails(r) {
					n++
				}
			})
			return n
		},
	})
}

func BenchmarkFilter(b *testing.B) {
	build := rows.NewBuilder(schema, 8192)
	for i := range 8192 {
		build.Cols[0].AppendInt(int64(i * 7919 % 100))
		build.Cols[1].AppendInt(int64(i))
		build.EndRow(1)
	}
	batch := build.Finish()
	cfg := Config{Pred: call("<", types.T(types.Bool), expr.Col(0, int8s), lit(50))}
	optest.Bench(b, Name, cfg, []types.Schema{schema}, schema, func(push func(int, *rows.Batch)) int {
		push(0, batch)
		return batch.N
	})
}

package project

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
	schema = types.Schema{{Name: "a", Type: int8s}, {Name: "b", Type: int8s}, {Name: "c", Type: types.T(types.Text)}}
	output = types.Schema{{Name: "c", Type: types.T(types.Text)}, {Name: "q", Type: int8s}, {Name: "a", Type: int8s}}
)

func exprs(op string) []*expr.Expr {
	a, b := expr.Col(0, int8s), expr.Col(1, int8s)
	return []*expr.Expr{
		expr.Col(2, types.T(types.Text)),
		{Kind: expr.Call, Name: op, Type: int8s, ArgTypes: []types.Type{int8s, int8s}, Args: []*expr.Expr{a, b}},
		a,
	}
}

func fails(r optest.Row) bool {
	return !r[0].Null && !r[1].Null && (r[1].I == 0 || r[1].I == -1 && r[0].I == -1<<63)
}

func TestModel(t *testing.T) {
	optest.Run(t, optest.Case{
		Op: Name, Config: Config{Exprs: exprs("/")}, In: []types.Schema{schema}, Out: output, Stateless: true,
		Model: func(in []optest.Relation) (out optest.Relation) {
			for _, x := range in[0] {
				r := x.Row
				if fails(r) {
					continue
				}
				q := types.NullOf(int8s)
				if !r[0].Null && !r[1].Null {
					q = types.IntDatum(types.Int8, r[0].I/r[1].I)
				}
				out = append(out, optest.Weighted{Row: optest.Row{r[2], q, r[0]}, W: x.W})
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

// TestShared checks that a plain column is shared, not copied.
func TestShared(t *testing.T) {
	in := rows.MustParse(schema, "+1 (1, 2, 'x')")
	failed := 0
	c := optest.Ctx(func(b *rows.Batch) error {
		if b.Cols[0] != in.Cols[2] || b.Cols[2] != in.Cols[0] {
			t.Error("columns are copied")
		}
		return nil
	}, &failed)
	env := optest.Env([]types.Schema{schema}, output)
	if err := optest.NewOperator(t, Name, Config{Exprs: exprs("+")}, env).Push(c, 0, in); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkProject(b *testing.B) {
	build := rows.NewBuilder(schema, 8192)
	for i := range 8192 {
		build.Cols[0].AppendInt(int64(i * 7919 % 100))
		build.Cols[1].AppendInt(int64(i))
		build.Cols[2].AppendString("x")
		build.EndRow(1)
	}
	batch := build.Finish()
	optest.Bench(b, Name, Config{Exprs: exprs("+")}, []types.Schema{schema}, output, func(push func(int, *rows.Batch)) int {
		push(0, batch)
		return batch.N
	})
}

// TestWhereModel keeps rows by a condition that fails for some and shares its quotient with a column.
func TestWhereModel(t *testing.T) {
	es := exprs("/")
	two := expr.Lit(types.IntDatum(types.Int8, 2))
	where := &expr.Expr{Kind: expr.Call, Name: "<", Type: types.T(types.Bool), ArgTypes: []types.Type{int8s, int8s}, Args: []*expr.Expr{es[1], two}}
	optest.Run(t, optest.Case{
		Op: Name, Config: Config{Exprs: es, Where: where}, In: []types.Schema{schema}, Out: output, Stateless: true,
		Model: func(in []optest.Relation) (out optest.Relation) {
			for _, x := range in[0] {
				r := x.Row
				if r[0].Null || r[1].Null || fails(r) || r[0].I/r[1].I >= 2 {
					continue
				}
				out = append(out, optest.Weighted{Row: optest.Row{r[2], types.IntDatum(types.Int8, r[0].I/r[1].I), r[0]}, W: x.W})
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

package tablefunc

import (
	"testing"

	_ "tidemill/sql/fn/math"

	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

var int8s = types.T(types.Int8)

// test_upto gives 1 … n, nothing for NULL, and fails for 5 after two rows.
func init() {
	fn.RegisterTable(fn.Table{
		Name: "test_upto", Args: []types.Type{int8s}, Columns: []types.Field{{Name: "n", Type: int8s}},
		Rows: func(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
			for i := int64(1); !args[0].Null && i <= args[0].I && i < 10; i++ {
				out.Cols[0].AppendInt(i)
				if args[0].I == 5 && i == 3 {
					return sqlerr.New(sqlerr.InvalidParameterValue, "five")
				}
				out.EndRow(1)
			}
			return nil
		},
	})
}

func TestModel(t *testing.T) {
	in := types.Schema{{Name: "x", Type: int8s}, {Name: "y", Type: types.T(types.Text)}}
	for _, outer := range []bool{false, true} {
		for _, ordinality := range []bool{false, true} {
			out := append(append(types.Schema(nil), in...), types.Field{Name: "n", Type: int8s})
			if ordinality {
				out = append(out, types.Field{Name: "ord", Type: int8s})
			}
			c := Config{Func: "test_upto", Args: []*expr.Expr{expr.Col(0, int8s)}, Outer: outer, Ordinality: ordinality}
			optest.Run(t, optest.Case{
				Op: Name, Config: c, In: []types.Schema{in}, Out: out, Stateless: true,
				Model: func(in []optest.Relation) optest.Relation { return model(c, in[0]) },
				Errors: func(in []optest.Relation) (n int64) {
					in[0].Each(func(r optest.Row) {
						if !r[0].Null && r[0].I == 5 {
							n++
						}
					})
					return n
				},
			})
		}
	}
}

func model(c Config, in optest.Relation) (out optest.Relation) {
	for _, x := range in {
		n := x.Row[0]
		if !n.Null && n.I == 5 {
			continue
		}
		put := func(v types.Datum) {
			row := optest.Concat(x.Row, optest.Row{v})
			if c.Ordinality {
				row = append(row, v)
			}
			out = append(out, optest.Weighted{Row: row, W: x.W})
		}
		if n.Null || n.I <= 0 {
			if c.Outer {
				put(types.NullOf(int8s))
			}
			continue
		}
		for i := int64(1); i <= n.I && i < 10; i++ {
			put(types.IntDatum(types.Int8, i))
		}
	}
	return out
}

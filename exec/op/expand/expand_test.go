package expand

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int4   = types.T(types.Int4)
	text   = types.T(types.Text)
	schema = types.Schema{{Name: "a", Type: int4}, {Name: "b", Type: text}, {Name: "v", Type: types.T(types.Int8)}}
	output = append(append(types.Schema(nil), schema...), types.Field{Name: "b", Type: text}, types.Field{Name: "a", Type: int4},
		types.Field{Name: "set", Type: int4, NotNull: true})
	sets = Config{Cols: []int{1, 0}, Sets: [][]int{{0, 1}, {1}, {}, {0}, {}}}
)

func TestModel(t *testing.T) {
	optest.Run(t, optest.Case{
		Op: Name, Config: sets, In: []types.Schema{schema}, Out: output, Stateless: true,
		Model: func(in []optest.Relation) (out optest.Relation) {
			for _, x := range in[0] {
				b, a := types.NullOf(text), types.NullOf(int4)
				for i, copied := range [][2]types.Datum{{x.Row[1], x.Row[0]}, {b, x.Row[0]}, {b, a}, {x.Row[1], a}, {b, a}} {
					row := append(append(optest.Row(nil), x.Row...), copied[0], copied[1], types.IntDatum(types.Int4, int64(i)))
					out = append(out, optest.Weighted{Row: row, W: x.W})
				}
			}
			return out
		},
	})
}

func BenchmarkExpand(b *testing.B) {
	build := rows.NewBuilder(schema, 8192)
	for i := range 8192 {
		build.Cols[0].AppendInt(int64(i % 100))
		build.Cols[1].AppendString("x")
		build.Cols[2].AppendInt(int64(i))
		build.EndRow(1)
	}
	batch := build.Finish()
	optest.Bench(b, Name, sets, []types.Schema{schema}, output, func(push func(int, *rows.Batch)) int {
		push(0, batch)
		return batch.N
	})
}

package windowclose

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var schema = types.Schema{
	{Name: "a", Type: types.T(types.Text)}, {Name: "at", Type: types.T(types.Timestamp)}, {Name: "b", Type: types.T(types.Numeric)},
}

// TestModel holds every row back that the watermark has not passed, with and without allowed lateness.
func TestModel(t *testing.T) {
	for _, punctual := range []bool{true, false} {
		for _, dist := range [][]int{{0}, {}, {1, 2}} {
			for _, appendOnly := range []bool{true, false} {
				keys := dist
				if len(keys) == 0 {
					keys = nil
				}
				now := int64(0)
				optest.Run(t, optest.Case{
					Op: Name, Config: Config{Time: 1, Dist: dist}, In: []types.Schema{schema}, Out: schema, Keys: [][]int{keys},
					Time: []int{1}, Punctual: punctual, Epochs: 12, AppendOnly: []bool{appendOnly}, OutAppendOnly: punctual || appendOnly,
					Now: func(watermarks []int64) { now = watermarks[0] },
					Model: func(in []optest.Relation) (out optest.Relation) {
						for _, x := range in[0] {
							if x.Row[1].I < now {
								out = append(out, x)
							}
						}
						return out
					},
				})
			}
		}
	}
}

func BenchmarkHold(b *testing.B) {
	in := rows.NewBuilder(schema, 4096)
	for i := range 4096 {
		in.Cols[0].AppendString("some text")
		in.Cols[1].AppendInt(int64(i))
		in.Cols[2].AppendNull()
		in.EndRow(1)
	}
	batch := in.Finish()
	optest.Bench(b, Name, Config{Time: 1, Dist: []int{1}}, []types.Schema{schema}, schema, func(push func(int, *rows.Batch)) int {
		push(0, batch)
		push(0, batch.Negated())
		return 2 * batch.Len()
	})
}

package limit

import (
	"fmt"
	"testing"

	"tidemill/exec/op"
	"tidemill/exec/op/optest"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var schema = types.Schema{{Name: "a", Type: types.T(types.Int4)}}

// TestLimit cuts seven rows, in three batches of different forms, at every place.
func TestLimit(t *testing.T) {
	weighted := rows.MustParse(schema, "+1 (3)\n+2 (4)")
	selected := rows.MustParse(schema, "+1 (90)\n+1 (6)\n+1 (91)\n+1 (7)")
	selected.Sel = []int32{1, 3}
	batches := []*rows.Batch{rows.MustParse(schema, "+1 (1)\n+1 (2)"), weighted, selected}
	all := []int{1, 2, 3, 4, 4, 6, 7}
	for limit := range int64(9) {
		for offset := range int64(9) {
			c := Config{Limit: &limit, Offset: offset}
			if limit == 8 {
				c.Limit = nil
			}
			got, err := optest.Output(t, Name, c, optest.Env([]types.Schema{schema}, schema), batches...)
			if err != nil {
				t.Fatal(err)
			}
			from := min(int(offset), len(all))
			to := min(from+int(limit), len(all))
			want := ""
			for i := from; i < to; i++ {
				if i+1 < to && all[i] == all[i+1] {
					want += fmt.Sprintf("+2 (%d)\n", all[i])
					i++
					continue
				}
				want += fmt.Sprintf("+1 (%d)\n", all[i])
			}
			if got != want {
				t.Errorf("limit %d offset %d: got\n%swant\n%s", limit, offset, got, want)
			}
		}
	}
}

func BenchmarkLimit(b *testing.B) {
	for name, weights := range map[string]int64{"plain": 1, "weighted": 3} {
		b.Run(name, func(b *testing.B) {
			build := rows.NewBuilder(schema, 4096)
			for i := range int64(4096) {
				build.Cols[0].AppendInt(i)
				build.EndRow(1 + i%weights)
			}
			batch := build.Finish()
			env := optest.Env([]types.Schema{schema}, schema)
			env.Batch = true
			most := int64(100_000)
			n, failed := 0, 0
			c := optest.Ctx(func(*rows.Batch) error { return nil }, &failed)
			b.ReportAllocs()
			meter := optest.StartMeter()
			for b.Loop() {
				o := optest.NewOperator(b, Name, Config{Limit: &most, Offset: 10_000}, env)
				for !o.(op.Ender).Done() {
					if err := o.Push(c, 0, batch); err != nil {
						b.Fatal(err)
					}
					n += batch.N
				}
			}
			meter.Report(b, n, "row")
		})
	}
}

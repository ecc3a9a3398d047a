package limit

import (
	"fmt"
	"testing"

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

package overwindow

import (
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// BenchmarkAppend adds 64 rows per epoch to the end of one partition that has 200 000 rows: the time
// per row must not depend on the size of the partition, only on that of the frame.
func BenchmarkAppend(b *testing.B) {
	in := types.Schema{{Name: "at", Type: int8s}, {Name: "v", Type: int4}}
	call := func(name string, ret types.Type, frame *Frame, args ...int) Func {
		f := Func{Name: name, Args: args, RetType: ret, Frame: frame}
		for _, a := range args {
			f.ArgTypes = append(f.ArgTypes, in[a].Type)
		}
		return f
	}
	thousand := types.IntDatum(types.Int8, 1000)
	for name, f := range map[string]Func{
		"row_number":  call("row_number", int8s, nil),
		"lag":         call("lag", int4, nil, 1),
		"first_value": call("first_value", int4, nil, 1),
		"running sum": call("sum", int8s, nil, 1),
		"running max": call("max", int4, nil, 1),
		"rows 100":    call("sum", int8s, &Frame{Mode: rowsMode, Start: Bound{Kind: Preceding, Offset: 100}, End: Bound{Kind: Current}}, 1),
		"range 1000":  call("max", int4, &Frame{Mode: rangeMode, Start: Bound{Kind: Preceding, Value: &thousand}, End: Bound{Kind: Current}}, 1),
	} {
		b.Run(name, func(b *testing.B) {
			out := append(append(types.Schema(nil), in...), types.Field{Name: "x", Type: f.RetType})
			at, size := int64(0), 200_000
			c := Config{Order: []plan.SortKey{{Col: 0}}, Funcs: []Func{f}}
			optest.Bench(b, Name, c, []types.Schema{in}, out, func(push func(int, *rows.Batch)) int {
				build := rows.NewBuilder(in, size)
				for range size {
					at++
					build.Cols[0].AppendInt(at)
					build.Cols[1].AppendInt(at * 7919 % 1000)
					build.EndRow(1)
				}
				push(0, build.Finish())
				n := size
				size = 64
				return n
			})
		})
	}
}

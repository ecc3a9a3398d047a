package agg

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Sums of intervals keep months, days and microseconds apart: count i64, months i64, days i64,
// microseconds in 128 bits.
const intervalSumLen = 40

func init() {
	interval := types.T(types.Interval)
	step := func(_ *fn.Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte) {
		v := args[0]
		for k, r := range rws {
			if v.Valid != nil && !v.Valid.Get(int(r)) {
				continue
			}
			x, s, wt := types.IntervalOf(v.Bytes(int(r))), st[k], weight(w, k)
			addInt(s, wt)
			addInt(s[8:], int64(x.Months)*wt)
			addInt(s[16:], int64(x.Days)*wt)
			hi, lo := mul128(x.Micros, wt)
			add128(s[24:], hi, lo)
		}
	}
	merge := func(a, b []byte) []byte {
		mergeSums(a[:24], b[:24])
		add128(a[24:], load(b, 4), load(b, 3))
		return a
	}
	register := func(name, summary, result string, value func(sum types.IntervalValue, n int64) (types.IntervalValue, error)) {
		fn.RegisterAggregate(fn.Aggregate{
			Name: name, Args: []types.Type{interval}, Ret: interval, Size: intervalSumLen, Step: step, Merge: merge,
			Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
				n := loadInt(st)
				if n == 0 {
					out.AppendNull()
					return nil
				}
				m, d, us := loadInt(st[8:]), loadInt(st[16:]), loadInt(st[24:])
				if m != int64(int32(m)) || d != int64(int32(d)) || load(st, 4) != signWord(uint64(us)) {
					return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
				}
				v, err := value(types.IntervalValue{Months: int32(m), Days: int32(d), Micros: us}, n)
				if err == nil {
					out.CommitScratch(types.AppendInterval(out.Scratch(), v))
				}
				return err
			},
			Family: family, Summary: summary,
			Examples: []fn.Example{{SQL: "SELECT " + name + "(x) FROM (VALUES (interval '1 day'), ('3 days'), (NULL)) t(x)", Result: result}},
		})
	}
	register("sum", "Sum of the arguments.", "4 days", func(sum types.IntervalValue, _ int64) (types.IntervalValue, error) {
		return sum, nil
	})
	register("avg", "Mean of the arguments.", "2 days", func(sum types.IntervalValue, n int64) (types.IntervalValue, error) {
		return sum.Div(float64(n))
	})
}

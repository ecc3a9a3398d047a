package temporal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/optest"
	"tidemill/sql/expr"
	_ "tidemill/sql/fn/all"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

const second = 1_000_000

var (
	tz     = types.T(types.Timestamptz)
	schema = types.Schema{{Name: "k", Type: types.T(types.Int4)}, {Name: "at", Type: tz}, {Name: "v", Type: types.T(types.Text)}}
	now    = &expr.Expr{Kind: expr.Call, Name: "now", Type: tz, ArgTypes: []types.Type{}}
)

func row(r *rand.Rand, _ int) optest.Row {
	at := types.NullOf(tz)
	switch r.IntN(12) {
	case 0:
	case 1:
		at = types.IntDatum(types.Timestamptz, types.TimeInfinity)
	case 2:
		at = types.IntDatum(types.Timestamptz, types.TimeNegInfinity)
	default:
		at = types.IntDatum(types.Timestamptz, int64(r.IntN(30))*second)
	}
	return optest.Row{types.IntDatum(types.Int4, int64(r.IntN(4))), at, types.TextDatum([]string{"x", "y"}[r.IntN(2)])}
}

func TestModel(t *testing.T) {
	for _, cmp := range []string{"<", "<=", ">", ">="} {
		for _, dist := range [][]int{{0}, {2, 0}, {}} {
			t.Run(fmt.Sprint(cmp, dist), func(t *testing.T) {
				t.Parallel()
				clock := int64(0)
				visible := func(at int64) bool {
					switch cmp {
					case "<":
						return at < clock
					case "<=":
						return at <= clock
					case ">":
						return at > clock
					}
					return at >= clock
				}
				keys := dist
				if len(keys) == 0 {
					keys = nil
				}
				for _, appendOnly := range []bool{false, true} {
					optest.Run(t, optest.Case{
						Op: Name, Config: Config{Bound: expr.Col(1, tz), Cmp: cmp, Limit: now, Dist: dist},
						In: []types.Schema{schema}, Out: schema, Keys: [][]int{keys}, Gen: row, AppendOnly: []bool{appendOnly},
						OutAppendOnly: appendOnly && (cmp == "<" || cmp == "<="), Epochs: 10, Seeds: 10,
						Clock: func(r *rand.Rand, epoch uint64) int64 {
							if epoch == 1 {
								clock = 0
							}
							clock += int64(r.IntN(3)) * int64(r.IntN(5)) * second
							return clock
						},
						Model: func(in []optest.Relation) (out optest.Relation) {
							for _, x := range in[0] {
								if at := x.Row[1]; !at.Null && visible(at.I) {
									out = append(out, x)
								}
							}
							return out
						},
					})
				}
			})
		}
	}
}

// TestForgets checks that rows are stored only while time can still change whether they are visible.
func TestForgets(t *testing.T) {
	for cmp, want := range map[string]int{">": 1, "<": 1} {
		o := optest.NewOperator(t, Name, Config{Bound: expr.Col(1, tz), Cmp: cmp, Limit: now}, optest.Env([]types.Schema{schema}, schema))
		failed := 0
		c := optest.Ctx(func(*rows.Batch) error { return nil }, &failed)
		epoch := func(at int64, batch *rows.Batch) {
			t.Helper()
			c.Fn.Now = at * second
			if batch != nil {
				if err := o.Push(c, 0, batch); err != nil {
					t.Fatal(err)
				}
			}
			if err := o.Finish(c); err != nil {
				t.Fatal(err)
			}
		}
		epoch(10, rows.MustParse(schema, `+1 (1, '1970-01-01 00:00:05+00', 'past')
+1 (1, '1970-01-01 00:00:20+00', 'coming')
+1 (1, 'infinity', 'never')
+1 (1, '-infinity', 'always')
+1 (1, NULL, 'not')`))
		if n := o.(interface{ stored() int }).stored(); n != want {
			t.Errorf("%s: %d rows are stored, want %d", cmp, n, want)
		}
		epoch(21, nil)
		if n := o.(interface{ stored() int }).stored(); n != 0 {
			t.Errorf("%s: %d rows are stored when all have been passed", cmp, n)
		}
	}
}

func (t *temporal) stored() int { return t.rows.Len() }

func BenchmarkTemporal(b *testing.B) {
	build := rows.NewBuilder(schema, 8192)
	for i := range 8192 {
		build.Cols[0].AppendInt(int64(i))
		build.Cols[1].AppendInt(int64(i) * second)
		build.Cols[2].AppendString("value")
		build.EndRow(1)
	}
	batch := build.Finish()
	for _, cmp := range []string{">", "<"} {
		b.Run(cmp, func(b *testing.B) {
			cfg := Config{Bound: expr.Col(1, tz), Cmp: cmp, Limit: now, Dist: []int{0}}
			optest.Bench(b, Name, cfg, []types.Schema{schema}, schema, func(push func(int, *rows.Batch)) int {
				push(0, batch)
				push(0, batch.Negated())
				return 2 * batch.N
			})
		})
	}
}

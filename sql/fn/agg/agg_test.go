package agg

import (
	"bytes"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// change is a value with its weight.
type change struct {
	d types.Datum
	w int64
}

func find(t *rapid.T, name string, ty types.Type) *fn.Aggregate {
	a, ok := fn.FindAggregate(name, []types.Type{ty})
	if !ok {
		t.Fatalf("no aggregate %s(%s)", name, ty)
	}
	return a
}

// fold folds changes into a new accumulator, in batches where the aggregate has a fixed one.
func fold(a *fn.Aggregate, ty types.Type, st []byte, cs []change) []byte {
	b := rows.NewVecBuilder(ty, len(cs))
	var rws []int32
	var w []int64
	for i, c := range cs {
		b.AppendDatum(c.d)
		rws, w = append(rws, int32(i)), append(w, c.w)
	}
	args := []*rows.Vec{b.Finish()}
	if a.Size == 0 {
		for i := range cs {
			st = a.StepVar(&fn.Ctx{}, st, args, int32(i), w[i])
		}
		return st
	}
	if st == nil {
		st = make([]byte, a.Size)
	}
	sts := make([][]byte, len(cs))
	for i := range sts {
		sts[i] = st
	}
	a.Step(&fn.Ctx{}, args, rws, w, sts)
	return st
}

func final(t *rapid.T, a *fn.Aggregate, ret types.Type, st []byte) (types.Datum, error) {
	if a.Size > 0 && st == nil {
		st = make([]byte, a.Size)
	}
	out := rows.NewVecBuilder(ret, 1)
	if err := a.Final(&fn.Ctx{}, st, out); err != nil {
		return types.Datum{}, err
	}
	if out.Len() != 1 {
		t.Fatalf("%s appended %d values", a.Name, out.Len())
	}
	return out.Finish().Datum(0), nil
}

func genValue(t *rapid.T, ty types.Type) types.Datum {
	if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return types.NullOf(ty)
	}
	d := types.Datum{Type: ty}
	switch ty.ID {
	case types.Int4:
		d.I = int64(rapid.Int32().Draw(t, "v"))
	case types.Int8:
		d.I = rapid.OneOf(rapid.Int64(), rapid.Int64Range(-5, 5)).Draw(t, "v")
	case types.Float8:
		d.F = rapid.OneOf(rapid.Float64(), rapid.Float64Range(-10, 10), rapid.SampledFrom([]float64{0, 1e300, -1e300, 1e-300,
			5e-324, 0x1p-1022, math.MaxFloat64, 1, math.NaN(), math.Inf(1), math.Inf(-1)})).Draw(t, "v")
	case types.Bool:
		d.B = rapid.Bool().Draw(t, "v")
	case types.Interval:
		d.S = types.AppendInterval(nil, types.IntervalValue{Months: int32(rapid.Int16().Draw(t, "m")),
			Days: int32(rapid.Int16().Draw(t, "d")), Micros: rapid.Int64Range(-1e15, 1e15).Draw(t, "us")})
	default:
		s := rapid.OneOf(rapid.StringMatching(`-?[0-9]{1,4}(\.[0-9]{1,4})?`), rapid.StringMatching(`-?[0-9]{19,45}(\.[0-9]{0,30})?`),
			rapid.SampledFrom([]string{"9223372036854775807", "-9223372036854775808", "NaN", "Infinity", "-Infinity"})).Draw(t, "v")
		p, err := types.ParseText(ty, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		d = p
	}
	return d
}

func genChanges(t *rapid.T, ty types.Type) (cs []change) {
	for range rapid.IntRange(0, 8).Draw(t, "n") {
		cs = append(cs, change{genValue(t, ty), rapid.Int64Range(1, 3).Draw(t, "w")})
	}
	return cs
}

func sameResult(a, b types.Datum, aerr, berr error) bool {
	if aerr != nil || berr != nil {
		return (aerr != nil) == (berr != nil)
	}
	return a.Null == b.Null && (a.Null || rows.CompareDatum(a, b) == 0 && bytes.Equal(a.S, b.S))
}

var linear = []struct {
	name string
	ty   types.Type
}{
	{"count", int4}, {"sum", int4}, {"avg", int4}, {"stddev", int4}, {"var_pop", int8}, {"sum", int8}, {"avg", int8},
	{"sum", numeric}, {"avg", numeric}, {"variance", numeric}, {"stddev_pop", numeric},
	{"sum", float8}, {"avg", float8}, {"var_samp", float8}, {"stddev_pop", float8},
	{"bool_and", boolean}, {"bool_or", boolean}, {"bit_xor", int8}, {"sum", types.T(types.Interval)}, {"avg", types.T(types.Interval)},
}

// Whatever is put in and taken out again, in whatever order and over however many accumulators, the
// result is that of the rows that remain; and an emptied accumulator is as good as new.
func TestLinearAggregatesForgetWhatIsTakenOut(t *testing.T) {
	for _, l := range linear {
		t.Run(l.name+"/"+l.ty.String(), rapid.MakeCheck(func(t *rapid.T) {
			a := find(t, l.name, l.ty)
			stay, pass := genChanges(t, l.ty), genChanges(t, l.ty)
			var all []change
			for _, c := range stay {
				for c.w > 1 && rapid.Bool().Draw(t, "split") {
					all = append(all, change{c.d, 1})
					c.w--
				}
				all = append(all, c)
			}
			for _, c := range pass {
				all = append(all, c, change{c.d, -c.w})
			}
			all = rapid.Permutation(all).Draw(t, "order")
			cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
			want, wantErr := final(t, a, a.ReturnType(a.Args), fold(a, l.ty, nil, stay))

			one := fold(a, l.ty, nil, all)
			got, err := final(t, a, a.ReturnType(a.Args), one)
			if !sameResult(got, want, err, wantErr) {
				t.Fatalf("in one: %v %v, want %v %v", types.TextOf(got, nil), err, types.TextOf(want, nil), wantErr)
			}
			merged := a.Merge(fold(a, l.ty, nil, all[:cut]), fold(a, l.ty, nil, all[cut:]))
			if a.Size > 0 && cut == 0 {
				merged = one
			}
			got, err = final(t, a, a.ReturnType(a.Args), merged)
			if !sameResult(got, want, err, wantErr) {
				t.Fatalf("merged: %v %v, want %v", types.TextOf(got, nil), err, types.TextOf(want, nil))
			}
			var undo []change
			for _, c := range stay {
				undo = append(undo, change{c.d, -c.w})
			}
			if st := fold(a, l.ty, one, undo); !isZero(st) || a.Size == 0 && len(st) > 0 {
				t.Fatalf("emptied accumulator holds %x", st)
			}
		}))
	}
}

// expand lists the values that are not NULL, each as often as its weight says.
func expand(cs []change) (out []types.Datum) {
	for _, c := range cs {
		for range c.w {
			if !c.d.Null {
				out = append(out, c.d)
			}
		}
	}
	return out
}

func TestNumericSumsAgainstPlainAddition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ty := rapid.SampledFrom([]types.Type{int8, numeric}).Draw(t, "type")
		cs := genChanges(t, ty)
		vals := expand(cs)
		sum, err := final(t, find(t, "sum", ty), numeric, fold(find(t, "sum", ty), ty, nil, cs))
		if err != nil {
			t.Fatal(err)
		}
		avg, err := final(t, find(t, "avg", ty), numeric, fold(find(t, "avg", ty), ty, nil, cs))
		if err != nil {
			t.Fatal(err)
		}
		if len(vals) == 0 {
			if !sum.Null || !avg.Null {
				t.Fatal("sum of nothing is not NULL")
			}
			return
		}
		want := types.NumericFromInt64(nil, 0)
		for _, v := range vals {
			if ty.ID == types.Int8 {
				v.S = types.NumericFromInt64(nil, v.I)
			}
			want, _ = types.NumericAdd(nil, want, v.S)
		}
		if !bytes.Equal(sum.S, want) {
			t.Fatalf("sum %s, want %s", types.NumericAppendText(nil, sum.S), types.NumericAppendText(nil, want))
		}
		want, _ = types.NumericDiv(nil, want, types.NumericFromInt64(nil, int64(len(vals))))
		if !bytes.Equal(avg.S, want) {
			t.Fatalf("avg %s, want %s", types.NumericAppendText(nil, avg.S), types.NumericAppendText(nil, want))
		}
	})
}

func TestFloatSumIsCorrectlyRounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cs []change
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			f := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1, 1), rapid.SampledFrom([]float64{0x1p53, 1, 0x1p-1, 0x1p-60, 5e-324,
				0x1p-1022, -5e-324, math.MaxFloat64, -math.MaxFloat64, 1e16, -1e16})).Draw(t, "f")
			if f-f == 0 {
				cs = append(cs, change{types.FloatDatum(f), rapid.Int64Range(1, 3).Draw(t, "w")})
			}
		}
		exact := new(big.Float).SetPrec(5000)
		for _, v := range expand(cs) {
			exact.Add(exact, new(big.Float).SetPrec(5000).SetFloat64(v.F))
		}
		want, _ := exact.Float64()
		got, err := final(t, find(t, "sum", float8), float8, fold(find(t, "sum", float8), float8, nil, cs))
		if math.IsInf(want, 0) {
			if err == nil {
				t.Fatalf("sum %v, want overflow", got.F)
			}
			return
		}
		if err != nil || !got.Null && got.F != want {
			t.Fatalf("sum %v %v, want %v", got.F, err, want)
		}
		tot := totalFloat(fold(find(t, "sum", float8), float8, nil, cs))
		want32, _ := exact.Float32()
		if got32 := tot.round(24, -149); !math.IsInf(float64(want32), 0) && got32 != float64(want32) {
			t.Fatalf("float4 sum %v, want %v", got32, want32)
		}
	})
}

func TestFloatVarianceIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cs []change
		for range rapid.IntRange(2, 6).Draw(t, "n") {
			cs = append(cs, change{types.FloatDatum(rapid.Float64Range(-1e6, 1e6).Draw(t, "f")), 1})
		}
		n := new(big.Rat).SetInt64(int64(len(cs)))
		sum, squares := new(big.Rat), new(big.Rat)
		for _, c := range cs {
			x := new(big.Rat).SetFloat64(c.d.F)
			sum.Add(sum, x)
			squares.Add(squares, new(big.Rat).Mul(x, x))
		}
		v := new(big.Rat).Mul(n, squares)
		v.Sub(v, sum.Mul(sum, sum))
		v.Quo(v, n.Mul(n, new(big.Rat).SetInt64(int64(len(cs)-1))))
		want, _ := v.Float64()
		got, err := final(t, find(t, "var_samp", float8), float8, fold(find(t, "var_samp", float8), float8, nil, cs))
		if err != nil || got.F != want {
			t.Fatalf("%v %v, want %v", got.F, err, want)
		}
	})
}

func TestOrderedAggregates(t *testing.T) {
	run := func(name string, ty types.Type, vals ...types.Datum) string {
		a, ok := fn.FindAggregate(name, []types.Type{ty})
		if name == "string_agg" {
			a, ok = fn.FindAggregate(name, []types.Type{ty, ty})
		}
		if !ok {
			t.Fatal(name)
		}
		slices.SortStableFunc(vals, func(x, y types.Datum) int {
			if a.Descending {
				return -rows.CompareDatum(x, y)
			}
			return rows.CompareDatum(x, y)
		})
		k := 0
		next := func() ([]types.Datum, int64, bool) {
			for k < len(vals) && vals[k].Null && !a.KeepNulls {
				k++
			}
			if k == len(vals) {
				return nil, 0, false
			}
			k++
			return []types.Datum{vals[k-1], types.TextDatum("-")}, 1, true
		}
		out := rows.NewVecBuilder(a.ReturnType([]types.Type{ty}), 1)
		if err := a.FinalOrdered(&fn.Ctx{}, int64(len(vals)), next, out); err != nil {
			t.Fatal(err)
		}
		d := out.Finish().Datum(0)
		if d.Null {
			return "NULL"
		}
		return types.TextOf(d, nil)
	}
	i := func(v int64) types.Datum { return types.IntDatum(types.Int4, v) }
	text := types.T(types.Text)
	for _, c := range []struct{ got, want string }{
		{run("min", int4, i(3), i(1), types.NullOf(int4)), "1"},
		{run("max", int4, i(3), i(1), types.NullOf(int4)), "3"},
		{run("max", int4, types.NullOf(int4)), "NULL"},
		{run("max", text, types.TextDatum("a"), types.TextDatum("b")), "b"},
		{run("bit_and", int4, i(6), i(3)), "2"},
		{run("bit_or", int4, i(6), i(3)), "7"},
		{run("array_agg", int4, i(2), types.NullOf(int4), i(1)), "{1,2,NULL}"},
		{run("array_agg", int4), "NULL"},
		{run("string_agg", text, types.TextDatum("b"), types.NullOf(text), types.TextDatum("a")), "a-b"},
		{run("string_agg", text, types.NullOf(text)), "NULL"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

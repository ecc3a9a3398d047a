package rows

import (
	"fmt"
	"math"
	"strings"

	"pgregory.net/rapid"

	"tidemill/sql/types"
)

// testTypes are the types that the property tests cover: every encoding there is.
var testTypes = []types.Type{
	types.T(types.Bool), types.T(types.Int2), types.T(types.Int4), types.T(types.Int8), types.T(types.Float8),
	types.T(types.Numeric), types.T(types.Text), types.T(types.Bytea), types.T(types.Timestamp),
	types.T(types.Interval), types.T(types.UUID), types.T(types.JSONB), {ID: types.Bpchar, Mod: 6},
	types.ArrayOf(types.T(types.Int4)), types.ArrayOf(types.T(types.Text)), types.T(types.Record),
}

// genDatum draws values that are often equal or nearly so: that is where encoders go wrong.
func genDatum(t *rapid.T, ty types.Type) types.Datum {
	if rapid.IntRange(0, 7).Draw(t, "null") == 0 {
		return types.NullOf(ty)
	}
	d := types.Datum{Type: ty}
	switch ty.ID {
	case types.Bool:
		d.B = rapid.Bool().Draw(t, "b")
	case types.Int2:
		d.I = int64(rapid.Int16().Draw(t, "i"))
	case types.Int4:
		d.I = int64(rapid.Int32().Draw(t, "i"))
	case types.Int8:
		d.I = rapid.Int64().Draw(t, "i")
	case types.Timestamp:
		d.I = rapid.OneOf(rapid.Int64Range(types.MinMicros, types.MaxMicros),
			rapid.SampledFrom([]int64{types.TimeInfinity, types.TimeNegInfinity})).Draw(t, "i")
	case types.Float8:
		d.F = rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(),
			math.Inf(1), math.Inf(-1), 1, -1})).Draw(t, "f")
	case types.Text:
		d.S = []byte(rapid.StringOf(rapid.RuneFrom([]rune("ab é\U0001F600"))).Draw(t, "s"))
	case types.Bpchar:
		s := rapid.StringOfN(rapid.RuneFrom([]rune("ab é")), 0, 6, -1).Draw(t, "s")
		d.S = []byte(s + strings.Repeat(" ", 6-len([]rune(s))))
	case types.Bytea:
		d.S = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 254, 255}), 0, 5).Draw(t, "s")
	case types.UUID:
		d.S = rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "s")
	case types.Interval:
		small := rapid.Int64Range(-3, 3)
		d.S = types.AppendInterval(nil, types.IntervalValue{Months: int32(small.Draw(t, "m")),
			Days: int32(small.Draw(t, "d") * 30), Micros: small.Draw(t, "us") * 86400e6})
		if rapid.Bool().Draw(t, "big") {
			d.S = types.AppendInterval(nil, types.IntervalValue{Months: rapid.Int32().Draw(t, "m"),
				Days: rapid.Int32().Draw(t, "d"), Micros: rapid.Int64().Draw(t, "us")})
		}
	default:
		return genText(t, ty)
	}
	return d
}

// genText draws values by their text form.
func genText(t *rapid.T, ty types.Type) types.Datum {
	var s string
	switch ty.ID {
	case types.Numeric:
		s = rapid.OneOf(
			rapid.StringMatching(`-?[0-9]{1,3}(\.[0-9]{0,3}0{0,2})?`),
			rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{0,30})?`),
			rapid.StringMatching(`-?[1-9]e-?[0-9]{1,2}`),
			rapid.SampledFrom([]string{"NaN", "Infinity", "-Infinity", "0", "0.000", "-0", "1e18", "9223372036854775807",
				"-9223372036854775808", "9999999999999999999", "10000000000000000000"})).Draw(t, "n")
	case types.JSONB:
		s = genJSON(t, 2)
	case types.Record:
		return types.Datum{Type: ty, S: types.AppendRecord(nil, []types.Datum{
			genDatum(t, types.T(types.Int4)), genDatum(t, types.T(types.Text))})}
	case types.Array:
		var elems []types.Datum
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			elems = append(elems, genDatum(t, *ty.Elem))
		}
		return types.Datum{Type: ty, S: types.AppendArray(nil, elems)}
	}
	d, err := types.ParseText(ty, s, &types.Env{})
	if err != nil {
		t.Fatalf("%s %q: %v", ty, s, err)
	}
	return d
}

func genJSON(t *rapid.T, depth int) string {
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return "null"
	case 1:
		return rapid.SampledFrom([]string{`""`, `"a"`, `"b"`, `"ab"`}).Draw(t, "s")
	case 2:
		return rapid.SampledFrom([]string{"0", "1", "1.0", "-1", "10", "1.50"}).Draw(t, "n")
	case 3:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "b")
	case 4:
		var parts []string
		for range rapid.IntRange(0, 2).Draw(t, "n") {
			parts = append(parts, genJSON(t, depth-1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	var parts []string
	for i := range rapid.IntRange(0, 2).Draw(t, "n") {
		parts = append(parts, fmt.Sprintf("%q:%s", []string{"a", "bb"}[i], genJSON(t, depth-1)))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// vecOf makes a column of the given values.
func vecOf(ty types.Type, ds []types.Datum) *Vec {
	b := NewVecBuilder(ty, len(ds))
	for _, d := range ds {
		b.AppendDatum(d)
	}
	return b.Finish()
}

// genBatch draws a batch of several columns, perhaps with a selection and weights.
func genBatch(t *rapid.T) *Batch {
	ts := rapid.SliceOfN(rapid.SampledFrom(testTypes), 1, 4).Draw(t, "types")
	n := rapid.IntRange(0, 12).Draw(t, "n")
	b := &Batch{N: n}
	for i, ty := range ts {
		pool := make([]types.Datum, 3)
		for k := range pool {
			pool[k] = genDatum(t, ty)
		}
		ds := make([]types.Datum, n)
		for k := range ds {
			ds[k] = rapid.SampledFrom(pool).Draw(t, "v")
		}
		b.Schema = append(b.Schema, types.Field{Name: fmt.Sprint("c", i), Type: ty})
		b.Cols = append(b.Cols, vecOf(ty, ds))
	}
	if rapid.Bool().Draw(t, "weights") {
		b.W = make([]int64, n)
		for i := range b.W {
			b.W[i] = rapid.Int64Range(-2, 2).Draw(t, "w")
		}
	}
	if rapid.Bool().Draw(t, "sel") {
		b.Sel = []int32{}
		for i := range n {
			if rapid.Bool().Draw(t, "keep") {
				b.Sel = append(b.Sel, int32(i))
			}
		}
	}
	return b
}

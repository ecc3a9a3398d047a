package agg

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// valueAt reads the value at a place of a group.
type valueAt = func(place int64) (types.Datum, error)

// forFraction is a percentile: the value for one fraction.
type forFraction func(fraction float64, total int64, at valueAt) (types.Datum, error)

func init() {
	interval := types.T(types.Interval)
	const (
		numbers = " WITHIN GROUP (ORDER BY x) FROM (VALUES (1), (2), (4), (8), (NULL)) t(x)"
		spans   = " WITHIN GROUP (ORDER BY x) FROM (VALUES (interval '1 day'), ('3 days')) t(x)"
	)
	registerPercentile("percentile_cont", float8, continuous(lerpFloat), "Value at a fraction of the sorted group, interpolated between its neighbours",
		[2]string{"SELECT percentile_cont(0.5)" + numbers, "3"}, [2]string{"SELECT percentile_cont(ARRAY[0, 0.25, 1])" + numbers, "{1,1.75,8}"})
	registerPercentile("percentile_cont", interval, continuous(lerpInterval), "Value at a fraction of the sorted group, interpolated between its neighbours",
		[2]string{"SELECT percentile_cont(0.5)" + spans, "2 days"}, [2]string{"SELECT percentile_cont(ARRAY[0, 1])" + spans, `{"1 day","3 days"}`})
	registerPercentile("percentile_disc", fn.AnyElement, discrete, "First value of the sorted group whose position reaches a fraction of it",
		[2]string{"SELECT percentile_disc(0.5)" + numbers, "2"}, [2]string{"SELECT percentile_disc(ARRAY[0, 0.75, 1])" + numbers, "{1,4,8}"})
	fn.RegisterAggregate(fn.Aggregate{
		Name: "mode", Args: []types.Type{fn.AnyElement}, Ret: fn.AnyElement, Kind: fn.Modal, Within: true,
		Family: family, Summary: "Most frequent value; of several, the first in order.",
		Examples: []fn.Example{{SQL: "SELECT mode() WITHIN GROUP (ORDER BY x) FROM (VALUES ('a'), ('b'), ('b'), (NULL)) t(x)", Result: "b"}},
	})
	registerPlaces()
}

// registerPercentile registers the forms for one fraction and for an array of them.
func registerPercentile(name string, t types.Type, value forFraction, summary string, one, many [2]string) {
	fractions := types.ArrayOf(float8)
	of := func(args []types.Type) types.Type { return args[1] }
	fn.RegisterAggregate(fn.Aggregate{
		Name: name, Args: []types.Type{float8, t}, Ret: t, RetFunc: of, Kind: fn.Ranked, Within: true, Direct: 1,
		FinalRanked: func(c *fn.Ctx, total int64, at valueAt, out *rows.VecBuilder) error {
			d, err := percentile(c.Direct[0], total, at, value)
			if err == nil {
				out.AppendDatum(d)
			}
			return err
		},
		Family: family, Summary: summary + ".", Examples: []fn.Example{{SQL: one[0], Result: one[1]}},
	})
	fn.RegisterAggregate(fn.Aggregate{
		Name: name, Args: []types.Type{fractions, t}, Ret: fn.AnyArray, Kind: fn.Ranked, Within: true, Direct: 1,
		RetFunc: func(args []types.Type) types.Type { return types.ArrayOf(args[1]) },
		FinalRanked: func(c *fn.Ctx, total int64, at valueAt, out *rows.VecBuilder) error {
			list := c.Direct[0]
			if list.Null || total == 0 {
				out.AppendNull()
				return nil
			}
			elems, err := types.ArrayElems(fractions, list.S)
			if err != nil {
				return err
			}
			for i, f := range elems {
				if elems[i], err = percentile(f, total, at, value); err != nil {
					return err
				}
			}
			out.CommitScratch(types.AppendArrayDims(out.Scratch(), types.ArrayDims(list.S), elems))
			return nil
		},
		Family: family, Summary: summary + ", for each of several fractions.", Examples: []fn.Example{{SQL: many[0], Result: many[1]}},
	})
}

func percentile(fraction types.Datum, total int64, at valueAt, value forFraction) (types.Datum, error) {
	f := fraction.F
	switch {
	case fraction.Null:
		return types.Datum{Null: true}, nil
	case !(f >= 0 && f <= 1):
		return types.Datum{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "percentile value %s is not between 0 and 1",
			types.AppendFloatText(nil, f, types.Float8))
	case total == 0:
		return types.Datum{Null: true}, nil
	}
	return value(f, total, at)
}

func discrete(fraction float64, total int64, at valueAt) (types.Datum, error) {
	place := int64(math.Ceil(fraction*float64(total))) - 1
	return at(min(max(place, 0), total-1))
}

func continuous(lerp func(lo, hi types.Datum, part float64) (types.Datum, error)) forFraction {
	return func(fraction float64, total int64, at valueAt) (types.Datum, error) {
		exact := fraction * float64(total-1)
		first, second := int64(math.Floor(exact)), int64(math.Ceil(exact))
		lo, err := at(min(first, total-1))
		if err != nil || first == second {
			return lo, err
		}
		lo.S = append([]byte(nil), lo.S...)
		hi, err := at(min(second, total-1))
		if err != nil {
			return hi, err
		}
		return lerp(lo, hi, exact-float64(first))
	}
}

func lerpFloat(lo, hi types.Datum, part float64) (types.Datum, error) {
	lo.F += part * (hi.F - lo.F)
	return lo, nil
}

func lerpInterval(lo, hi types.Datum, part float64) (types.Datum, error) {
	a, b := types.IntervalOf(lo.S), types.IntervalOf(hi.S)
	d, err := b.Sub(a)
	if err == nil {
		d, err = d.Mul(part)
	}
	if err == nil {
		d, err = a.Add(d)
	}
	lo.S = types.AppendInterval(nil, d)
	return lo, err
}

// registerPlaces registers the hypothetical-set aggregates.
func registerPlaces() {
	const values = " WITHIN GROUP (ORDER BY x) FROM (VALUES (1), (3), (3), (5)) t(x)"
	register := func(name, summary, result string, ret types.Type, countsValues bool, f func(less, upTo, total int64, out *rows.VecBuilder)) {
		fn.RegisterAggregate(fn.Aggregate{
			Name: name, Args: []types.Type{fn.Any}, Variadic: true, Ret: ret, Kind: fn.Hypothetical, Within: true, KeepNulls: true,
			FinalPlace: f, CountsValues: countsValues, Family: family, Summary: summary,
			Examples: []fn.Example{{SQL: "SELECT " + name + "(4)" + values, Result: result}},
		})
	}
	register("rank", "Rank that a row with the direct arguments would have, with gaps.", "4", int8, false,
		func(less, _, _ int64, out *rows.VecBuilder) { out.AppendInt(less + 1) })
	register("dense_rank", "Rank that a row with the direct arguments would have, without gaps.", "3", int8, true,
		func(less, _, _ int64, out *rows.VecBuilder) { out.AppendInt(less + 1) })
	register("percent_rank", "Relative rank that a row with the direct arguments would have, from 0 to 1.", "0.75", float8, false,
		func(less, _, total int64, out *rows.VecBuilder) {
			if total == 0 {
				out.AppendFloat(0)
				return
			}
			out.AppendFloat(float64(less) / float64(total))
		})
	register("cume_dist", "Share of rows that would come before or with a row with the direct arguments.", "0.8", float8, false,
		func(_, upTo, total int64, out *rows.VecBuilder) { out.AppendFloat(float64(upTo+1) / float64(total+1)) })
}

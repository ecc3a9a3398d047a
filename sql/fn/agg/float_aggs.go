package agg

import (
	"math"
	"math/big"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func stepFloat(_ *fn.Ctx, st []byte, args []*rows.Vec, row int32, w int64) []byte {
	v := args[0]
	if w == 0 || v.Valid != nil && !v.Valid.Get(int(row)) {
		return st
	}
	return addFloat(st, v.F[row], w)
}

func init() {
	for _, t := range []types.Type{float4, float8} {
		sum := fn.Aggregate{Name: "sum", Args: []types.Type{t}, Ret: t, StepVar: stepFloat, Merge: mergeFloat,
			Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
				return finalFloat(st, out, func(tot *floatTotal) (float64, error) { return tot.value(t) })
			}}
		avg := fn.Aggregate{Name: "avg", Args: []types.Type{t}, Ret: float8, StepVar: stepFloat, Merge: mergeFloat,
			Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
				return finalFloat(st, out, func(tot *floatTotal) (float64, error) {
					f, err := tot.value(float8)
					return f / float64(tot.count()), err
				})
			}}
		if t.ID == types.Float8 {
			sum.Family, sum.Summary = family, "Sum of the arguments, exact until it is rounded once for output."
			sum.Examples = []fn.Example{{SQL: "SELECT sum(x) FROM (VALUES (0.5::float8), (0.25), (NULL)) t(x)", Result: "0.75"}}
			avg.Family, avg.Summary = family, "Mean of the arguments."
			avg.Examples = []fn.Example{{SQL: "SELECT avg(x) FROM (VALUES (1::float8), (2), (NULL)) t(x)", Result: "1.5"}}
		}
		fn.RegisterAggregate(sum)
		fn.RegisterAggregate(avg)
		registerFloatVariance(t)
	}
}

func finalFloat(st []byte, out *rows.VecBuilder, f func(*floatTotal) (float64, error)) error {
	tot := totalFloat(st)
	if tot.count() == 0 {
		out.AppendNull()
		return nil
	}
	x, err := f(&tot)
	if err == nil {
		out.AppendFloat(x)
	}
	return err
}

// The accumulator of variances is two float accumulators, sum and sum of squares, behind the length
// of the first (u16). Special values are counted in the first.
func splitPair(st []byte) (sum, squares []byte) {
	if len(st) < 2 {
		return nil, nil
	}
	n := int(le.Uint16(st))
	return st[2 : 2+n : 2+n], st[2+n:]
}

func joinPair(dst, sum, squares []byte) []byte {
	if len(sum) == 0 && len(squares) == 0 {
		return dst[:0]
	}
	dst = le.AppendUint16(dst[:0], uint16(len(sum)))
	return append(append(dst, sum...), squares...)
}

func stepFloatVar(_ *fn.Ctx, st []byte, args []*rows.Vec, row int32, w int64) []byte {
	v := args[0]
	if w == 0 || v.Valid != nil && !v.Valid.Get(int(row)) {
		return st
	}
	var space [2][128]byte
	sum, squares := splitPair(st)
	sum, squares = append(space[0][:0], sum...), append(space[1][:0], squares...)
	f := v.F[row]
	sum = addFloat(sum, f, w)
	if f-f == 0 {
		squares = addSquare(squares, f, w)
	}
	return joinPair(st, sum, squares)
}

func mergeFloatVar(a, b []byte) []byte {
	as, aq := splitPair(a)
	bs, bq := splitPair(b)
	return joinPair(nil, mergeFloat(append([]byte(nil), as...), bs), mergeFloat(append([]byte(nil), aq...), bq))
}

func registerFloatVariance(t types.Type) {
	forVariances(func(name string, sample, root bool, summary, _ string) {
		a := fn.Aggregate{Name: name, Args: []types.Type{t}, Ret: float8, StepVar: stepFloatVar, Merge: mergeFloatVar,
			Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
				sum, squares := splitPair(st)
				s, q := totalFloat(sum), totalFloat(squares)
				n := s.count()
				if n <= 0 || sample && n == 1 {
					out.AppendNull()
					return nil
				}
				if _, special := s.special(); special {
					out.AppendFloat(math.NaN())
					return nil
				}
				f := floatVariance(n, s.big(), q.big(), sample, root)
				if math.IsInf(f, 0) {
					return errOverflow
				}
				out.AppendFloat(f)
				return nil
			}}
		if t.ID == types.Float8 {
			a.Family, a.Summary = family, summary+" Exact until it is rounded once for output."
			sql, result := "(1::float8), (2), (3)", "1"
			if !sample {
				sql = "(1::float8), (3)"
			}
			a.Examples = []fn.Example{{SQL: "SELECT " + name + "(x) FROM (VALUES " + sql + ") t(x)", Result: result}}
		}
		fn.RegisterAggregate(a)
	})
}

// variancePrec is enough that only the last rounding, to 53 bits, matters.
const variancePrec = 256

// floatVariance computes (n·Σx² − (Σx)²) / n(n−1), from sums in units of 2^-1074 and 2^-2148.
func floatVariance(n int64, sum, squares *big.Int, sample, root bool) float64 {
	count := big.NewInt(n)
	num := new(big.Int).Mul(count, squares)
	if num.Sub(num, sum.Mul(sum, sum)); num.Sign() <= 0 {
		return 0
	}
	den := new(big.Int).Set(count)
	if sample {
		den.Sub(den, big.NewInt(1))
	}
	den.Mul(den, count)
	f := new(big.Float).SetPrec(variancePrec).SetMode(big.ToZero)
	if f.Quo(new(big.Float).SetInt(num), new(big.Float).SetInt(den)); f.Acc() != big.Exact {
		// A last bit for all that was cut keeps a value just beyond a tie beyond it.
		rest := new(big.Float).SetMantExp(big.NewFloat(1), f.MantExp(nil)-variancePrec-1)
		f.SetPrec(variancePrec+2).Add(f, rest)
	}
	f.SetMode(big.ToNearestEven)
	f.SetMantExp(f, -2*unitExp)
	if root {
		f.Sqrt(f)
	}
	out, _ := f.Float64()
	return out
}

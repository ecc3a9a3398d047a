package agg

import (
	"math/bits"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Sums of integers: the count of arguments that are not NULL, then the sum in 128 bits, which no
// number of rows overflows.
const (
	intSumLen = 24
	intSumAt  = 8
)

func stepInts(_ *fn.Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte) {
	v := args[0]
	for k, r := range rws {
		if v.Valid != nil && !v.Valid.Get(int(r)) {
			continue
		}
		s, x := st[k][:intSumLen:intSumLen], v.I[r]
		if w == nil || w[k] == 1 {
			addInt(s, 1)
			add128(s[intSumAt:], signWord(uint64(x)), uint64(x))
			continue
		}
		addInt(s, w[k])
		hi, lo := mul128(x, w[k])
		add128(s[intSumAt:], hi, lo)
	}
}

func mergeInts(a, b []byte) []byte {
	addInt(a, loadInt(b))
	add128(a[intSumAt:], load(b, 2), load(b, 1))
	return a
}

// appendSum appends the 128-bit sum of an accumulator as numeric.
func appendSum(dst, st []byte) []byte {
	hi, lo := load(st, 2), load(st, 1)
	if hi == signWord(lo) {
		return types.NumericFromInt64(dst, int64(lo))
	}
	return types.NumericFromBig(dst, wideBig(st[intSumAt:intSumLen]), 0)
}

func init() {
	for _, t := range []types.Type{int2, int4, int8} {
		sum := fn.Aggregate{Name: "sum", Args: []types.Type{t}, Ret: int8, Size: intSumLen,
			Step: stepInts, Merge: mergeInts, Final: finalIntSum}
		avg := fn.Aggregate{Name: "avg", Args: []types.Type{t}, Ret: numeric, Size: intSumLen,
			Step: stepInts, Merge: mergeInts, Final: finalIntAvg}
		if t.ID == types.Int8 {
			sum.Ret, sum.Final = numeric, finalBigSum
		}
		if t.ID == types.Int4 {
			sum.Family, sum.Summary = family, "Sum of the arguments; smallint and integer give bigint, bigint gives numeric."
			sum.Examples = []fn.Example{{SQL: "SELECT sum(x) FROM (VALUES (2147483647), (1), (NULL)) t(x)", Result: "2147483648"}}
			avg.Family, avg.Summary = family, "Mean of the arguments."
			avg.Examples = []fn.Example{{SQL: "SELECT avg(x) FROM (VALUES (1), (2), (NULL)) t(x)", Result: "1.5000000000000000"}}
		}
		fn.RegisterAggregate(sum)
		fn.RegisterAggregate(avg)
		registerIntVariance(t)
	}
}

func finalIntSum(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
	hi, lo := load(st, 2), load(st, 1)
	switch {
	case loadInt(st) == 0:
		out.AppendNull()
	case hi != signWord(lo):
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "bigint out of range")
	default:
		out.AppendInt(int64(lo))
	}
	return nil
}

func finalBigSum(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
	if loadInt(st) == 0 {
		out.AppendNull()
	} else {
		out.CommitScratch(appendSum(out.Scratch(), st))
	}
	return nil
}

func finalIntAvg(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
	n := loadInt(st)
	if n == 0 {
		out.AppendNull()
		return nil
	}
	var x, y [32]byte
	return commit(out, types.NumericDiv, appendSum(x[:0], st), types.NumericFromInt64(y[:0], n))
}

// commit appends the result of a numeric operation.
func commit(out *rows.VecBuilder, f func(dst, a, b []byte) ([]byte, error), a, b []byte) error {
	buf, err := f(out.Scratch(), a, b)
	if err == nil {
		out.CommitScratch(buf)
	}
	return err
}

// Variances of integers: count, sum in 128 bits, sum of squares in 192 bits.
const (
	intVarLen = 48
	squaresAt = 24
)

func registerIntVariance(t types.Type) {
	forVariances(func(name string, sample, root bool, summary, result string) {
		a := fn.Aggregate{Name: name, Args: []types.Type{t}, Ret: numeric, Size: intVarLen,
			Step: stepIntVar,
			Merge: func(a, b []byte) []byte {
				mergeInts(a, b)
				addWide(a[squaresAt:], 0, load(b, 3), load(b, 4), load(b, 5))
				return a
			},
			Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
				return appendVariance(out, loadInt(st), wideBig(st[intSumAt:squaresAt]), wideBig(st[squaresAt:intVarLen]), 0, sample, root)
			},
		}
		if t.ID == types.Int4 {
			a.Family, a.Summary = family, summary
			a.Examples = []fn.Example{{SQL: "SELECT " + name + "(x) FROM (VALUES (1), (2), (4)) t(x)", Result: result}}
		}
		fn.RegisterAggregate(a)
	})
}

func stepIntVar(_ *fn.Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte) {
	v := args[0]
	for k, r := range rws {
		if v.Valid != nil && !v.Valid.Get(int(r)) {
			continue
		}
		s, x, wt := st[k], v.I[r], weight(w, k)
		addInt(s, wt)
		hi, lo := mul128(x, wt)
		add128(s[intSumAt:], hi, lo)
		// x² has at most 126 bits, its product with the weight fits 192 but for absurd weights.
		qhi, qlo := mul128(x, x)
		x0, x1, x2 := mul192(qhi, qlo, wt)
		addWide(s[squaresAt:intVarLen], 0, x0, x1, x2)
	}
}

// mul192 multiplies a two-word number ≥ 0 with a signed one.
func mul192(hi, lo uint64, w int64) (x0, x1, x2 uint64) {
	u := uint64(w)
	if w < 0 {
		u = -u
	}
	c, x0 := bits.Mul64(lo, u)
	x2, l := bits.Mul64(hi, u)
	x1, carry := bits.Add64(l, c, 0)
	x2 += carry
	if w < 0 {
		var b uint64
		x0, b = bits.Sub64(0, x0, 0)
		x1, b = bits.Sub64(0, x1, b)
		x2, _ = bits.Sub64(0, x2, b)
	}
	return x0, x1, x2
}

package agg

import (
	"math"
	"math/bits"
	"sort"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// approx_count_distinct is HyperLogLog that can take values out again. A value's hash names a register
// (its first bits) and a rank (the leading zeros of the rest, plus one). The pair is what is folded, as
// one number: the caller counts how often each pair occurs and folds it when it appears and when it
// disappears. So the accumulator only needs to know which ranks each register has seen:
//
//	per register in use, in order: register u16, bit set of ranks u64
const (
	hllBits  = 11 // of the register: a standard error of 2.3 %
	hllRegs  = 1 << hllBits
	hllEntry = 10
)

// hllPair is the column of register·64 + rank.
func hllPair(args []*rows.Vec, sel []int32, n int) *rows.Vec {
	out := &rows.Vec{Type: int8, Valid: args[0].Valid, I: make([]int64, n)}
	var key []byte
	fn.Each(sel, n, out.Valid, func(i int) {
		key = rows.AppendKey(key[:0], args[0], i)
		h := rows.HashKey(key)
		rank := min(bits.LeadingZeros64(h<<hllBits|1<<(hllBits-1))+1, 63)
		out.I[i] = int64(h>>(64-hllBits))<<6 | int64(rank)
	})
	return out
}

func stepHLL(_ *fn.Ctx, st []byte, args []*rows.Vec, row int32, w int64) []byte {
	if args[0].IsNull(int(row)) {
		return st
	}
	reg, bit := int(args[0].I[row]>>6), uint64(1)<<(args[0].I[row]&63)
	n := len(st) / hllEntry
	i := sort.Search(n, func(i int) bool { return int(le.Uint16(st[i*hllEntry:])) >= reg })
	at := i * hllEntry
	if i == n || int(le.Uint16(st[at:])) != reg {
		if w <= 0 {
			return st
		}
		st = append(st, make([]byte, hllEntry)...)
		copy(st[at+hllEntry:], st[at:])
		le.PutUint16(st[at:], uint16(reg))
		le.PutUint64(st[at+2:], bit)
		return st
	}
	set := le.Uint64(st[at+2:])
	if w > 0 {
		set |= bit
	} else if set &^= bit; set == 0 {
		return append(st[:at], st[at+hllEntry:]...)
	}
	le.PutUint64(st[at+2:], set)
	return st
}

func estimateHLL(st []byte) int64 {
	const m = hllRegs
	used := len(st) / hllEntry
	sum := float64(m - used)
	for at := 0; at < len(st); at += hllEntry {
		sum += math.Ldexp(1, -(63 - bits.LeadingZeros64(le.Uint64(st[at+2:]))))
	}
	e := 0.7213 / (1 + 1.079/float64(m)) * m * m / sum
	if e <= 2.5*m && used < m {
		e = m * math.Log(float64(m)/float64(m-used)) // linear counting, better for few values
	}
	return int64(math.Round(e))
}

// approx_percentile keeps how many values fall into each bucket of a geometric series (DDSketch): a
// bucket's values differ from its middle by the relative error at most. Counts can be taken out again.
//
//	per bucket in use, in order: bucket i32, count i64
//
// Positive numbers have buckets from +bucketBias up, their logarithm; negative ones mirror them; 0 is
// bucket 0. NaN is greater than all, infinities have buckets at the ends.
const (
	sketchEntry  = 12
	bucketBias   = 1 << 29
	bucketInf    = 1 << 30
	bucketNaN    = bucketInf + 1
	defaultError = 0.01
)

func gamma(c *fn.Ctx) float64 {
	e := defaultError
	if len(c.Direct) > 1 && !c.Direct[1].Null {
		e = c.Direct[1].F
	}
	return (1 + e) / (1 - e)
}

func bucketOf(f, g float64) int32 {
	switch {
	case f != f:
		return bucketNaN
	case f == 0:
		return 0
	case math.IsInf(f, 0):
		return int32(math.Copysign(bucketInf, f))
	}
	b := int32(math.Ceil(math.Log(math.Abs(f))/math.Log(g))) + bucketBias
	if f < 0 {
		return -b
	}
	return b
}

// bucketValue is the value that stands for a bucket.
func bucketValue(b int32, g float64) float64 {
	switch {
	case b == bucketNaN:
		return math.NaN()
	case b == 0:
		return 0
	case b == bucketInf || b == -bucketInf:
		return math.Inf(int(b))
	case b < 0:
		return -bucketValue(-b, g)
	}
	return 2 * math.Pow(g, float64(b-bucketBias)) / (g + 1)
}

func addBucket(st []byte, b int32, w int64) []byte {
	n := len(st) / sketchEntry
	i := sort.Search(n, func(i int) bool { return int32(le.Uint32(st[i*sketchEntry:])) >= b })
	at := i * sketchEntry
	if i == n || int32(le.Uint32(st[at:])) != b {
		st = append(st, make([]byte, sketchEntry)...)
		copy(st[at+sketchEntry:], st[at:])
		le.PutUint32(st[at:], uint32(b))
		le.PutUint64(st[at+4:], 0)
	}
	if addInt(st[at+4:], w) == 0 {
		return append(st[:at], st[at+sketchEntry:]...)
	}
	return st
}

func finalSketch(c *fn.Ctx, st []byte, out *rows.VecBuilder) error {
	if c.Direct[0].Null {
		out.AppendNull()
		return nil
	}
	if e := c.Direct; len(e) > 1 && !e[1].Null && !(e[1].F > 0 && e[1].F < 1) {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "relative error %s is not between 0 and 1", types.AppendFloatText(nil, e[1].F, types.Float8))
	}
	total := int64(0)
	for at := 0; at < len(st); at += sketchEntry {
		total += loadInt(st[at+4:])
	}
	g := gamma(c)
	d, err := percentile(c.Direct[0], total, func(place int64) (types.Datum, error) {
		for at := 0; at < len(st); at += sketchEntry {
			if place -= loadInt(st[at+4:]); place < 0 {
				return types.FloatDatum(bucketValue(int32(le.Uint32(st[at:])), g)), nil
			}
		}
		return types.NullOf(float8), nil
	}, func(f float64, total int64, at valueAt) (types.Datum, error) {
		return at(int64(math.Floor(f * float64(total-1))))
	})
	if err == nil {
		out.AppendDatum(d)
	}
	return err
}

func init() {
	fn.RegisterAggregate(fn.Aggregate{
		Name: "approx_count_distinct", Args: []types.Type{fn.Any}, Ret: int8, Derive: hllPair, StepVar: stepHLL,
		Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
			out.AppendInt(estimateHLL(st))
			return nil
		},
		Family: family, Summary: "Number of different values, estimated with a standard error of 2.3 % from at most 2,048 registers per group.",
		Examples: []fn.Example{{SQL: "SELECT approx_count_distinct(x) FROM (VALUES (1), (2), (2), (NULL)) t(x)", Result: "2"}},
	})
	for i, example := range []fn.Example{
		{SQL: "SELECT round(approx_percentile(0.5) WITHIN GROUP (ORDER BY x)::numeric, 1) FROM (VALUES (1), (2), (4)) t(x)", Result: "2.0"},
		{SQL: "SELECT round(approx_percentile(0.5, 0.001) WITHIN GROUP (ORDER BY x)::numeric, 2) FROM (VALUES (1), (2), (4)) t(x)", Result: "2.00"},
	} {
		n := i + 1
		summary := "Value at a fraction of the sorted group, to within 1 % of itself, from counts of buckets."
		if n == 2 {
			summary = "Value at a fraction of the sorted group, to within the given relative error, from counts of buckets."
		}
		fn.RegisterAggregate(fn.Aggregate{
			Name: "approx_percentile", Args: []types.Type{float8, float8, float8}[:n+1], Ret: float8, Within: true, Direct: n,
			StepVar: func(c *fn.Ctx, st []byte, args []*rows.Vec, row int32, w int64) []byte {
				v := args[0]
				g := gamma(c)
				if v.IsNull(int(row)) || w == 0 || !(g > 1) {
					return st
				}
				return addBucket(st, bucketOf(v.F[row], g), w)
			},
			Merge: func(a, b []byte) []byte {
				for at := 0; at < len(b); at += sketchEntry {
					a = addBucket(a, int32(le.Uint32(b[at:])), loadInt(b[at+4:]))
				}
				return a
			},
			Final: finalSketch, Family: family, Summary: summary, Examples: []fn.Example{example},
		})
	}
}

package agg

import (
	"math"
	"math/big"
	"math/bits"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// The accumulator of the two-variable statistics is five exact float accumulators, one behind the
// other, behind the lengths of the first four (u16 each): Σx, Σy, Σx², Σy², Σxy. Special values are
// counted in the first two. Nothing is left of it when everything has been taken out.
const (
	regrParts = 5
	regrHead  = 2 * (regrParts - 1)
)

func splitRegr(st []byte) (parts [regrParts][]byte) {
	if len(st) < regrHead {
		return parts
	}
	at := regrHead
	for i := range regrParts - 1 {
		n := int(le.Uint16(st[2*i:]))
		parts[i] = st[at : at+n : at+n]
		at += n
	}
	parts[regrParts-1] = st[at:]
	return parts
}

func joinRegr(dst []byte, parts [regrParts][]byte) []byte {
	dst = dst[:0]
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n == 0 {
		return dst
	}
	for _, p := range parts[:regrParts-1] {
		dst = le.AppendUint16(dst, uint16(len(p)))
	}
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// stepRegr folds a row of (Y, X), as PostgreSQL orders the arguments.
func stepRegr(_ *fn.Ctx, st []byte, args []*rows.Vec, row int32, w int64) []byte {
	if w == 0 || args[0].IsNull(int(row)) || args[1].IsNull(int(row)) {
		return st
	}
	var space [regrParts][128]byte
	parts := splitRegr(st)
	for i := range parts {
		parts[i] = append(space[i][:0], parts[i]...)
	}
	y, x := args[0].F[row], args[1].F[row]
	parts[0], parts[1] = addFloat(parts[0], x, w), addFloat(parts[1], y, w)
	xFinite, yFinite := x-x == 0, y-y == 0
	if xFinite {
		parts[2] = addSquare(parts[2], x, w)
	}
	if yFinite {
		parts[3] = addSquare(parts[3], y, w)
	}
	if xFinite && yFinite {
		parts[4] = addProduct(parts[4], x, y, w)
	}
	return joinRegr(st, parts)
}

// addProduct adds w times f·g to a sum of products, in units of 2^-2148; f and g are finite.
func addProduct(st []byte, f, g float64, w int64) []byte {
	if len(st) == 0 {
		st = append(st, make([]byte, floatHead)...)
	}
	n := addInt(st[2:], w)
	if f != 0 && g != 0 {
		m1, e1 := splitFloat(f)
		m2, e2 := splitFloat(g)
		hi, lo := bits.Mul64(m1, m2)
		if math.Signbit(f) != math.Signbit(g) {
			w = -w
		}
		x0, x1, x2 := mul192(hi, lo, w)
		st = addShifted(st, x0, x1, x2, e1+e2)
	}
	if n == 0 {
		return floatTidy(st)
	}
	return st
}

// splitFloat returns |f| as mant·2^exp units of 2^-1074.
func splitFloat(f float64) (mant uint64, exp int) {
	b := math.Float64bits(f)
	mant, exp = b&(1<<52-1), int(b>>52&0x7FF)
	if exp > 0 {
		mant, exp = mant|1<<52, exp-1
	}
	return mant, exp
}

func mergeRegr(a, b []byte) []byte {
	x, y := splitRegr(a), splitRegr(b)
	for i := range x {
		x[i] = mergeFloat(append([]byte(nil), x[i]...), y[i])
	}
	return joinRegr(nil, x)
}

// moments are the exact sums of a group of pairs. The centred sums are multiplied by n so that they
// stay whole: nxx = n·Σx² − (Σx)² = n·Sxx.
type moments struct {
	n                   int64
	sx, sy              floatTotal
	x, y, nxx, nyy, nxy *big.Int // Σx and Σy in units of 2^-1074, the others of 2^-2148
	specialX, specialY  bool
}

func regrMoments(st []byte) *moments {
	parts := splitRegr(st)
	m := &moments{sx: totalFloat(parts[0]), sy: totalFloat(parts[1])}
	m.n = m.sx.count()
	_, m.specialX = m.sx.special()
	_, m.specialY = m.sy.special()
	xx, yy, xy := totalFloat(parts[2]), totalFloat(parts[3]), totalFloat(parts[4])
	m.x, m.y = m.sx.big(), m.sy.big()
	centred := func(sum floatTotal, a, b *big.Int) *big.Int {
		out := sum.big()
		out.Mul(out, big.NewInt(m.n))
		return out.Sub(out, new(big.Int).Mul(a, b))
	}
	m.nxx, m.nyy, m.nxy = centred(xx, m.x, m.x), centred(yy, m.y, m.y), centred(xy, m.x, m.y)
	return m
}

// ratio is num/den·2^exp, rounded once.
func ratio(num, den *big.Int, exp int) float64 {
	f := new(big.Float).SetPrec(variancePrec).SetInt(num)
	f.Quo(f, new(big.Float).SetPrec(variancePrec).SetInt(den))
	out, _ := f.SetMantExp(f, exp).Float64()
	return out
}

func (m *moments) constX() bool { return !m.specialX && m.nxx.Sign() == 0 }
func (m *moments) constY() bool { return !m.specialY && m.nyy.Sign() == 0 }

// perN is a centred sum over a divisor, NaN when special values are among its arguments.
func (m *moments) perN(sum *big.Int, special bool, divisor int64) (float64, bool) {
	if special {
		return math.NaN(), true
	}
	return ratio(sum, new(big.Int).Mul(big.NewInt(m.n), big.NewInt(divisor)), -2*unitExp), true
}

// mean is the mean of one variable.
func (m *moments) mean(t *floatTotal, sum *big.Int) (float64, bool) {
	if f, ok := t.special(); ok {
		return f, true
	}
	return ratio(sum, big.NewInt(m.n), -unitExp), true
}

func (m *moments) corr() (float64, bool) {
	switch {
	case m.constX() || m.constY():
		return 0, false
	case m.specialX || m.specialY:
		return math.NaN(), true
	}
	den := new(big.Float).SetPrec(variancePrec).SetInt(new(big.Int).Mul(m.nxx, m.nyy))
	f := new(big.Float).SetPrec(variancePrec).SetInt(m.nxy)
	out, _ := f.Quo(f, den.Sqrt(den)).Float64()
	return out, true
}

func (m *moments) slope() (float64, bool) {
	switch {
	case m.constX():
		return 0, false
	case m.specialX || m.specialY:
		return math.NaN(), true
	}
	return ratio(m.nxy, m.nxx, 0), true
}

// intercept is (Σy − Σx·Sxy/Sxx) / n.
func (m *moments) intercept() (float64, bool) {
	switch {
	case m.constX():
		return 0, false
	case m.specialX || m.specialY:
		return math.NaN(), true
	}
	num := new(big.Int).Mul(m.y, m.nxx)
	num.Sub(num, new(big.Int).Mul(m.x, m.nxy))
	return ratio(num, new(big.Int).Mul(big.NewInt(m.n), m.nxx), -unitExp), true
}

func (m *moments) r2() (float64, bool) {
	switch {
	case m.constX():
		return 0, false
	case m.constY():
		return 1, true
	case m.specialX || m.specialY:
		return math.NaN(), true
	}
	return ratio(new(big.Int).Mul(m.nxy, m.nxy), new(big.Int).Mul(m.nxx, m.nyy), 0), true
}

func init() {
	const pairs = " FROM (VALUES (1::float8, 2::float8), (2, 4), (4, 6)) t(y, x)"
	register := func(name, summary, result string, least int64, value func(m *moments) (float64, bool)) {
		fn.RegisterAggregate(fn.Aggregate{
			Name: name, Args: []types.Type{float8, float8}, Ret: float8, StepVar: stepRegr, Merge: mergeRegr,
			Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
				m := regrMoments(st)
				if m.n < least {
					out.AppendNull()
					return nil
				}
				switch f, ok := value(m); {
				case !ok:
					out.AppendNull()
				case math.IsInf(f, 0) && !m.specialX && !m.specialY:
					return errOverflow
				default:
					out.AppendFloat(f)
				}
				return nil
			},
			Family: family, Summary: summary + " Pairs with a NULL do not count.",
			Examples: []fn.Example{{SQL: "SELECT " + name + "(y, x)" + pairs, Result: result}},
		})
	}
	register("corr", "Correlation coefficient.", "0.9819805060619657", 1, (*moments).corr)
	register("covar_pop", "Population covariance.", "2", 1, func(m *moments) (float64, bool) {
		return m.perN(m.nxy, m.specialX || m.specialY, m.n)
	})
	register("covar_samp", "Sample covariance.", "3", 2, func(m *moments) (float64, bool) {
		return m.perN(m.nxy, m.specialX || m.specialY, m.n-1)
	})
	register("regr_avgx", "Mean of the second argument, the independent variable.", "4", 1, func(m *moments) (float64, bool) {
		return m.mean(&m.sx, m.x)
	})
	register("regr_avgy", "Mean of the first argument, the dependent variable.", "2.3333333333333335", 1, func(m *moments) (float64, bool) {
		return m.mean(&m.sy, m.y)
	})
	register("regr_intercept", "Where the least-squares line crosses the y axis.", "-0.6666666666666666", 1, (*moments).intercept)
	register("regr_r2", "Square of the correlation coefficient.", "0.9642857142857143", 1, (*moments).r2)
	register("regr_slope", "Slope of the least-squares line.", "0.75", 1, (*moments).slope)
	register("regr_sxx", "Sum of squares of the independent variable around its mean.", "8", 1, func(m *moments) (float64, bool) {
		return m.perN(m.nxx, m.specialX, 1)
	})
	register("regr_sxy", "Sum of products of the two variables around their means.", "6", 1, func(m *moments) (float64, bool) {
		return m.perN(m.nxy, m.specialX || m.specialY, 1)
	})
	register("regr_syy", "Sum of squares of the dependent variable around its mean.", "4.666666666666667", 1, func(m *moments) (float64, bool) {
		return m.perN(m.nyy, m.specialY, 1)
	})
	fn.RegisterAggregate(fn.Aggregate{
		Name: "regr_count", Args: []types.Type{float8, float8}, Ret: int8, Size: 8, Merge: mergeSums,
		Step: func(_ *fn.Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte) {
			for k, r := range rws {
				if !args[0].IsNull(int(r)) && !args[1].IsNull(int(r)) {
					addInt(st[k], weight(w, k))
				}
			}
		},
		Final: func(_ *fn.Ctx, st []byte, out *rows.VecBuilder) error {
			out.AppendInt(loadInt(st))
			return nil
		},
		Family: family, Summary: "Number of pairs without a NULL.",
		Examples: []fn.Example{{SQL: "SELECT regr_count(y, x)" + pairs, Result: "3"}},
	})
}

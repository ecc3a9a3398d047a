package cast

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func cannotCast(from, to types.Type) *sqlerr.Error {
	return sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", fn.TypeName(from), fn.TypeName(to))
}

type kernelFor = func(from, to types.Type) fn.Kernel

var numberKernels = func() map[pair]kernelFor {
	m := map[pair]kernelFor{}
	ints := []types.ID{types.Int2, types.Int4, types.Int8}
	oids := []types.ID{types.OID, types.Regclass, types.Regtype, types.Regproc, types.Regnamespace, types.Regrole}
	for i, a := range ints {
		for j, b := range ints {
			if i < j {
				m[pair{a, b}] = relabel
			} else if i > j {
				m[pair{a, b}] = narrow
			}
		}
		m[pair{a, types.Float4}], m[pair{a, types.Float8}] = intToFloat, intToFloat
		m[pair{types.Float4, a}], m[pair{types.Float8, a}] = floatToInt, floatToInt
		m[pair{a, types.Numeric}], m[pair{types.Numeric, a}] = intToNumeric, numericToInt
		for _, o := range oids {
			m[pair{a, o}] = intToOID
			m[pair{o, a}] = oidToInt
		}
	}
	for _, a := range oids {
		for _, b := range oids {
			m[pair{a, b}] = relabel
		}
	}
	m[pair{types.Float4, types.Float8}] = relabel
	m[pair{types.Float8, types.Float4}] = floatToReal
	m[pair{types.Numeric, types.Float4}], m[pair{types.Numeric, types.Float8}] = numericToFloat, numericToFloat
	m[pair{types.Float4, types.Numeric}], m[pair{types.Float8, types.Numeric}] = floatToNumeric, floatToNumeric
	m[pair{types.Numeric, types.Numeric}] = numericToNumeric
	m[pair{types.Int4, types.Bool}] = func(_, to types.Type) fn.Kernel {
		return fn.Unary(to, func(v int64) bool { return v != 0 })
	}
	m[pair{types.Bool, types.Int4}] = func(_, to types.Type) fn.Kernel {
		return fn.Unary(to, func(v bool) int64 {
			if v {
				return 1
			}
			return 0
		})
	}
	return m
}()

func intRangeError(to types.Type) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", fn.TypeName(to))
}

func narrow(_, to types.Type) fn.Kernel {
	lo, hi := types.IntRange(to.ID)
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		a := args[0]
		fn.Each(sel, n, a.Valid, func(i int) {
			if v := a.I[i]; v < lo || v > hi {
				c.Fail(int32(i), intRangeError(to))
			}
		})
		out := *a
		out.Type = to
		return &out
	}
}

func intToOID(from, to types.Type) fn.Kernel {
	if from.ID != types.Int8 { // negative numbers wrap, as in Postgres
		return fn.Unary(to, func(v int64) int64 { return int64(uint32(v)) })
	}
	return fn.UnaryE(to, func(v int64) (int64, error) {
		if v < 0 || v > math.MaxUint32 {
			return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "OID out of range")
		}
		return v, nil
	})
}

func oidToInt(_, to types.Type) fn.Kernel {
	if to.ID == types.Int8 {
		return relabel(to, to)
	}
	return fn.Unary(to, func(v int64) int64 { return int64(int32(v)) })
}

func intToFloat(_, to types.Type) fn.Kernel {
	if to.ID == types.Float4 {
		return fn.Unary(to, func(v int64) float64 { return float64(float32(v)) })
	}
	return fn.Unary(to, func(v int64) float64 { return float64(v) })
}

func floatToInt(_, to types.Type) fn.Kernel {
	lo, hi := types.IntRange(to.ID)
	flo, fhi := float64(lo), float64(hi)
	if to.ID == types.Int8 {
		fhi = math.Nextafter(fhi, 0) // 2^63 itself is out of range
	}
	return fn.UnaryE(to, func(v float64) (int64, error) {
		r := math.RoundToEven(v)
		if !(r >= flo && r <= fhi) {
			return 0, intRangeError(to)
		}
		return int64(r), nil
	})
}

// ToReal rounds a double precision to a real, refusing overflow and underflow.
func ToReal(v float64) (float64, error) {
	r := float64(float32(v))
	if math.IsInf(r, 0) && !math.IsInf(v, 0) {
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
	}
	if r == 0 && v != 0 {
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
	}
	return r, nil
}

func floatToReal(_, to types.Type) fn.Kernel { return fn.UnaryE(to, ToReal) }

func numericToFloat(_, to types.Type) fn.Kernel {
	return fn.OfBytesE(to, func(b []byte) (float64, error) {
		v := types.NumericToFloat64(b)
		if math.IsInf(v, 0) && !types.NumericIsInf(b) {
			return 0, numericFloatRange(b, to)
		}
		if to.ID == types.Float4 {
			r := float64(float32(v))
			if math.IsInf(r, 0) && !math.IsInf(v, 0) || r == 0 && types.NumericSign(b) != 0 {
				return 0, numericFloatRange(b, to)
			}
			return r, nil
		}
		return v, nil
	})
}

func numericFloatRange(b []byte, to types.Type) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s",
		types.NumericAppendText(nil, b), fn.TypeName(to))
}

func floatToNumeric(from, to types.Type) fn.Kernel {
	conv := types.NumericFromFloat64
	if from.ID == types.Float4 {
		conv = types.NumericFromFloat32
	}
	return fn.ToBytes(to, fitted(to, func(dst []byte, v float64) []byte { return conv(dst, v) }))
}

func intToNumeric(_, to types.Type) fn.Kernel {
	return fn.ToBytes(to, fitted(to, types.NumericFromInt64))
}

// fitted adds the target's precision and scale to a conversion to numeric.
func fitted[A fn.Fixed](to types.Type, conv func([]byte, A) []byte) func([]byte, A) ([]byte, error) {
	if to.Mod < 0 {
		return func(dst []byte, a A) ([]byte, error) { return conv(dst, a), nil }
	}
	p, s := to.PrecisionScale()
	var buf []byte
	return func(dst []byte, a A) ([]byte, error) {
		buf = conv(buf[:0], a)
		return types.NumericFit(dst, buf, p, s)
	}
}

func numericToInt(_, to types.Type) fn.Kernel {
	lo, hi := types.IntRange(to.ID)
	return fn.OfBytesE(to, func(b []byte) (int64, error) {
		if types.NumericIsNaN(b) || types.NumericIsInf(b) {
			what := "infinity"
			if types.NumericIsNaN(b) {
				what = "NaN"
			}
			return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert %s to %s", what, fn.TypeName(to))
		}
		v, err := types.NumericToInt64(b)
		if err != nil || v < lo || v > hi {
			return 0, intRangeError(to)
		}
		return v, nil
	})
}

func numericToNumeric(from, to types.Type) fn.Kernel {
	if to.Mod < 0 || from.Mod == to.Mod {
		return relabel(from, to)
	}
	p, s := to.PrecisionScale()
	return fn.BytesUnary(to, func(dst, a []byte) ([]byte, error) { return types.NumericFit(dst, a, p, s) })
}

package math

import (
	"bytes"
	"math/big"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	pair := []types.Type{numeric, numeric}
	bin := func(name string, f func(dst, a, b []byte) ([]byte, error), summary, sql, result string) {
		function(name, pair, numeric, fn.BytesBinary(numeric, f), true, summary, sql, result)
	}
	bin("+", types.NumericAdd, "Adds.", "1.10 + 2.2", "3.30")
	bin("-", types.NumericSub, "Subtracts.", "1.10 - 2.2", "-1.10")
	bin("*", types.NumericMul, "Multiplies.", "1.10 * 2.0", "2.200")
	bin("/", types.NumericDiv, "Divides.", "1 / 3.0", "0.33333333333333333333")
	bin("%", types.NumericMod, "Remainder of a division, with the dividend's sign.", "-7.5 % 2", "-1.5")
	bin("mod", types.NumericMod, "Remainder of a division, with the dividend's sign.", "mod(7.5, 2)", "1.5")
	bin("div", types.NumericDivTrunc, "Quotient of a division, cut to an integer.", "div(9.9, 2)", "4")
	bin("^", types.NumericPower, "First argument to the power of the second.", "2.0 ^ 3.0", "8.0000000000000000")
	bin("power", types.NumericPower, "First argument to the power of the second.", "power(9.0, 0.5)", "3.0000000000000000")
	bin("pow", types.NumericPower, "First argument to the power of the second.", "pow(2.0, 10.0)", "1024.0000000000000000")
	bin("log", types.NumericLog, "Logarithm of the second argument to the base of the first.", "log(2.0, 64.0)", "6.0000000000000000")
	bin("gcd", numericGCD, "Greatest common divisor; 0 when both are 0.", "gcd(1071.0, 46.2)", "4.2")
	bin("lcm", numericLCM, "Least common multiple; 0 when either is 0.", "lcm(1.5, 2)", "6.0")

	one := func(name string, f func(dst, a []byte) ([]byte, error), summary, sql, result string) {
		unary(name, numeric, numeric, fn.BytesUnary(numeric, f), true, summary, sql, result)
	}
	one("-", infallible(types.NumericNeg), "Negates.", "- (1.50)", "-1.50")
	unary("+", numeric, numeric, same, true, "Leaves a number as it is.", "+ 1.50", "1.50")
	one("@", infallible(types.NumericAbs), "Absolute value.", "@ (-1.5)", "1.5")
	one("abs", infallible(types.NumericAbs), "Absolute value.", "abs(-17.4)", "17.4")
	one("ceil", toScale(types.NumericCeil), "Nearest integer not below the argument.", "ceil(42.2)", "43")
	one("ceiling", toScale(types.NumericCeil), "Nearest integer not below the argument.", "ceiling(-42.8)", "-42")
	one("floor", toScale(types.NumericFloor), "Nearest integer not above the argument.", "floor(-42.8)", "-43")
	one("round", toScale(types.NumericRound), "Nearest integer; halves go away from zero.", "round(42.5)", "43")
	one("trunc", toScale(types.NumericTrunc), "Integer towards zero.", "trunc(-42.8)", "-42")
	one("sign", numericSign, "Sign of the argument: -1, 0 or 1.", "sign(-8.4)", "-1")
	one("sqrt", types.NumericSqrt, "Square root.", "sqrt(2.0)", "1.414213562373095")
	one("exp", types.NumericExp, "Exponential, e to the given power.", "exp(1.0)", "2.7182818284590452")
	one("ln", types.NumericLn, "Natural logarithm.", "ln(2.0)", "0.6931471805599453")
	one("log", types.NumericLog10, "Logarithm to base 10.", "log(100.0)", "2.0000000000000000")
	one("log10", types.NumericLog10, "Logarithm to base 10.", "log10(1000.0)", "3.0000000000000000")
	one("trim_scale", infallible(types.NumericCanonical), "Drops the trailing zeros after the decimal point.", "trim_scale(8.4100)", "8.41")

	scaled := func(name string, f func(dst, a []byte, scale int) []byte, summary, sql, result string) {
		function(name, []types.Type{numeric, int4}, numeric, fn.BytesInt(numeric, func(dst, a []byte, s int64) ([]byte, error) {
			return f(dst, a, int(s)), nil
		}), true, summary, sql, result)
	}
	scaled("round", types.NumericRound, "Rounds to so many decimal places, halves away from zero.", "round(42.4382, 2)", "42.44")
	scaled("trunc", types.NumericTrunc, "Cuts to so many decimal places.", "trunc(42.4382, 2)", "42.43")

	function("scale", []types.Type{numeric}, int4, nullWhen(numericSpecial, func(a []byte) int64 {
		return int64(types.NumericScale(a))
	}), true, "Decimal places that the number shows.", "scale(8.4100)", "4")
	function("min_scale", []types.Type{numeric}, int4, nullWhen(numericSpecial, func(a []byte) int64 {
		var buf [32]byte
		return int64(types.NumericScale(types.NumericCanonical(buf[:0], a)))
	}), true, "Decimal places that the number needs.", "min_scale(8.4100)", "2")
	function("factorial", []types.Type{int8}, numeric, fn.ToBytes(numeric, factorial), true,
		"Product of the integers from 1 to the argument.", "factorial(20)", "2432902008176640000")
}

func numericSpecial(a []byte) bool { return types.NumericIsNaN(a) || types.NumericIsInf(a) }

func infallible(f func(dst, a []byte) []byte) func(dst, a []byte) ([]byte, error) {
	return func(dst, a []byte) ([]byte, error) { return f(dst, a), nil }
}

func toScale(f func(dst, a []byte, scale int) []byte) func(dst, a []byte) ([]byte, error) {
	return func(dst, a []byte) ([]byte, error) { return f(dst, a, 0), nil }
}

func numericSign(dst, a []byte) ([]byte, error) {
	if types.NumericIsNaN(a) {
		return types.NumericNaN(dst), nil
	}
	return types.NumericFromInt64(dst, int64(types.NumericSign(a))), nil
}

// nullWhen makes a kernel from numeric to integer that gives NULL where null says so.
func nullWhen(null func([]byte) bool, f func([]byte) int64) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[int64](c, int4, n)
		a := args[0]
		out.Valid = a.Valid
		var own rows.Bitmap
		fn.Each(sel, n, a.Valid, func(i int) {
			if s := a.Bytes(i); !null(s) {
				o[i] = f(s)
				return
			}
			if own == nil {
				own = c.Valid(n)
				if a.Valid != nil {
					copy(own, a.Valid)
				}
			}
			own.Clear(i)
		})
		if own != nil {
			out.Valid = own
		}
		return out
	}
}

const factorialMax = 32177 // the greatest argument whose result numeric can hold

func factorial(dst []byte, n int64) ([]byte, error) {
	if n < 0 {
		return dst, sqlerr.New(sqlerr.NumericValueOutOfRange, "factorial of a negative number is undefined")
	}
	if n > factorialMax {
		return dst, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	return types.NumericFromBig(dst, new(big.Int).MulRange(1, n), 0), nil
}

// aligned returns both numbers as integers of one scale.
func aligned(a, b []byte) (x, y *big.Int, scale int, ok bool) {
	x, sx, okX := types.NumericBig(a)
	y, sy, okY := types.NumericBig(b)
	if !okX || !okY {
		return nil, nil, 0, false
	}
	scale = max(sx, sy)
	return raise(x, scale-sx), raise(y, scale-sy), scale, true
}

func raise(x *big.Int, n int) *big.Int {
	if n == 0 {
		return x
	}
	return new(big.Int).Mul(x, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
}

func numericGCD(dst, a, b []byte) ([]byte, error) {
	x, y, scale, ok := aligned(a, b)
	if !ok {
		return types.NumericNaN(dst), nil
	}
	return types.NumericFromBig(dst, new(big.Int).GCD(nil, nil, x.Abs(x), y.Abs(y)), scale), nil
}

func numericLCM(dst, a, b []byte) ([]byte, error) {
	x, y, scale, ok := aligned(a, b)
	if !ok {
		return types.NumericNaN(dst), nil
	}
	x, y = new(big.Int).Abs(x), new(big.Int).Abs(y)
	if x.Sign() == 0 || y.Sign() == 0 {
		return types.NumericFromBig(dst, new(big.Int), scale), nil
	}
	g := new(big.Int).GCD(nil, nil, x, y)
	return types.NumericFromBig(dst, x.Mul(x.Div(x, g), y), scale), nil
}

// bucketError is the error of width_bucket for arguments that make no histogram.
func bucketError(what string) error { return sqlerr.New("2201G", "%s", what) }

func init() {
	fn.RegisterScalar(fn.Scalar{Name: "width_bucket", Args: []types.Type{float8, float8, float8, int4}, Ret: int4,
		Strict: true, Family: family, Summary: "Number of the bucket of an equal-width histogram that the value falls into.",
		Examples: []fn.Example{{SQL: "SELECT width_bucket(5.35::float8, 0.024::float8, 10.06::float8, 5)", Result: "3"}},
		Kernel: fn.Rowwise(int4, true, func(_ *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
			k, err := floatBucket(a[0].F[i], a[1].F[i], a[2].F[i], a[3].I[i])
			if err == nil {
				out.AppendInt(k)
			}
			return err
		})})
	fn.RegisterScalar(fn.Scalar{Name: "width_bucket", Args: []types.Type{numeric, numeric, numeric, int4}, Ret: int4,
		Strict: true, Family: family, Summary: "Number of the bucket of an equal-width histogram that the value falls into.",
		Examples: []fn.Example{{SQL: "SELECT width_bucket(5.35, 0.024, 10.06, 5)", Result: "3"}},
		Kernel: fn.Rowwise(int4, true, func(_ *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
			k, err := numericBucket(a[0].Bytes(i), a[1].Bytes(i), a[2].Bytes(i), a[3].I[i])
			if err == nil {
				out.AppendInt(k)
			}
			return err
		})})
	fn.RegisterScalar(fn.Scalar{Name: "width_bucket", Args: []types.Type{fn.AnyElement, fn.AnyArray}, Ret: int4,
		Strict: true, Family: family, Summary: "Number of the bucket that the value falls into, by the ascending lower bounds.",
		Examples: []fn.Example{{SQL: "SELECT width_bucket(5, ARRAY[1, 3, 4, 6])", Result: "3"}},
		Kernel: fn.Rowwise(int4, true, func(_ *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
			if len(types.ArrayDims(a[1].Bytes(i))) > 1 {
				return sqlerr.New("2202E", "thresholds must be one-dimensional array")
			}
			bounds, err := types.ArrayElems(a[1].Type, a[1].Bytes(i))
			if err != nil {
				return err
			}
			for _, b := range bounds {
				if b.Null {
					return sqlerr.New(sqlerr.NullValueNotAllowed, "thresholds array must not contain NULLs")
				}
			}
			k, x := 0, a[0].Datum(i)
			for k < len(bounds) && rows.CompareDatum(bounds[k], x) <= 0 {
				k++
			}
			out.AppendInt(int64(k))
			return nil
		})})
}

func floatBucket(x, lo, hi float64, count int64) (int64, error) {
	switch {
	case count <= 0:
		return 0, bucketError("count must be greater than zero")
	case x != x || lo != lo || hi != hi:
		return 0, bucketError("operand, lower bound, and upper bound cannot be NaN")
	case inf(lo) || inf(hi):
		return 0, bucketError("lower and upper bounds must be finite")
	case lo == hi:
		return 0, bucketError("lower bound cannot equal upper bound")
	}
	above := x >= hi
	if lo > hi {
		above = x <= hi
	}
	below := lo < hi && x < lo || lo > hi && x > lo
	switch {
	case below:
		return 0, nil
	case above:
		if count == 1<<31-1 {
			return 0, rangeError(int4)
		}
		return count + 1, nil
	}
	// Halving keeps the difference of distant bounds finite.
	return min(int64(float64(count)*((x/2-lo/2)/(hi/2-lo/2))), count-1) + 1, nil
}

func numericBucket(x, lo, hi []byte, count int64) (int64, error) {
	switch {
	case count <= 0:
		return 0, bucketError("count must be greater than zero")
	case types.NumericIsNaN(x) || types.NumericIsNaN(lo) || types.NumericIsNaN(hi):
		return 0, bucketError("operand, lower bound, and upper bound cannot be NaN")
	case types.NumericIsInf(lo) || types.NumericIsInf(hi):
		return 0, bucketError("lower and upper bounds must be finite")
	}
	dir := types.NumericCmp(hi, lo)
	switch {
	case dir == 0 || bytes.Equal(lo, hi):
		return 0, bucketError("lower bound cannot equal upper bound")
	case types.NumericCmp(x, lo)*dir < 0:
		return 0, nil
	case types.NumericCmp(x, hi)*dir >= 0:
		if count == 1<<31-1 {
			return 0, rangeError(int4)
		}
		return count + 1, nil
	}
	over, err := types.NumericSub(nil, x, lo)
	if err != nil {
		return 0, err
	}
	span, err := types.NumericSub(nil, hi, lo)
	if err != nil {
		return 0, err
	}
	a, b, _, _ := aligned(over, span)
	a.Mul(a, big.NewInt(count))
	return new(big.Int).Quo(a, b).Int64() + 1, nil
}

package math

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

var (
	errOverflow  = sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
	errUnderflow = sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
	errInput     = sqlerr.New(sqlerr.NumericValueOutOfRange, "input is out of range")
)

func inf(f float64) bool { return math.IsInf(f, 0) }

// floatOp checks a result as Postgres does: infinite only from infinite operands, zero only when
// zeroOK says so.
func floatOp(t types.Type, f func(a, b float64) float64, zeroOK func(a, b float64) bool) func(a, b float64) (float64, error) {
	return func(a, b float64) (float64, error) {
		r := f(a, b)
		if t.ID == types.Float4 {
			r = float64(float32(r))
		}
		if inf(r) && !inf(a) && !inf(b) {
			return 0, errOverflow
		}
		if r == 0 && !zeroOK(a, b) {
			return 0, errUnderflow
		}
		return r, nil
	}
}

func always(_, _ float64) bool { return true }

func floatDiv(t types.Type) func(a, b float64) (float64, error) {
	quotient := floatOp(t, func(a, b float64) float64 { return a / b }, func(a, b float64) bool { return a == 0 || inf(b) })
	return func(a, b float64) (float64, error) {
		if b == 0 && a == a {
			return 0, errZeroDivide
		}
		return quotient(a, b)
	}
}

// floatKernel computes whole double precision columns in a plain loop and goes over them again only
// when some result is infinite, NaN or, for products, zero.
func floatKernel(t types.Type, whole func(a, b, o []float64) bool, one func(a, b float64) (float64, error)) fn.Kernel {
	slow := fn.BinaryE(t, one)
	if t.ID == types.Float4 {
		return slow
	}
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		if sel != nil {
			return slow(c, args, sel, n)
		}
		out, o := fn.NewFixed[float64](c, t, n)
		if !whole(args[0].F[:n], args[1].F[:n], o[:n]) {
			return slow(c, args, sel, n)
		}
		out.Valid = c.AndValid(args[0].Valid, args[1].Valid, n)
		return out
	}
}

// The whole… functions add up r−r, which stays 0 until some result is infinite or NaN.

func wholeAdd(a, b, o []float64) bool {
	odd := 0.0
	for i, x := range a {
		r := x + b[i]
		o[i] = r
		odd += r - r
	}
	return odd == 0
}

func wholeSub(a, b, o []float64) bool {
	odd := 0.0
	for i, x := range a {
		r := x - b[i]
		o[i] = r
		odd += r - r
	}
	return odd == 0
}

func wholeMul(a, b, o []float64) bool {
	odd, lost := 0.0, false
	for i, x := range a {
		y := b[i]
		r := x * y
		o[i] = r
		odd += r - r
		lost = lost || r == 0 && x != 0 && y != 0
	}
	return odd == 0 && !lost
}

func wholeDiv(a, b, o []float64) bool {
	odd, lost := 0.0, false
	for i, x := range a {
		r := x / b[i]
		o[i] = r
		odd += r - r
		lost = lost || r == 0 && x != 0
	}
	return odd == 0 && !lost
}

func init() {
	floats := []types.Type{float4, float8}
	for _, a := range floats {
		for _, b := range floats {
			t := wider(a, b)
			doc := a.ID == types.Float8 && b.ID == types.Float8
			operator("+", a, b, t, floatKernel(t, wholeAdd, floatOp(t, func(a, b float64) float64 { return a + b }, always)),
				doc, "Adds.", "0.1::float8 + 0.2::float8", "0.30000000000000004")
			operator("-", a, b, t, floatKernel(t, wholeSub, floatOp(t, func(a, b float64) float64 { return a - b }, always)),
				doc, "Subtracts.", "1.5::float8 - 2::float8", "-0.5")
			operator("*", a, b, t, floatKernel(t, wholeMul, floatOp(t, func(a, b float64) float64 { return a * b },
				func(a, b float64) bool { return a == 0 || b == 0 })), doc, "Multiplies.", "1.5::float8 * 2::float8", "3")
			operator("/", a, b, t, floatKernel(t, wholeDiv, floatDiv(t)), doc, "Divides.", "1::float8 / 3::float8", "0.3333333333333333")
		}
	}
	for _, t := range floats {
		doc := t.ID == types.Float8
		neg := fn.Unary(t, func(a float64) float64 { return -a })
		abs := fn.Unary(t, math.Abs)
		unary("-", t, t, neg, doc, "Negates.", "- (1.5::float8)", "-1.5")
		unary("+", t, t, same, doc, "Leaves a number as it is.", "+ 1.5::float8", "1.5")
		unary("@", t, t, abs, doc, "Absolute value.", "@ (-1.5::float8)", "1.5")
		function("abs", []types.Type{t}, t, abs, doc, "Absolute value.", "abs(-1.5::float8)", "1.5")
	}
	total("ceil", math.Ceil, "Nearest integer not below the argument.", "ceil(-42.8::float8)", "-42")
	total("ceiling", math.Ceil, "Nearest integer not below the argument.", "ceiling(-42.8::float8)", "-42")
	total("floor", math.Floor, "Nearest integer not above the argument.", "floor(-42.8::float8)", "-43")
	total("round", math.RoundToEven, "Nearest integer; halves go to the even one.", "round(42.5::float8)", "42")
	total("trunc", math.Trunc, "Integer towards zero.", "trunc(-42.8::float8)", "-42")
	total("sign", func(a float64) float64 {
		switch {
		case a > 0:
			return 1
		case a < 0:
			return -1
		}
		return 0 // NaN too
	}, "Sign of the argument: -1, 0 or 1.", "sign(-8.4::float8)", "-1")
	partial("degrees", func(a float64) (float64, error) {
		r := a / (math.Pi / 180)
		if inf(r) && !inf(a) {
			return 0, errOverflow
		}
		return r, nil
	}, "Converts radians to degrees.", "degrees(pi())", "180")
	total("radians", func(a float64) float64 { return a * (math.Pi / 180) }, "Converts degrees to radians.", "radians(180::float8)", "3.141592653589793")
	total("cbrt", math.Cbrt, "Cube root.", "cbrt(64::float8)", "4")
	unary("||/", float8, float8, fn.Unary(float8, math.Cbrt), true, "Cube root.", "||/ 64::float8", "4")
	registerPowers()
}

// registerPowers registers roots, logarithms and powers.
func registerPowers() {
	partial("sqrt", sqrt, "Square root.", "sqrt(2::float8)", "1.4142135623730951")
	unary("|/", float8, float8, fn.UnaryE(float8, sqrt), true, "Square root.", "|/ 25::float8", "5")
	partial("exp", exp, "Exponential, e to the given power.", "exp(1::float8)", "2.718281828459045")
	partial("ln", logWith(natural), "Natural logarithm.", "ln(2::float8)", "0.6931471805599453")
	partial("log", logWith(log10), "Logarithm to base 10.", "log(100::float8)", "2")
	partial("log10", logWith(log10), "Logarithm to base 10.", "log10(1000::float8)", "3")
	for _, name := range []string{"^", "power", "pow"} {
		sql := name + "(2::float8, 3::float8)"
		if name == "^" {
			sql = "2::float8 ^ 3::float8"
		}
		operator(name, float8, float8, float8, fn.BinaryE(float8, power), true, "First argument to the power of the second.", sql, "8")
	}
	fn.RegisterScalar(fn.Scalar{Name: "pi", Ret: float8, Strict: true, Family: family, Summary: "The number π.",
		Examples: []fn.Example{{SQL: "SELECT pi()", Result: "3.141592653589793"}},
		Kernel: func(c *fn.Ctx, _ []*rows.Vec, _ []int32, n int) *rows.Vec {
			out, o := fn.NewFixed[float64](c, float8, n)
			for i := range o {
				o[i] = math.Pi
			}
			return out
		}})
}

// total registers a double precision function that never fails.
func total(name string, f func(float64) float64, summary, sql, result string) {
	function(name, []types.Type{float8}, float8, fn.Unary(float8, f), true, summary, sql, result)
}

// partial registers a double precision function that can fail.
func partial(name string, f func(float64) (float64, error), summary, sql, result string) {
	function(name, []types.Type{float8}, float8, fn.UnaryE(float8, f), true, summary, sql, result)
}

func sqrt(a float64) (float64, error) {
	if a < 0 {
		return 0, sqlerr.New(sqlerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	}
	return math.Sqrt(a), nil
}

func exp(a float64) (float64, error) {
	r := math.Exp(a)
	switch {
	case a != a:
		return a, nil
	case inf(r) && !inf(a):
		return 0, errOverflow
	case r == 0 && !inf(a):
		return 0, errUnderflow
	}
	return r, nil
}

func logWith(f func(float64) float64) func(float64) (float64, error) {
	return func(a float64) (float64, error) {
		switch {
		case a == 0:
			return 0, sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of zero")
		case a < 0:
			return 0, sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of a negative number")
		}
		return f(a), nil
	}
}

// Go's logarithm on amd64 is wrong for numbers below the least normal one; they are scaled up first.
const (
	leastNormal = 0x1p-1022
	upScale     = 0x1p54
)

func natural(a float64) float64 {
	if a < leastNormal {
		return math.Log(a*upScale) - 54*math.Ln2
	}
	return math.Log(a)
}

func log10(a float64) float64 {
	if a < leastNormal {
		return natural(a) / math.Ln10
	}
	return math.Log10(a)
}

func power(a, b float64) (float64, error) {
	switch {
	case a == 1 || b == 0:
		return 1, nil
	case a != a || b != b:
		return math.NaN(), nil
	case a == 0 && b < 0:
		return 0, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	case a < 0 && !inf(b) && math.Floor(b) != b && !inf(a),
		math.IsInf(a, -1) && !inf(b) && math.Floor(b) != b:
		return 0, sqlerr.New(sqlerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
	}
	r := math.Pow(a, b)
	if abs := math.Abs(a); abs > 0 && abs < 0x1p-1022 && !inf(b) { // math.Pow is wrong for subnormal numbers
		r = math.Pow(a*0x1p60, b) * math.Exp2(-60*b)
	}
	switch {
	case inf(r) && !inf(a) && !inf(b):
		return 0, errOverflow
	case r == 0 && a != 0 && !inf(a) && !inf(b):
		return 0, errUnderflow
	}
	return r, nil
}

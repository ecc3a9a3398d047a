package math

import (
	"math"

	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// The trigonometric functions. The ones in degrees give exact results at the multiples of 30 and 45
// degrees, as Postgres promises.

func init() {
	angle("sin", math.Sin, "Sine, argument in radians.", "sin(0::float8)", "0")
	angle("cos", math.Cos, "Cosine, argument in radians.", "cos(0::float8)", "1")
	angle("tan", math.Tan, "Tangent, argument in radians.", "tan(0::float8)", "0")
	angle("cot", func(a float64) float64 { return 1 / math.Tan(a) }, "Cotangent, argument in radians.",
		"round(cot(0.5::float8)::numeric, 6)", "1.830488")
	angle("sind", sind, "Sine, argument in degrees.", "sind(30::float8)", "0.5")
	angle("cosd", cosd, "Cosine, argument in degrees.", "cosd(60::float8)", "0.5")
	angle("tand", tand, "Tangent, argument in degrees.", "tand(45::float8)", "1")
	angle("cotd", cotd, "Cotangent, argument in degrees.", "cotd(45::float8)", "1")
	inverse("asin", math.Asin, "Inverse sine, result in radians.", "asin(1::float8)", "1.5707963267948966")
	inverse("acos", math.Acos, "Inverse cosine, result in radians.", "acos(1::float8)", "0")
	inverse("asind", asind, "Inverse sine, result in degrees.", "asind(0.5::float8)", "30")
	inverse("acosd", acosd, "Inverse cosine, result in degrees.", "acosd(0.5::float8)", "60")
	total("atan", math.Atan, "Inverse tangent, result in radians.", "atan(1::float8)", "0.7853981633974483")
	total("atand", atand, "Inverse tangent, result in degrees.", "atand(1::float8)", "45")
	pair := []types.Type{float8, float8}
	function("atan2", pair, float8, fn.Binary(float8, math.Atan2), true, "Inverse tangent of y/x, result in radians.",
		"atan2(1::float8, 0::float8)", "1.5707963267948966")
	function("atan2d", pair, float8, fn.Binary(float8, func(y, x float64) float64 {
		return math.Atan2(y, x) / atan1 * 45
	}), true, "Inverse tangent of y/x, result in degrees.", "atan2d(1::float8, 0::float8)", "90")
	total("sinh", math.Sinh, "Hyperbolic sine.", "sinh(0::float8)", "0")
	total("cosh", math.Cosh, "Hyperbolic cosine.", "cosh(0::float8)", "1")
	total("tanh", math.Tanh, "Hyperbolic tangent.", "tanh(0::float8)", "0")
	total("asinh", math.Asinh, "Inverse hyperbolic sine.", "asinh(0::float8)", "0")
	partial("acosh", func(a float64) (float64, error) {
		if a < 1 {
			return 0, errInput
		}
		return math.Acosh(a), nil
	}, "Inverse hyperbolic cosine.", "acosh(1::float8)", "0")
	partial("atanh", func(a float64) (float64, error) {
		if a < -1 || a > 1 {
			return 0, errInput
		}
		return math.Atanh(a), nil
	}, "Inverse hyperbolic tangent.", "atanh(0::float8)", "0")
}

// angle registers a function of an angle, which must be finite.
func angle(name string, f func(float64) float64, summary, sql, result string) {
	partial(name, func(a float64) (float64, error) {
		if inf(a) {
			return 0, errInput
		}
		return f(a), nil
	}, summary, sql, result)
}

// inverse registers a function over -1…1.
func inverse(name string, f func(float64) float64, summary, sql, result string) {
	partial(name, func(a float64) (float64, error) {
		if a < -1 || a > 1 {
			return 0, errInput
		}
		return f(a), nil
	}, summary, sql, result)
}

// rad is a variable, because the compiler would compute products of constants more exactly than kernels do
// and 30 degrees would no longer be 30 degrees.
var rad = math.Pi / 180

var (
	sin30    = math.Sin(30 * rad)
	oneCos60 = 1 - math.Cos(60*rad)
	asinHalf = math.Asin(0.5)
	acosHalf = math.Acos(0.5)
	atan1    = math.Atan(1)
	tan45    = sindQ1(45) / cosdQ1(45)
	cot45    = cosdQ1(45) / sindQ1(45)
)

// sindQ1 and cosdQ1 are exact at 0, 30, 60 and 90 degrees.
func sindQ1(x float64) float64 {
	if x <= 30 {
		return math.Sin(x*rad) / sin30 / 2
	}
	return cosd060(90 - x)
}

func cosdQ1(x float64) float64 {
	if x <= 60 {
		return cosd060(x)
	}
	return math.Sin((90-x)*rad) / sin30 / 2
}

func cosd060(x float64) float64 { return 1 - (1-math.Cos(x*rad))/oneCos60/2 }

// quadrant brings x to 0…90 and returns the signs that sine and cosine have there.
func quadrant(x float64) (q, sinSign, cosSign float64) {
	sinSign, cosSign = 1, 1
	x = math.Mod(x, 360)
	if x < 0 {
		x, sinSign = -x, -sinSign
	}
	if x > 180 {
		x, sinSign = 360-x, -sinSign
	}
	if x > 90 {
		x, cosSign = 180-x, -cosSign
	}
	return x, sinSign, cosSign
}

func sind(x float64) float64 { q, s, _ := quadrant(x); return s * sindQ1(q) }
func cosd(x float64) float64 { q, _, c := quadrant(x); return c * cosdQ1(q) }

func tand(x float64) float64 {
	q, s, c := quadrant(x)
	return noMinusZero(s * c * (sindQ1(q) / cosdQ1(q) / tan45))
}

func cotd(x float64) float64 {
	q, s, c := quadrant(x)
	return noMinusZero(s * c * (cosdQ1(q) / sindQ1(q) / cot45))
}

func noMinusZero(x float64) float64 {
	if x == 0 {
		return 0
	}
	return x
}

func asindQ1(x float64) float64 {
	if x <= 0.5 {
		return math.Asin(x) / asinHalf * 30
	}
	return 90 - math.Acos(x)/acosHalf*60
}

func acosdQ1(x float64) float64 {
	if x <= 0.5 {
		return 90 - math.Asin(x)/asinHalf*30
	}
	return math.Acos(x) / acosHalf * 60
}

func asind(x float64) float64 {
	if x < 0 {
		return -asindQ1(-x)
	}
	return asindQ1(x)
}

func acosd(x float64) float64 {
	if x < 0 {
		return 90 + asindQ1(-x)
	}
	return acosdQ1(x)
}

func atand(x float64) float64 { return math.Atan(x) / atan1 * 45 }

package math

import (
	"math"
	"math/bits"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const family = "Mathematical"

var (
	int2    = types.T(types.Int2)
	int4    = types.T(types.Int4)
	int8    = types.T(types.Int8)
	float4  = types.T(types.Float4)
	float8  = types.T(types.Float8)
	numeric = types.T(types.Numeric)
	intIDs  = []types.Type{int2, int4, int8}
)

var errZeroDivide = sqlerr.New(sqlerr.DivisionByZero, "division by zero")

// rangeError is the error for a result that type t cannot hold.
func rangeError(t types.Type) *sqlerr.Error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", t)
}

// spill returns a number that is not 0 when r does not fit t. The 64-bit operations find their
// overflow themselves.
func spill(t types.Type, r int64) uint64 {
	switch t.ID {
	case types.Int2:
		return (uint64(r) + 1<<15) >> 16
	case types.Int4:
		return (uint64(r) + 1<<31) >> 32
	}
	return 0
}

func addOverflow(a, b, r int64) uint64 { return uint64((a^r)&(b^r)) >> 63 }
func subOverflow(a, b, r int64) uint64 { return uint64((a^b)&(a^r)) >> 63 }

// mulOverflow is not 0 when the signed 128-bit product is not the sign extension of its low half r.
func mulOverflow(a, b, r int64) uint64 {
	hi, _ := bits.Mul64(uint64(a), uint64(b))
	hi -= uint64(a>>63)&uint64(b) + uint64(b>>63)&uint64(a)
	return hi ^ uint64(r>>63)
}

func add(t types.Type) func(a, b int64) (int64, error) {
	return checked(t, func(a, b int64) (int64, uint64) { return a + b, addOverflow(a, b, a+b) })
}

func sub(t types.Type) func(a, b int64) (int64, error) {
	return checked(t, func(a, b int64) (int64, uint64) { return a - b, subOverflow(a, b, a-b) })
}

func mul(t types.Type) func(a, b int64) (int64, error) {
	return checked(t, func(a, b int64) (int64, uint64) { return a * b, mulOverflow(a, b, a*b) })
}

func checked(t types.Type, f func(a, b int64) (int64, uint64)) func(a, b int64) (int64, error) {
	err := rangeError(t)
	return func(a, b int64) (int64, error) {
		r, bad := f(a, b)
		if bad|spill(t, r) != 0 {
			return 0, err
		}
		return r, nil
	}
}

func div(t types.Type) func(a, b int64) (int64, error) {
	err := rangeError(t)
	return func(a, b int64) (int64, error) {
		switch b {
		case 0:
			return 0, errZeroDivide
		case -1:
			if a == math.MinInt64 || spill(t, -a) != 0 {
				return 0, err
			}
			return -a, nil
		}
		return a / b, nil
	}
}

func mod(a, b int64) (int64, error) {
	switch b {
	case 0:
		return 0, errZeroDivide
	case -1:
		return 0, nil // the machine traps on the least number
	}
	return a % b, nil
}

// dense computes whole columns and tells with a number other than 0 that some row may have failed,
// perhaps one that is NULL.
type dense func(a, b, o []int64) uint64

func denseAdd(t types.Type) dense {
	if t.ID == types.Int8 {
		return func(a, b, o []int64) (bad uint64) {
			for i, x := range a {
				y := b[i]
				r := x + y
				o[i] = r
				bad |= addOverflow(x, y, r)
			}
			return bad
		}
	}
	shift, bias := narrow(t)
	return func(a, b, o []int64) (bad uint64) {
		for i, x := range a {
			r := x + b[i]
			o[i] = r
			bad |= (uint64(r) + bias) >> shift
		}
		return bad
	}
}

func denseSub(t types.Type) dense {
	if t.ID == types.Int8 {
		return func(a, b, o []int64) (bad uint64) {
			for i, x := range a {
				y := b[i]
				r := x - y
				o[i] = r
				bad |= subOverflow(x, y, r)
			}
			return bad
		}
	}
	shift, bias := narrow(t)
	return func(a, b, o []int64) (bad uint64) {
		for i, x := range a {
			r := x - b[i]
			o[i] = r
			bad |= (uint64(r) + bias) >> shift
		}
		return bad
	}
}

func denseMul(t types.Type) dense {
	if t.ID == types.Int8 {
		return func(a, b, o []int64) (bad uint64) {
			for i, x := range a {
				y := b[i]
				r := x * y
				o[i] = r
				bad |= mulOverflow(x, y, r)
			}
			return bad
		}
	}
	shift, bias := narrow(t)
	return func(a, b, o []int64) (bad uint64) {
		for i, x := range a {
			r := x * b[i]
			o[i] = r
			bad |= (uint64(r) + bias) >> shift
		}
		return bad
	}
}

// narrow returns what spill adds and shifts by.
func narrow(t types.Type) (shift uint, bias uint64) {
	if t.ID == types.Int2 {
		return 16, 1 << 15
	}
	return 32, 1 << 31
}

// intKernel runs the dense form over whole columns and the checked one over selections and to find
// the rows that failed.
func intKernel(t types.Type, whole dense, one func(a, b int64) (int64, error)) fn.Kernel {
	slow := fn.BinaryE(t, one)
	if whole == nil {
		return slow
	}
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		if sel != nil {
			return slow(c, args, sel, n)
		}
		out, o := fn.NewFixed[int64](c, t, n)
		if whole(args[0].I[:n], args[1].I[:n], o[:n]) != 0 {
			return slow(c, args, sel, n)
		}
		out.Valid = c.AndValid(args[0].Valid, args[1].Valid, n)
		return out
	}
}

// wider returns the type of an operation over two integer types.
func wider(a, b types.Type) types.Type {
	if a.ID > b.ID {
		return a
	}
	return b
}

func init() {
	for _, a := range intIDs {
		for _, b := range intIDs {
			t := wider(a, b)
			doc := a.ID == types.Int4 && b.ID == types.Int4
			operator("+", a, b, t, intKernel(t, denseAdd(t), add(t)), doc, "Adds.", "2 + 3", "5")
			operator("-", a, b, t, intKernel(t, denseSub(t), sub(t)), doc, "Subtracts.", "2 - 3", "-1")
			operator("*", a, b, t, intKernel(t, denseMul(t), mul(t)), doc, "Multiplies.", "4 * -3", "-12")
			operator("/", a, b, t, fn.BinaryE(t, div(t)), doc, "Divides; integers drop the remainder.", "-7 / 2", "-3")
			if a.ID == b.ID {
				operator("%", a, b, t, fn.BinaryE(t, mod), doc, "Remainder of a division, with the dividend's sign.", "-7 % 2", "-1")
				function("mod", []types.Type{a, b}, t, fn.BinaryE(t, mod), doc,
					"Remainder of a division, with the dividend's sign.", "mod(-7, 2)", "-1")
			}
		}
	}
	for _, t := range intIDs {
		err := rangeError(t)
		neg := fn.UnaryE(t, func(a int64) (int64, error) {
			if a == math.MinInt64 || spill(t, -a) != 0 {
				return 0, err
			}
			return -a, nil
		})
		abs := fn.UnaryE(t, func(a int64) (int64, error) {
			if a == math.MinInt64 || spill(t, max(a, -a)) != 0 {
				return 0, err
			}
			return max(a, -a), nil
		})
		doc := t.ID == types.Int4
		unary("-", t, t, neg, doc, "Negates.", "- (2 + 3)", "-5")
		unary("+", t, t, same, doc, "Leaves a number as it is.", "+ 5", "5")
		unary("@", t, t, abs, doc, "Absolute value.", "@ (-5)", "5")
		function("abs", []types.Type{t}, t, abs, doc, "Absolute value.", "abs(-17)", "17")
	}
	for _, t := range intIDs[1:] {
		doc := t.ID == types.Int4
		function("gcd", []types.Type{t, t}, t, fn.BinaryE(t, gcd(t)), doc, "Greatest common divisor; 0 when both are 0.", "gcd(1071, -462)", "21")
		function("lcm", []types.Type{t, t}, t, fn.BinaryE(t, lcm(t)), doc, "Least common multiple; 0 when either is 0.", "lcm(1071, 462)", "23562")
	}
}

func gcd(t types.Type) func(a, b int64) (int64, error) {
	err := rangeError(t)
	return func(a, b int64) (int64, error) {
		x, y := magnitude(a), magnitude(b)
		for y != 0 {
			x, y = y, x%y
		}
		if x > math.MaxInt64 || spill(t, int64(x)) != 0 {
			return 0, err
		}
		return int64(x), nil
	}
}

func lcm(t types.Type) func(a, b int64) (int64, error) {
	err, gcd := rangeError(t), gcd(int8)
	return func(a, b int64) (int64, error) {
		if a == 0 || b == 0 {
			return 0, nil
		}
		g, e := gcd(a, b)
		if e != nil {
			return 0, err
		}
		hi, lo := bits.Mul64(magnitude(a)/uint64(g), magnitude(b))
		if hi != 0 || lo > math.MaxInt64 || spill(t, int64(lo)) != 0 {
			return 0, err
		}
		return int64(lo), nil
	}
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// same is the kernel of functions that return their argument.
func same(_ *fn.Ctx, args []*rows.Vec, _ []int32, _ int) *rows.Vec { return args[0] }

// operator registers a binary operator; doc puts it on the reference page.
func operator(name string, a, b, ret types.Type, k fn.Kernel, doc bool, summary, sql, result string) {
	function(name, []types.Type{a, b}, ret, k, doc, summary, sql, result)
}

func unary(name string, a, ret types.Type, k fn.Kernel, doc bool, summary, sql, result string) {
	function(name, []types.Type{a}, ret, k, doc, summary, sql, result)
}

// function registers a strict immutable function; doc puts it on the reference page.
func function(name string, args []types.Type, ret types.Type, k fn.Kernel, doc bool, summary, sql, result string) {
	s := fn.Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: k}
	if doc {
		s.Family, s.Summary = family, summary
		s.Examples = []fn.Example{{SQL: "SELECT " + sql, Result: result}}
	}
	fn.RegisterScalar(s)
}

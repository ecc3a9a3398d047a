// Package when registers the functions and operators on dates, times and intervals: the clock,
// arithmetic, extract, truncation and binning, time zones, constructors, and formatting with to_char
// and its inverses (numbers too, which share the template language).
//
// Formulas over timestamp with time zone use the session's zone, so they are Stable; everything else
// is Immutable. Infinite dates and timestamps go through arithmetic unchanged.
package when

import (
	"unsafe"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	familyClock  = "Date/time"
	familyFormat = "Formatting"
)

var (
	textT        = types.T(types.Text)
	int4T        = types.T(types.Int4)
	int8T        = types.T(types.Int8)
	floatT       = types.T(types.Float8)
	numericT     = types.T(types.Numeric)
	boolT        = types.T(types.Bool)
	dateT        = types.T(types.Date)
	timeT        = types.T(types.Time)
	timestampT   = types.T(types.Timestamp)
	timestamptzT = types.T(types.Timestamptz)
	intervalT    = types.T(types.Interval)
)

func sig(ts ...types.Type) []types.Type { return ts }

// def registers a strict function of the date/time family; it is Stable when the session's zone
// matters. examples are pairs of SQL and result.
func def(name string, args []types.Type, ret types.Type, k fn.Kernel, summary string, examples ...string) {
	defIn(familyClock, name, args, ret, k, summary, examples...)
}

func defIn(family, name string, args []types.Type, ret types.Type, k fn.Kernel, summary string, examples ...string) {
	s := fn.Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: k, Family: family, Summary: summary}
	for _, t := range append([]types.Type{ret}, args...) {
		if t.ID == types.Timestamptz {
			s.Volatility = fn.Stable
		}
	}
	for i := 0; i+1 < len(examples); i += 2 {
		s.Examples = append(s.Examples, fn.Example{SQL: examples[i], Result: examples[i+1]})
	}
	fn.RegisterScalar(s)
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// intRows makes a kernel with an Int result; get reads the arguments of row i itself.
func intRows(ret types.Type, f func(c *fn.Ctx, args []*rows.Vec, i int) (int64, error)) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[int64](c, ret, n)
		for _, a := range args {
			out.Valid = c.AndValid(out.Valid, a.Valid, n)
		}
		fn.Each(sel, n, out.Valid, func(i int) {
			v, err := f(c, args, i)
			if err != nil {
				c.Fail(int32(i), err)
			}
			o[i] = v
		})
		return out
	}
}

// spanRows makes a kernel with an interval result.
func spanRows(f func(c *fn.Ctx, args []*rows.Vec, i int) (types.IntervalValue, error)) fn.Kernel {
	return fn.Rowwise(intervalT, true, func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		v, err := f(c, args, i)
		if err == nil {
			out.CommitScratch(types.AppendInterval(out.Scratch(), v))
		}
		return err
	})
}

// textRows makes a kernel with a text result.
func textRows(f func(c *fn.Ctx, dst []byte, args []*rows.Vec, i int) ([]byte, error)) fn.Kernel {
	return fn.Rowwise(textT, true, func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		b, err := f(c, out.Scratch(), args, i)
		if err == nil {
			out.CommitScratch(b)
		}
		return err
	})
}

func span(v *rows.Vec, i int) types.IntervalValue { return types.IntervalOf(v.Bytes(i)) }

func outOfRange(what string) error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "%s out of range", what)
}

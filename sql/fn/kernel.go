package fn

import (
	"fmt"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// The helpers below make strict kernels out of plain Go functions, so that a family holds formulas
// only. They are named by what they take: Unary and Binary work on columns of the fixed classes
// (bool, int64, float64), the Bytes forms on the Bytes class; a suffix E marks functions that can
// fail, whose errors are reported for the row. Rowwise covers everything else at the price of a
// builder call per row.

// Fixed lists the Go types of the fixed-width physical classes.
type Fixed interface{ bool | int64 | float64 }

// Values returns the buffer of v that holds T.
func Values[T Fixed](v *rows.Vec) []T {
	switch p := any((*T)(nil)).(type) {
	case *bool:
		return any(v.B).([]T)
	case *int64:
		return any(v.I).([]T)
	case *float64:
		return any(v.F).([]T)
	default:
		panic(fmt.Sprintf("fn: no buffer of %T", p))
	}
}

// NewFixed returns a column of type t and its buffer of n values with unspecified contents.
func NewFixed[T Fixed](c *Ctx, t types.Type, n int) (*rows.Vec, []T) {
	v := &rows.Vec{Type: t}
	switch any((*T)(nil)).(type) {
	case *bool:
		v.B = c.Bools(n)
	case *int64:
		v.I = c.Ints(n)
	default:
		v.F = c.Floats(n)
	}
	return v, Values[T](v)
}

// Unary makes a kernel of a total function. f runs on the garbage in NULL rows too.
func Unary[A, R Fixed](ret types.Type, f func(A) R) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := NewFixed[R](c, ret, n)
		out.Valid = args[0].Valid
		a := Values[A](args[0])[:n]
		o = o[:n]
		if sel == nil {
			for i, x := range a {
				o[i] = f(x)
			}
			return out
		}
		for _, i := range sel {
			o[i] = f(a[i])
		}
		return out
	}
}

// UnaryE makes a kernel of a function that can fail; f is not called for NULLs.
func UnaryE[A, R Fixed](ret types.Type, f func(A) (R, error)) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := NewFixed[R](c, ret, n)
		out.Valid = args[0].Valid
		a := Values[A](args[0])
		Each(sel, n, out.Valid, func(i int) {
			r, err := f(a[i])
			if err != nil {
				c.Fail(int32(i), err)
			}
			o[i] = r
		})
		return out
	}
}

// Binary makes a kernel of a total function. f runs on the garbage in NULL rows too.
func Binary[A, B, R Fixed](ret types.Type, f func(A, B) R) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := NewFixed[R](c, ret, n)
		out.Valid = c.andValid(args[0].Valid, args[1].Valid, n)
		a, b := Values[A](args[0])[:n], Values[B](args[1])[:n]
		o = o[:n]
		if sel == nil {
			for i, x := range a {
				o[i] = f(x, b[i])
			}
			return out
		}
		for _, i := range sel {
			o[i] = f(a[i], b[i])
		}
		return out
	}
}

// BinaryE makes a kernel of a function that can fail; f is not called for NULLs.
func BinaryE[A, B, R Fixed](ret types.Type, f func(A, B) (R, error)) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := NewFixed[R](c, ret, n)
		out.Valid = c.andValid(args[0].Valid, args[1].Valid, n)
		a, b := Values[A](args[0]), Values[B](args[1])
		Each(sel, n, out.Valid, func(i int) {
			r, err := f(a[i], b[i])
			if err != nil {
				c.Fail(int32(i), err)
			}
			o[i] = r
		})
		return out
	}
}

// OfBytes makes a kernel from a byte value to a fixed one. f is not called for NULLs.
func OfBytes[R Fixed](ret types.Type, f func([]byte) R) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := NewFixed[R](c, ret, n)
		out.Valid = args[0].Valid
		a := args[0]
		Each(sel, n, out.Valid, func(i int) { o[i] = f(a.Bytes(i)) })
		return out
	}
}

// OfBytesE is OfBytes for a function that can fail.
func OfBytesE[R Fixed](ret types.Type, f func([]byte) (R, error)) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := NewFixed[R](c, ret, n)
		out.Valid = args[0].Valid
		a := args[0]
		Each(sel, n, out.Valid, func(i int) {
			r, err := f(a.Bytes(i))
			if err != nil {
				c.Fail(int32(i), err)
			}
			o[i] = r
		})
		return out
	}
}

// OfBytes2 makes a kernel from two byte values to a fixed one. f is not called for NULLs.
func OfBytes2[R Fixed](ret types.Type, f func(a, b []byte) R) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := NewFixed[R](c, ret, n)
		out.Valid = c.andValid(args[0].Valid, args[1].Valid, n)
		a, b := args[0], args[1]
		Each(sel, n, out.Valid, func(i int) { o[i] = f(a.Bytes(i), b.Bytes(i)) })
		return out
	}
}

// ToBytes makes a kernel from a fixed value to a byte value, which f appends to dst.
func ToBytes[A Fixed](ret types.Type, f func(dst []byte, a A) ([]byte, error)) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		a := Values[A](args[0])
		return c.appendEach(ret, args[0].Valid, sel, n, func(dst []byte, i int) ([]byte, error) {
			return f(dst, a[i])
		})
	}
}

// BytesUnary makes a kernel over byte values; f appends its result to dst. f is not called for NULLs.
func BytesUnary(ret types.Type, f func(dst, a []byte) ([]byte, error)) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		a := args[0]
		return c.appendEach(ret, a.Valid, sel, n, func(dst []byte, i int) ([]byte, error) {
			return f(dst, a.Bytes(i))
		})
	}
}

// BytesBinary is BytesUnary for two arguments.
func BytesBinary(ret types.Type, f func(dst, a, b []byte) ([]byte, error)) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		a, b := args[0], args[1]
		valid := c.andValid(a.Valid, b.Valid, n)
		return c.appendEach(ret, valid, sel, n, func(dst []byte, i int) ([]byte, error) {
			return f(dst, a.Bytes(i), b.Bytes(i))
		})
	}
}

// BytesInt makes a kernel over a byte value and an integer; f appends its result to dst.
func BytesInt(ret types.Type, f func(dst, a []byte, b int64) ([]byte, error)) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		a, b := args[0], args[1].I
		valid := c.andValid(a.Valid, args[1].Valid, n)
		return c.appendEach(ret, valid, sel, n, func(dst []byte, i int) ([]byte, error) {
			return f(dst, a.Bytes(i), b[i])
		})
	}
}

// Rowwise makes a kernel of a function that appends exactly one value for row i of its arguments.
// With strict it is not called for rows with a NULL argument, which give NULL. The result has type
// ret, or for ret.ID == 0 the first argument's.
func Rowwise(ret types.Type, strict bool, f func(c *Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error) Kernel {
	return func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		t := ret
		if t.ID == types.Invalid {
			t = args[0].Type
		}
		out := rows.NewVecBuilder(t, n)
		k := 0
		var full error // as in appendEach
		for i := range n {
			if sel != nil {
				if k >= len(sel) || sel[k] != int32(i) {
					out.AppendNull()
					continue
				}
				k++
			}
			if strict && anyNull(args, i) {
				out.AppendNull()
				continue
			}
			err := full
			if err == nil {
				err = f(c, args, i, out)
			}
			if err == nil {
				full = CheckColumnSize(len(out.Scratch()))
				err = full
			}
			if err != nil {
				c.Fail(int32(i), err)
				out.Truncate(i)
			}
			if out.Len() == i {
				out.AppendNull()
			}
		}
		return out.Finish()
	}
}

// columnSizeMax bounds a column of one batch, far below what its 32-bit offsets can address: a few
// calls of repeat() and its like must not take all memory.
const columnSizeMax = 512 << 20

// CheckColumnSize is the error for a column whose values have outgrown one batch, as repeat() and
// its like can make them. Kernels that append on their own ask it after each value.
func CheckColumnSize(size int) error {
	if size > columnSizeMax {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "values of one batch exceed %d bytes", columnSizeMax)
	}
	return nil
}

func anyNull(args []*rows.Vec, i int) bool {
	for _, a := range args {
		if a.Valid != nil && !a.Valid.Get(i) {
			return true
		}
	}
	return false
}

// appendEach builds a column of byte values by appending one after the other; rows that are NULL,
// failed or not selected are empty.
func (c *Ctx) appendEach(ret types.Type, valid rows.Bitmap, sel []int32, n int,
	f func(dst []byte, i int) ([]byte, error)) *rows.Vec {
	first := c.DataBuf(n * 8)
	data, off := first, c.Offsets(n)
	off[0] = 0
	k := 0
	var full error // the rest of the batch fails too: it is not worth computing
	for i := range n {
		run := valid == nil || valid.Get(i)
		if sel != nil {
			if k < len(sel) && sel[k] == int32(i) {
				k++
			} else {
				run = false
			}
		}
		if run {
			grown, err := data, full
			if err == nil {
				grown, err = f(data, i)
			}
			if err == nil {
				full = CheckColumnSize(len(grown))
				err = full
			}
			if err != nil {
				c.Fail(int32(i), err)
			} else {
				data = grown
			}
		}
		off[i+1] = int32(len(data))
	}
	c.KeepData(first, data)
	return &rows.Vec{Type: ret, Valid: valid, Off: off, Data: data}
}

// Each calls f for every selected row that is not NULL.
func Each(sel []int32, n int, valid rows.Bitmap, f func(i int)) {
	switch {
	case sel == nil && valid == nil:
		for i := range n {
			f(i)
		}
	case sel == nil:
		for i := range n {
			if valid.Get(i) {
				f(i)
			}
		}
	default:
		for _, i := range sel {
			if valid.Get(int(i)) {
				f(int(i))
			}
		}
	}
}

// andValid is rows.AndBitmaps with a recycled result.
func (c *Ctx) andValid(a, b rows.Bitmap, n int) rows.Bitmap {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := c.Valid(n)
	for i := range out {
		out[i] = a[i] & b[i]
	}
	return out
}

// AndValid returns the bitmap of rows that are valid in both a and b, for kernels written by hand.
func (c *Ctx) AndValid(a, b rows.Bitmap, n int) rows.Bitmap { return c.andValid(a, b, n) }

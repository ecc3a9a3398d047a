package cast

import (
	"unicode/utf8"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// viaText converts through the text form: to a character type, from one, or between two others.
func viaText(from, to types.Type) fn.Kernel {
	switch {
	case isText(from) && isText(to):
		return textToText(from, to)
	case isText(to):
		return toText(from, to)
	case isText(from):
		return fromText(from, to)
	}
	return bytesKernel(to, func(c *fn.Ctx, dst []byte, v *rows.Vec, i int) ([]byte, error) {
		d, err := parseTo(to, string(types.AppendText(nil, v.Datum(i), env(c))), env(c))
		return append(dst, d.S...), err
	})
}

func isText(t types.Type) bool { return t.IsString() || t.ID == types.Unknown }

// bytesKernel makes a kernel that appends one byte value for each row that is not NULL.
func bytesKernel(to types.Type, f func(c *fn.Ctx, dst []byte, v *rows.Vec, i int) ([]byte, error)) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		a := args[0]
		first := c.DataBuf(n * 8)
		data, off := first, c.Offsets(n)
		off[0] = 0
		next := 0
		fill := func(i int) {
			for ; next <= i; next++ {
				off[next] = int32(len(data))
			}
		}
		fn.Each(sel, n, a.Valid, func(i int) {
			fill(i)
			grown, err := f(c, data, a, i)
			if err != nil {
				c.Fail(int32(i), err)
				return
			}
			data = grown
		})
		fill(n)
		c.KeepData(first, data)
		return &rows.Vec{Type: to, Valid: a.Valid, Off: off, Data: data}
	}
}

// textToText applies the rules of the target: length, padding, the 63 bytes of a name.
func textToText(from, to types.Type) fn.Kernel {
	trim := from.ID == types.Bpchar && to.ID != types.Bpchar
	if to.ID != types.Name && to.Mod <= 0 && !trim {
		return relabel(from, to)
	}
	return fn.BytesUnary(to, func(dst, a []byte) ([]byte, error) {
		if trim {
			a = types.TrimBpchar(a)
		}
		return appendFitted(dst, a, to)
	})
}

func appendFitted(dst, a []byte, to types.Type) ([]byte, error) {
	switch {
	case to.ID == types.Name && len(a) > 63:
		n := 63
		for n > 0 && !utf8.RuneStart(a[n]) {
			n--
		}
		a = a[:n]
	case to.Mod > 0 && (to.ID == types.Varchar || to.ID == types.Bpchar):
		fit, err := types.FitText(a, to, true)
		return append(dst, fit...), err
	}
	return append(dst, a...), nil
}

func toText(from, to types.Type) fn.Kernel {
	return bytesKernel(to, func(c *fn.Ctx, dst []byte, v *rows.Vec, i int) ([]byte, error) {
		start := len(dst)
		if from.ID == types.Bool && to.ID != types.Name { // the one type whose cast differs from its output
			word := "false"
			if v.B[i] {
				word = "true"
			}
			dst = append(dst, word...)
		} else {
			dst = types.AppendText(dst, v.Datum(i), env(c))
		}
		if to.Mod <= 0 && to.ID != types.Name {
			return dst, nil
		}
		return appendFitted(dst[:start], append([]byte(nil), dst[start:]...), to)
	})
}

// source returns the text to be read.
func source(v *rows.Vec, i int) string { return view(v.Bytes(i)) }

// parseTo reads a value of the target type and applies its modifiers as an explicit cast does.
func parseTo(to types.Type, s string, e *types.Env) (types.Datum, error) {
	base := to
	if to.ID != types.Interval { // the modifier says what a number without a unit means
		base = withoutMod(to)
	}
	d, err := types.ParseText(base, s, e)
	if err != nil || to.Equal(base) && to.ID != types.Array {
		return d, err
	}
	return types.Coerce(d, to, true)
}

func withoutMod(t types.Type) types.Type {
	if t.ID == types.Array && t.Elem != nil {
		return types.ArrayOf(withoutMod(*t.Elem))
	}
	return t.NoMod()
}

// textTo makes a kernel from text to a fixed class.
func textTo[R fn.Fixed](to types.Type, f func(s string, e *types.Env) (R, error)) fn.Kernel {
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		out, o := fn.NewFixed[R](c, to, n)
		a, e := args[0], env(c)
		out.Valid = a.Valid
		fn.Each(sel, n, a.Valid, func(i int) {
			v, err := f(source(a, i), e)
			if err != nil {
				c.Fail(int32(i), err)
			}
			o[i] = v
		})
		return out
	}
}

func fromText(_, to types.Type) fn.Kernel {
	switch to.ID {
	case types.Bool:
		return textTo(to, func(s string, _ *types.Env) (bool, error) { return types.ParseBool(s) })
	case types.Int2, types.Int4, types.Int8:
		return textTo(to, func(s string, _ *types.Env) (int64, error) { return types.ParseInt(to.ID, s) })
	case types.Float4, types.Float8:
		return textTo(to, func(s string, _ *types.Env) (float64, error) { return types.ParseFloat(to.ID, s) })
	case types.Date:
		return textTo(to, types.ParseDate)
	case types.Timestamp:
		return textTo(to, func(s string, e *types.Env) (int64, error) {
			v, err := types.ParseTimestamp(s, e)
			return types.RoundMicros(v, to.Mod), err
		})
	case types.Timestamptz:
		return textTo(to, func(s string, e *types.Env) (int64, error) {
			v, err := types.ParseTimestamptz(s, e)
			return types.RoundMicros(v, to.Mod), err
		})
	}
	if to.Phys() == types.PhysInt {
		return textTo(to, func(s string, e *types.Env) (int64, error) {
			d, err := parseTo(to, s, e)
			return d.I, err
		})
	}
	if to.ID == types.Numeric && to.Mod < 0 {
		return bytesKernel(to, func(_ *fn.Ctx, dst []byte, v *rows.Vec, i int) ([]byte, error) {
			return types.NumericParse(dst, source(v, i))
		})
	}
	return bytesKernel(to, func(c *fn.Ctx, dst []byte, v *rows.Vec, i int) ([]byte, error) {
		d, err := parseTo(to, source(v, i), env(c))
		return append(dst, d.S...), err
	})
}

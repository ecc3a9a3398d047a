package json

import (
	"math"
	"strconv"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func registerBuild() {
	for _, t := range []types.Type{jsonT, jsonbT} {
		name := t.Name()
		short := map[types.ID]string{types.JSON: "to_json", types.JSONB: "to_jsonb"}[t.ID]
		build := func(strict bool, f func(dst []byte, c *fn.Ctx, args []*rows.Vec, i int) ([]byte, error)) fn.Kernel {
			return fn.Rowwise(t, strict, func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
				b, err := f(nil, c, args, i)
				if err != nil {
					return err
				}
				if t.ID == types.JSONB {
					if b, err = types.CanonicalJSON(nil, b); err != nil {
						return err
					}
				}
				out.AppendBytes(b)
				return nil
			})
		}
		reg := func(name string, args []types.Type, variadic, strict bool, k fn.Kernel, summary, ex, res string) {
			fn.RegisterScalar(fn.Scalar{Name: name, Args: args, Variadic: variadic, Ret: t, Strict: strict, Volatility: fn.Stable,
				Kernel: k, Family: family, Summary: summary, Examples: []fn.Example{{SQL: ex, Result: res}}})
		}
		value := build(true, func(dst []byte, c *fn.Ctx, args []*rows.Vec, i int) ([]byte, error) {
			return AppendValue(dst, args[0].Datum(i), &c.Env), nil
		})
		reg(short, sig(fn.AnyElement), false, true, value, "Converts a value to JSON.", "select "+short+"('Fred said \"Hi.\"'::text)", `"Fred said \"Hi.\""`)
		object := build(false, buildObject)
		reg(name+"_build_object", nil, false, false, noArgs(t, "{}"), "Returns an empty JSON object.", "select "+name+"_build_object()", "{}")
		res := map[types.ID]string{types.JSON: `{"foo" : 1, "2" : "bar"}`, types.JSONB: `{"2": "bar", "foo": 1}`}[t.ID]
		reg(name+"_build_object", sig(fn.Any), true, false, object, "Makes a JSON object of alternating keys and values.", "select "+name+"_build_object('foo', 1, 2, 'bar')", res)
		array := build(false, func(dst []byte, c *fn.Ctx, args []*rows.Vec, i int) ([]byte, error) {
			dst = append(dst, '[')
			for k, a := range args {
				if k > 0 {
					dst = append(dst, ", "...)
				}
				dst = AppendValue(dst, a.Datum(i), &c.Env)
			}
			return append(dst, ']'), nil
		})
		reg(name+"_build_array", nil, false, false, noArgs(t, "[]"), "Returns an empty JSON array.", "select "+name+"_build_array()", "[]")
		reg(name+"_build_array", sig(fn.Any), true, false, array, "Makes a JSON array of its arguments.", "select "+name+"_build_array(1, 2, 'foo')", `[1, 2, "foo"]`)
		if t.ID == types.JSON {
			reg("array_to_json", sig(fn.AnyArray), false, true, value, "Converts an array to JSON.", "select array_to_json('{{1,5},{99,100}}'::int[])", "[[1,5],[99,100]]")
			reg("row_to_json", sig(types.T(types.Record)), false, true, value, "Converts a row to a JSON object; the keys of ROW(…) are f1, f2 and so on.", "select row_to_json(row(1,'foo'))", `{"f1":1,"f2":"foo"}`)
		}
	}
}

func noArgs(t types.Type, text string) fn.Kernel {
	return func(_ *fn.Ctx, _ []*rows.Vec, _ []int32, n int) *rows.Vec {
		return rows.Const(types.Datum{Type: t, S: []byte(text)}, n)
	}
}

func buildObject(dst []byte, c *fn.Ctx, args []*rows.Vec, i int) ([]byte, error) {
	if len(args)%2 != 0 {
		return dst, sqlerr.New(sqlerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of %s must consist of alternating keys and values.", "json_build_object()")
	}
	dst = append(dst, '{')
	for k := 0; k < len(args); k += 2 {
		if k > 0 {
			dst = append(dst, ", "...)
		}
		key := args[k].Datum(i)
		if key.Null {
			return dst, sqlerr.New(sqlerr.InvalidParameterValue, "argument %d cannot be null", k+1)
		}
		if key.Type.ID == types.Array || key.Type.ID == types.JSON || key.Type.ID == types.JSONB || key.Type.ID == types.Record {
			return dst, sqlerr.New(sqlerr.InvalidParameterValue, "key value must be scalar, not array, composite, or json")
		}
		switch key.Type.ID {
		case types.Bool:
			dst = types.AppendJSONString(dst, strconv.FormatBool(key.B))
		case types.Timestamp, types.Timestamptz:
			dst = AppendValue(dst, key, &c.Env)
		default:
			dst = types.AppendJSONString(dst, types.AppendText(nil, key, &c.Env))
		}
		dst = append(dst, " : "...)
		dst = AppendValue(dst, args[k+1].Datum(i), &c.Env)
	}
	return append(dst, '}'), nil
}

// AppendValue appends a SQL value as JSON text: numbers and booleans as such, dates and times in ISO
// 8601, json as it is, arrays and records element by element, everything else as a string.
func AppendValue(dst []byte, d types.Datum, env *types.Env) []byte {
	if d.Null {
		return append(dst, "null"...)
	}
	switch d.Type.ID {
	case types.Bool:
		return strconv.AppendBool(dst, d.B)
	case types.Int2, types.Int4, types.Int8:
		return strconv.AppendInt(dst, d.I, 10)
	case types.Float4, types.Float8:
		if !math.IsNaN(d.F) && !math.IsInf(d.F, 0) {
			return types.AppendFloatText(dst, d.F, d.Type.ID)
		}
	case types.Numeric:
		if !types.NumericIsNaN(d.S) && !types.NumericIsInf(d.S) {
			return types.NumericAppendText(dst, d.S)
		}
	case types.JSON, types.JSONB:
		return append(dst, d.S...)
	case types.Date:
		return append(types.AppendDateText(append(dst, '"'), d.I), '"')
	case types.Timestamp:
		return isoTime(dst, types.AppendTimestampText(nil, d.I))
	case types.Timestamptz:
		if !types.IsFinite(d.I) {
			return isoTime(dst, types.AppendTimestampText(nil, d.I))
		}
		off, _ := types.OffsetAt(env.Location(), d.I)
		local := types.AppendTimestampText(nil, d.I+int64(off)*types.MicrosPerSecond)
		return isoTime(dst, types.AppendISOOffset(local, off))
	case types.Array, types.Int2Vector, types.OIDVector:
		return appendArray(dst, d, env)
	case types.Record:
		fields, _ := types.TypedFields(d.Type, d.S)
		names := d.Type.Fields()
		dst = append(dst, '{')
		for k, f := range fields {
			if k > 0 {
				dst = append(dst, ',')
			}
			if k < len(names) {
				dst = append(types.AppendJSONString(dst, []byte(names[k].Name)), ':')
			} else {
				dst = append(strconv.AppendInt(append(dst, `"f`...), int64(k+1), 10), `":`...)
			}
			dst = AppendValue(dst, f, env)
		}
		return append(dst, '}')
	}
	return types.AppendJSONString(dst, types.AppendText(nil, d, env))
}

// isoTime quotes a timestamp with T between its parts.
func isoTime(dst, text []byte) []byte {
	for k, c := range text {
		if c == ' ' {
			text[k] = 'T'
			break
		}
	}
	return types.AppendJSONString(dst, text)
}

func appendArray(dst []byte, d types.Datum, env *types.Env) []byte {
	elem := types.T(types.OID)
	if d.Type.Elem != nil {
		elem = *d.Type.Elem
	}
	elems, _ := types.ArrayElems(elem, d.S)
	dims := types.ArrayDims(d.S)
	if len(dims) == 0 {
		return append(dst, "[]"...)
	}
	var level func(dims []types.ArrayDim)
	level = func(dims []types.ArrayDim) {
		dst = append(dst, '[')
		for k := range dims[0].Len {
			if k > 0 {
				dst = append(dst, ',')
			}
			if len(dims) > 1 {
				level(dims[1:])
				continue
			}
			dst = AppendValue(dst, elems[0], env)
			elems = elems[1:]
		}
		dst = append(dst, ']')
	}
	level(dims)
	return dst
}

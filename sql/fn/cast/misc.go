package cast

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

var miscKernels = map[pair]kernelFor{
	{types.InternalChar, types.Int4}: func(_, to types.Type) fn.Kernel {
		return fn.OfBytes(to, func(b []byte) int64 {
			if len(b) == 0 {
				return 0
			}
			return int64(int8(b[0]))
		})
	},
	{types.Int4, types.InternalChar}: func(_, to types.Type) fn.Kernel {
		return fn.ToBytes(to, func(dst []byte, v int64) ([]byte, error) {
			switch {
			case v < -128 || v > 127:
				return dst, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"char\" out of range")
			case v == 0:
				return dst, nil
			}
			return append(dst, byte(v)), nil
		})
	},
	{types.JSONB, types.JSON}: relabel,
	{types.JSON, types.JSONB}: func(_, to types.Type) fn.Kernel {
		return fn.BytesUnary(to, types.CanonicalJSON)
	},
	{types.JSONB, types.Bool}: func(_, to types.Type) fn.Kernel {
		return fn.OfBytesE(to, func(b []byte) (bool, error) {
			v, err := jsonScalar(b, types.JSONBool, "boolean")
			return v.Bool, err
		})
	},
	{types.JSONB, types.Numeric}: jsonToNumeric,
	{types.JSONB, types.Int2}:    jsonToNumber,
	{types.JSONB, types.Int4}:    jsonToNumber,
	{types.JSONB, types.Int8}:    jsonToNumber,
	{types.JSONB, types.Float4}:  jsonToNumber,
	{types.JSONB, types.Float8}:  jsonToNumber,
}

var jsonNames = [...]string{"null", "string", "numeric", "boolean", "array", "object"}

func jsonScalar(b []byte, want types.JSONKind, target string) (types.JSONValue, error) {
	v, err := types.ParseJSON(b)
	if err != nil || v.Kind == want {
		return v, err
	}
	return v, sqlerr.New(sqlerr.InvalidParameterValue, "cannot cast jsonb %s to type %s", jsonNames[v.Kind], target)
}

func jsonToNumeric(_, to types.Type) fn.Kernel {
	return fn.BytesUnary(to, func(dst, a []byte) ([]byte, error) {
		v, err := jsonScalar(a, types.JSONNumber, fn.TypeName(to))
		if err != nil {
			return dst, err
		}
		d, err := types.Coerce(types.Datum{Type: types.T(types.Numeric), S: v.Num}, to, true)
		return append(dst, d.S...), err
	})
}

// jsonToNumber goes through numeric.
func jsonToNumber(_, to types.Type) fn.Kernel {
	num := types.T(types.Numeric)
	second := numberKernels[pair{types.Numeric, to.ID}](num, to)
	first := fn.BytesUnary(num, func(dst, a []byte) ([]byte, error) {
		v, err := jsonScalar(a, types.JSONNumber, fn.TypeName(to))
		return append(dst, v.Num...), err
	})
	return func(c *fn.Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec {
		failed := len(c.Errs)
		mid := first(c, args, sel, n)
		if len(c.Errs) > failed { // failed rows hold nothing that the second step could read
			v := rows.NewBitmap(n, true)
			if mid.Valid != nil {
				copy(v, mid.Valid)
			}
			for _, e := range c.Errs[failed:] {
				v.Clear(int(e.Row))
			}
			mid.Valid = v
		}
		return second(c, []*rows.Vec{mid}, sel, n)
	}
}

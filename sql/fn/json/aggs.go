package json

import (
	"strconv"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// aggMax bounds what one aggregate may build, in bytes: a row of a few bytes may stand for billions.
const aggMax = 256 << 20

// builder collects the elements of an array or an object.
type builder struct {
	name string
	c    *fn.Ctx
	buf  []byte
	n    int64
}

// add appends w times what one writes.
func (b *builder) add(w int64, one func(dst []byte) ([]byte, error)) error {
	for range w {
		if b.n++; b.n > 1 {
			b.buf = append(b.buf, ", "...)
		}
		var err error
		if b.buf, err = one(b.buf); err != nil {
			return err
		}
		if len(b.buf) > aggMax {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "the result of %s would exceed %d MiB", b.name, aggMax>>20)
		}
	}
	return nil
}

// finish appends the result, NULL when no row was added.
func (b *builder) finish(t types.Type, end string, out *rows.VecBuilder) error {
	if b.n == 0 {
		out.AppendNull()
		return nil
	}
	text := append(b.buf, end...)
	if t.ID == types.JSONB {
		var err error
		if text, err = types.CanonicalJSON(nil, text); err != nil {
			return err
		}
	}
	out.AppendBytes(text)
	return nil
}

func registerAggregates() {
	for _, t := range []types.Type{jsonT, jsonbT} {
		name := t.Name()
		array, object := name+"_agg", name+"_object_agg"
		result := map[types.ID]string{types.JSON: `{ "a" : 1, "b" : null }`, types.JSONB: `{"a": 1, "b": null}`}[t.ID]
		fn.RegisterAggregate(fn.Aggregate{
			Name: array, Args: sig(fn.AnyElement), Ret: t, Kind: fn.Ordered, KeepNulls: true,
			FinalOrdered: func(c *fn.Ctx, _ int64, next func() ([]types.Datum, int64, bool), out *rows.VecBuilder) error {
				b := builder{name: array, c: c, buf: []byte{'['}}
				for v, w, ok := next(); ok; v, w, ok = next() {
					if err := b.add(w, func(dst []byte) ([]byte, error) {
						if id := v[0].Type.ID; len(dst) > 1 && !v[0].Null && (id == types.Array || id == types.Record) {
							dst = append(dst, "\n "...) // as Postgres breaks the line before what is nested
						}
						return AppendValue(dst, v[0], &c.Env), nil
					}); err != nil {
						return err
					}
				}
				return b.finish(t, "]", out)
			},
			Family: family, Summary: "JSON array of the arguments, NULLs included, in their own order when no ORDER BY is given.",
			Examples: []fn.Example{{SQL: "SELECT " + array + "(x ORDER BY x) FROM (VALUES (1), (2), (NULL)) t(x)", Result: "[1, 2, null]"}},
		})
		fn.RegisterAggregate(fn.Aggregate{
			Name: object, Args: sig(fn.Any, fn.Any), Ret: t, Kind: fn.Ordered, KeepNulls: true,
			FinalOrdered: func(c *fn.Ctx, _ int64, next func() ([]types.Datum, int64, bool), out *rows.VecBuilder) error {
				b := builder{name: object, c: c, buf: []byte("{ ")}
				for v, w, ok := next(); ok; v, w, ok = next() {
					if err := b.add(w, func(dst []byte) ([]byte, error) { return appendMember(dst, v[0], v[1], &c.Env) }); err != nil {
						return err
					}
				}
				return b.finish(t, " }", out)
			},
			Family: family, Summary: "JSON object of the keys and values, in the order of the keys when no ORDER BY is given.",
			Examples: []fn.Example{{SQL: "SELECT " + object + "(k, v ORDER BY k) FROM (VALUES ('a', 1), ('b', NULL)) t(k, v)", Result: result}},
		})
	}
}

// appendMember appends a key and its value as json_object_agg writes them.
func appendMember(dst []byte, key, value types.Datum, env *types.Env) ([]byte, error) {
	if key.Null {
		return dst, sqlerr.New(sqlerr.InvalidParameterValue, "field name must not be null")
	}
	switch key.Type.ID {
	case types.Array, types.JSON, types.JSONB, types.Record:
		return dst, sqlerr.New(sqlerr.InvalidParameterValue, "key value must be scalar, not array, composite, or json")
	case types.Bool:
		dst = types.AppendJSONString(dst, strconv.AppendBool(nil, key.B))
	case types.Timestamp, types.Timestamptz:
		dst = AppendValue(dst, key, env)
	default:
		dst = types.AppendJSONString(dst, types.AppendText(nil, key, env))
	}
	return AppendValue(append(dst, " : "...), value, env), nil
}

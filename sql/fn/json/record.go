package json

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// The functions that make rows of JSON objects: json[b]_to_record and json[b]_to_recordset. Their last
// argument are the names of the columns (see fn.Table.Record).
func init() {
	for _, t := range []types.Type{jsonT, jsonbT} {
		name := t.Name()
		one := name + "_to_record"
		fn.RegisterTable(fn.Table{Name: one, Args: sig(t, textsT), Record: true, Family: family,
			Summary:  "Makes a row of a JSON object, with the columns of a column definition list.",
			Examples: []fn.Example{{SQL: "select b from " + one + `('{"a": 1, "b": "x"}') as t (a int, b text)`, Result: "x"}},
			Rows: func(c *fn.Ctx, args []types.Datum, out *rows.Builder) error {
				if args[0].Null {
					for _, col := range out.Cols {
						col.AppendNull()
					}
					out.EndRow(1)
					return nil
				}
				if err := objectOnly(args[0].S); err != nil {
					return err
				}
				return record(c, args[0].S, args[1], out)
			}})
		many := name + "_to_recordset"
		fn.RegisterTable(fn.Table{Name: many, Args: sig(t, textsT), Record: true, Family: family,
			Summary:  "Makes rows of a JSON array of objects, with the columns of a column definition list.",
			Examples: []fn.Example{{SQL: "select a from " + many + `('[{"a": 1}, {"a": 2}]') as t (a int)`, Result: "1\n2"}},
			Rows: func(c *fn.Ctx, args []types.Datum, out *rows.Builder) error {
				if args[0].Null {
					return nil
				}
				switch kindOf(args[0].S) {
				case types.JSONArray:
				case types.JSONObject:
					return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on an object", many)
				default:
					if t.ID == types.JSONB {
						return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-array", many)
					}
					return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", many)
				}
				var err error
				eachItem(args[0].S, func(v []byte) bool {
					if kindOf(v) != types.JSONObject {
						err = sqlerr.New(sqlerr.InvalidParameterValue, "argument of %s must be an array of objects", many)
					} else {
						err = record(c, v, args[1], out)
					}
					return err == nil
				})
				return err
			}})
	}
}

// objectOnly is the error for anything but an object, in the words of the function that PostgreSQL
// does the work with.
func objectOnly(s []byte) error {
	switch kindOf(s) {
	case types.JSONObject:
		return nil
	case types.JSONArray:
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on an array", "populate_composite")
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", "populate_composite")
}

// record appends the row of an object.
func record(c *fn.Ctx, object []byte, names types.Datum, out *rows.Builder) error {
	keys, err := types.ArrayElems(textT, names.S)
	if err != nil {
		return err
	}
	for i, k := range keys {
		v, ok := field(object, k.S)
		if !ok {
			out.Cols[i].AppendNull()
			continue
		}
		d, err := populate(c, v, out.Cols[i].Type(), string(k.S))
		if err != nil {
			return err
		}
		out.Cols[i].AppendDatum(d)
	}
	out.EndRow(1)
	return nil
}

// populate converts a JSON value to a type: a string through the type's input, anything else through
// its JSON text, an array element by element.
func populate(c *fn.Ctx, v []byte, to types.Type, key string) (types.Datum, error) {
	k := kindOf(v)
	if k == types.JSONNull {
		return types.NullOf(to), nil
	}
	if to.ID == types.JSON || to.ID == types.JSONB {
		return types.ParseText(to, string(v), &c.Env)
	}
	if to.ID == types.Array && k != types.JSONString {
		return populateArray(c, v, to, key)
	}
	if to.ID == types.Record && k == types.JSONObject {
		return populateRecord(c, v, to, types.NullOf(to))
	}
	if to.ID == types.Record && k != types.JSONString {
		what := "a scalar"
		if k == types.JSONArray {
			what = "an array"
		}
		return types.Datum{}, sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on %s", "populate_composite", what)
	}
	text, _ := asText(nil, v)
	return types.ParseText(to, string(text), &c.Env)
}

// populateRecord makes a composite value of an object. Fields that the object has no key for are those
// of base.
func populateRecord(c *fn.Ctx, v []byte, to types.Type, base types.Datum) (types.Datum, error) {
	fields := to.Fields()
	if fields == nil {
		return types.Datum{}, sqlerr.New(sqlerr.InvalidParameterValue, "could not determine row type for result of %s", "json_populate_record")
	}
	out := make([]types.Datum, len(fields))
	if !base.Null {
		old, err := types.TypedFields(to, base.S)
		if err != nil {
			return base, err
		}
		copy(out, old)
	}
	for i, f := range fields {
		item, ok := field(v, []byte(f.Name))
		if !ok {
			if base.Null || out[i].Null {
				out[i] = types.NullOf(f.Type)
			}
			continue
		}
		d, err := populate(c, item, f.Type, f.Name)
		if err != nil {
			return base, err
		}
		if out[i], err = types.Coerce(d, f.Type, false); err != nil {
			return base, err
		}
	}
	return types.Datum{Type: to, S: types.AppendRecord(nil, out)}, nil
}

func populateArray(c *fn.Ctx, v []byte, to types.Type, key string) (types.Datum, error) {
	if kindOf(v) != types.JSONArray {
		return types.Datum{}, sqlerr.New(sqlerr.InvalidTextRepresentation, "expected JSON array").
			WithHint("See the value of key \"%s\".", key)
	}
	var dims []types.ArrayDim
	var elems []types.Datum
	err := arrayLevel(c, v, *to.Elem, key, 0, &dims, &elems)
	if err != nil {
		return types.Datum{}, err
	}
	if len(elems) == 0 {
		dims = nil
	}
	return types.Datum{Type: to, S: types.AppendArrayDims(nil, dims, elems)}, nil
}

// arrayLevel collects the elements of an array of arrays, which must be regular.
func arrayLevel(c *fn.Ctx, v []byte, elem types.Type, key string, level int, dims *[]types.ArrayDim, elems *[]types.Datum) error {
	n := int(count(v))
	if level == len(*dims) {
		*dims = append(*dims, types.ArrayDim{Len: n, Lower: 1})
	} else if (*dims)[level].Len != n {
		return sqlerr.New(sqlerr.InvalidTextRepresentation, "malformed JSON array").
			WithDetail("Multidimensional arrays must have sub-arrays with matching dimensions.")
	}
	var err error
	eachItem(v, func(item []byte) bool {
		deeper := kindOf(item) == types.JSONArray && elem.ID != types.JSON && elem.ID != types.JSONB
		switch {
		case deeper:
			err = arrayLevel(c, item, elem, key, level+1, dims, elems)
		case level+1 < len(*dims):
			err = sqlerr.New(sqlerr.InvalidTextRepresentation, "expected JSON array")
		default:
			var d types.Datum
			d, err = populate(c, item, elem, key)
			*elems = append(*elems, d)
		}
		return err == nil
	})
	return err
}

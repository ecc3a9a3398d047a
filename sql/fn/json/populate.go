package json

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// json[b]_populate_record and json[b]_populate_recordset make values of a composite type, which their
// first argument has: a value of it for the keys that are missing, or NULL. In FROM their columns are
// the type's fields.
func init() {
	for _, t := range []types.Type{jsonT, jsonbT} {
		one, many := t.Name()+"_populate_record", t.Name()+"_populate_recordset"
		fn.RegisterScalar(fn.Scalar{Name: one, Args: sig(fn.AnyElement, t), Ret: fn.AnyElement, Volatility: fn.Stable,
			Family: family, Summary: "Makes a composite value of a JSON object; the first argument has its type, and the fields that the object lacks.",
			Examples: []fn.Example{{SQL: "select " + one + `(row(1,2), '{"f1": 0}')`, Result: "(0,2)"}},
			Kernel: fn.Rowwise(types.Type{}, false, func(c *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
				d, err := populateOne(c, one, args[0].Datum(i), args[1].Datum(i))
				if err == nil {
					out.AppendDatum(d)
				}
				return err
			})})
		fn.RegisterTable(fn.Table{Name: many, Args: sig(fn.AnyElement, t), ColumnFunc: fieldsOf(many), Volatility: fn.Stable,
			Family: family, Summary: "Makes composite values of a JSON array of objects; the first argument has their type, and the fields that an object lacks.",
			Examples: []fn.Example{{SQL: "select " + many + `(row(1,2), '[{"f1": 0}, {"f2": 9}]')`, Result: "(0,2)\n(1,9)"}},
			Rows: func(c *fn.Ctx, args []types.Datum, out *rows.Builder) error {
				return populateMany(c, many, t, args, out)
			}})
	}
}

// fieldsOf gives the columns of a call: the fields of its first argument.
func fieldsOf(name string) func(args []types.Type) []types.Field {
	return func(args []types.Type) []types.Field {
		if fields := args[0].Fields(); fields != nil {
			return fields
		}
		return []types.Field{{Name: name, Type: args[0]}}
	}
}

// populateOne makes one value; NULL gives the first argument.
func populateOne(c *fn.Ctx, name string, base, object types.Datum) (types.Datum, error) {
	if base.Type.ID != types.Record {
		return base, sqlerr.New(sqlerr.DatatypeMismatch, "first argument of %s must be a row type", name)
	}
	if base.Type.Fields() == nil {
		return base, sqlerr.New(sqlerr.InvalidParameterValue, "could not determine row type for result of %s", name).
			WithHint("Provide a non-null record argument, or call the function in the FROM clause using a column definition list.")
	}
	if object.Null {
		return base, nil
	}
	if err := objectOnly(object.S); err != nil {
		return base, err
	}
	return populateRecord(c, object.S, base.Type, base)
}

func populateMany(c *fn.Ctx, name string, t types.Type, args []types.Datum, out *rows.Builder) error {
	if args[0].Type.ID != types.Record {
		return sqlerr.New(sqlerr.DatatypeMismatch, "first argument of %s must be a row type", name)
	}
	if args[1].Null {
		return nil
	}
	switch k := kindOf(args[1].S); {
	case k == types.JSONArray:
	case k == types.JSONObject:
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on an object", name)
	case t.ID == types.JSONB:
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-array", name)
	default:
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", name)
	}
	var err error
	eachItem(args[1].S, func(v []byte) bool {
		if kindOf(v) != types.JSONObject {
			err = sqlerr.New(sqlerr.InvalidParameterValue, "argument of %s must be an array of objects", name)
			return false
		}
		var d types.Datum
		if d, err = populateRecord(c, v, args[0].Type, args[0]); err == nil {
			err = appendFields(d, out)
		}
		return err == nil
	})
	return err
}

// appendFields appends a composite value as a row.
func appendFields(d types.Datum, out *rows.Builder) error {
	if d.Null {
		for _, col := range out.Cols {
			col.AppendNull()
		}
		out.EndRow(1)
		return nil
	}
	fields, err := types.TypedFields(d.Type, d.S)
	if err != nil {
		return err
	}
	for i, f := range fields {
		out.Cols[i].AppendDatum(f)
	}
	out.EndRow(1)
	return nil
}

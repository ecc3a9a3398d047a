package json

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// jsonb_set_lax is jsonb_set that says what a NULL as new value means.
func init() {
	all := sig(jsonbT, textsT, jsonbT, boolT, textT)
	examples := map[int]fn.Example{
		3: {SQL: `select jsonb_set_lax('{"a": 1}', '{a}', NULL)`, Result: `{"a": null}`},
		4: {SQL: `select jsonb_set_lax('{"a": 1}', '{b}', '2', false)`, Result: `{"a": 1}`},
		5: {SQL: `select jsonb_set_lax('{"a": 1}', '{a}', NULL, true, 'delete_key')`, Result: `{}`},
	}
	for n := 3; n <= 5; n++ {
		fn.RegisterScalar(fn.Scalar{Name: "jsonb_set_lax", Args: all[:n], Ret: jsonbT, Kernel: fn.Rowwise(jsonbT, false, setLax), Family: family,
			Summary:  "As jsonb_set; the fifth argument says what a NULL as new value does: use_json_null, delete_key, return_target or raise_exception.",
			Examples: []fn.Example{examples[n]}})
	}
}

func setLax(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
	if args[0].IsNull(i) || args[1].IsNull(i) || len(args) > 3 && args[3].IsNull(i) {
		return nil
	}
	treatment := "use_json_null"
	if len(args) > 4 {
		if treatment = ""; !args[4].IsNull(i) {
			treatment = string(args[4].Bytes(i))
		}
	}
	const unknown = `null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"`
	if len(args) > 4 && args[4].IsNull(i) {
		return sqlerr.New(sqlerr.InvalidParameterValue, unknown)
	}
	v, err := types.ParseJSON(args[0].Bytes(i))
	if err != nil {
		return err
	}
	w := &types.JSONValue{Kind: types.JSONNull}
	create := len(args) < 4 || args[3].B[i]
	if !args[2].IsNull(i) {
		if *w, err = types.ParseJSON(args[2].Bytes(i)); err != nil {
			return err
		}
	} else {
		switch treatment {
		case "use_json_null":
		case "delete_key":
			w = nil
		case "return_target":
			out.CommitScratch(types.AppendJSONB(out.Scratch(), &v))
			return nil
		case "raise_exception":
			return sqlerr.New(sqlerr.NullValueNotAllowed, "JSON value must not be null").
				WithDetail("Exception was raised because null_value_treatment is \"raise_exception\".").
				WithHint("To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.")
		default:
			return sqlerr.New(sqlerr.InvalidParameterValue, unknown)
		}
	}
	if err := replaceAt(&v, args[1], i, w, create); err != nil {
		return err
	}
	out.CommitScratch(types.AppendJSONB(out.Scratch(), &v))
	return nil
}

// replaceAt puts w at a path, or deletes what is there for nil.
func replaceAt(v *types.JSONValue, path *rows.Vec, i int, w *types.JSONValue, create bool) error {
	if err := flat(path, i); err != nil {
		return err
	}
	if v.Kind < types.JSONArray {
		if w == nil {
			return scalarError("cannot delete path in scalar")
		}
		return scalarError("cannot set path in scalar")
	}
	if len(v.Items)+len(v.Members) == 0 && (!create || w == nil) {
		return nil
	}
	p, err := steps(path, i)
	if err != nil || len(p) == 0 {
		return err
	}
	return setPath(v, p, w, create, 1)
}

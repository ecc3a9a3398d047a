// Package json registers the functions and operators on json and jsonb: access by key, index and
// path, containment, building values from SQL, editing jsonb, and taking objects and arrays apart
// into rows.
//
// json is the text as it was given; jsonb is canonical text (types.CanonicalJSON). Access walks the
// text and returns a part of it, which for jsonb is canonical again; what has to rebuild a value
// parses it into a types.JSONValue.
package json

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const family = "JSON"

var (
	jsonT  = types.T(types.JSON)
	jsonbT = types.T(types.JSONB)
	textT  = types.T(types.Text)
	int4T  = types.T(types.Int4)
	boolT  = types.T(types.Bool)
	textsT = types.ArrayOf(textT)
)

func sig(ts ...types.Type) []types.Type { return ts }

func def(name string, args []types.Type, ret types.Type, k fn.Kernel, summary string, examples ...string) {
	s := fn.Scalar{Name: name, Args: args, Ret: ret, Strict: true, Kernel: k, Family: family, Summary: summary}
	for i := 0; i+1 < len(examples); i += 2 {
		s.Examples = append(s.Examples, fn.Example{SQL: examples[i], Result: examples[i+1]})
	}
	fn.RegisterScalar(s)
}

// get makes a kernel that returns a part of its first argument, as it stands or as text.
func get(ret types.Type, f func(args []*rows.Vec, i int) ([]byte, bool)) fn.Kernel {
	return fn.Rowwise(ret, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		v, ok := f(args, i)
		if !ok {
			return nil
		}
		if ret.ID != types.Text {
			out.AppendBytes(v)
			return nil
		}
		if b, ok := asText(out.Scratch(), v); ok {
			out.CommitScratch(b)
		}
		return nil
	})
}

// asText appends a value as ->> gives it: a string without quotes, null as NULL, else its JSON text.
func asText(dst, v []byte) ([]byte, bool) {
	switch kindOf(v) {
	case types.JSONNull:
		return dst, false
	case types.JSONString:
		return appendString(dst, v), true
	}
	return append(dst, v...), true
}

func init() {
	for _, t := range []types.Type{jsonT, jsonbT} {
		registerAccess(t)
		registerTables(t)
		name := t.Name()
		def(name+"_typeof", sig(t), textT, fn.BytesUnary(textT, func(dst, a []byte) ([]byte, error) {
			return append(dst, kindNames[kindOf(a)]...), nil
		}), "Returns the kind of a JSON value as text.", "select "+name+"_typeof('-123.4')", "number")
		def(name+"_array_length", sig(t), int4T, fn.OfBytesE(int4T, func(a []byte) (int64, error) {
			switch kindOf(a) {
			case types.JSONArray:
				return count(a), nil
			case types.JSONObject:
				return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a non-array")
			}
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "cannot get array length of a scalar")
		}), "Counts the elements of a JSON array.", "select "+name+"_array_length('[1,2,3]')", "3")
	}
	registerContainment()
	registerEdit()
	registerBuild()
	registerAggregates()
}

func registerAccess(t types.Type) {
	name := t.Name()
	byKey := func(args []*rows.Vec, i int) ([]byte, bool) {
		return field(args[0].Bytes(i), args[1].Bytes(i))
	}
	byIndex := func(args []*rows.Vec, i int) ([]byte, bool) {
		s, n := args[0].Bytes(i), args[1].I[i]
		if t.ID == types.JSONB && (n == 0 || n == -1) && kindOf(s) < types.JSONArray {
			return s, true // to jsonb a scalar is an array of one
		}
		return item(s, n)
	}
	byPath := func(args []*rows.Vec, i int) ([]byte, bool) {
		steps, err := types.ArrayElems(textT, args[1].Bytes(i))
		if err != nil {
			return nil, false
		}
		return path(args[0].Bytes(i), steps)
	}
	spread := func(args []*rows.Vec, i int) ([]byte, bool) {
		steps := make([]types.Datum, len(args)-1)
		for k, a := range args[1:] {
			steps[k] = a.Datum(i)
		}
		return path(args[0].Bytes(i), steps)
	}
	lit := func(s string) string { return "'" + s + "'::" + name }
	def("->", sig(t, textT), t, get(t, byKey), "Returns a member of an object.", "select "+lit(`{"a": {"b": 1}}`)+" -> 'a'", `{"b": 1}`)
	def("->", sig(t, int4T), t, get(t, byIndex), "Returns an element of an array, counted from 0, or from the end when negative.", "select "+lit(`[1, 2, 3]`)+" -> 1", "2")
	def("->>", sig(t, textT), textT, get(textT, byKey), "Returns a member of an object as text.", "select "+lit(`{"a": "x"}`)+" ->> 'a'", "x")
	def("->>", sig(t, int4T), textT, get(textT, byIndex), "Returns an element of an array as text.", "select "+lit(`[1, 2, 3]`)+" ->> -1", "3")
	def("#>", sig(t, textsT), t, get(t, byPath), "Returns the value at a path.", "select "+lit(`{"a": [1, {"b": 2}]}`)+" #> '{a,1,b}'", "2")
	def("#>>", sig(t, textsT), textT, get(textT, byPath), "Returns the value at a path as text.", "select "+lit(`{"a": ["x"]}`)+" #>> '{a,0}'", "x")
	for _, f := range []struct {
		name string
		ret  types.Type
	}{{name + "_extract_path", t}, {name + "_extract_path_text", textT}} {
		fn.RegisterScalar(fn.Scalar{Name: f.name, Args: sig(t, textT), Variadic: true, Ret: f.ret, Strict: true, Kernel: get(f.ret, spread),
			Family: family, Summary: "Returns the value at the path that the arguments spell.",
			Examples: []fn.Example{{SQL: "select " + f.name + "(" + lit(`{"a": [5]}`) + ", 'a', '0')", Result: "5"}}})
	}
}

func registerTables(t types.Type) {
	name := t.Name()
	table := func(suffix string, cols []types.Field, summary, example, result string, rowsOf func(s []byte, out *rows.Builder) error) {
		fn.RegisterTable(fn.Table{Name: name + suffix, Args: sig(t), Columns: cols, Family: family, Summary: summary,
			Examples: []fn.Example{{SQL: example, Result: result}},
			Rows: func(_ *fn.Ctx, args []types.Datum, out *rows.Builder) error {
				if args[0].Null {
					return nil
				}
				return rowsOf(args[0].S, out)
			}})
	}
	for _, asTexts := range []bool{false, true} {
		suffix, vt := "", t
		if asTexts {
			suffix, vt = "_text", textT
		}
		add := func(col *rows.VecBuilder, v []byte) {
			if !asTexts {
				col.AppendBytes(v)
				return
			}
			if b, ok := asText(nil, v); ok {
				col.AppendBytes(b)
			} else {
				col.AppendNull()
			}
		}
		full := name + "_array_elements" + suffix
		table("_array_elements"+suffix, []types.Field{{Name: "value", Type: vt}}, "Returns the elements of a JSON array as rows.",
			"select value from "+full+"('[1,true]')", "1\ntrue", func(s []byte, out *rows.Builder) error {
				switch kindOf(s) {
				case types.JSONArray:
				case types.JSONObject:
					if t.ID == types.JSON {
						return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-array", full)
					}
					return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from an object")
				default:
					if t.ID == types.JSON {
						return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", full)
					}
					return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from a scalar")
				}
				eachItem(s, func(v []byte) bool {
					add(out.Cols[0], v)
					out.EndRow(1)
					return true
				})
				return nil
			})
		each := name + "_each" + suffix
		table("_each"+suffix, []types.Field{{Name: "key", Type: textT}, {Name: "value", Type: vt}}, "Returns the members of a JSON object as rows.",
			"select key from "+each+"('{\"a\": 1, \"b\": 2}')", "a\nb", func(s []byte, out *rows.Builder) error {
				if kindOf(s) != types.JSONObject {
					if t.ID == types.JSON && kindOf(s) == types.JSONArray {
						return sqlerr.New(sqlerr.InvalidParameterValue, "cannot deconstruct an array as an object")
					}
					if t.ID == types.JSON {
						return sqlerr.New(sqlerr.InvalidParameterValue, "cannot deconstruct a scalar")
					}
					return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-object", each)
				}
				eachMember(s, func(k, v []byte) bool {
					out.Cols[0].AppendBytes(appendString(nil, k))
					add(out.Cols[1], v)
					out.EndRow(1)
					return true
				})
				return nil
			})
	}
	keys := name + "_object_keys"
	table("_object_keys", []types.Field{{Name: keys, Type: textT}}, "Returns the keys of a JSON object as rows.",
		"select "+keys+" from "+keys+"('{\"a\": 1, \"b\": 2}')", "a\nb", func(s []byte, out *rows.Builder) error {
			switch kindOf(s) {
			case types.JSONObject:
			case types.JSONArray:
				return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on an array", keys)
			default:
				return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", keys)
			}
			eachMember(s, func(k, _ []byte) bool {
				out.Cols[0].AppendBytes(appendString(nil, k))
				out.EndRow(1)
				return true
			})
			return nil
		})
}

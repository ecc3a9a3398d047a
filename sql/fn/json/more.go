package json

import (
	"strconv"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	for n := 3; n <= 4; n++ {
		example := `select jsonb_insert('{"a": [0,1,2]}', '{a, 1}', '"new_value"')`
		result := `{"a": [0, "new_value", 1, 2]}`
		def("jsonb_insert", sig(jsonbT, textsT, jsonbT, boolT)[:n], jsonbT, edit(func(v *types.JSONValue, args []*rows.Vec, i int) error {
			if v.Kind < types.JSONArray {
				return scalarError("cannot set path in scalar")
			}
			p, err := steps(args[1], i)
			if err != nil || len(p) == 0 {
				return err
			}
			w, err := types.ParseJSON(args[2].Bytes(i))
			if err != nil {
				return err
			}
			return insertPath(v, p, &w, len(args) > 3 && args[3].B[i], 1)
		}), "Inserts a value at a path: before an element of an array, or after it with true, or as a new member.", example, result)
	}
	def("json_strip_nulls", sig(jsonT), jsonT, fn.BytesUnary(jsonT, func(dst, a []byte) ([]byte, error) {
		return stripText(dst, a), nil
	}), "Deletes all members that are null.", `select json_strip_nulls('[{"f1":1, "f2":null}, 2, null, 3]')`, `[{"f1":1},2,null,3]`)
	for _, t := range []types.Type{jsonT, jsonbT} {
		name := t.Name() + "_object"
		spaced := ` : `
		if t.ID == types.JSONB {
			spaced = `: `
		}
		def(name, sig(textsT), t, fn.Rowwise(t, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
			dims := types.ArrayDims(args[0].Bytes(i))
			elems, err := types.ArrayElems(textT, args[0].Bytes(i))
			if err != nil {
				return err
			}
			switch {
			case len(dims) == 1 && dims[0].Len%2 != 0:
				return sqlerr.New("2202E", "array must have even number of elements")
			case len(dims) == 2 && dims[1].Len != 2:
				return sqlerr.New("2202E", "array must have two columns")
			case len(dims) > 2:
				return sqlerr.New("2202E", "wrong number of array subscripts")
			}
			var keys, values []types.Datum
			for k := 0; k < len(elems); k += 2 {
				keys, values = append(keys, elems[k]), append(values, elems[k+1])
			}
			return object(t, keys, values, out)
		}), "Makes an object of an array of keys and values, all as text.", "select "+name+"('{a, 1, b, def}')", `{"a"`+spaced+`"1", "b"`+spaced+`"def"}`)
		def(name, sig(textsT, textsT), t, fn.Rowwise(t, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
			if k := len(types.ArrayDims(args[0].Bytes(i))); k > 1 || k != len(types.ArrayDims(args[1].Bytes(i))) {
				return sqlerr.New("2202E", "wrong number of array subscripts")
			}
			keys, err := types.ArrayElems(textT, args[0].Bytes(i))
			if err != nil {
				return err
			}
			values, err := types.ArrayElems(textT, args[1].Bytes(i))
			if err != nil {
				return err
			}
			if len(keys) != len(values) {
				return sqlerr.New("2202E", "mismatched array dimensions")
			}
			return object(t, keys, values, out)
		}), "Makes an object of an array of keys and one of values, all as text.", "select "+name+"('{a,b}', '{1,2}')", `{"a"`+spaced+`"1", "b"`+spaced+`"2"}`)
	}
}

// object appends an object of text keys and values.
func object(t types.Type, keys, values []types.Datum, out *rows.VecBuilder) error {
	dst := []byte{'{'}
	for k := range keys {
		if keys[k].Null {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "null value not allowed for object key")
		}
		if k > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(types.AppendJSONString(dst, keys[k].S), " : "...)
		if values[k].Null {
			dst = append(dst, "null"...)
		} else {
			dst = types.AppendJSONString(dst, values[k].S)
		}
	}
	dst = append(dst, '}')
	if t.ID == types.JSON {
		out.AppendBytes(dst)
		return nil
	}
	b, err := types.CanonicalJSON(out.Scratch(), dst)
	if err == nil {
		out.CommitScratch(b)
	}
	return err
}

// stripText copies a JSON text without white space and without members that are null.
func stripText(dst, s []byte) []byte {
	switch kindOf(s) {
	case types.JSONObject:
		dst = append(dst, '{')
		first := true
		eachMember(s, func(k, v []byte) bool {
			if kindOf(v) == types.JSONNull {
				return true
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(append(dst, k...), ':')
			dst = stripText(dst, v)
			return true
		})
		return append(dst, '}')
	case types.JSONArray:
		dst = append(dst, '[')
		first := true
		eachItem(s, func(v []byte) bool {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = stripText(dst, v)
			return true
		})
		return append(dst, ']')
	}
	start := skipSpace(s, 0)
	return append(dst, s[start:valueEnd(s, start)]...)
}

// insertPath puts w beside the element, or in the place of the missing member, that a path names.
func insertPath(v *types.JSONValue, p []string, w *types.JSONValue, after bool, depth int) error {
	if p[0] == nullStep {
		return nullStepError(depth)
	}
	switch v.Kind {
	case types.JSONObject:
		m := member(v, p[0])
		switch {
		case m != nil && len(p) > 1:
			return insertPath(m, p[1:], w, after, depth+1)
		case m != nil:
			return sqlerr.New(sqlerr.InvalidParameterValue, "cannot replace existing key").
				WithHint("Try using the function jsonb_set to replace key value.")
		case len(p) == 1:
			v.Members = append(v.Members, types.JSONMember{Key: p[0], Value: *w})
		}
	case types.JSONArray:
		n, err := strconv.ParseInt(p[0], 10, 32)
		if err != nil {
			return sqlerr.New(sqlerr.InvalidTextRepresentation, "path element at position %d is not an integer: \"%s\"", depth, p[0])
		}
		size := int64(len(v.Items))
		if n < 0 {
			n += size
		}
		if len(p) > 1 {
			if n >= 0 && n < size {
				return insertPath(&v.Items[n], p[1:], w, after, depth+1)
			}
			return nil
		}
		at := min(max(n, 0), size)
		if after && n >= 0 && n < size {
			at++
		}
		v.Items = append(v.Items[:at:at], append([]types.JSONValue{*w}, v.Items[at:]...)...)
	}
	return nil
}

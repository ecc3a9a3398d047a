package json

import (
	"bytes"
	"strconv"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func registerContainment() {
	def("@>", sig(jsonbT, jsonbT), boolT, fn.OfBytes2(boolT, containsText), "Tells whether a jsonb value contains another.", `select '{"a":1, "b":2}'::jsonb @> '{"b":2}'::jsonb`, "t")
	def("<@", sig(jsonbT, jsonbT), boolT, fn.OfBytes2(boolT, func(a, b []byte) bool { return containsText(b, a) }),
		"Tells whether a jsonb value is contained in another.", `select '{"b":2}'::jsonb <@ '{"a":1, "b":2}'::jsonb`, "t")
	for _, name := range []string{"?", "jsonb_exists"} {
		ex := `select jsonb_exists('{"a":1, "b":2}'::jsonb, 'b')`
		if name == "?" {
			ex = `select '{"a":1, "b":2}'::jsonb ? 'b'`
		}
		def(name, sig(jsonbT, textT), boolT, fn.OfBytes2(boolT, exists), "Tells whether a text is a key of an object or a string element of an array.", ex, "t")
	}
	for _, v := range []struct {
		name string
		all  bool
		ex   string
	}{{"?|", false, `select '{"a":1}'::jsonb ?| array['b','a']`}, {"?&", true, `select '["a","b"]'::jsonb ?& array['a','b']`}} {
		def(v.name, sig(jsonbT, textsT), boolT, fn.Rowwise(boolT, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
			keys, err := types.ArrayElems(textT, args[1].Bytes(i))
			if err != nil {
				return err
			}
			res := v.all
			for _, k := range keys {
				if !k.Null && exists(args[0].Bytes(i), k.S) != v.all {
					res = !v.all
				}
			}
			out.AppendBool(res)
			return nil
		}), "Tells whether any (?|) or all (?&) of some texts are keys or string elements.", v.ex, "t")
	}
}

// exists tells whether key is a member's key, a string element or the string itself.
func exists(s, key []byte) (ok bool) {
	switch kindOf(s) {
	case types.JSONObject:
		_, ok = field(s, key)
	case types.JSONArray:
		eachItem(s, func(v []byte) bool {
			ok = ok || kindOf(v) == types.JSONString && isKey(v, key)
			return !ok
		})
	case types.JSONString:
		ok = isKey(s, key)
	}
	return ok
}

func containsText(a, b []byte) bool {
	x, err1 := types.ParseJSON(a)
	y, err2 := types.ParseJSON(b)
	if err1 != nil || err2 != nil {
		return false
	}
	if x.Kind == types.JSONArray && y.Kind < types.JSONArray { // an array contains its scalars, at the top only
		return containsItem(x.Items, &y)
	}
	return contains(&x, &y)
}

func contains(x, y *types.JSONValue) bool {
	if x.Kind != y.Kind {
		return false
	}
	switch x.Kind {
	case types.JSONObject:
		for i := range y.Members {
			m := member(x, y.Members[i].Key)
			if m == nil || !contains(m, &y.Members[i].Value) {
				return false
			}
		}
		return true
	case types.JSONArray:
		for i := range y.Items {
			if !containsItem(x.Items, &y.Items[i]) {
				return false
			}
		}
		return true
	}
	return types.CompareJSON(x, y) == 0
}

func containsItem(items []types.JSONValue, v *types.JSONValue) bool {
	for i := range items {
		if contains(&items[i], v) {
			return true
		}
	}
	return false
}

func member(x *types.JSONValue, key string) *types.JSONValue {
	for i := range x.Members {
		if x.Members[i].Key == key {
			return &x.Members[i].Value
		}
	}
	return nil
}

// edit makes a kernel over a parsed jsonb value.
func edit(f func(v *types.JSONValue, args []*rows.Vec, i int) error) fn.Kernel {
	return fn.Rowwise(jsonbT, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		if len(args) > 1 && args[1].Type.ID == types.Array {
			if err := flat(args[1], i); err != nil {
				return err
			}
		}
		v, err := types.ParseJSON(args[0].Bytes(i))
		if err != nil {
			return err
		}
		if err := f(&v, args, i); err != nil {
			return err
		}
		out.CommitScratch(types.AppendJSONB(out.Scratch(), &v))
		return nil
	})
}

// nullStep stands for a NULL in a path; no text has a NUL. It is an error once a path gets so far.
const nullStep = "\x00"

func nullStepError(depth int) error {
	return sqlerr.New(sqlerr.NullValueNotAllowed, "path element at position %d is null", depth)
}

// flat refuses arrays of several dimensions.
func flat(v *rows.Vec, i int) error {
	if len(types.ArrayDims(v.Bytes(i))) > 1 {
		return sqlerr.New("2202E", "wrong number of array subscripts")
	}
	return nil
}

func steps(v *rows.Vec, i int) ([]string, error) {
	elems, err := types.ArrayElems(textT, v.Bytes(i))
	if err != nil {
		return nil, err
	}
	out := make([]string, len(elems))
	for k, e := range elems {
		if out[k] = string(e.S); e.Null {
			out[k] = nullStep
		}
	}
	return out, nil
}

func scalarError(what string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "%s", what)
}

func registerEdit() {
	def("||", sig(jsonbT, jsonbT), jsonbT, edit(func(v *types.JSONValue, args []*rows.Vec, i int) error {
		w, err := types.ParseJSON(args[1].Bytes(i))
		if err != nil {
			return err
		}
		if v.Kind == types.JSONObject && w.Kind == types.JSONObject {
			v.Members = append(v.Members, w.Members...)
			return nil
		}
		*v = types.JSONValue{Kind: types.JSONArray, Items: append(listOf(*v), listOf(w)...)}
		return nil
	}), "Joins two jsonb values: objects by key, everything else as arrays.", `select '["a", "b"]'::jsonb || '["a", "d"]'::jsonb`, `["a", "b", "a", "d"]`)
	def("-", sig(jsonbT, textT), jsonbT, edit(func(v *types.JSONValue, args []*rows.Vec, i int) error {
		return remove(v, string(args[1].Bytes(i)))
	}), "Deletes a member, or the string elements of that text.", `select '{"a": "b", "c": "d"}'::jsonb - 'a'`, `{"c": "d"}`)
	def("-", sig(jsonbT, textsT), jsonbT, edit(func(v *types.JSONValue, args []*rows.Vec, i int) error {
		keys, err := types.ArrayElems(textT, args[1].Bytes(i))
		if err != nil {
			return err
		}
		if v.Kind < types.JSONArray {
			return scalarError("cannot delete from scalar")
		}
		for _, k := range keys {
			if !k.Null {
				if err := remove(v, string(k.S)); err != nil {
					return err
				}
			}
		}
		return nil
	}), "Deletes several members or string elements.", `select '{"a": "b", "c": "d"}'::jsonb - '{a,c}'::text[]`, `{}`)
	def("-", sig(jsonbT, int4T), jsonbT, edit(func(v *types.JSONValue, args []*rows.Vec, i int) error {
		switch v.Kind {
		case types.JSONObject:
			return scalarError("cannot delete from object using integer index")
		case types.JSONArray:
		default:
			return scalarError("cannot delete from scalar")
		}
		n := args[1].I[i]
		if n < 0 {
			n += int64(len(v.Items))
		}
		if n >= 0 && n < int64(len(v.Items)) {
			v.Items = append(v.Items[:n], v.Items[n+1:]...)
		}
		return nil
	}), "Deletes an element of an array.", `select '["a", "b"]'::jsonb - 1`, `["a"]`)
	def("#-", sig(jsonbT, textsT), jsonbT, edit(func(v *types.JSONValue, args []*rows.Vec, i int) error {
		if v.Kind < types.JSONArray {
			return scalarError("cannot delete path in scalar")
		}
		p, err := steps(args[1], i)
		if err != nil || len(p) == 0 || len(v.Items)+len(v.Members) == 0 {
			return err
		}
		return setPath(v, p, nil, true, 1)
	}), "Deletes the value at a path.", `select '["a", {"b":1}]'::jsonb #- '{1,b}'`, `["a", {}]`)
	for _, create := range []bool{false, true} {
		args := sig(jsonbT, textsT, jsonbT)
		if create {
			args = append(args, boolT)
		}
		def("jsonb_set", args, jsonbT, edit(func(v *types.JSONValue, args []*rows.Vec, i int) error {
			if v.Kind < types.JSONArray {
				return scalarError("cannot set path in scalar")
			}
			create := len(args) < 4 || args[3].B[i]
			if len(v.Items)+len(v.Members) == 0 && !create {
				return nil
			}
			p, err := steps(args[1], i)
			if err != nil || len(p) == 0 {
				return err
			}
			w, err := types.ParseJSON(args[2].Bytes(i))
			if err != nil {
				return err
			}
			return setPath(v, p, &w, create, 1)
		}), "Replaces the value at a path; adds it when the last step is missing, unless the fourth argument is false.",
			`select jsonb_set('{"a": [1, 2]}'::jsonb, '{a,1}', '"x"'::jsonb`+map[bool]string{false: "", true: ", false"}[create]+`)`, `{"a": [1, "x"]}`)
	}
	strip := func(v *types.JSONValue, _ []*rows.Vec, _ int) error { stripNulls(v); return nil }
	def("jsonb_strip_nulls", sig(jsonbT), jsonbT, edit(strip), "Deletes all members that are null.", `select jsonb_strip_nulls('{"a": null, "b": [1, null]}')`, `{"b": [1, null]}`)
	def("jsonb_pretty", sig(jsonbT), textT, fn.BytesUnary(textT, func(dst, a []byte) ([]byte, error) {
		v, err := types.ParseJSON(a)
		return appendPretty(dst, &v, 0), err
	}), "Writes a jsonb value over several lines.", `select replace(jsonb_pretty('[1]'), E'\n', '|')`, "[|    1|]")
}

func listOf(v types.JSONValue) []types.JSONValue {
	if v.Kind == types.JSONArray {
		return v.Items
	}
	return []types.JSONValue{v}
}

func remove(v *types.JSONValue, key string) error {
	switch v.Kind {
	case types.JSONObject:
		kept := v.Members[:0]
		for _, m := range v.Members {
			if m.Key != key {
				kept = append(kept, m)
			}
		}
		v.Members = kept
	case types.JSONArray:
		kept := v.Items[:0]
		for _, it := range v.Items {
			if it.Kind != types.JSONString || it.Str != key {
				kept = append(kept, it)
			}
		}
		v.Items = kept
	default:
		return scalarError("cannot delete from scalar")
	}
	return nil
}

// setPath puts w at a path; nil deletes. A missing last step is created when create is set.
func setPath(v *types.JSONValue, p []string, w *types.JSONValue, create bool, depth int) error {
	if p[0] == nullStep {
		return nullStepError(depth)
	}
	switch v.Kind {
	case types.JSONObject:
		if m := member(v, p[0]); m != nil {
			if len(p) > 1 {
				return setPath(m, p[1:], w, create, depth+1)
			}
			if w == nil {
				return remove(v, p[0])
			}
			*m = *w
		} else if len(p) == 1 && create && w != nil {
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
		switch {
		case n >= 0 && n < size && len(p) > 1:
			return setPath(&v.Items[n], p[1:], w, create, depth+1)
		case n >= 0 && n < size && w == nil:
			v.Items = append(v.Items[:n], v.Items[n+1:]...)
		case n >= 0 && n < size:
			v.Items[n] = *w
		case len(p) == 1 && create && w != nil && n < 0:
			v.Items = append([]types.JSONValue{*w}, v.Items...)
		case len(p) == 1 && create && w != nil:
			v.Items = append(v.Items, *w)
		}
	}
	return nil
}

func stripNulls(v *types.JSONValue) {
	kept := v.Members[:0]
	for i := range v.Members {
		if v.Members[i].Value.Kind != types.JSONNull {
			stripNulls(&v.Members[i].Value)
			kept = append(kept, v.Members[i])
		}
	}
	v.Members = kept
	for i := range v.Items {
		stripNulls(&v.Items[i])
	}
}

func appendPretty(dst []byte, v *types.JSONValue, depth int) []byte {
	line := func(d int) { dst = append(append(dst, '\n'), bytes.Repeat([]byte("    "), d)...) }
	n := len(v.Items) + len(v.Members)
	if v.Kind < types.JSONArray {
		return types.AppendJSONB(dst, v)
	}
	open, end := byte('['), byte(']')
	if v.Kind == types.JSONObject {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for k := range n {
		line(depth + 1)
		if v.Kind == types.JSONObject {
			dst = append(types.AppendJSONString(dst, v.Members[k].Key), ": "...)
			dst = appendPretty(dst, &v.Members[k].Value, depth+1)
		} else {
			dst = appendPretty(dst, &v.Items[k], depth+1)
		}
		if k+1 < n {
			dst = append(dst, ',')
		}
	}
	line(depth)
	return append(dst, end)
}

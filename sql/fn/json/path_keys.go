package json

import (
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// keyValue is the method .keyvalue(): an object of key, value and id for each member.
func (r *pathRun) keyValue(v *types.JSONValue, f func(*types.JSONValue) (bool, error)) (bool, error) {
	if v.Kind != types.JSONObject {
		return false, sqlerr.New(codeNoObject, "jsonpath item method .keyvalue() can only be applied to an object")
	}
	if len(v.Members) == 0 {
		return true, nil
	}
	id, ok := placeOf(r.root, v, 0)
	if !ok && r.vars != nil {
		if id, ok = placeOf(r.vars, v, 0); ok {
			id += objectIDs // of another document
		}
	}
	if !ok {
		id = r.made[&v.Members[0]] * objectIDs
	}
	for i := range v.Members {
		out := &types.JSONValue{Kind: types.JSONObject, Members: []types.JSONMember{
			{Key: "id", Value: *numberItem(id)},
			{Key: "key", Value: types.JSONValue{Kind: types.JSONString, Str: v.Members[i].Key}},
			{Key: "value", Value: v.Members[i].Value},
		}}
		if r.made == nil {
			r.made = map[*types.JSONMember]int64{}
		}
		r.made[&out.Members[0]] = int64(len(r.made)) + 2
		if more, err := f(out); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// objectIDs is the distance between the ids of different documents.
const objectIDs = 10_000_000_000

// placeOf finds v below doc and returns where PostgreSQL's binary form has it, which is the id of an
// object. at is where doc begins.
func placeOf(doc, v *types.JSONValue, at int64) (int64, bool) {
	if doc == v || doc.Kind == v.Kind && doc.Kind == types.JSONObject && len(v.Members) > 0 && len(doc.Members) > 0 && &doc.Members[0] == &v.Members[0] {
		return at, true
	}
	var found int64
	ok := false
	layout(doc, at, func(c *types.JSONValue, at int64) {
		if !ok {
			found, ok = placeOf(c, v, at)
		}
	})
	return found, ok
}

// layout walks the containers right below a container that begins at a place of the binary form, and
// returns where it ends: a header and a word per entry, then keys and values, containers and numbers at
// multiples of four.
func layout(v *types.JSONValue, at int64, visit func(c *types.JSONValue, at int64)) int64 {
	at += 4 + 4*int64(len(v.Items)+2*len(v.Members))
	one := func(c *types.JSONValue) {
		switch c.Kind {
		case types.JSONString:
			at += int64(len(c.Str))
		case types.JSONNumber:
			at = (at+3)&^3 + int64(types.NumericStoredSize(c.Num))
		case types.JSONArray, types.JSONObject:
			at = (at + 3) &^ 3
			if visit != nil {
				visit(c, at)
			}
			at = layout(c, at, nil)
		}
	}
	for i := range v.Members {
		at += int64(len(v.Members[i].Key))
	}
	for i := range v.Members {
		one(&v.Members[i].Value)
	}
	for i := range v.Items {
		one(&v.Items[i])
	}
	return at
}

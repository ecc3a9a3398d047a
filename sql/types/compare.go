package types

import (
	"bytes"
	"cmp"
	"math"
)

// Compare orders two values of the same type as their btree operators do, NULLs last. Records and
// arrays compare element by element; json, which Postgres does not order, by its bytes.
func Compare(a, b Datum) int {
	if a.Null || b.Null {
		return cmp.Compare(rank(a.Null), rank(b.Null))
	}
	switch a.Type.Phys() {
	case PhysBool:
		return cmp.Compare(rank(a.B), rank(b.B))
	case PhysInt:
		return cmp.Compare(a.I, b.I)
	case PhysFloat:
		return CompareFloats(a.F, b.F)
	}
	switch a.Type.ID {
	case Numeric:
		return NumericCmp(a.S, b.S)
	case Interval:
		return IntervalCmp(a.S, b.S)
	case Bpchar:
		return bytes.Compare(TrimBpchar(a.S), TrimBpchar(b.S))
	case Array, Int2Vector, OIDVector:
		return compareArrays(a, b)
	case Record:
		x, err1 := RecordFields(a.S)
		y, err2 := RecordFields(b.S)
		if err1 == nil && err2 == nil {
			return compareLists(x, y)
		}
	case JSONB:
		return compareJSONB(a.S, b.S)
	}
	return bytes.Compare(a.S, b.S)
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Equal tells whether two values of the same type are equal; two NULLs are, as in IS NOT DISTINCT.
func Equal(a, b Datum) bool { return Compare(a, b) == 0 }

// CompareFloats orders floats as Postgres does: NaN equals NaN and is the greatest; -0 equals 0.
func CompareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return cmp.Compare(rank(math.IsNaN(a)), rank(math.IsNaN(b)))
}

func compareLists(x, y []Datum) int {
	for i := range min(len(x), len(y)) {
		if c := Compare(x[i], y[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

func compareArrays(a, b Datum) int {
	ta, tb := a.Type, b.Type
	if ta.ID != Array {
		ta, tb = vectorElem(ta), vectorElem(tb)
	}
	x, err1 := ArrayElems(ta, a.S)
	y, err2 := ArrayElems(tb, b.S)
	if err1 != nil || err2 != nil {
		return bytes.Compare(a.S, b.S)
	}
	if c := compareLists(x, y); c != 0 {
		return c
	}
	dx, dy := ArrayDims(a.S), ArrayDims(b.S)
	if c := cmp.Compare(len(dx), len(dy)); c != 0 {
		return c
	}
	for i := range dx {
		if c := cmp.Compare(dx[i].Len, dy[i].Len); c != 0 {
			return c
		}
	}
	for i := range dx {
		if c := cmp.Compare(dx[i].Lower, dy[i].Lower); c != 0 {
			return c
		}
	}
	return 0
}

func compareJSONB(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	x, err1 := ParseJSON(a)
	y, err2 := ParseJSON(b)
	if err1 != nil || err2 != nil {
		return bytes.Compare(a, b)
	}
	return CompareJSON(&x, &y)
}

// CompareJSON orders two values as jsonb does. Members must be in jsonb's order.
func CompareJSON(x, y *JSONValue) int {
	if c := cmp.Compare(x.Kind, y.Kind); c != 0 {
		// An empty array at the top sorts below everything, a quirk of Postgres that is kept.
		if x.Kind == JSONArray && len(x.Items) == 0 && y.Kind != JSONObject {
			return -1
		}
		if y.Kind == JSONArray && len(y.Items) == 0 && x.Kind != JSONObject {
			return 1
		}
		return c
	}
	switch x.Kind {
	case JSONString:
		return cmp.Compare(x.Str, y.Str)
	case JSONNumber:
		return NumericCmp(x.Num, y.Num)
	case JSONBool:
		return cmp.Compare(rank(x.Bool), rank(y.Bool))
	case JSONArray:
		if c := cmp.Compare(len(x.Items), len(y.Items)); c != 0 {
			return c
		}
		for i := range x.Items {
			if c := CompareJSON(&x.Items[i], &y.Items[i]); c != 0 {
				return c
			}
		}
	case JSONObject:
		if c := cmp.Compare(len(x.Members), len(y.Members)); c != 0 {
			return c
		}
		for i := range x.Members {
			if c := cmp.Compare(x.Members[i].Key, y.Members[i].Key); c != 0 {
				return c
			}
			if c := CompareJSON(&x.Members[i].Value, &y.Members[i].Value); c != 0 {
				return c
			}
		}
	}
	return 0
}

package optest

import (
	"slices"

	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Key returns the values at cols as one key: equal keys are equal values by SQL, NULLs included.
func Key(row Row, cols []int) string {
	var out []byte
	for _, c := range cols {
		out = rows.AppendKeyDatum(out, row[c])
	}
	return string(out)
}

// HasNull tells whether a value at cols is NULL.
func HasNull(row Row, cols []int) bool {
	return slices.ContainsFunc(cols, func(c int) bool { return row[c].Null })
}

// Canonical returns d in the form that stands for all values equal to it.
func Canonical(d types.Datum) types.Datum {
	b := rows.NewVecBuilder(d.Type, 1)
	if _, err := rows.DecodeKey([]types.Type{d.Type}, rows.AppendKeyDatum(nil, d), []*rows.VecBuilder{b}); err != nil {
		panic(err)
	}
	return b.Finish().Datum(0)
}

// CanonicalRow is Canonical for the values at cols.
func CanonicalRow(row Row, cols []int) Row {
	out := make(Row, len(cols))
	for i, c := range cols {
		out[i] = Canonical(row[c])
	}
	return out
}

// All returns 0 … n-1.
func All(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// Each calls f for every row as often as it occurs.
func (rel Relation) Each(f func(Row)) {
	for _, x := range rel {
		for range x.W {
			f(x.Row)
		}
	}
}

// Sorted returns the rows, each as often as it occurs, in the given order and then by their exact
// bytes, as the operator topn breaks ties.
func (rel Relation) Sorted(s types.Schema, keys []plan.SortKey) []Row {
	type entry struct {
		key string
		row Row
	}
	b := Batch(s, rel)
	codec := rows.NewRowCodec(s.Types())
	var list []entry
	for i, x := range rel {
		var key []byte
		for _, k := range keys {
			key = rows.AppendKeyOrder(key, b.Cols[k.Col], i, rows.Order{Desc: k.Desc, NullsFirst: k.NullsFirst})
		}
		key = codec.Append(key, b.Cols, i)
		for range x.W {
			list = append(list, entry{string(key), x.Row})
		}
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return 0
	})
	out := make([]Row, len(list))
	for i, e := range list {
		out[i] = e.row
	}
	return out
}

// Groups splits a relation by the values at cols, in the order of first appearance.
func (rel Relation) Groups(cols []int) []Relation {
	at := map[string]int{}
	var out []Relation
	for _, x := range rel {
		k := Key(x.Row, cols)
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], x)
	}
	return out
}

// Nulls returns a row of NULLs.
func Nulls(s types.Schema) Row {
	out := make(Row, len(s))
	for i, f := range s {
		out[i] = types.NullOf(f.Type)
	}
	return out
}

// Concat returns the values of a and b.
func Concat(a, b Row) Row { return append(append(Row(nil), a...), b...) }

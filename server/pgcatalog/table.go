package pgcatalog

import (
	"fmt"
	"time"

	"tidemill/catalog"
	"tidemill/server/engine"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// table collects the rows of a relation.
type table struct {
	*Relation
	sys    *System
	snap   *catalog.Snapshot
	reader *engine.Reader // nil when only the snapshot is known
	sess   Session        // nil outside a session
	out    *rows.Builder
	set    []bool
	vals   []any
	err    error
}

// row adds a row of column name, value pairs. A column that is not named is NULL, or zero where NULL
// is not allowed.
func (t *table) row(pairs ...any) {
	clear(t.set)
	for i := 0; i < len(pairs); i += 2 {
		k, ok := t.index[pairs[i].(string)]
		if !ok {
			panic(fmt.Sprintf("pgcatalog: %s has no column %v", t.Name, pairs[i]))
		}
		t.vals[k], t.set[k] = pairs[i+1], true
	}
	for i, b := range t.out.Cols {
		var v any
		if t.set[i] {
			v = t.vals[i]
		}
		if v == nil {
			if !t.Columns[i].NotNull {
				b.AppendNull()
				continue
			}
			v = zeroOf(t.Columns[i].Type)
		}
		b.AppendDatum(datum(t.Columns[i].Type, v))
	}
	t.out.EndRow(1)
}

func zeroOf(t types.Type) any {
	switch t.Phys() {
	case types.PhysBool:
		return false
	case types.PhysInt:
		return 0
	case types.PhysFloat:
		return 0.0
	}
	switch t.ID {
	case types.Array:
		return []string{}
	case types.Int2Vector:
		return []int16{}
	case types.OIDVector:
		return []uint32{}
	}
	return ""
}

// datum makes a value of type t from a Go value.
func datum(t types.Type, v any) types.Datum {
	d := types.Datum{Type: t}
	switch x := v.(type) {
	case nil:
		d.Null = true
	case bool:
		d.B = x
	case int:
		d.I, d.F = int64(x), float64(x)
	case int16:
		d.I = int64(x)
	case int32:
		d.I = int64(x)
	case int64:
		d.I, d.F = x, float64(x)
	case uint32:
		d.I = int64(x)
	case uint64:
		d.I = int64(x)
	case float64:
		d.F = x
	case byte:
		d.S = []byte{x}
	case string:
		if t.ID == types.Regproc {
			d.I = int64(procByName[x])
			break
		}
		d.S = []byte(x)
	case []byte:
		d.S = x
	case time.Time:
		d.I = x.UnixMicro()
	case []int16:
		d.S = intsOf(t, x)
	case []uint32:
		d.S = intsOf(t, x)
	case []string:
		d.S = stringsOf(t, x)
	default:
		panic(fmt.Sprintf("pgcatalog: %T for %s", v, t))
	}
	return d
}

func intsOf[N int16 | uint32](t types.Type, list []N) []byte {
	if t.ID == types.Int2Vector || t.ID == types.OIDVector {
		vals := make([]int64, len(list))
		for i, n := range list {
			vals[i] = int64(n)
		}
		return types.VectorDatum(t.ID, vals).S
	}
	elems := make([]types.Datum, len(list))
	for i, n := range list {
		elems[i] = types.Datum{Type: *t.Elem, I: int64(n)}
	}
	return types.AppendArray(nil, elems)
}

func stringsOf(t types.Type, list []string) []byte {
	elems := make([]types.Datum, len(list))
	for i, s := range list {
		elems[i] = types.Datum{Type: *t.Elem, S: []byte(s)}
	}
	return types.AppendArray(nil, elems)
}

// none makes an empty string NULL.
func none(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "NO"
}

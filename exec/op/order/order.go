// Package order turns the ORDER BY lists of plans into key orders.
package order

import (
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Of returns the orders of keys, whose columns must be among in's.
func Of(keys []plan.SortKey, in types.Schema) ([]rows.Order, error) {
	var out []rows.Order
	for _, k := range keys {
		if k.Col < 0 || k.Col >= len(in) {
			return nil, fmt.Errorf("order column %d does not exist", k.Col)
		}
		out = append(out, rows.Order{Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return out, nil
}

// Append appends row i's columns as keys of the given orders.
func Append(dst []byte, keys []plan.SortKey, orders []rows.Order, cols []*rows.Vec, i int) []byte {
	for n, k := range keys {
		dst = rows.AppendKeyOrder(dst, cols[k.Col], i, orders[n])
	}
	return dst
}

// Text writes keys for EXPLAIN.
func Text(keys []plan.SortKey, in types.Schema) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = op.Col(in, k.Col)
		if k.Desc {
			parts[i] += " DESC"
		}
		if k.NullsFirst != k.Desc {
			parts[i] += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[k.NullsFirst]
		}
	}
	return strings.Join(parts, ", ")
}

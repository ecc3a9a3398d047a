package expr

import (
	"slices"

	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"tidemill/sql/types"
)

// BindParams replaces statement parameters by their values; params[i] is the value of $i+1 and has
// the type that the parameter was given.
func BindParams(e *Expr, params []types.Datum) *Expr {
	return Rewrite(e, func(e *Expr) *Expr {
		if e.Kind != Param || e.Index >= len(params) {
			return e
		}
		d := params[e.Index]
		d.Type = e.Type
		return Lit(d)
	})
}

// BindOuter replaces references to the outer row that is level levels up (1 = nearest) by its
// values, for one evaluation of a correlated subplan.
func BindOuter(e *Expr, level int, row []types.Datum) *Expr {
	return Rewrite(e, func(e *Expr) *Expr {
		if e.Kind != Outer || e.Level != level || e.Index >= len(row) {
			return e
		}
		d := row[e.Index]
		d.Type = e.Type
		return Lit(d)
	})
}

// Remap replaces column i by column to[i], for an expression that moves over another operator.
func Remap(e *Expr, to []int) *Expr {
	return RemapFunc(e, func(i int) int { return to[i] })
}

// RemapFunc replaces column i by column to(i).
func RemapFunc(e *Expr, to func(int) int) *Expr {
	return Rewrite(e, func(e *Expr) *Expr {
		if e.Kind != Column {
			return e
		}
		i := to(e.Index)
		if i == e.Index {
			return e
		}
		c := *e
		c.Index = i
		return &c
	})
}

// Substitute replaces column i by cols[i], for an expression that moves below a projection.
func Substitute(e *Expr, cols []*Expr) *Expr {
	return Rewrite(e, func(e *Expr) *Expr {
		if e.Kind == Column && e.Index < len(cols) {
			return cols[e.Index]
		}
		return e
	})
}

// Columns returns the input columns that e reads, ascending.
func Columns(es ...*Expr) []int {
	seen := map[int]bool{}
	top := -1
	for _, e := range es {
		Walk(e, func(e *Expr) bool {
			if e.Kind == Column {
				seen[e.Index] = true
				top = max(top, e.Index)
			}
			return true
		})
	}
	var out []int
	for i := 0; i <= top; i++ {
		if seen[i] {
			out = append(out, i)
		}
	}
	return out
}

// Conjuncts splits e at its ANDs; nil gives none.
func Conjuncts(e *Expr) []*Expr {
	if e == nil {
		return nil
	}
	if e.Kind != And {
		return []*Expr{e}
	}
	var out []*Expr
	for _, a := range e.Args {
		out = append(out, Conjuncts(a)...)
	}
	return out
}

// AllOf returns the AND of es: nil for none, the expression itself for one.
func AllOf(es []*Expr) *Expr {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return &Expr{Kind: And, Type: types.T(types.Bool), Args: es}
}

// IsConst tells whether e reads no column, parameter or outer row. It may still be volatile.
func IsConst(e *Expr) bool {
	constant := true
	Walk(e, func(e *Expr) bool {
		switch e.Kind {
		case Column, Param, Outer, Subquery:
			constant = false
		}
		return constant
	})
	return constant
}

// Shares tells whether a call, cast or other computation within e, other than the comparisons and tests
// that cost next to nothing, occurs in some expression of list too.
func Shares(e *Expr, list []*Expr) bool {
	var costly []*Expr
	Walk(e, func(x *Expr) bool {
		switch x.Kind {
		case Call:
			if !comparison[x.Name] {
				costly = append(costly, x)
			}
		case Case, Cast, Coalesce:
			costly = append(costly, x)
		}
		return true
	})
	shared := false
	for _, y := range list {
		Walk(y, func(y *Expr) bool {
			shared = shared || slices.ContainsFunc(costly, func(x *Expr) bool { return Equal(x, y) })
			return !shared
		})
	}
	return shared
}

// Equal tells whether a and b are the same expression: same nodes, types with modifiers, literals.
func Equal(a, b *Expr) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	if a.Kind != b.Kind || a.Index != b.Index || a.Level != b.Level || a.Name != b.Name ||
		typeKey(a.Type) != typeKey(b.Type) || len(a.Args) != len(b.Args) || len(a.ArgTypes) != len(b.ArgTypes) {
		return false
	}
	if (a.Lit == nil) != (b.Lit == nil) || a.Lit != nil && !sameDatum(*a.Lit, *b.Lit) || a.Sub != b.Sub {
		return false
	}
	for i := range a.ArgTypes {
		if typeKey(a.ArgTypes[i]) != typeKey(b.ArgTypes[i]) {
			return false
		}
	}
	for i := range a.Args {
		if !Equal(a.Args[i], b.Args[i]) {
			return false
		}
	}
	return true
}

// Fingerprint returns a stable hash of what e computes; Equal expressions have equal fingerprints.
// It is stored with plans: its text form below must not change.
func Fingerprint(e *Expr) uint64 {
	h := fnv.New64a()
	h.Write(canonical(nil, e))
	return h.Sum64()
}

func canonical(dst []byte, e *Expr) []byte {
	if e == nil {
		return append(dst, '~')
	}
	dst = fmt.Appendf(dst, "(%s %s %d %d %q", e.Kind, typeKey(e.Type), e.Index, e.Level, e.Name)
	for _, t := range e.ArgTypes {
		dst = append(append(dst, ':'), typeKey(t)...)
	}
	if e.Lit != nil {
		dst = fmt.Appendf(dst, "=%t %t %d %x %x", e.Lit.Null, e.Lit.B, e.Lit.I, floatBitsOf(e.Lit.F), e.Lit.S)
	}
	for _, a := range e.Args {
		dst = canonical(append(dst, ' '), a)
	}
	return append(dst, ')')
}

// typeKey is a type with its modifiers as a short string.
func typeKey(t types.Type) string {
	var sb strings.Builder
	for {
		sb.WriteString(strconv.Itoa(int(t.ID)))
		if t.Mod >= 0 {
			sb.WriteByte('.')
			sb.WriteString(strconv.Itoa(int(t.Mod)))
		}
		if t.Ref != 0 {
			sb.WriteByte('#')
			sb.WriteString(strconv.FormatUint(uint64(t.Ref), 16))
		}
		if t.Row != nil {
			rowKey(&sb, t.Row)
		}
		if t.Elem == nil {
			return sb.String()
		}
		sb.WriteByte('/')
		t = *t.Elem
	}
}

// rowKey adds the fields of a row to the key of its type.
func rowKey(sb *strings.Builder, r *types.Row) {
	fmt.Fprintf(sb, "(%d", r.Rel)
	for _, f := range r.Fields {
		fmt.Fprintf(sb, " %q:%s", f.Name, typeKey(f.Type))
	}
	sb.WriteByte(')')
}

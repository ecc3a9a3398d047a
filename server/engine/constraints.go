package engine

import (
	"strings"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// check checks what a row alone has to fulfil.
func (m *modification) check(t *catalog.Object, groups []shift) error {
	if err := checkNotNull(t, groups); err != nil {
		return err
	}
	for _, c := range m.d.Checks {
		for i := range groups {
			b := groups[i].is
			if b == nil {
				continue
			}
			cols, err := m.evalAll([]*expr.Expr{c.Expr}, b)
			if err != nil {
				return err
			}
			for r := range b.N {
				if !cols[0].IsNull(r) && !cols[0].B[r] {
					e := sqlerr.New(sqlerr.CheckViolation, "new row for relation %q violates check constraint %q", t.Name, c.Name).
						WithDetail("Failing row contains %s.", flow.RowText(b, r, nil))
					e.Schema, e.Table, e.Constraint = t.Schema, t.Name, c.Name
					return e
				}
			}
		}
	}
	return nil
}

func checkNotNull(t *catalog.Object, groups []shift) error {
	for i, c := range t.Columns {
		if !c.NotNull {
			continue
		}
		for g := range groups {
			b := groups[g].is
			if b == nil {
				continue
			}
			for r := range b.N {
				if b.Cols[i].IsNull(r) {
					e := sqlerr.New(sqlerr.NotNullViolation, "null value in column %q of relation %q violates not-null constraint", c.Name, t.Name).
						WithDetail("Failing row contains %s.", flow.RowText(b, r, nil))
					e.Schema, e.Table, e.Column = t.Schema, t.Name, c.Name
					return e
				}
			}
		}
	}
	return nil
}

func duplicateKey(t *catalog.Object, p *part, b *rows.Batch, r int) error {
	names, values := make([]string, len(p.cols)), make([]string, len(p.cols))
	for i, c := range p.cols {
		names[i] = types.QuoteIdent(t.Columns[c].Name)
		values[i] = string(types.AppendText(nil, b.Cols[c].Datum(r), nil))
	}
	e := sqlerr.New(sqlerr.UniqueViolation, "duplicate key value violates unique constraint %q", p.name).
		WithDetail("Key (%s)=(%s) already exists.", strings.Join(names, ", "), strings.Join(values, ", "))
	e.Schema, e.Table, e.Constraint = t.Schema, t.Name, p.name
	return e
}

package bind

import (
	"strings"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// column is a column that can be named.
type column struct {
	logical.Col
	table  uint32
	attnum int
}

// relation is an entry of a FROM clause.
type relation struct {
	schema, name string
	original     string // the relation's own name when an alias hides it
	id           uint32
	cols         []column
	scalar       bool // a function with one column: the alias names the value
	// optional tells that an outer join may find no row for it; witness is then the id of a column that
	// is NULL in no row, 0 when there is none.
	optional bool
	witness  int
}

// part is what a FROM item adds: its relations, and the columns that unqualified names and * mean.
type part struct {
	rels []*relation
	cols []column
}

// scope is what an expression sees.
type scope struct {
	part
	parent *scope
	ctes   *cteScope
	block  *block // the SELECT whose FROM this is
	// barred are relations of the same FROM clause that exist but may not be referenced (no LATERAL).
	barred *part
	table  *catalog.Object // whose row the scope is, in constraints and RETURNING
}

// columns are those that the scope itself adds.
func (s *scope) columns() []logical.Col {
	var out []logical.Col
	for _, c := range s.part.cols {
		out = append(out, c.Col)
	}
	for _, r := range s.rels {
		for _, c := range r.cols {
			out = append(out, c.Col)
		}
	}
	return out
}

// names tells whether a column found in the scope is called as in its own relation, and not by a
// subquery's select list.
func (s *scope) names(c *column) bool {
	for _, r := range s.rels {
		if r.id == 0 || r.id != c.table {
			continue
		}
		for i := range r.cols {
			if r.cols[i].ID == c.ID && r.cols[i].Name == c.Name {
				return true
			}
		}
	}
	return false
}

// lookup finds a column by its parts in this scope or an outer one.
func (s *scope) lookup(b *Binder, parts []string, pos int) (*expr.Expr, error) {
	for at := s; at != nil; at = at.parent {
		var c *column
		var err error
		switch len(parts) {
		case 1:
			c, err = at.byName(parts[0], pos)
		default:
			var r *relation
			if r, err = at.relation(parts[:len(parts)-1], pos); err == nil && r != nil {
				if c, err = r.column(parts[len(parts)-1], pos); err == nil && c == nil {
					if e := systemColumn(r, parts[len(parts)-1]); e != nil {
						e.Pos = pos
						return e, nil
					}
					return nil, s.noColumn(r, parts, pos)
				}
			}
		}
		if err != nil {
			return nil, err
		}
		if c != nil {
			b.use(c, pos, !at.names(c))
			return colRef(c.Col, pos), nil
		}
	}
	return nil, nil
}

func (s *scope) byName(name string, pos int) (*column, error) {
	var found *column
	for i := range s.cols {
		if s.cols[i].Name != name {
			continue
		}
		if found != nil {
			return nil, sqlerr.New(sqlerr.AmbiguousColumn, "column reference %q is ambiguous", name).At(pos)
		}
		found = &s.cols[i]
	}
	return found, nil
}

func (r *relation) column(name string, pos int) (*column, error) {
	var found *column
	for i := range r.cols {
		if r.cols[i].Name != name {
			continue
		}
		if found != nil {
			return nil, sqlerr.New(sqlerr.AmbiguousColumn, "column reference %q is ambiguous", name).At(pos)
		}
		found = &r.cols[i]
	}
	return found, nil
}

// systemColumn gives the hidden columns that catalogue queries ask for.
func systemColumn(r *relation, name string) *expr.Expr {
	if name == "tableoid" && r.id != 0 {
		return expr.Lit(types.IntDatum(types.OID, int64(r.id)))
	}
	return nil
}

// relation finds the FROM entry that qualifies a column: t, s.t or db.s.t.
func (s *scope) relation(parts []string, pos int) (*relation, error) {
	if len(parts) == 3 {
		if parts[0] != catalog.DefaultDatabase {
			return nil, sqlerr.Unsupported("cross-database references are not implemented: %s", strings.Join(parts, ".")).At(pos)
		}
		parts = parts[1:]
	}
	if len(parts) > 2 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "improper qualified name (too many dotted names): %s", strings.Join(parts, ".")).At(pos)
	}
	var found *relation
	for _, r := range s.rels {
		if r.name != parts[len(parts)-1] || len(parts) == 2 && (r.schema != parts[0] || r.original != "") {
			continue
		}
		if found != nil {
			return nil, sqlerr.New(sqlerr.AmbiguousColumn, "table reference %q is ambiguous", parts[len(parts)-1]).At(pos)
		}
		found = r
	}
	return found, nil
}

// findRelation is relation through all scopes.
func (s *scope) findRelation(parts []string, pos int) (*relation, error) {
	for at := s; at != nil; at = at.parent {
		r, err := at.relation(parts, pos)
		if r != nil || err != nil {
			return r, err
		}
	}
	return nil, nil
}

// missing is the error for a name that no scope knows.
func (s *scope) missing(parts []string, pos int) error {
	if len(parts) > 1 {
		return s.missingTable(parts[:len(parts)-1], pos)
	}
	e := sqlerr.New(sqlerr.UndefinedColumn, "column %q does not exist", parts[0]).At(pos)
	return s.hint(e, "", parts[0])
}

func (s *scope) noColumn(r *relation, parts []string, pos int) error {
	name := parts[len(parts)-1]
	e := sqlerr.New(sqlerr.UndefinedColumn, "column %s.%s does not exist", r.name, name).At(pos)
	return s.hint(e, r.name, name)
}

func (s *scope) missingTable(parts []string, pos int) error {
	name := parts[len(parts)-1]
	for at := s; at != nil; at = at.parent {
		for _, r := range at.rels {
			if r.original == name {
				return sqlerr.New(sqlerr.UndefinedTable, "invalid reference to FROM-clause entry for table %q", name).
					WithHint("Perhaps you meant to reference the table alias %q.", r.name).At(pos)
			}
		}
		if at.barred == nil {
			continue
		}
		for _, r := range at.barred.rels {
			if r.name == name {
				return sqlerr.New(sqlerr.UndefinedTable, "invalid reference to FROM-clause entry for table %q", name).
					WithDetail("There is an entry for table %q, but it cannot be referenced from this part of the query.", name).
					WithHint("To reference that table, you must mark this subquery with LATERAL.").At(pos)
			}
		}
	}
	return sqlerr.New(sqlerr.UndefinedTable, "missing FROM-clause entry for table %q", name).At(pos)
}

// hint adds the column whose name is nearest to a misspelt one.
func (s *scope) hint(e *sqlerr.Error, table, name string) error {
	best, at := len(name)/2+1, ""
	for sc := s; sc != nil; sc = sc.parent {
		for _, r := range sc.rels {
			for _, c := range r.cols {
				d := distance(c.Name, name, best)
				if table != "" && r.name != table {
					d++
				}
				if d < best && d <= 3 {
					best, at = d, r.name+"."+c.Name
				}
			}
		}
	}
	if at != "" {
		return e.WithHint("Perhaps you meant to reference the column %q.", at)
	}
	return e
}

// distance is the edit distance of two names, or at least limit when it is not below it.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := prev
			if a[i-1] != b[j-1] {
				cost++
			}
			prev = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

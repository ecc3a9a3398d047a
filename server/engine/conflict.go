package engine

import (
	"slices"

	"tidemill/exec/state"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// resolver decides for each proposed row of an INSERT … ON CONFLICT what becomes of it.
type resolver struct {
	m     *modification
	o     *overlay
	snap  *state.Snap
	parts []int             // constraints that may be in conflict
	mine  []map[string]bool // per part, keys of the rows that the statement inserts or updates

	fresh    *rows.Builder // rows without a conflict
	existing *rows.Builder // rows that are there, with the proposed rows beside them
	proposed *rows.Builder
	plan     []int // per row to be written: 0 for the next fresh one, 1 for the next update
}

// resolve applies ON CONFLICT: rows whose key is taken are left out, or change the row that is there.
func (m *modification) resolve(o *overlay, r *Reader, added []*rows.Batch) (split, error) {
	schema := o.t.Fields()
	s := &resolver{m: m, o: o, snap: r.snap,
		fresh: rows.NewBuilder(schema, 0), existing: rows.NewBuilder(schema, 0), proposed: rows.NewBuilder(schema, 0)}
	for p := range o.parts {
		s.mine = append(s.mine, map[string]bool{})
		if cols := o.parts[p].cols; cols != nil && m.d.OnConflict.Applies(o.parts[p].name) {
			s.parts = append(s.parts, p)
		}
	}
	for _, b := range added {
		if err := s.batch(b); err != nil {
			return split{}, err
		}
	}
	return s.finish()
}

// batch sorts the rows of a batch into fresh ones and conflicts.
func (s *resolver) batch(b *rows.Batch) error {
	keys := make([][]string, len(s.parts))
	found := make([][]slot, len(s.parts))
	for i, p := range s.parts {
		keys[i] = s.o.keys(p, b)
		var err error
		if found[i], err = s.o.find(s.snap, p, keys[i]); err != nil {
			return err
		}
	}
	old := make([]slot, b.N)
	for r := range old {
		for i := range s.parts {
			if k := keys[i][r]; k != "" && old[r].b == nil {
				old[r] = found[i][r]
			}
		}
	}
	wanted, err := s.wanted(old, b)
	if err != nil {
		return err
	}
	update := s.m.d.OnConflict.Update
	for r := range b.N {
		own := false
		for i, p := range s.parts {
			own = own || s.mine[p][keys[i][r]]
		}
		switch {
		case update && own:
			return sqlerr.New(sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
				WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
		case own || old[r].b != nil && !update:
			continue
		case old[r].b == nil:
			s.fresh.AppendRow(b, r, 1)
			s.plan = append(s.plan, 0)
		case !wanted[r]:
			continue
		default:
			s.existing.AppendRow(old[r].b, int(old[r].row), 1)
			s.proposed.AppendRow(b, r, 1)
			s.plan = append(s.plan, 1)
		}
		for i, p := range s.parts {
			if k := keys[i][r]; k != "" {
				s.mine[p][k] = true
			}
		}
	}
	return nil
}

// wanted evaluates DO UPDATE's WHERE for the rows of b that are in conflict with old ones.
func (s *resolver) wanted(old []slot, b *rows.Batch) ([]bool, error) {
	out := make([]bool, b.N)
	where := s.m.d.OnConflict.Where
	existing, proposed := rows.NewBuilder(b.Schema, 0), rows.NewBuilder(b.Schema, 0)
	var at []int
	for r, o := range old {
		if out[r] = where == nil; o.b != nil && where != nil {
			existing.AppendRow(o.b, int(o.row), 1)
			proposed.AppendRow(b, r, 1)
			at = append(at, r)
		}
	}
	if len(at) == 0 {
		return out, nil
	}
	pairs := &rows.Batch{N: len(at), Cols: slices.Concat(existing.Finish().Cols, proposed.Finish().Cols)}
	cols, err := s.m.eval([]*expr.Expr{where}, pairs)
	if err != nil {
		return nil, err
	}
	for i, r := range at {
		out[r] = !cols[0].IsNull(i) && cols[0].B[i]
	}
	return out, nil
}

// finish computes the updated rows and puts all rows in the order in which they were proposed.
func (s *resolver) finish() (split, error) {
	fresh, existing, proposed := s.fresh.Finish(), s.existing.Finish(), s.proposed.Finish()
	if existing.N == 0 {
		return split{added: []*rows.Batch{fresh}}, nil
	}
	oc := s.m.d.OnConflict
	exprs := make([]*expr.Expr, len(oc.Set))
	for i := range oc.Set {
		exprs[i] = oc.Set[i].Expr
	}
	cols, err := s.m.eval(exprs, &rows.Batch{N: existing.N, Cols: slices.Concat(existing.Cols, proposed.Cols)})
	if err != nil {
		return split{}, err
	}
	updated := &rows.Batch{Schema: existing.Schema, N: existing.N, Cols: slices.Clone(existing.Cols)}
	for i := range oc.Set {
		updated.Cols[oc.Set[i].Col] = cols[i].Clone()
	}
	if err := s.m.complete(s.o.t, []*rows.Batch{updated}); err != nil {
		return split{}, err
	}
	all := rows.NewBuilder(existing.Schema, len(s.plan))
	from := [2]*rows.Batch{fresh, updated}
	var next [2]int
	for _, k := range s.plan {
		all.AppendRow(from[k], next[k], 1)
		next[k]++
	}
	return split{removed: []*rows.Batch{existing}, added: []*rows.Batch{all.Finish()}}, nil
}

package engine

import (
	"slices"

	"tidemill/exec/state"
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
	since []map[string]undo // per part, keys that other parts of the statement have changed

	fresh    *rows.Builder // rows without a conflict
	existing *rows.Builder // rows that are there, with the proposed rows beside them
	proposed *rows.Builder
	late     *rows.Builder // rows without a conflict that are late
	plan     []int         // per row to be written: 0 for the next fresh one, 1 for the next update
}

// resolve applies ON CONFLICT: rows whose key is taken are left out, or change the row that is there. A
// row that would be inserted is late by its own time, an update by those of its old and its new row; what
// is late is set aside.
func (m *modification) resolve(o *overlay, r *Reader, groups []shift) ([]shift, error) {
	schema := o.t.Fields()
	s := &resolver{m: m, o: o, snap: r.snap, late: rows.NewBuilder(schema, 0),
		fresh: rows.NewBuilder(schema, 0), existing: rows.NewBuilder(schema, 0), proposed: rows.NewBuilder(schema, 0)}
	for p := range o.parts {
		s.mine = append(s.mine, map[string]bool{})
		if cols := o.parts[p].cols; cols != nil && m.d.OnConflict.Applies(o.parts[p].name) {
			s.parts = append(s.parts, p)
		}
	}
	if m.many {
		s.since = o.since(m.mark[o.t.ID])
	}
	for i := range groups {
		if err := m.check(o.t, s.checked(groups[i])); err != nil {
			return nil, err
		}
		if err := s.batch(groups[i].is); err != nil {
			return nil, err
		}
	}
	if late := s.late.Finish(); late.N > 0 {
		m.setAside(r, shift{is: late})
	}
	return s.finish(r)
}

// checked are the proposed rows that have to fulfil the constraints: those that are not late.
func (s *resolver) checked(g shift) []shift {
	t := s.m.time
	if t == nil {
		return []shift{g}
	}
	var good []int32
	for r := range g.is.N {
		if t.keeps(g.is, r) {
			good = append(good, int32(r))
		}
	}
	return []shift{g.pick(good)}
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
			own = own || s.mine[p][keys[i][r]] || s.elsewhere(p, keys[i][r])
		}
		switch {
		case update && own:
			return sqlerr.New(sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
				WithHint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
		case own || old[r].b != nil && !update:
			continue
		case old[r].b == nil && !s.m.time.keeps(b, r):
			s.late.AppendRow(b, r, 1)
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

// elsewhere tells whether a key's row has come in by another part of the statement.
func (s *resolver) elsewhere(p int, key string) bool {
	if s.since == nil || key == "" {
		return false
	}
	_, changed := s.since[p][key]
	return changed && s.o.slots[p][key].b != nil
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
	cols, err := s.m.eval(where, pairs)
	if err != nil {
		return nil, err
	}
	for i, r := range at {
		out[r] = !cols[0].IsNull(i) && cols[0].B[i]
	}
	return out, nil
}

// finish computes the updated rows and puts all rows in the order in which they were proposed.
func (s *resolver) finish(r *Reader) ([]shift, error) {
	fresh, existing, proposed := s.fresh.Finish(), s.existing.Finish(), s.proposed.Finish()
	if existing.N == 0 {
		return []shift{{is: fresh}}, nil
	}
	oc := s.m.d.OnConflict
	cols, err := s.m.eval(oc.Values, &rows.Batch{N: existing.N, Cols: slices.Concat(existing.Cols, proposed.Cols)})
	if err != nil {
		return nil, err
	}
	updated := &rows.Batch{Schema: existing.Schema, N: existing.N, Cols: slices.Clone(existing.Cols)}
	for i, c := range oc.Set {
		updated.Cols[c] = cols[i].Clone()
	}
	change := []shift{{was: existing, is: updated}}
	if err := s.m.generate(change); err != nil {
		return nil, err
	}
	var keep, late []int32
	for i := range existing.N {
		if s.m.time.keeps(existing, i) && s.m.time.keeps(updated, i) {
			keep = append(keep, int32(i))
		} else {
			late = append(late, int32(i))
		}
	}
	if len(late) > 0 {
		s.m.setAside(r, change[0].pick(late))
	}
	kept := change[0].pick(keep)
	if err := s.m.check(s.o.t, []shift{kept}); err != nil {
		return nil, err
	}
	all := rows.NewBuilder(existing.Schema, len(s.plan))
	from := [2]*rows.Batch{fresh, updated}
	var next [2]int
	for _, k := range s.plan {
		if k == 1 && len(late) > 0 && late[0] == int32(next[1]) {
			late = late[1:]
		} else {
			all.AppendRow(from[k], next[k], 1)
		}
		next[k]++
	}
	return []shift{{was: kept.was}, {is: all.Finish()}}, nil
}

//go:build services

package functions

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"tidemill/tests/kit"
)

// aggregate compares an aggregate over drawn rows: plain, DISTINCT, with FILTER, with ORDER BY, grouped,
// and as a view from which rows are deleted.
func (b *bench) aggregate(s signature, r *rand.Rand, calls int) {
	var cols, names []string
	direct := 0
	if s.agg.Within {
		if direct = s.agg.Direct; direct == 0 && s.agg.Variadic {
			direct = len(s.args)
			s.args = append(s.args[:direct:direct], s.args...)
		}
	}
	for i, t := range s.args[direct:] {
		cols = append(cols, fmt.Sprintf("c%d %s", i, typeSQL(t)))
		names = append(names, fmt.Sprintf("c%d", i))
	}
	constants := strings.Join(s.draw(r)[:direct], ", ")
	if !s.agg.Within && len(s.args) == 2 && s.name == "string_agg" {
		constants = ""
	}
	var values, kept []string
	for k := range calls + 3 {
		row := append([]string{fmt.Sprint(k), fmt.Sprint(r.IntN(3))}, s.draw(r)[direct:]...)
		v := "(" + strings.Join(row, ", ") + ")"
		values = append(values, v)
		if k%3 != 0 {
			kept = append(kept, v)
		}
	}
	list := func(v []string) string {
		return "(VALUES " + strings.Join(v, ", ") + ") AS v (" + strings.Join(append([]string{"id", "g"}, names...), ", ") + ")"
	}
	args := strings.Join(names, ", ")
	order := " ORDER BY " + strings.Join(append(append([]string(nil), names...), "id"), ", ")
	var forms []string
	switch {
	case s.agg.Within:
		within := s.name + "(" + constants + ") WITHIN GROUP (ORDER BY " + args + ")"
		forms = []string{within, within + " FILTER (WHERE id % 2 = 0)", strings.Replace(within, ")", ")", 1)}
	case len(s.args) == 0:
		forms = []string{s.name + "(*)", s.name + "(*) FILTER (WHERE id % 2 = 0)"}
	default:
		forms = []string{s.name + "(" + args + order + ")", s.name + "(DISTINCT " + args + " ORDER BY " + args + ")",
			s.name + "(" + args + order + ") FILTER (WHERE id % 2 = 0)", s.name + "(" + args + " ORDER BY id DESC)"}
	}
	for _, form := range forms {
		for _, tail := range []string{"", " GROUP BY g ORDER BY g"} {
			lead := "SELECT "
			if tail != "" {
				lead = "SELECT g, "
			}
			sql := lead + form + " FROM " + list(values) + tail
			o, p := b.both(sql, sql, 0)
			if !sameAggregate(o, p) {
				b.mismatch(sql, o, p)
				return
			}
			if p.err != "" {
				return
			}
		}
	}
	if _, err := kit.TryExec(b.ours, "CREATE TABLE f (id int, g int"+strings.Join(append([]string{""}, cols...), ", ")+")"); err != nil {
		return
	}
	defer kit.Exec(b.t, b.ours, "DROP TABLE f CASCADE")
	view := "CREATE MATERIALIZED VIEW fv AS SELECT g, " + forms[0] + " AS r FROM f GROUP BY g"
	if _, err := kit.TryExec(b.ours, view); err != nil {
		b.mismatch(view, answer{err: err.Error()}, answer{})
		return
	}
	kit.Exec(b.t, b.ours, "INSERT INTO f VALUES "+strings.Join(values, ", "), "DELETE FROM f WHERE id % 3 = 0")
	want := "SELECT g, " + forms[0] + " FROM " + list(kept) + " GROUP BY g ORDER BY g"
	if o, p := b.both("SELECT g, r FROM fv ORDER BY g", want, 0); !sameAggregate(o, p) {
		b.mismatch("view: "+want, o, p)
	}
}

func sameAggregate(o, p answer) bool { return same(o, p, false) }

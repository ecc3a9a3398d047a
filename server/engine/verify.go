package engine

import (
	"context"
	"fmt"
	"sort"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/plan"
	"tidemill/planner"
	"tidemill/sql/fn"
	"tidemill/sql/parse"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Verify reruns a materialized view's definition as a batch query at one epoch and compares the
// result with what the view holds at that epoch, whose time now() gives. Sources are read again from their start up to the
// positions that the epoch records. It returns a line per row that differs: "-n (row)" is missing n
// times in the view, "+n (row)" is there n times too often.
func (e *Engine) Verify(ctx context.Context, o *catalog.Object, limit int) ([]string, error) {
	if o.Kind != catalog.MaterializedView {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%q is not a materialized view", o.Name)
	}
	r, err := e.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if o = r.Catalog.ByID(o.ID); o == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "the materialized view was dropped")
	}
	switch o.State {
	case catalog.Creating:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "materialized view %q has not been populated", o.Name)
	case catalog.Failed:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "materialized view %q has stopped", o.Name).
			WithDetail("%s", o.StateReason).WithHint("It holds what it held then. Drop it, and create it again.")
	}
	stored, err := decodePlan(o.Plan)
	if err != nil {
		return nil, err
	}
	if leads, err := stored.Leads(); err != nil {
		return nil, err
	} else if len(leads) > 0 {
		return nil, sqlerr.Unsupported("materialized view %q cannot be verified: its lookup join depends on when rows arrived", o.Name)
	}
	sel, err := parse.ParseQuery(o.Query)
	if err != nil {
		return nil, err
	}
	env, err := stored.Env()
	if err != nil {
		return nil, err
	}
	q, err := planner.PlanQuery(&planner.Context{Catalog: r.Catalog, SearchPath: o.SearchPath, Bound: o.Names, User: o.Owner, Env: env}, sel)
	if err != nil {
		return nil, err
	}
	until, err := r.positions()
	if err != nil {
		return nil, err
	}
	if err := r.checkReplay(q.Plan); err != nil {
		return nil, err
	}
	now, err := readNow(r.snap)
	if err != nil {
		return nil, err
	}
	diff := &difference{counts: map[string]int64{}}
	err = r.run(ctx, &Run{Plan: q.Plan, Fn: &fn.Ctx{Now: now, Env: env}, Out: diff.add(-1), Weights: true, divert: true}, until, e.queries)
	if err != nil {
		return nil, err
	}
	v, err := r.view(o)
	if err != nil {
		return nil, err
	}
	cols := make([]int, o.Visible)
	for i := range cols {
		cols[i] = i
	}
	if err := v.Scan(r.snap, cols, diff.add(1)); err != nil {
		return nil, err
	}
	return diff.lines(limit), nil
}

// checkReplay refuses a plan over a source that cannot be read again from where the views began.
func (r *Reader) checkReplay(p *plan.Plan) error {
	scans, err := p.Scans()
	if err != nil {
		return err
	}
	for _, id := range scans {
		o := r.Catalog.ByID(id)
		if o == nil || o.Kind != catalog.Source {
			continue
		}
		spec, err := connector.Lookup(o.Connector)
		if err != nil {
			return err
		}
		if spec.FromStart != nil && !spec.FromStart(options(o)) {
			return sqlerr.Unsupported("source %q starts at its newest record, so what its views have read cannot be read again", o.Name)
		}
	}
	return nil
}

// positions are the main positions of all sources at the reader's epoch.
func (r *Reader) positions() (map[uint32]connector.Offset, error) {
	out := map[uint32]connector.Offset{}
	for _, o := range r.Catalog.Objects() {
		if o.Kind != catalog.Source {
			continue
		}
		p, ok, err := readPosition(r.snap, o.ID, 0)
		if err != nil {
			return nil, err
		}
		if ok {
			out[o.ID] = p.Next
		}
	}
	return out, nil
}

// difference accumulates the difference of two multisets of rows. Rows are equal when SQL says so:
// they are compared by their key encoding, and shown as text.
type difference struct {
	counts map[string]int64
	texts  map[string]string
}

func (d *difference) add(sign int64) func(*rows.Batch) error {
	if d.texts == nil {
		d.texts = map[string]string{}
	}
	return func(b *rows.Batch) error {
		for k := range b.Len() {
			i := b.Row(k)
			var key []byte
			for _, c := range b.Cols {
				key = rows.AppendKey(key, c, i)
			}
			n := d.counts[string(key)] + sign*b.Weight(i)
			if n == 0 {
				delete(d.counts, string(key))
				delete(d.texts, string(key))
				continue
			}
			d.counts[string(key)] = n
			if _, ok := d.texts[string(key)]; !ok {
				d.texts[string(key)] = recordText(b, i)
			}
		}
		return nil
	}
}

func recordText(b *rows.Batch, i int) string {
	out := []byte{'('}
	for c, col := range b.Cols {
		if c > 0 {
			out = append(out, ", "...)
		}
		d := col.Datum(i)
		if d.Null {
			out = append(out, "NULL"...)
		} else {
			out = types.AppendText(out, d, nil)
		}
	}
	return string(append(out, ')'))
}

func (d *difference) lines(limit int) []string {
	out := make([]string, 0, len(d.counts))
	for k, n := range d.counts {
		out = append(out, fmt.Sprintf("%+d %s", n, d.texts[k]))
	}
	sort.Strings(out)
	if len(out) > limit {
		out = append(out[:limit], fmt.Sprintf("… and %d more", len(out)-limit))
	}
	return out
}

// defaultMemory is 70 % of the machine's memory.
func defaultMemory() int64 { return int64(float64(systemMemory()) * 0.7) }

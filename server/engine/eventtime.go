package engine

import (
	"encoding/json"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"tidemill/catalog"
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/planner"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// eventTime follows the watermark of a source or table. It belongs to the step loop.
//
// A partition's event time is its greatest value of the time column less the delay; the relation's is
// that of the partition that is behind all others, where partitions that were idle for too long do not
// count. A source that was read to its end has come to the end of time. It never goes back and moves between epochs only: the rows of an epoch are judged by the
// watermark of the epoch before, whatever their order. It is stored in the same commit as the rows'
// effects and the source's position.
type eventTime struct {
	object *catalog.Object
	*catalog.Watermark
	watermark int64 // op.NoMark before the first row
	parts     map[string]*partTime
	dirty     bool // something is to be stored
	ended     bool // no rows come any more, ever

	late atomic.Uint64 // rows set aside since start
}

// partTime is the event time of one partition.
type partTime struct {
	At   int64 `json:"at"`
	Idle bool  `json:"idle,omitempty"`
	seen time.Time
}

// storedTime is the stored form of an eventTime.
type storedTime struct {
	Watermark int64                `json:"watermark"`
	Parts     map[string]*partTime `json:"parts"`
}

const watermarkName = "watermark"

// addTime begins to follow the watermark of a source or table, from what snap knows of it.
func (e *Engine) addTime(o *catalog.Object, snap *state.Snap) error {
	t := &eventTime{object: o, Watermark: o.Watermark, watermark: op.NoMark, parts: map[string]*partTime{}}
	if snap != nil {
		st, err := readTime(snap, o.ID)
		if err != nil {
			return err
		}
		if st != nil {
			t.watermark, t.parts = st.Watermark, st.Parts
		}
	}
	for _, p := range t.parts {
		p.seen = e.cfg.Now()
	}
	e.circuit.Declare(o.ID, len(o.Columns), t.Column)
	e.circuit.SetWatermark(o.ID, t.watermark, t.floor())
	e.edges.Lock()
	e.times[o.ID] = t
	e.edges.Unlock()
	return nil
}

// readTime returns what is stored of a relation's watermark, or nil.
func readTime(snap *state.Snap, object uint32) (*storedTime, error) {
	raw, ok, err := snap.Get(metaKey(state.SpacePositions, object, watermarkName))
	if err != nil || !ok {
		return nil, err
	}
	st := &storedTime{}
	return st, json.Unmarshal(raw, st)
}

func (t *eventTime) write(w *state.CommitWriter) {
	raw, err := json.Marshal(storedTime{t.watermark, t.parts})
	if err != nil {
		panic(err) // numbers always marshal
	}
	w.Set(metaKey(state.SpacePositions, t.object.ID, watermarkName), raw)
	t.dirty = false
}

// floor is the time below which rows come too late.
func (t *eventTime) floor() int64 {
	return lateBy(t.watermark, t.Lateness)
}

// lateBy is the floor of a watermark. That of a source that has ended is at the end of time.
func lateBy(watermark, lateness int64) int64 {
	if watermark == op.NoMark || watermark == math.MaxInt64 {
		return watermark
	}
	return watermark - lateness
}

// onTime tells whether a row with the given value of the time column may come in. One without a time
// never can: no window would ever hold it, and no watermark drop it.
func (t *eventTime) onTime(ts *rows.Vec, row int) bool {
	return !ts.IsNull(row) && ts.I[row] >= t.floor()
}

// split parts a batch into the rows that are on time and those that are late; either may be nil.
func (t *eventTime) split(b *rows.Batch, ts *rows.Vec) (good, late *rows.Batch) {
	var bad []int32
	for k := range b.Len() {
		if r := b.Row(k); !t.onTime(ts, r) {
			bad = append(bad, int32(r))
		}
	}
	if len(bad) == 0 {
		return b, nil
	}
	late = &rows.Batch{Schema: b.Schema, N: b.N, Cols: b.Cols, W: b.W, Sel: bad}
	if len(bad) == b.Len() {
		return nil, late
	}
	keep := make([]int32, 0, b.Len()-len(bad))
	for k := range b.Len() {
		if r := int32(b.Row(k)); len(bad) == 0 || r != bad[0] {
			keep = append(keep, r)
		} else {
			bad = bad[1:]
		}
	}
	rest := *b
	rest.Sel = keep
	return &rest, late
}

// know makes partitions count that have not delivered rows yet.
func (t *eventTime) know(partition string, now time.Time) *partTime {
	p := t.parts[partition]
	if p == nil {
		p = &partTime{At: op.NoMark, seen: now}
		t.parts[partition] = p
		t.dirty = true
	}
	return p
}

// see moves a partition's event time over rows that came in.
func (t *eventTime) see(partition string, b *rows.Batch, ts *rows.Vec, now time.Time) {
	p := t.know(partition, now)
	p.seen = now
	if p.Idle {
		p.Idle, t.dirty = false, true
	}
	limit := int64(math.MaxInt64)
	if t.MaxAhead != nil {
		limit = now.UnixMicro() + *t.MaxAhead
	}
	for k := range b.Len() {
		r := b.Row(k)
		if v := ts.I[r]; !ts.IsNull(r) && types.IsFinite(v) && v <= limit && b.Weight(r) > 0 && v-t.Delay > p.At {
			p.At, t.dirty = v-t.Delay, true
		}
	}
}

// rest makes partitions idle that had no rows for too long, and returns when the next one will be.
func (t *eventTime) rest(now time.Time) (next time.Time) {
	if t.Idle == 0 {
		return next
	}
	for _, p := range t.parts {
		if p.Idle {
			continue
		}
		end := p.seen.Add(time.Duration(t.Idle) * time.Microsecond)
		if !now.Before(end) {
			p.Idle, t.dirty = true, true
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next
}

// advance moves the relation's watermark to that of its slowest partition, or to the end of time once
// the source has ended.
func (t *eventTime) advance() (moved bool) {
	low, any := int64(math.MaxInt64), t.ended
	for _, p := range t.parts {
		if !t.ended && !p.Idle && (!any || p.At < low) {
			low, any = p.At, true
		}
	}
	if !any || low <= t.watermark {
		return false
	}
	t.watermark, t.dirty = low, true
	return true
}

// lateRows are the rows of a table of late rows for rows that are late, with why.
func (t *eventTime) lateRows(o *catalog.Object, late *rows.Batch, what string) *rows.Batch {
	late = late.Compact()
	out := rows.NewBuilder(o.Fields(), late.N)
	width := len(late.Cols)
	for r := range late.N {
		for c, v := range late.Cols {
			out.Cols[c].AppendFrom(v, r)
		}
		out.Cols[width].AppendBytes([]byte(what))
		if at := t.watermark; at == op.NoMark {
			out.Cols[width+1].AppendNull()
		} else {
			out.Cols[width+1].AppendInt(at)
		}
		out.EndRow(1)
	}
	return out.Finish()
}

// lateSuffix is what the name of a table of late rows has behind that of its relation.
const lateSuffix = "_late"

// Columns that a table of late rows has beside those of its source.
const (
	lateOpColumn   = "_op"
	lateMarkColumn = "_watermark"
)

// createLate makes the table for the late rows of o.
func (e *Engine) createLate(c *Caller, o *catalog.Object) error {
	name := o.Name + lateSuffix
	if err := e.catalogNow().CheckNewName(o.Schema, name); err != nil {
		return sqlerr.As(err).WithHint("The rows of %q that come too late are kept under this name. Choose another name for %q.", o.Name, o.Name)
	}
	l := e.newObject(c, catalog.Table, o.Schema, name)
	for _, col := range o.Columns {
		l.Columns = append(l.Columns, catalog.Column{Field: types.Field{Name: col.Name, Type: col.Type}})
	}
	for _, col := range []types.Field{
		{Name: lateOpColumn, Type: types.T(types.Text), NotNull: true},
		{Name: lateMarkColumn, Type: o.Columns[o.Watermark.Column].Type},
	} {
		if slices.ContainsFunc(l.Columns, func(c catalog.Column) bool { return c.Name == col.Name }) {
			return sqlerr.New(sqlerr.DuplicateColumn, "column name %q conflicts with a column of the table of late rows", col.Name)
		}
		l.Columns = append(l.Columns, catalog.Column{Field: col})
	}
	l.Visible, l.AppendOnly, l.LateOf, l.Deps = len(l.Columns), true, o.ID, []catalog.ID{o.ID}
	l.Storage = &catalog.Storage{Kind: string(view.Log), Table: e.newTable()}
	o.Watermark.Late = l.ID
	e.put(l)
	if err := e.addView(l); err != nil {
		return err
	}
	return e.addTime(o, nil)
}

// followTables moves event time over the changes of tables that this epoch holds.
func (e *Engine) followTables(p *pending) {
	now := e.cfg.Now()
	for id, deltas := range p.deltas {
		if t := e.times[id]; t != nil {
			for _, b := range deltas {
				t.see("", b, b.Cols[t.Column], now)
			}
		}
	}
}

// followSource takes the late rows out of what a source has delivered and moves its event time.
func (e *Engine) followSource(p *pending, t *eventTime, f *feeder, got *taken) {
	now := e.cfg.Now()
	ts := slices.Index(f.cols, t.Column)
	for _, part := range got.known {
		t.know(part, now)
	}
	var kept []*rows.Batch
	for i, b := range got.batches {
		part := ""
		if got.parts != nil {
			part = got.parts[i]
		}
		good, late := t.split(b, b.Cols[ts])
		if late != nil {
			if o := e.catalogNow().ByID(t.Late); o != nil {
				e.addDeltas(p, o.ID, []*rows.Batch{t.lateRows(o, inOrder(late, f.cols), "insert")})
			}
		}
		t.see(part, b, b.Cols[ts], now)
		if good != nil {
			kept = append(kept, good)
		}
	}
	got.batches, t.ended = kept, got.ended
}

// inOrder puts the columns of a batch, which are those listed, into the relation's order.
func inOrder(b *rows.Batch, cols []int) *rows.Batch {
	out := *b
	out.Schema, out.Cols = nil, make([]*rows.Vec, len(cols))
	for i, c := range cols {
		out.Cols[c] = b.Cols[i]
	}
	return &out
}

// tick moves all watermarks to where the rows of this epoch have brought them.
func (e *Engine) tick(in *input) {
	now := e.cfg.Now()
	var next time.Time
	for id, t := range e.times {
		if f := e.sources[id]; f == nil || !f.waiting() && f.status() == "" { // what waits or fails is not idle
			if at := t.rest(now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		} else if t.Idle > 0 {
			next = now.Add(time.Duration(t.Idle) * time.Microsecond)
		}
		if t.advance() {
			e.circuit.SetWatermark(id, t.watermark, t.floor())
		}
		if t.dirty {
			in.times = append(in.times, t)
		}
	}
	if e.alarm != nil {
		e.alarm.Stop()
	}
	if e.alarm = nil; !next.IsZero() {
		e.alarm = time.AfterFunc(max(next.Sub(now), time.Millisecond), e.wake)
	}
}

// sortLate takes out of a table's change what is late, and keeps it as such. An UPDATE is late as a
// whole when its old row or its new one is: half of it would lose or invent a row.
func (m *modification) sortLate(r *Reader, groups []shift) {
	if m.time == nil {
		return
	}
	for i := range groups {
		g := &groups[i]
		var good, bad []int32
		for r := range g.height() {
			if m.time.keeps(g.was, r) && m.time.keeps(g.is, r) {
				good = append(good, int32(r))
			} else {
				bad = append(bad, int32(r))
			}
		}
		if len(bad) > 0 {
			m.setAside(r, g.pick(bad))
			*g = g.pick(good)
		}
	}
}

// keeps tells whether a row of a change is on time, or not there; without a watermark, t is nil, all are.
func (t *eventTime) keeps(b *rows.Batch, row int) bool {
	return t == nil || b == nil || t.onTime(b.Cols[t.Column], row)
}

// setAside puts rows that are late into their table.
func (m *modification) setAside(r *Reader, late shift) {
	m.change.Late += int64(late.height())
	o := r.Catalog.ByID(m.time.Late)
	if o == nil {
		return
	}
	into := r.over.of(m.e, o)
	was, is := "delete", "insert"
	if late.was != nil && late.is != nil {
		was, is = "update from", "update to"
	}
	if late.was != nil {
		into.log(m.time.lateRows(o, late.was, was))
	}
	if late.is != nil {
		into.log(m.time.lateRows(o, late.is, is))
	}
}

// selected returns some rows of a batch that has no selection.
func selected(b *rows.Batch, sel []int32) *rows.Batch {
	part := *b
	if part.Sel = sel; sel == nil {
		part.Sel = []int32{} // nil would be all
	}
	return part.Compact()
}

func height(b *rows.Batch) int {
	if b == nil {
		return 0
	}
	return b.N
}

// bounds gives the event time of objects at the reader's epoch to a plan that emits on it.
func (r *Reader) bounds(p *plan.Plan) func(uint32) plan.Marks {
	if !slices.ContainsFunc(p.Nodes, func(n plan.Node) bool { return n.Op == plan.WindowClose }) {
		return nil
	}
	return func(object uint32) plan.Marks {
		return planner.EventTime(r.Catalog, object, func(o *catalog.Object) (watermark, floor int64) {
			st, err := readTime(r.snap, o.ID)
			if err != nil || st == nil || st.Watermark == op.NoMark {
				return op.NoMark, op.NoMark
			}
			return st.Watermark, lateBy(st.Watermark, o.Watermark.Lateness)
		})
	}
}

// EventTime returns the watermark of a source or table in µs, nil before its first row, and how many rows
// it has passed.
func (r *Reader) EventTime(o *catalog.Object) (watermark *int64, late int64, err error) {
	st, err := readTime(r.snap, o.ID)
	if err == nil && st != nil && st.Watermark != op.NoMark {
		watermark = &st.Watermark
	}
	if l := r.Catalog.ByID(o.Watermark.Late); l != nil && err == nil {
		late, err = r.Count(l)
	}
	return watermark, late, err
}

package match

import (
	"fmt"
	"slices"

	"tidemill/exec/op/agg"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// matcher is a compiled configuration.
type matcher struct {
	Config
	in, out types.Schema
	prog    *program
	dist    distances
	conds   []condition // by label
	tracks  []track
	stride  int // slots of a thread
	// memo tells that what follows from an instruction at a row does not depend on how it was reached.
	memo     bool
	names    *rows.Vec // of the labels
	measures *expr.Program
	reads    []Read // of the measures
	timeCol  int
}

// condition is the condition of a label in two parts, which must both hold.
type condition struct {
	local *test // of the row and its neighbours
	rest  *test // of the match so far
}

// test is a compiled part of a condition.
type test struct {
	prog   *expr.Program
	reads  []Read
	tracks []int // where the rows of each read are kept, −1 = none
	one    *rows.Batch
}

// track is what threads carry of the rows of one set: the last and the first few of them.
type track struct {
	set           int
	has           []bool // by label
	lasts, firsts int
	labels        bool // each row has its label behind it
	off           int  // of the first slot
	// chain is the slot of the chain with all rows, −1 = none; aggs are what is computed over them, in the
	// order of calls.
	chain int
	aggs  *agg.Set
	calls []int
}

// slot is the place of a row in a track.
func (t *track) slot(first bool, skip int) int {
	width := 1
	if t.labels {
		width = 2
	}
	if first {
		skip += t.lasts
	}
	return t.off + skip*width
}

func newMatcher(c Config, in, out types.Schema) (*matcher, error) {
	m := &matcher{Config: c, in: in, out: out}
	if err := c.check(in, len(out)); err != nil {
		return nil, err
	}
	var err error
	if m.prog, err = compile(c.Pattern); err != nil {
		return nil, err
	}
	if m.dist = c.distances(); len(c.Order) > 0 {
		m.timeCol = c.Order[0].Col
	}
	m.conds = make([]condition, len(c.Labels))
	byNumber := false
	for label, e := range c.Conds {
		for _, i := range columns(e) {
			byNumber = byNumber || c.Reads[i].Kind == ReadNumber
		}
		if err := m.condition(label, e); err != nil {
			return nil, err
		}
	}
	if err := m.layout(); err != nil {
		return nil, err
	}
	m.memo = m.stride == 0 && c.Within == 0 && !byNumber
	names := rows.NewVecBuilder(types.T(types.Text), len(c.Labels))
	for _, l := range c.Labels {
		names.AppendString(l)
	}
	m.names = names.Finish()
	var used []int
	for _, e := range c.Measures {
		used = append(used, expr.Columns(e)...)
	}
	slices.Sort(used)
	used = slices.Compact(used)
	es := make([]*expr.Expr, len(c.Measures))
	for i, e := range c.Measures {
		es[i] = expr.RemapFunc(e, func(i int) int { return slices.Index(used, i) })
	}
	for _, i := range used {
		m.reads = append(m.reads, c.Reads[i])
	}
	m.measures, err = expr.Compile(es)
	return m, err
}

// condition compiles the condition of a label.
func (m *matcher) condition(label int, e *expr.Expr) error {
	if e == nil {
		return nil
	}
	var local, rest []*expr.Expr
	for _, e := range expr.Conjuncts(e) {
		own := func(i int) bool { return m.current(m.Reads[i], label) && m.Reads[i].Kind == ReadValue }
		if cols := expr.Columns(e); !slices.ContainsFunc(cols, func(i int) bool { return !own(i) }) {
			local = append(local, e)
		} else {
			rest = append(rest, e)
		}
	}
	var err error
	at := &m.conds[label]
	if at.local, err = m.test(local); err != nil {
		return err
	}
	at.rest, err = m.test(rest)
	return err
}

func (m *matcher) test(conjuncts []*expr.Expr) (*test, error) {
	if len(conjuncts) == 0 {
		return nil, nil
	}
	used, e := m.Config.reads(expr.AllOf(conjuncts))
	t := &test{}
	for _, i := range used {
		t.reads, t.tracks = append(t.reads, m.Reads[i]), append(t.tracks, -1)
	}
	var err error
	t.prog, err = expr.Compile([]*expr.Expr{e})
	return t, err
}

// layout decides what threads carry for the parts of conditions about the match so far.
func (m *matcher) layout() error {
	for i := range m.conds {
		t := m.conds[i].rest
		if t == nil {
			continue
		}
		t.one = &rows.Batch{N: 1}
		for n, r := range t.reads {
			t.one.Cols = append(t.one.Cols, oneCell(r.Type))
			if r.Kind != ReadNumber {
				t.tracks[n] = m.track(r)
			}
		}
	}
	for i := range m.tracks {
		t := &m.tracks[i]
		t.off = m.stride
		m.stride = t.slot(true, t.firsts)
		if t.chain = -1; len(t.calls) == 0 {
			continue
		}
		t.chain = m.stride
		m.stride++
		calls := make([]agg.Call, len(t.calls))
		for k, c := range t.calls {
			calls[k] = m.Aggs[c]
		}
		var err error
		if t.aggs, err = agg.Compile(calls, m.in, agg.Raw, true, false); err != nil {
			return err
		}
		for _, f := range t.aggs.Funcs {
			if f.FromTable() {
				return fmt.Errorf("aggregate %s in a condition", f.Name)
			}
		}
	}
	return nil
}

// track finds or makes the track that a read needs.
func (m *matcher) track(r Read) int {
	at := slices.IndexFunc(m.tracks, func(t track) bool { return t.set == r.Set })
	if at < 0 {
		t := track{set: r.Set, has: make([]bool, len(m.Labels))}
		for l := range t.has {
			t.has[l] = m.Config.in(r.Set, l)
		}
		at = len(m.tracks)
		m.tracks = append(m.tracks, t)
	}
	t := &m.tracks[at]
	switch {
	case r.Kind == ReadAgg:
		if !slices.Contains(t.calls, r.Agg) {
			t.calls = append(t.calls, r.Agg)
		}
	case r.First:
		t.firsts = max(t.firsts, r.Skip+1)
	default:
		t.lasts = max(t.lasts, r.Skip+1)
	}
	t.labels = t.labels || r.Kind == ReadLabel
	return at
}

// oneCell is a column of one value, which setCell changes.
func oneCell(t types.Type) *rows.Vec {
	v := &rows.Vec{Type: t, Valid: rows.NewBitmap(1, true)}
	switch t.Phys() {
	case types.PhysBool:
		v.B = make([]bool, 1)
	case types.PhysInt:
		v.I = make([]int64, 1)
	case types.PhysFloat:
		v.F = make([]float64, 1)
	default:
		v.Off = make([]int32, 2)
	}
	return v
}

// setCell makes a column of one value hold value i of from.
func setCell(v, from *rows.Vec, i int) {
	if from.IsNull(i) {
		v.Valid.Clear(0)
		return
	}
	v.Valid.Set(0)
	switch v.Type.Phys() {
	case types.PhysBool:
		v.B[0] = from.B[i]
	case types.PhysInt:
		v.I[0] = from.I[i]
	case types.PhysFloat:
		v.F[0] = from.F[i]
	default:
		v.Data = from.Bytes(i)
		v.Off[1] = int32(len(v.Data))
	}
}

// part is a stretch of a partition's rows in order.
type part struct {
	b           *rows.Batch
	list        []int32 // rows of b
	first, last bool    // it has the partition's first and last row
}

// moved returns the values of a column some rows on from each row.
func (p *part) moved(v *rows.Vec, by int) *rows.Vec {
	n := len(p.list)
	at := make([]int32, n)
	for i := range at {
		at[i] = p.list[max(0, min(n-1, i+by))]
	}
	out := v.Gather(at)
	if by == 0 {
		return out
	}
	if out.Valid == nil {
		out.Valid = rows.NewBitmap(n, true)
	}
	for i := range at {
		if to := i + by; to < 0 || to >= n {
			out.Valid.Clear(i)
		}
	}
	return out
}

// eval computes a local test for all rows; failed are those whose values fail.
func (t *test) eval(c *fn.Ctx, p *part) (holds *rows.Vec, failed map[int]error, err error) {
	b := &rows.Batch{N: len(p.list)}
	for _, r := range t.reads {
		b.Cols = append(b.Cols, p.moved(p.b.Cols[r.Col], r.Move))
	}
	out, err := t.prog.Eval(c, b)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range c.Errs {
		if failed == nil {
			failed = map[int]error{}
		}
		if failed[int(e.Row)] == nil {
			failed[int(e.Row)] = e.Err
		}
	}
	c.Errs = c.Errs[:0]
	return out[0], failed, nil
}

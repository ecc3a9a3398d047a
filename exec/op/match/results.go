package match

import (
	"slices"
	"sort"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// results are output rows that are being collected: for each of them the row of the batch whose columns
// it shows, and what its measures read.
type results struct {
	m     *matcher
	b     *rows.Batch
	reads []*rows.VecBuilder
	from  []int32
	w     []int64
	blank []int32 // rows whose measures are NULL
	fails []failure

	sums []*sum    // by read; nil for what is no aggregate
	sets [][]int32 // by set, the places of the match's rows
	n    []int     // by set, how many of them are up to the current row
	rs   agg.Rows
}

// failure is a row that is diverted.
type failure struct {
	row int32 // of the batch
	w   int64
	err *sqlerr.Error
}

// sum is an aggregate of the measures.
type sum struct {
	set    *agg.Set
	f      *agg.Func
	acc    *agg.Acc
	folded int
	elems  [][]byte // of an Ordered call
}

func newResults(m *matcher, b *rows.Batch) *results {
	o := &results{m: m, b: b, sets: make([][]int32, len(m.Sets)), n: make([]int, len(m.Sets))}
	o.sums = make([]*sum, len(m.reads))
	for i, r := range m.reads {
		if r.Kind != ReadAgg {
			continue
		}
		// newMatcher has compiled the same calls, so that there is no error.
		set, err := agg.Compile([]agg.Call{m.Aggs[r.Agg]}, m.in, agg.Raw, true, false)
		if err != nil {
			panic(err)
		}
		set.Ready(b)
		o.sums[i] = &sum{set: set, f: set.Funcs[0], acc: set.NewAcc()}
	}
	o.clear()
	return o
}

// clear forgets all rows.
func (o *results) clear() {
	o.reads = o.reads[:0]
	for _, r := range o.m.reads {
		o.reads = append(o.reads, rows.NewVecBuilder(r.Type, 16))
	}
	o.from, o.w, o.blank, o.fails = nil, nil, nil, nil
}

func (o *results) len() int { return len(o.from) }

// fail diverts a row.
func (o *results) fail(row int32, err *sqlerr.Error, w int64) {
	o.fails = append(o.fails, failure{row, w, err})
}

// unmatched gives a row that is in no match, if such are asked for.
func (o *results) unmatched(row int32, w int64) {
	if o.m.Rows != Unmatched {
		return
	}
	o.blank = append(o.blank, int32(len(o.from)))
	o.from, o.w = append(o.from, row), append(o.w, w)
	for _, b := range o.reads {
		b.AppendNull()
	}
}

// match gives the rows of the match [s, e) that the run has found.
func (o *results) match(r *run, s, e int, w int64) {
	if o.m.Rows == Omit && s == e {
		return
	}
	for i := range o.sets {
		o.sets[i], o.n[i] = o.sets[i][:0], 0
	}
	for k := range e - s {
		for i := range o.sets {
			if o.m.Config.in(i, int(r.labels[k].label)) {
				o.sets[i] = append(o.sets[i], int32(s+k))
			}
		}
	}
	for _, x := range o.sums {
		if x != nil {
			x.acc.Clear()
			x.folded, x.elems = 0, x.elems[:0]
		}
	}
	if o.m.Rows == OneRow || s == e {
		o.row(r, s, max(s, e-1), s, w)
		return
	}
	for at := s; at < e; at++ {
		if !r.labels[at-s].excluded {
			o.row(r, s, at, at, w)
		}
	}
}

// row gives the match's row at a place; its columns are those of the row from.
func (o *results) row(r *run, s, at, from int, w int64) {
	for i, set := range o.sets {
		for o.n[i] < len(set) && int(set[o.n[i]]) <= at {
			o.n[i]++
		}
	}
	o.from, o.w = append(o.from, r.p.list[from]), append(o.w, w)
	for i := range o.m.reads {
		o.read(r, s, i)
	}
}

// read appends what measures read of the match that begins at s.
func (o *results) read(r *run, s, i int) {
	x, out := &o.m.reads[i], o.reads[i]
	if x.Kind == ReadNumber {
		out.AppendInt(r.number)
		return
	}
	set := o.sets[x.Set]
	if !x.Final {
		set = set[:o.n[x.Set]]
	}
	if x.Kind == ReadAgg {
		o.aggregate(r, i, set)
		return
	}
	at := x.Skip
	if !x.First {
		at = len(set) - 1 - x.Skip
	}
	if at < 0 || at >= len(set) {
		out.AppendNull()
		return
	}
	switch row := int(set[at]) + x.Move; {
	case x.Kind == ReadLabel && row >= s && row < s+len(r.labels):
		out.AppendFrom(o.m.names, int(r.labels[row-s].label))
	case x.Kind == ReadValue && row >= 0 && row < len(r.p.list):
		out.AppendFrom(o.b.Cols[x.Col], int(r.p.list[row]))
	default:
		out.AppendNull()
	}
}

// aggregate appends an aggregate over rows, which are those of the last call and perhaps more.
func (o *results) aggregate(r *run, i int, set []int32) {
	x, out := o.sums[i], o.reads[i]
	for ; x.folded < len(set); x.folded++ {
		row := r.p.list[set[x.folded]]
		if x.f.Class != agg.Ordered {
			foldRow(r.c, x.set, x.f, &o.rs, x.acc, row)
		} else if e := x.f.Element(o.b, int(row)); e != nil {
			x.elems = append(x.elems, e)
		}
	}
	before, at := out.Len(), len(o.from)-1
	var err error
	if x.f.Class == agg.Ordered {
		err = x.f.ResultOf(r.c, x.elems, out)
	} else {
		err = x.f.Result(r.c, x.acc.Fixed, x.acc.Tails, out)
	}
	if err == nil && len(r.c.Errs) > 0 {
		err = r.c.Errs[0].Err
		r.c.Errs = r.c.Errs[:0]
	}
	if err != nil {
		out.Truncate(before)
		out.AppendNull()
		o.fail(o.from[at], sqlerr.As(err), o.w[at])
		o.w[at] = 0
	}
}

// emit emits the rows, diverts those that failed, and begins anew.
func (o *results) emit(c *op.Ctx) error {
	if err := o.build(c); err != nil {
		return err
	}
	return o.divert(c)
}

// build computes the measures and emits the rows.
func (o *results) build(c *op.Ctx) error {
	n := len(o.from)
	if n == 0 {
		return nil
	}
	in := &rows.Batch{N: n}
	for _, b := range o.reads {
		in.Cols = append(in.Cols, b.Finish())
	}
	measures, err := o.m.measures.Eval(c.Fn, in)
	if err != nil {
		return err
	}
	for _, e := range c.Fn.Errs {
		if o.w[e.Row] != 0 && !o.isBlank(e.Row) {
			o.fail(o.from[e.Row], e.Err, o.w[e.Row])
			o.w[e.Row] = 0
		}
	}
	c.Fn.Errs = c.Fn.Errs[:0]
	out := &rows.Batch{Schema: o.m.out, N: n, W: o.w}
	for _, col := range o.m.Out {
		out.Cols = append(out.Cols, o.b.Cols[col].Gather(o.from))
	}
	for _, v := range measures {
		out.Cols = append(out.Cols, o.blanked(v))
	}
	o.from, o.w, o.blank = nil, nil, nil
	for i, b := range o.reads {
		o.reads[i] = rows.NewVecBuilder(b.Type(), 16)
	}
	if !slices.ContainsFunc(out.W, func(w int64) bool { return w != 1 }) {
		out.W = nil
	}
	return c.EmitBatch(rows.Consolidate(out))
}

func (o *results) isBlank(row int32) bool {
	i := sort.Search(len(o.blank), func(i int) bool { return o.blank[i] >= row })
	return i < len(o.blank) && o.blank[i] == row
}

// blanked returns a measure with NULL in the rows that are in no match.
func (o *results) blanked(v *rows.Vec) *rows.Vec {
	if len(o.blank) == 0 {
		return v
	}
	out := *v
	n := v.Len()
	out.Valid = rows.NewBitmap(n, true)
	for i := range n {
		if v.IsNull(i) {
			out.Valid.Clear(i)
		}
	}
	for _, i := range o.blank {
		out.Valid.Clear(int(i))
	}
	return &out
}

// divert diverts the failed rows. A row that fails as it did before is left alone.
func (o *results) divert(c *op.Ctx) error {
	codec := rows.NewRowCodec(o.m.in.Types())
	net := map[string]int64{}
	key := func(f *failure) string {
		return string(codec.Append([]byte(f.err.Message+"\x00"), o.b.Cols, int(f.row)))
	}
	for i := range o.fails {
		net[key(&o.fails[i])] += o.fails[i].w
	}
	for i := range o.fails {
		k := key(&o.fails[i])
		w := net[k]
		if delete(net, k); w == 0 {
			continue
		}
		if err := c.Fail(o.b, int(o.fails[i].row), w, o.fails[i].err); err != nil {
			return err
		}
	}
	o.fails = nil
	return nil
}

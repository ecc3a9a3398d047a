package match

import (
	"slices"

	"tidemill/exec/op/agg"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// run is the search of one part.
type run struct {
	m      *matcher
	c      *fn.Ctx
	p      *part
	local  []*rows.Vec // by label, whether the row meets the local condition; nil = none
	failed []map[int]error

	pos     int   // the row of the next attempt
	number  int64 // of matches so far
	covered int   // the end of the matches so far
	far     int   // the last row that attempts so far have looked at; end when they wait for more

	// The attempt under way.
	start     int
	steps     int
	cur, next threads
	nodes     []node
	best      int32 // the last node of the match so far
	end       int   // its end; −1 = none
	more      bool  // the part is too short to tell
	// seen has a bit per row and opRow that an attempt has come to.
	seen  []uint64
	words int
	gen   int32
	marks []int32 // by instruction, the generation in which it was followed
	// timed is the same for instructions inside loops (see step).
	timed  map[step]int32
	heads  []int32 // by opRow, the last thread of next there + 1
	slots  []int32
	chains chains
	err    error // why the attempt fails
	stack  []step
	labels []label
}

// end is the place behind all rows that may ever come.
const end = 1 << 30

// maxSteps bounds the work of one attempt, maxThreads the ways it follows at a time.
const (
	maxSteps   = 20_000_000
	maxThreads = 100_000
)

// step is an instruction that is being followed. loops has a bit for each endless loop whose present
// time has not taken a row yet: if it takes none, there is no further time.
type step struct {
	pc    int32
	loops uint64
}

// threads are the ways through the program that an attempt follows, in the order of preference.
type threads struct {
	list  []thread
	slots []int32
}

type thread struct {
	pc, node int32
	link     int32 // the thread before at the same instruction + 1
}

func (t *threads) reset() { t.list, t.slots = t.list[:0], t.slots[:0] }

// node is a row of a way with the rows before it.
type node struct {
	prev, label int32
	excluded    bool
}

// label is what a row of a match is.
type label struct {
	label    int32
	excluded bool
}

func newRun(m *matcher, c *fn.Ctx, p *part) (*run, error) {
	r := &run{
		m: m, c: c, p: p, far: -1, local: make([]*rows.Vec, len(m.conds)), failed: make([]map[int]error, len(m.conds)),
		words: (m.prog.rows + 63) / 64, marks: make([]int32, len(m.prog.code)), heads: make([]int32, m.prog.rows),
		slots: make([]int32, m.stride),
	}
	if m.stride == 0 {
		r.seen = make([]uint64, (len(p.list)+1)*r.words)
	}
	for i := range m.conds {
		t := m.conds[i].local
		if t == nil {
			continue
		}
		var err error
		if r.local[i], r.failed[i], err = t.eval(c, p); err != nil {
			return nil, err
		}
	}
	for i := range m.tracks {
		if s := m.tracks[i].aggs; s != nil {
			s.Ready(p.b)
		}
	}
	return r, nil
}

// try makes the attempt at the next row and gives what follows from it to out, with weight w. It tells
// whether the part was long enough; if not, nothing has happened.
func (r *run) try(out *results, w int64) (enough bool, err error) {
	far := r.attempt()
	if r.more {
		return false, nil
	}
	if far += r.m.dist.after; far >= len(r.p.list) {
		if far = end; !r.p.last {
			return false, nil
		}
	}
	s := r.start
	r.far = max(r.far, far, s)
	r.pos = s + 1
	to := r.end
	if r.err == nil && to >= 0 {
		r.trace(to - s)
		if to > s {
			r.pos, r.err = r.skip(to)
		}
	}
	switch {
	case r.err != nil:
		r.forget(s, min(r.far, len(r.p.list)-1)+1)
		out.fail(r.p.list[s], sqlerr.As(r.err), w)
	case to >= 0:
		r.forget(s, to)
		r.number++
		r.covered = max(r.covered, to)
		out.match(r, s, to, w)
	default:
		if s >= r.covered {
			out.unmatched(r.p.list[s], w)
		}
	}
	if !r.m.memo {
		r.forget(s, min(r.far, len(r.p.list)-1)+2)
	}
	return true, nil
}

// forget clears what is known of the rows from … to−1.
func (r *run) forget(from, to int) {
	if r.seen != nil && from < to {
		clear(r.seen[from*r.words : min(to*r.words, len(r.seen))])
	}
}

// trace writes the labels of the last n rows of the best way.
func (r *run) trace(n int) {
	r.labels = slices.Grow(r.labels[:0], n)[:n]
	for at := r.best; n > 0; n-- {
		x := r.nodes[at]
		r.labels[n-1] = label{x.label, x.excluded}
		at = x.prev
	}
}

// skip returns where the search goes on after the match that ends before row to.
func (r *run) skip(to int) (int, error) {
	m := r.m
	switch m.Skip {
	case SkipPast:
		return to, nil
	case SkipNext:
		return r.start + 1, nil
	}
	at := -1
	for i, l := range r.labels {
		if !slices.Contains(m.SkipTo, int(l.label)) {
			continue
		}
		if at = i; m.Skip == SkipFirst {
			break
		}
	}
	switch at {
	case -1:
		return r.start + 1, sqlerr.New(dataException, "AFTER MATCH SKIP TO %s failed: the match has no row of that variable", upper[m.Skip]).
			WithHint("Skip to a variable that every match has.")
	case 0:
		return r.start + 1, sqlerr.New(dataException, "AFTER MATCH SKIP TO %s failed: it would find the same match again", upper[m.Skip]).
			WithHint("Skip to a variable behind the first row of the match.")
	}
	return r.start + at, nil
}

const dataException = "22000"

var upper = map[string]string{SkipFirst: "FIRST", SkipLast: "LAST"}

// attempt looks for the preferred match from row pos and returns the last row that it looked at, or
// end.
func (r *run) attempt() (far int) {
	r.start, r.end, r.more, r.err, r.steps = r.pos, -1, false, nil, 0
	r.nodes = r.nodes[:0]
	r.chains.reset()
	n := len(r.p.list)
	r.cur.reset()
	for i := range r.slots {
		r.slots[i] = -1
	}
	r.gen++
	r.follow(&r.cur, 0, -1, r.slots, r.start)
	far = r.start - 1
	for at := r.start; len(r.cur.list) > 0 && r.err == nil && !r.more; at++ {
		if at >= n || at+r.m.dist.after >= n && !r.p.last {
			if r.more = !r.p.last; at >= n {
				return end
			}
			return far
		}
		far = at
		r.advance(at)
		r.cur, r.next = r.next, r.cur
	}
	return far
}

// advance lets all threads take the row at.
func (r *run) advance(at int) {
	r.next.reset()
	if r.m.stride > 0 {
		clear(r.heads)
	}
	r.gen++
	late := r.late(at)
	for k := range r.cur.list {
		t := r.cur.list[k]
		if r.steps++; r.steps > maxSteps || len(r.next.list) > maxThreads {
			r.err = sqlerr.New(sqlerr.StatementTooComplex, "row pattern matching takes too many steps").
				WithDetail("The match that begins at this row was not decided within %d steps and %d ways at a time.", maxSteps, maxThreads).
				WithHint("Bound the pattern by WITHIN or {n,m}, or make the conditions of its variables exclude each other.")
			return
		}
		i := &r.m.prog.code[t.pc]
		if late || !r.holds(int(i.label), at) {
			if r.err != nil {
				return
			}
			continue
		}
		slots := r.slots
		if s := r.m.stride; s > 0 {
			copy(slots, r.cur.slots[k*s:(k+1)*s])
			r.update(slots, i.label, int32(at))
			if rest := r.m.conds[i.label].rest; rest != nil && !r.meets(rest, slots) {
				if r.err != nil {
					return
				}
				continue
			}
			r.gen++
		} else if rest := r.m.conds[i.label].rest; rest != nil && !r.meets(rest, slots) {
			if r.err != nil {
				return
			}
			continue
		}
		r.nodes = append(r.nodes, node{prev: t.node, label: i.label, excluded: i.excluded})
		if r.follow(&r.next, t.pc+1, int32(len(r.nodes)-1), slots, at+1) || r.more {
			return
		}
	}
}

// late tells whether a row is too long after the attempt's first one.
func (r *run) late(at int) bool {
	m := r.m
	if m.Within == 0 || at == r.start {
		return false
	}
	v := r.p.b.Cols[m.timeCol]
	a, b := int(r.p.list[r.start]), int(r.p.list[at])
	return v.IsNull(a) || v.IsNull(b) || v.I[b]-v.I[a] >= m.Within || v.I[b]-v.I[a] < 0
}

// holds tells whether a row meets the local condition of a label.
func (r *run) holds(label, at int) bool {
	v := r.local[label]
	if v == nil {
		return true
	}
	if r.failed[label] != nil {
		if err := r.failed[label][at]; err != nil {
			r.err = err
			return false
		}
	}
	return v.B[at] && !v.IsNull(at)
}

// follow puts the opRows that follow from pc without taking a row into to, preferred first. It tells
// whether the end of the program was reached: then this is the best match, and whatever would follow
// is preferred less.
func (r *run) follow(to *threads, pc, last int32, slots []int32, at int) bool {
	r.stack = append(r.stack[:0], step{pc: pc})
	for len(r.stack) > 0 {
		x := r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		i := &r.m.prog.code[x.pc]
		if i.op == opRow {
			r.arrive(to, i, thread{pc: x.pc, node: last}, slots, at)
			continue
		}
		if r.followed(x) {
			continue // and preferred there
		}
		next := func(pc int32) { r.stack = append(r.stack, step{pc, x.loops}) }
		switch i.op {
		case opSplit:
			next(i.y)
			next(i.x)
		case opJump:
			next(i.x)
		case opTime:
			r.stack = append(r.stack, step{x.pc + 1, x.loops | 1<<i.x})
		case opAgain:
			if x.loops&(1<<i.x) == 0 {
				next(x.pc + 1)
			}
		case opStart:
			if r.p.first && at == 0 {
				next(x.pc + 1)
			}
		case opEnd:
			if at < len(r.p.list) {
				continue
			}
			if r.more = !r.p.last; r.more {
				return true
			}
			next(x.pc + 1)
		case opMatch:
			r.best, r.end = last, at
			return true
		}
	}
	return false
}

// followed tells whether an instruction has been followed in this generation, and notes that it is.
func (r *run) followed(x step) bool {
	if x.loops == 0 {
		was := r.marks[x.pc] == r.gen
		r.marks[x.pc] = r.gen
		return was
	}
	if r.timed == nil {
		r.timed = map[step]int32{}
	}
	was := r.timed[x] == r.gen
	r.timed[x] = r.gen
	return was
}

// arrive adds a thread unless an equal one is there.
func (r *run) arrive(to *threads, i *instr, t thread, slots []int32, at int) {
	s := r.m.stride
	if s == 0 {
		word, bit := at*r.words+int(i.bit>>6), uint64(1)<<(i.bit&63)
		if r.seen[word]&bit != 0 {
			return
		}
		r.seen[word] |= bit
		to.list = append(to.list, t)
		return
	}
	if to == &r.next {
		for k := r.heads[i.bit]; k > 0; k = to.list[k-1].link {
			r.steps++
			if slices.Equal(to.slots[int(k-1)*s:int(k)*s], slots) {
				return
			}
		}
		t.link = r.heads[i.bit]
		r.heads[i.bit] = int32(len(to.list) + 1)
	}
	to.list = append(to.list, t)
	to.slots = append(to.slots, slots...)
}

// update notes in a thread's slots that a row got a label.
func (r *run) update(slots []int32, label, at int32) {
	for n := range r.m.tracks {
		t := &r.m.tracks[n]
		if !t.has[label] {
			continue
		}
		width := t.slot(false, 1) - t.slot(false, 0)
		set := func(i int) {
			if slots[i] = at; t.labels {
				slots[i+1] = label
			}
		}
		if t.lasts > 0 {
			from, to := t.slot(false, 0), t.slot(false, t.lasts)
			copy(slots[from+width:to], slots[from:to-width])
			set(from)
		}
		for k := range t.firsts {
			if i := t.slot(true, k); slots[i] < 0 {
				set(i)
				break
			}
		}
		if t.chain >= 0 {
			slots[t.chain] = r.chains.extend(r, n, slots[t.chain], at)
		}
	}
}

// meets tells whether the match so far, of which slots tells, meets a condition.
func (r *run) meets(t *test, slots []int32) bool {
	n := len(r.p.list)
	for k, x := range t.reads {
		cell := t.one.Cols[k]
		if x.Kind == ReadNumber {
			cell.I[0] = r.number + 1
			cell.Valid.Set(0)
			continue
		}
		tr := &r.m.tracks[t.tracks[k]]
		if x.Kind == ReadAgg {
			setCell(cell, r.chains.result(r, t.tracks[k], slots[tr.chain], slices.Index(tr.calls, x.Agg)), 0)
			continue
		}
		i := tr.slot(x.First, x.Skip)
		row := int(slots[i])
		if row < 0 || row+x.Move < 0 || row+x.Move >= n {
			cell.Valid.Clear(0)
			continue
		}
		if x.Kind == ReadLabel {
			setCell(cell, r.m.names, int(slots[i+1]))
		} else {
			setCell(cell, r.p.b.Cols[x.Col], int(r.p.list[row+x.Move]))
		}
	}
	if r.err != nil {
		return false
	}
	out, err := t.prog.Eval(r.c, t.one)
	if err == nil && len(r.c.Errs) > 0 {
		err = r.c.Errs[0].Err
		r.c.Errs = r.c.Errs[:0]
	}
	if err != nil {
		r.err = err
		return false
	}
	return out[0].B[0] && !out[0].IsNull(0)
}

// chains are the sequences of rows that aggregates in conditions are over. Equal ones have one number,
// so that threads can be compared by it.
type chains struct {
	links []*agg.Acc
	find  map[linkKey]int32
	rs    agg.Rows
}

type linkKey struct{ track, prev, row int32 }

func (c *chains) reset() {
	c.links = c.links[:0]
	clear(c.find)
}

// extend returns the chain prev of a track (−1 = empty) with another row.
func (c *chains) extend(r *run, track int, prev, at int32) int32 {
	key := linkKey{int32(track), prev, at}
	if i, ok := c.find[key]; ok {
		return i
	}
	if c.find == nil {
		c.find = map[linkKey]int32{}
	}
	set := r.m.tracks[track].aggs
	a := set.NewAcc()
	if prev >= 0 {
		before := c.links[prev]
		copy(a.Fixed, before.Fixed)
		for i, t := range before.Tails {
			a.Tails[i] = append(a.Tails[i], t...)
		}
	}
	for _, f := range set.Funcs {
		foldRow(r.c, set, f, &c.rs, a, r.p.list[at])
	}
	c.links = append(c.links, a)
	i := int32(len(c.links) - 1)
	c.find[key] = i
	return i
}

// result returns the value of an aggregate of a track over a chain.
func (c *chains) result(r *run, track int, chain int32, call int) *rows.Vec {
	set := r.m.tracks[track].aggs
	f := set.Funcs[call]
	a := set.NewAcc()
	if chain >= 0 {
		a = c.links[chain]
	}
	out := rows.NewVecBuilder(f.RetType, 1)
	if err := f.Result(r.c, a.Fixed, a.Tails, out); err != nil {
		r.err = err
		out.Truncate(0)
		out.AppendNull()
	}
	return out.Finish()
}

// foldRow folds one row of the batch that the set is ready for into an accumulator.
func foldRow(c *fn.Ctx, set *agg.Set, f *agg.Func, rs *agg.Rows, a *agg.Acc, row int32) {
	rs.Reset()
	rs.Row, rs.W = append(rs.Row, row), append(rs.W, 1)
	rs.Group, rs.Slot = append(rs.Group, a.Fixed), append(rs.Slot, 0)
	set.Fold(c, f, rs, a.Tails)
}

package match

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/order"
	"tidemill/exec/op/place"
	"tidemill/exec/op/versions"
	"tidemill/exec/state"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// The state of a view's operator:
//
//	rows   Ordered: partition columns as a key, order columns in their directions, the row's exact bytes,
//	       their length as 4 bytes big endian → weight
//	marks  Ordered: a place x in rows → a place s before it from which a search can begin (mark.go)
//	due    Ordered, with event time only: a time, partition columns as a key → nothing (expire.go)
//
// Byte order is the order of rows, ties are broken by the row itself, and equal rows follow each other.
//
// Algorithm. Push collects the epoch's change by row. Finish takes one touched partition after the
// other and reads its rows as they were and as they are at once (exec/op/versions). For the first
// change, at y, the last mark x ≤ y tells where to begin: the attempts before s(x) have looked at
// rows before x only, so they are what they were. From there the old and the new rows are searched
// side by side (stretch), until both searches are behind all changes so far and at the same row:
// from there on they are the same again. The matches of both are the change of the output, of which
// what is in both cancels out. Then the next change that lies beyond follows in the same way.
//
// So a row at the end of a partition costs the rows since the last mark and those of the match that
// is still open, however long the partition is, and a change in the middle the matches around it.
const (
	tableRows  = "rows"
	tableMarks = "marks"
	tableDue   = "due"
)

func tables(json.RawMessage) ([]string, error) { return []string{tableRows, tableMarks, tableDue}, nil }

type view struct {
	*matcher
	env    *op.Env
	orders []rows.Order
	codec  *rows.RowCodec
	marks  *state.Ordered
	due    *state.Ordered // nil = the order does not follow event time

	versions.Reader // of all rows
	keyEnds         []int32
	vnodes          []uint16

	// What the partition at hand is.
	fn     *fn.Ctx
	part   []byte
	end    []byte // the end of the partition's keys; nil = open
	vnode  uint16
	sorted []int32

	partCols []*rows.Vec
	keys     rows.KeyBuf
	hash     []uint64
	key      []byte
	placer   place.Placer
	sweep    *expire.Sweeper
}

func newView(m *matcher, env *op.Env) (op.Operator, error) {
	v := &view{
		matcher: m, env: env, codec: rows.NewRowCodec(m.in.Types()), marks: env.Tables.Ordered(tableMarks),
		Reader: versions.Reader{Table: env.Tables.Ordered(tableRows)}, partCols: make([]*rows.Vec, len(m.Partition)),
	}
	if due := env.Tables.Ordered(tableDue); timed(&m.Config, m.in, env.Mark(0)) {
		v.due = due
	}
	var parts []types.Type
	for _, k := range m.Partition {
		parts = append(parts, m.in[k].Type)
	}
	v.sweep = expire.New(parts, expire.Columns(env.Mark(0), m.Partition))
	var err error
	v.orders, err = order.Of(m.Order, m.in)
	return v, err
}

func (v *view) Push(_ *op.Ctx, _ int, in *rows.Batch) error {
	n := in.Len()
	if n == 0 {
		return nil
	}
	for i, p := range v.Partition {
		v.partCols[i] = in.Cols[p]
	}
	rows.EncodeKeys(v.partCols, in.Sel, in.N, &v.keys)
	v.hash = rows.HashKeys(v.hash[:0], &v.keys)
	v.placer.Rows(v.hash, v.Dist, in.Cols, in.Sel, in.N)
	for k := range n {
		r := in.Row(k)
		v.key = append(v.key[:0], v.keys.Key(k)...)
		part := int32(len(v.key))
		v.key = order.Append(v.key, v.Order, v.orders, in.Cols, r)
		body := len(v.key)
		v.key = v.codec.Append(v.key, in.Cols, r)
		v.key = binary.BigEndian.AppendUint32(v.key, uint32(len(v.key)-body))
		i, added := v.Touched.Upsert(rows.HashKey(v.key), v.key)
		if added {
			vnode := uint16(0)
			if len(v.Partition) > 0 {
				vnode = rows.VNode(v.hash[k])
			}
			v.Weights, v.keyEnds, v.vnodes = append(v.Weights, 0), append(v.keyEnds, part), append(v.vnodes, vnode)
		}
		v.Weights[i] += in.Weight(r)
	}
	return nil
}

func (v *view) Finish(c *op.Ctx) error {
	v.sorted = v.sorted[:0]
	for i, w := range v.Weights {
		if w != 0 {
			v.sorted = append(v.sorted, int32(i))
		}
	}
	slices.SortFunc(v.sorted, func(a, b int32) int { return bytes.Compare(v.Touched.Key(int(a)), v.Touched.Key(int(b))) })
	v.fn = c.Fn
	for rest := v.sorted; len(rest) > 0; {
		part := v.partOf(rest[0])
		n := 1
		for n < len(rest) && bytes.Equal(part, v.partOf(rest[n])) {
			n++
		}
		v.enter(part, v.vnodes[rest[0]])
		v.Delta = rest[:n]
		if err := v.partition(c); err != nil {
			return err
		}
		rest = rest[n:]
	}
	v.Delta = nil
	work := len(v.Weights)
	v.Touched.Reset()
	v.Weights, v.keyEnds, v.vnodes = v.Weights[:0], v.keyEnds[:0], v.vnodes[:0]
	if err := v.settle(c); err != nil {
		return err
	}
	if v.sweep.Due(expire.Floors(c, v.Partition), work, v.Table.Len()) {
		v.sweep.Ordered(v.Table)
		v.sweep.Ordered(v.marks)
	}
	return nil
}

// enter makes a partition the one at hand.
func (v *view) enter(part []byte, vnode uint16) {
	v.part, v.end, v.vnode = part, state.PrefixEnd(part), vnode
}

func (v *view) partOf(i int32) []byte { return v.Touched.Key(int(i))[:v.keyEnds[i]] }

// partition emits how the matches of a partition change, and changes its rows.
func (v *view) partition(c *op.Ctx) error {
	var from *point
	for at := 0; at < len(v.Delta); {
		var err error
		if at, from, err = v.stretch(c, at, from); err != nil {
			return err
		}
	}
	for _, i := range v.Delta {
		v.Table.AddWeight(v.vnodes[i], v.Touched.Key(int(i)), v.Weights[i])
	}
	v.remind(v.Key(len(v.Delta) - 1))
	return nil
}

// pair is the search of a stretch of the old rows and that of the new ones.
type pair struct {
	*loaded
	was, is *run
	// begin is the place in the new rows where the search begins.
	begin int
	// waits are the attempts of the new search that looked further than all before.
	waits []wait
}

// wait is an attempt that is the first to look at the rows from x to far.
type wait struct {
	x, far, start int
	number        int64
}

// stretch searches from where change at is first seen to where the old and the new search meet, and
// returns the number of the first change beyond. It does not begin before the point from.
func (v *view) stretch(c *op.Ctx, at int, from *point) (next int, meets *point, err error) {
	mark, begin := v.markBefore(v.Key(at))
	if from != nil && from.after(begin) {
		begin = from
	}
	lower, first := v.back(begin.key)
	var p *pair
	var out *results
	for size := firstLoad; ; size *= 4 {
		l, err := v.load(lower, v.Key(at), size)
		if err != nil {
			return 0, nil, err
		}
		if p, err = v.pair(l, begin, first); err != nil {
			return 0, nil, err
		}
		out = newResults(v.matcher, l.b)
		enough := false
		if next, meets, enough, err = v.meet(p, at, out); err != nil {
			return 0, nil, err
		}
		if enough {
			break
		}
	}
	v.remark(p, mark)
	if meets != nil {
		if meets.all = p.is.far == end; !meets.all && p.is.far >= p.is.pos {
			meets.looked = keyAfter(p.key(int(p.is.p.list[p.is.far])))
		}
	}
	return next, meets, out.emit(c)
}

// pair makes the searches of what is loaded.
func (v *view) pair(l *loaded, begin *point, first bool) (*pair, error) {
	p := &pair{loaded: l}
	for _, side := range []struct {
		n []int64
		r **run
	}{{l.was, &p.was}, {l.is, &p.is}} {
		list := l.list(side.n)
		r, err := newRun(v.matcher, v.fn, &part{b: l.b, list: list, first: first, last: l.last})
		if err != nil {
			return nil, err
		}
		r.pos, r.number = l.place(list, begin), begin.number
		r.far = r.pos - 1
		*side.r = r
	}
	p.begin = p.is.pos
	switch {
	case begin.all:
		p.is.far = end
	case begin.looked != nil:
		p.is.far = max(p.is.far, l.place(p.is.p.list, &point{key: begin.looked})-1)
	}
	return p, nil
}

// meet makes the attempts of both searches, always the one that is behind, until they are at the same
// row and nothing before it matters any more.
func (v *view) meet(p *pair, at int, out *results) (next int, meets *point, enough bool, err error) {
	for {
		was, is := p.point(p.was), p.point(p.is)
		if was == nil && is == nil {
			return len(v.Delta), nil, p.last, nil
		}
		behind := 0
		switch {
		case was == nil:
			behind = 1
		case is == nil:
			behind = -1
		case was.after(is):
			behind = 1
		case is.after(was):
			behind = -1
		default:
			if next := v.First(is.key); next > at && v.settled(p, v.Key(next-1)) {
				return next, is, true, nil
			}
		}
		if behind <= 0 {
			if enough, err := p.was.try(out, -1); !enough || err != nil {
				return 0, nil, false, err
			}
		}
		if behind >= 0 {
			before, number, clean := p.is.far, p.is.number, v.Rows != Unmatched || p.is.covered <= p.is.pos
			if enough, err := p.is.try(out, 1); !enough || err != nil {
				return 0, nil, false, err
			}
			if p.is.far > before && clean {
				p.waits = append(p.waits, wait{x: max(before+1, p.is.start), far: p.is.far, start: p.is.start, number: number})
			}
		}
	}
}

// settled tells whether two searches that are at the same row, behind the change y, go on alike.
func (v *view) settled(p *pair, y []byte) bool {
	switch {
	case v.dist.number && p.was.number != p.is.number:
		return false
	case v.Rows == Unmatched && (p.was.covered > p.was.pos || p.is.covered > p.is.pos):
		return false
	}
	// No condition looks back as far as the change.
	list := p.is.p.list
	return p.is.pos-p.place(list, &point{key: keyAfter(y)}) >= v.dist.lead
}

// back returns where loading must begin so that the rows which are looked at before key are there;
// first tells that this is the partition's start.
func (v *view) back(key []byte) (lower []byte, first bool) {
	lower = key
	var was, is int64
	more := false
	v.Descend(v.part, key, func(k []byte, w, i int64) bool {
		if more = was >= int64(v.dist.lead) && is >= int64(v.dist.lead); more {
			return false
		}
		was, is = was+w, is+i
		lower = slices.Clone(k)
		return true
	})
	return lower, !more
}

// loaded are rows of the partition, in order, as they were and as they are.
type loaded struct {
	b       *rows.Batch
	keys    []byte
	ends    []int
	was, is []int64
	last    bool // up to the partition's end
}

// load reads the rows from lower to size rows behind y.
func (v *view) load(lower, y []byte, size int) (*loaded, error) {
	l := &loaded{last: true}
	b := rows.NewBuilder(v.in, 64)
	var failure error
	v.Ascend(lower, v.end, func(key []byte, was, is int64) bool {
		if l.last = size > 0; !l.last {
			return false
		}
		if failure = v.codec.Decode(rowPart(key), b.Cols); failure != nil {
			return false
		}
		b.EndRow(1)
		l.keys = append(l.keys, key...)
		l.ends, l.was, l.is = append(l.ends, len(l.keys)), append(l.was, was), append(l.is, is)
		if bytes.Compare(key, y) > 0 {
			size--
		}
		return true
	})
	l.b = b.Finish()
	return l, failure
}

func (l *loaded) key(i int) []byte {
	if i == 0 {
		return l.keys[:l.ends[0]]
	}
	return l.keys[l.ends[i-1]:l.ends[i]]
}

func (l *loaded) len() int { return len(l.ends) }

// search returns the number of the first row whose key is not less than a bound.
func (l *loaded) search(bound []byte) int {
	lo, hi := 0, l.len()
	for lo < hi {
		if mid := (lo + hi) / 2; bytes.Compare(l.key(mid), bound) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// list repeats each row as often as n says.
func (l *loaded) list(n []int64) []int32 {
	var out []int32
	for i, w := range n {
		for range w {
			out = append(out, int32(i))
		}
	}
	return out
}

// place returns the place in a list of the first row that is not before p.
func (l *loaded) place(list []int32, p *point) int {
	i, _ := slices.BinarySearch(list, int32(l.search(p.key)))
	for n := 0; n < p.occ && i < len(list) && bytes.Equal(l.key(int(list[i])), p.key); n++ {
		i++
	}
	return i
}

// point is where a run makes its next attempt; nil behind what is loaded.
func (l *loaded) point(r *run) *point {
	if r.pos >= len(r.p.list) {
		return nil
	}
	return l.pointAt(r.p.list, r.pos, r.number)
}

func (l *loaded) pointAt(list []int32, at int, number int64) *point {
	i, _ := slices.BinarySearch(list, list[at])
	return &point{key: l.key(int(list[at])), occ: at - i, number: number}
}

// rowPart returns the row in a table key.
func rowPart(key []byte) []byte {
	body := len(key) - 4
	return key[body-int(binary.BigEndian.Uint32(key[body:])) : body]
}

// keyAfter returns the least key that is greater than key.
func keyAfter(key []byte) []byte { return append(append(make([]byte, 0, len(key)+1), key...), 0) }

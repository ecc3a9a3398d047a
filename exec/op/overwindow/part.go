package overwindow

import (
	"bytes"
	"sort"

	"tidemill/exec/op/agg"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
)

// part is what functions are computed on: a window of a partition's rows in order, with what they
// need to know of the rows around it. Places count from 0 at the partition's start.
type part struct {
	c     *fn.Ctx
	b     *rows.Batch
	list  []int32 // the window: rows of b
	base  int     // the place of its first row
	total int     // rows of the partition
	// groupsBefore is the number of groups of peers before the window, which does not cut any in two.
	groupsBefore int64
	order        func(local int) []byte // the order key of a row of the window
	orders       []rows.Order
	orderCol     int

	// from and to are the places to compute.
	from, to int
	// head and tail hold per call the accumulator of the rows before and after the window; nil = none.
	head, tail []*agg.Acc
	// far reads a row outside of the window; nil when the window is the partition.
	far func(place int) (*rows.Batch, int, error)

	group []int // per row of the window: the number of its group of peers, from 0
	first []int // per group: its first row in the window; one more at the end
	buf   []span
	key   []byte
}

// span is the range of places [lo, hi).
type span struct{ lo, hi int }

// number numbers the groups of peers.
func (p *part) number() {
	p.group, p.first = p.group[:0], p.first[:0]
	var last []byte
	for i := range p.list {
		if key := p.order(i); i == 0 || !bytes.Equal(key, last) {
			p.first, last = append(p.first, i), key
		}
		p.group = append(p.group, len(p.first)-1)
	}
	p.first = append(p.first, len(p.list))
}

func (p *part) end() int { return p.base + len(p.list) }

func (p *part) row(place int) int { return int(p.list[place-p.base]) }

// peers returns the places of a row's first peer and after its last one.
func (p *part) peers(place int) (first, end int) {
	g := p.group[place-p.base]
	return p.base + p.first[g], p.base + p.first[g+1]
}

// at returns the row at a place of the partition.
func (p *part) at(place int) (*rows.Batch, int, error) {
	if place >= p.base && place < p.end() || p.far == nil {
		return p.b, p.row(place), nil
	}
	return p.far(place)
}

func (p *part) appendAt(col, place int, out *rows.VecBuilder) error {
	b, row, err := p.at(place)
	if err != nil {
		return err
	}
	out.AppendFrom(b.Cols[col], row)
	return nil
}

// bounds returns the ends of a row's frame before exclusion.
func (p *part) bounds(k *call, i int) span {
	f := k.frame
	s := span{0, p.total}
	switch f.Mode {
	case rowsMode:
		s.lo, s.hi = p.rowsBound(&f.Start, i, 0), p.rowsBound(&f.End, i, p.total-1)+1
	case groupsMode:
		if f.Start.Kind != Unbounded {
			s.lo = p.groupStart(p.group[i-p.base] + f.Start.distance())
		}
		if f.End.Kind != Unbounded {
			s.hi = p.groupStart(p.group[i-p.base] + f.End.distance() + 1)
		}
	default:
		first, end := p.peers(i)
		switch {
		case k.start != nil:
			s.lo = p.searchFrom(p.moved(k.start, i, p.orders[0].Desc), false)
		case f.Start.Kind == Current:
			s.lo = first
		}
		switch {
		case k.end != nil:
			s.hi = p.searchFrom(p.moved(k.end, i, !p.orders[0].Desc), true)
		case f.End.Kind == Current:
			s.hi = end
		}
	}
	s.lo, s.hi = max(0, min(s.lo, p.total)), max(0, min(s.hi, p.total))
	s.hi = max(s.lo, s.hi)
	return s
}

// rowsBound returns the place that a bound of a ROWS frame of row i names.
func (p *part) rowsBound(b *Bound, i, unbounded int) int {
	if b.Kind == Unbounded {
		return unbounded
	}
	return i + b.distance()
}

// distance is the offset with its sign, within what places can be.
func (b *Bound) distance() int {
	const most = 1 << 40
	switch b.Kind {
	case Preceding:
		return -int(min(b.Offset, most))
	case Following:
		return int(min(b.Offset, most))
	}
	return 0
}

// groupStart returns the place at which a group of the window starts, or the window's ends.
func (p *part) groupStart(g int) int {
	return p.base + p.first[max(0, min(g, len(p.first)-1))]
}

// moved returns the order key of row i's value moved by s.
func (p *part) moved(s *shift, i int, upper bool) []byte {
	p.key = s.appendKey(p.c, p.key[:0], p.b.Cols[p.orderCol], p.row(i), p.orders[0], upper)
	return p.key
}

// searchFrom returns the place of the first row whose order key is not less than key; after tells to
// skip the rows that are equal too.
func (p *part) searchFrom(key []byte, after bool) int {
	return p.base + sort.Search(len(p.list), func(i int) bool {
		c := bytes.Compare(p.order(i), key)
		return c > 0 || c == 0 && !after
	})
}

// spans returns a row's frame: up to three ranges of places in order, some possibly empty. The slice
// is valid until the next call.
func (p *part) spans(k *call, i int) []span {
	s := p.bounds(k, i)
	p.buf = p.buf[:0]
	cut := span{i, i + 1}
	switch k.frame.Exclude {
	case "":
		return append(p.buf, s)
	case excludeGroup, excludeTies:
		cut.lo, cut.hi = p.peers(i)
	}
	p.buf = append(p.buf, span{s.lo, min(s.hi, cut.lo)})
	if k.frame.Exclude == excludeTies && i >= s.lo && i < s.hi {
		p.buf = append(p.buf, span{i, i + 1})
	}
	return append(p.buf, span{max(s.lo, cut.hi), s.hi})
}

// compute appends a function's results for the places to compute; fail is told about those without.
func (p *part) compute(k *call, n int, out *rows.VecBuilder, fail func(place int, err error)) error {
	if k.set != nil {
		return p.aggregate(k, n, out, fail)
	}
	for i := p.from; i < p.to; i++ {
		before := out.Len()
		if err := k.value(k, p, i, out); err != nil {
			out.Truncate(before)
			out.AppendNull()
			fail(i, err)
		}
	}
	return nil
}

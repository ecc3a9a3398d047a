package match

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// point is a place in a partition: before the occ-th of the rows with a key. number is how many
// matches begin before it, which is kept only where it counts.
type point struct {
	key    []byte
	occ    int
	number int64
	// looked is the key behind all rows that the attempts before have looked at, where it is not before the
	// point; all tells that they have looked to the partition's end.
	looked []byte
	all    bool
}

func (p *point) after(q *point) bool {
	c := bytes.Compare(p.key, q.key)
	return c > 0 || c == 0 && p.occ > q.occ
}

// A mark at x says: the attempts before the point s(x) look only at rows before x, which are the same
// as long as no row before x changes. Its value is the number of matches before s(x) and its occ as
// varints, and then its key, which is left out when it is x. A partition's start needs no mark. Marks
// are some rows apart, so that they cost little; s(x) never falls as x grows.
//
// markEvery is how many rows marks are apart at least, firstLoad how many rows behind a change are
// loaded at first; tests make them small.
var markEvery, firstLoad = 16, 64

// markBefore returns the last mark at or before y, and from where a search for changes at y must begin.
func (v *view) markBefore(y []byte) (x []byte, begin *point) {
	begin = &point{key: v.part}
	v.marks.Descend(v.part, keyAfter(y), func(key, value []byte) bool {
		x = slices.Clone(key)
		begin = readMark(x, value)
		return false
	})
	return x, begin
}

func readMark(x, value []byte) *point {
	number, n := binary.Uvarint(value)
	occ, m := binary.Uvarint(value[n:])
	p := &point{key: x, occ: int(occ), number: int64(number)}
	if rest := value[n+m:]; len(rest) > 0 {
		p.key = slices.Clone(rest)
	}
	return p
}

func (v *view) putMark(x []byte, p *point) {
	v.key = binary.AppendUvarint(v.key[:0], uint64(p.number))
	v.key = binary.AppendUvarint(v.key, uint64(p.occ))
	if !bytes.Equal(x, p.key) {
		v.key = append(v.key, p.key...)
	}
	v.marks.Put(v.vnode, x, v.key)
}

// remark replaces the marks behind the mark x as far as attempts have looked.
func (v *view) remark(p *pair, x []byte) {
	lower := v.part
	if x != nil {
		lower = keyAfter(x)
	}
	if upper := v.looked(p); upper == nil || bytes.Compare(lower, upper) < 0 {
		v.marks.DeleteRange(lower, upper)
	}
	list := p.is.p.list
	last := p.begin
	for _, w := range p.waits {
		for at := max(w.x, last+markEvery); at <= min(w.far, len(list)-1); at++ {
			key := p.key(int(list[at]))
			if at > 0 && list[at] == list[at-1] || bytes.Compare(key, lower) < 0 {
				continue // a mark is before all rows with its key
			}
			v.putMark(key, v.counted(p.pointAt(list, w.start, w.number)))
			last = at
			break
		}
	}
}

// looked returns the key behind the rows that the searches have looked at; the partition's end when
// they wait for more.
func (v *view) looked(p *pair) []byte {
	upper := v.part
	for _, r := range []*run{p.was, p.is} {
		if r.far >= len(r.p.list) {
			return v.end
		}
		if r.far < 0 {
			continue
		}
		if k := keyAfter(p.key(int(r.p.list[r.far]))); bytes.Compare(k, upper) > 0 {
			upper = k
		}
	}
	return upper
}

// counted is p with the number of matches only if it counts.
func (v *view) counted(p *point) *point {
	if !v.dist.number {
		p.number = 0
	}
	return p
}

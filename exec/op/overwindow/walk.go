package overwindow

import (
	"bytes"
	"sort"

	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// keyAfter returns the least key that is greater than key.
func keyAfter(key []byte) []byte { return append(append(make([]byte, 0, len(key)+1), key...), 0) }

// walker counts how far a walk from a row may go, in the rows as they were and as they are.
type walker struct {
	v    *view
	d    *distance
	away bool // to the rows on whose results the row bears, instead of those that bear on its result
	up   bool

	rows, groups [2]int64 // left to go
	group        []byte   // the group of peers in which the walk is
	counted      [2]bool  // the group has been taken off groups
	// limit is how far the walk goes in any case: up to this key, exclusively upwards, inclusively
	// downwards; open is without a limit.
	limit []byte
	open  bool
}

// start begins, or begins anew, at a row.
func (w *walker) start(key []byte) {
	w.rows = [2]int64{w.d.rows, w.d.rows}
	if w.d.groups >= 0 {
		w.group = append(w.group[:0], groupOf(key)...)
		w.groups, w.counted = [2]int64{w.d.groups, w.d.groups}, [2]bool{true, true}
		w.extend(w.group)
	}
	for _, s := range w.d.vals {
		w.extend(w.moved(key, s))
	}
}

// moved returns the start of the keys whose order value is that of key moved by s.
func (w *walker) moved(key []byte, s *shift) []byte {
	v := w.v
	col := rows.NewVecBuilder(v.orderVal[0], 1)
	if _, err := rows.DecodeKeyOrder(v.orderVal, v.orders, key[len(v.part):], []*rows.VecBuilder{col}); err != nil {
		return v.part // a key that cannot be read bounds nothing
	}
	by := *s
	if by.wide = true; w.away {
		by.sign = -by.sign
	}
	out := append([]byte(nil), v.part...)
	return by.appendKey(v.fn, out, col.Finish(), 0, v.orders[0], w.up != v.orders[0].Desc)
}

// extend makes the walk go at least to the rows whose keys begin with prefix.
func (w *walker) extend(prefix []byte) {
	if !w.up {
		if w.limit == nil || bytes.Compare(prefix, w.limit) < 0 {
			w.limit = append([]byte{}, prefix...) // not nil, even if empty
		}
		return
	}
	end := state.PrefixEnd(prefix)
	if w.open = w.open || end == nil; w.limit == nil || bytes.Compare(end, w.limit) > 0 {
		w.limit = end
	}
}

// goes tells whether the walk reaches the next row on its way.
func (w *walker) goes(key []byte, was, is int64) bool {
	ok := w.open || w.rows[0] > 0 || w.rows[1] > 0
	if w.limit != nil && !ok {
		ok = w.up == (bytes.Compare(key, w.limit) < 0)
	}
	if w.d.groups >= 0 {
		g := groupOf(key)
		if !bytes.Equal(g, w.group) && (w.groups[0] > 0 || w.groups[1] > 0) {
			ok = true
			w.group, w.counted = append(w.group[:0], g...), [2]bool{}
			w.extend(w.group)
		}
		if bytes.Equal(g, w.group) {
			for m, n := range [2]int64{was, is} {
				if n > 0 && !w.counted[m] {
					w.groups[m]--
					w.counted[m] = true
				}
			}
		}
	}
	w.rows[0] -= was
	w.rows[1] -= is
	return ok
}

// up returns the end of the keys of the rows after key that are within a distance: those on which the
// result of key depends or, with away, whose results depend on key. With anew the distance begins
// anew at each change on the way.
func (v *view) up(key []byte, d *distance, away, anew bool) []byte {
	w := &walker{v: v, d: d, away: away, up: true}
	w.start(key)
	last := append([]byte(nil), key...)
	next := v.First(keyAfter(key))
	v.Ascend(keyAfter(key), v.end, func(k []byte, was, is int64) bool {
		if !w.goes(k, was, is) {
			return false
		}
		last = append(last[:0], k...)
		if !anew {
			return true
		}
		for next < len(v.Delta) && bytes.Compare(v.Key(next), k) <= 0 {
			next++
			w.start(k)
		}
		return true
	})
	return append(last, 0)
}

// down returns the first key of the rows before key that are within a distance, as up does. It stops
// where it meets a row before floor.
func (v *view) down(key []byte, d *distance, away bool, floor []byte) (first []byte, met bool) {
	w := &walker{v: v, d: d, away: away}
	w.start(key)
	first = append([]byte(nil), key...)
	v.Descend(v.part, key, func(k []byte, was, is int64) bool {
		if !w.goes(k, was, is) {
			return false
		}
		if floor != nil && bytes.Compare(k, floor) < 0 {
			met = true
			return false
		}
		first = append(first[:0], k...)
		return true
	})
	return first, met
}

// loaded are rows of the partition, in order, as they were and as they are.
type loaded struct {
	b       *rows.Batch
	keys    []byte
	ends    []int
	was, is []int64
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
	if bound == nil {
		return l.len()
	}
	return sort.Search(l.len(), func(i int) bool { return bytes.Compare(l.key(i), bound) >= 0 })
}

// load reads the rows in [lower, upper).
func (v *view) load(lower, upper []byte) (*loaded, error) {
	l := &loaded{}
	b := rows.NewBuilder(v.env.In[0], 64)
	var failure error
	v.Ascend(lower, upper, func(key []byte, was, is int64) bool {
		if failure = v.codec.Decode(rowPart(key), b.Cols); failure != nil {
			return false
		}
		b.EndRow(1)
		l.keys = append(l.keys, key...)
		l.ends, l.was, l.is = append(l.ends, len(l.keys)), append(l.was, was), append(l.is, is)
		return true
	})
	l.b = b.Finish()
	return l, failure
}

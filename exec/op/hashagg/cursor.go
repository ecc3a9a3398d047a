package hashagg

import (
	"tidemill/exec/op/agg"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// cursor reads the elements of one group's multiset in order. The table is scanned with a callback
// but aggregates pull, so the cursor reads ahead in chunks, small at first: min needs one element.
type cursor struct {
	t            *state.Ordered
	f            *agg.Func
	prefix       int
	lower, upper []byte
	chunk        int
	done         bool

	elems []byte
	ends  []int
	ws    []int64
	at    int

	vecs []*rows.Vec
	row  []types.Datum
	err  error
}

const cursorChunkMax = 4096

func newCursor(t *state.Ordered, f *agg.Func, prefix []byte) *cursor {
	lower := append([]byte(nil), prefix...)
	return &cursor{t: t, f: f, prefix: len(prefix), lower: lower, upper: state.PrefixEnd(lower), chunk: 1}
}

// fill reads the next chunk.
func (c *cursor) fill() {
	c.elems, c.ends, c.ws, c.at, c.vecs = c.elems[:0], c.ends[:0], c.ws[:0], 0, nil
	if c.done {
		return
	}
	var last []byte
	take := func(key, value []byte) bool {
		if w := state.WeightOf(value); w > 0 {
			c.elems = append(c.elems, key[c.prefix:]...)
			c.ends = append(c.ends, len(c.elems))
			c.ws = append(c.ws, w)
		}
		if len(c.ws) < c.chunk {
			return true
		}
		last = append(last, key...)
		return false
	}
	if c.f.Spec.Descending {
		c.t.Descend(c.lower, c.upper, take)
		c.upper = last
	} else {
		c.t.Ascend(c.lower, c.upper, take)
		c.lower = append(last, 0) // the smallest key after last
	}
	c.done = last == nil
	c.chunk = min(16*c.chunk, cursorChunkMax)
}

// elem returns the next element, valid until the next call, and its weight.
func (c *cursor) elem() (elem []byte, w int64, ok bool) {
	if c.at == len(c.ws) {
		if c.fill(); len(c.ws) == 0 {
			return nil, 0, false
		}
	}
	start := 0
	if c.at > 0 {
		start = c.ends[c.at-1]
	}
	c.at++
	return c.elems[start:c.ends[c.at-1]], c.ws[c.at-1], true
}

// next returns the next element's arguments, as FinalOrdered wants them.
func (c *cursor) next() (v []types.Datum, w int64, ok bool) {
	if c.err != nil {
		return nil, 0, false
	}
	_, w, ok = c.elem()
	if !ok {
		return nil, 0, false
	}
	if c.vecs == nil && !c.decode() {
		return nil, 0, false
	}
	c.row = make([]types.Datum, len(c.vecs))
	for i, col := range c.vecs {
		c.row[i] = col.Datum(c.at - 1)
	}
	if c.f.Distinct {
		w = 1
	}
	return c.row, w, true
}

// decode turns the chunk's elements into columns.
func (c *cursor) decode() bool {
	out := c.f.Elem.Builders(len(c.ws))
	start := 0
	for _, end := range c.ends {
		if c.err = c.f.Elem.Decode(c.elems[start:end], out); c.err != nil {
			return false
		}
		start = end
	}
	for _, b := range out {
		c.vecs = append(c.vecs, b.Finish())
	}
	return true
}

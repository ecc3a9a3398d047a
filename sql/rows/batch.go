// Package rows is the batch: a columnar delta, that is rows with signed weights.
//
// A Batch is a Z-set fragment. Row i occurs W[i] times: +1 is an insert, −1 a deletion, an update
// is a −1 of the old row and a +1 of the new one; the sum of all deltas of a relation is its
// content. W == nil means that every row is +1 (the append-only fast path). Sel narrows a batch
// without copying: when it is not nil, only the rows it lists (ascending, no repeats) exist.
//
// Ownership: a batch is sealed when its producer hands it on; nobody modifies it afterwards. An
// operator may use it until its Push returns and must copy what it keeps.
package rows

import (
	"slices"

	"tidemill/sql/types"
)

// Batch is a columnar set of changes.
type Batch struct {
	Schema types.Schema
	Cols   []*Vec
	N      int     // physical rows
	Sel    []int32 // nil = all rows
	W      []int64 // per physical row; nil = +1 each
}

// Len returns the number of selected rows.
func (b *Batch) Len() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.N
}

// Row maps the k-th selected row to its physical row.
func (b *Batch) Row(k int) int {
	if b.Sel != nil {
		return int(b.Sel[k])
	}
	return k
}

// Weight returns the weight of physical row i.
func (b *Batch) Weight(i int) int64 {
	if b.W == nil {
		return 1
	}
	return b.W[i]
}

// AppendOnly tells whether the batch is known to hold insertions only.
func (b *Batch) AppendOnly() bool { return b.W == nil }

// SizeBytes returns the memory that the batch's buffers hold, in bytes.
func (b *Batch) SizeBytes() int {
	n := len(b.Sel)*4 + len(b.W)*8
	for _, c := range b.Cols {
		n += c.SizeBytes()
	}
	return n
}

// Compact returns a batch with the same rows and no selection vector; b itself when it has none.
func (b *Batch) Compact() *Batch {
	if b.Sel == nil {
		return b
	}
	out := &Batch{Schema: b.Schema, N: len(b.Sel), Cols: make([]*Vec, len(b.Cols))}
	for i, c := range b.Cols {
		out.Cols[i] = c.Gather(b.Sel)
	}
	if b.W != nil {
		out.W = make([]int64, len(b.Sel))
		for i, r := range b.Sel {
			out.W[i] = b.W[r]
		}
	}
	return out
}

// Negated returns the batch with all weights turned round. Columns are shared.
func (b *Batch) Negated() *Batch {
	out := *b
	out.W = make([]int64, b.N)
	for i := range out.W {
		out.W[i] = -b.Weight(i)
	}
	return &out
}

// FromVecs returns an append-only batch over the given columns.
func FromVecs(schema types.Schema, n int, cols []*Vec) *Batch {
	return &Batch{Schema: schema, N: n, Cols: cols}
}

// Clone returns a compact copy that shares no buffers with b.
func (b *Batch) Clone() *Batch {
	if b.Sel != nil {
		return b.Compact()
	}
	out := *b
	out.W = slices.Clone(b.W)
	out.Cols = make([]*Vec, len(b.Cols))
	for i, c := range b.Cols {
		out.Cols[i] = c.Clone()
	}
	return &out
}

// Slice returns rows lo to hi of a batch without selection vector as views into its buffers. lo must
// be a multiple of 64, so that validity bitmaps can be cut at a word.
func (b *Batch) Slice(lo, hi int) *Batch {
	out := &Batch{Schema: b.Schema, N: hi - lo, Cols: make([]*Vec, len(b.Cols))}
	if b.W != nil {
		out.W = b.W[lo:hi]
	}
	for i, c := range b.Cols {
		out.Cols[i] = c.slice(lo, hi)
	}
	return out
}

// Split cuts a batch into at most n parts of about equal size, none smaller than least rows unless
// the batch itself is.
func (b *Batch) Split(n, least int) []*Batch {
	if b.Sel != nil || n < 2 || b.N < 2*least {
		return []*Batch{b}
	}
	step := max((b.N+n-1)/n, least)
	step = (step + 63) &^ 63
	var out []*Batch
	for lo := 0; lo < b.N; lo += step {
		out = append(out, b.Slice(lo, min(lo+step, b.N)))
	}
	return out
}

// Total returns the sum of the weights of the selected rows.
func (b *Batch) Total() int64 {
	if b.W == nil {
		return int64(b.Len())
	}
	n := int64(0)
	for k := range b.Len() {
		n += b.W[b.Row(k)]
	}
	return n
}

// Expand returns a batch without weights in which each row stands as often as its weight says, the
// form in which clients get results. Rows with a weight below 1 are left out.
func (b *Batch) Expand() *Batch {
	if b.W == nil {
		return b
	}
	sel := make([]int32, 0, b.Len())
	for k := range b.Len() {
		r := b.Row(k)
		for range b.W[r] {
			sel = append(sel, int32(r))
		}
	}
	out := *b
	out.W, out.Sel = nil, sel
	return out.Compact()
}

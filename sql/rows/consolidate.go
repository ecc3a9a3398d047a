package rows

import (
	"bytes"
	"math/bits"

	"tidemill/sql/types"
)

// Consolidate sums the weights of equal rows (exact identity, as in the row encoding) and drops
// those that come to zero. The result shares b's columns and narrows its selection. An append-only
// batch comes back as it is; ConsolidateAll sums its duplicates too.
func Consolidate(b *Batch) *Batch {
	if b.AppendOnly() {
		return b
	}
	return ConsolidateAll(b)
}

// ConsolidateAll is Consolidate for append-only batches as well.
func ConsolidateAll(b *Batch) *Batch {
	var c Consolidator
	return c.Run(b)
}

// Consolidator keeps the working space of consolidations. Use one per goroutine.
//
// It hashes column by column and compares rows column by column: no row is encoded.
type Consolidator struct {
	hash  []uint64
	entry []uint64 // hash of an entry
	slots []uint32 // open addressing; entry + 1, 0 = free
	first []int32  // row that stands for an entry
	sum   []int64
}

// Run consolidates b.
func (c *Consolidator) Run(b *Batch) *Batch {
	n := b.Len()
	if n == 0 || n == 1 && b.Weight(b.Row(0)) != 0 {
		return b
	}
	c.hashRows(b, n)
	c.fold(b, n)
	return c.result(b, n)
}

// fold sums the weights per distinct row into first and sum.
func (c *Consolidator) fold(b *Batch, n int) {
	size := 1 << bits.Len(uint(n*2-1))
	if cap(c.slots) < size {
		c.slots = make([]uint32, size)
	} else {
		c.slots = c.slots[:size]
		clear(c.slots)
	}
	mask := uint64(size - 1)
	c.first, c.sum, c.entry = c.first[:0], c.sum[:0], c.entry[:0]
	for k := range n {
		i := b.Row(k)
		w := b.Weight(i)
		if w == 0 {
			continue
		}
		h := c.hash[k]
		at := h & mask
		for {
			e := c.slots[at]
			if e == 0 {
				c.first, c.sum = append(c.first, int32(i)), append(c.sum, w)
				c.entry = append(c.entry, h)
				c.slots[at] = uint32(len(c.first))
				break
			}
			if c.entry[e-1] == h && sameRow(b.Cols, int(c.first[e-1]), i) {
				c.sum[e-1] += w
				break
			}
			at = (at + 1) & mask
		}
	}
}

// result makes the batch of the entries whose sum is not zero, in order of first appearance.
func (c *Consolidator) result(b *Batch, n int) *Batch {
	if len(c.first) == n {
		return b // all rows distinct, no weight zero
	}
	out := &Batch{Schema: b.Schema, Cols: b.Cols, N: b.N, Sel: make([]int32, 0, len(c.first))}
	plain := true
	for e, i := range c.first {
		if c.sum[e] != 0 {
			out.Sel = append(out.Sel, i)
			plain = plain && c.sum[e] == 1
		}
	}
	if plain {
		return out
	}
	out.W = make([]int64, b.N)
	for e, i := range c.first {
		out.W[i] = c.sum[e]
	}
	return out
}

// hashRows fills c.hash with an identity hash of each selected row. It is not stable: only this
// file sees it.
func (c *Consolidator) hashRows(b *Batch, n int) {
	if cap(c.hash) < n {
		c.hash = make([]uint64, n+n/4)
	}
	c.hash = c.hash[:n]
	for k := range c.hash {
		c.hash[k] = mixSeed
	}
	for _, v := range b.Cols {
		hashColumn(c.hash, v, b.Sel)
	}
}

const (
	mixSeed = 0x9E3779B97F4A7C15
	mixMul  = 0xBF58476D1CE4E5B9
	nullMix = 0x94D049BB133111EB
)

// mix folds x into h by a 128-bit product.
func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^x, mixMul)
	return hi ^ lo ^ h>>32
}

func hashColumn(hash []uint64, v *Vec, sel []int32) {
	phys := v.Type.Phys()
	if phys == types.PhysInt && v.Valid == nil && sel == nil {
		for k, x := range v.I[:len(hash)] {
			hash[k] = mix(hash[k], uint64(x))
		}
		return
	}
	for k := range hash {
		i := k
		if sel != nil {
			i = int(sel[k])
		}
		x := uint64(nullMix)
		if v.Valid == nil || v.Valid.Get(i) {
			switch phys {
			case types.PhysInt:
				x = uint64(v.I[i])
			case types.PhysFloat:
				x = floatBits(v.F[i])
			case types.PhysBool:
				x = 1
				if v.B[i] {
					x = 2
				}
			default:
				x = HashKey(v.Data[v.Off[i]:v.Off[i+1]])
			}
		}
		hash[k] = mix(hash[k], x)
	}
}

func sameRow(cols []*Vec, i, j int) bool {
	for _, v := range cols {
		if !sameValue(v, i, v, j) {
			return false
		}
	}
	return true
}

// sameValue tells whether two values of the same physical class are the same value exactly: NULL
// is NULL, NaN is NaN, and 1.0 is not 1.00.
func sameValue(v *Vec, i int, w *Vec, j int) bool {
	vn, wn := v.IsNull(i), w.IsNull(j)
	if vn || wn {
		return vn == wn
	}
	switch v.Type.Phys() {
	case types.PhysInt:
		return v.I[i] == w.I[j]
	case types.PhysFloat:
		return floatBits(v.F[i]) == floatBits(w.F[j])
	case types.PhysBool:
		return v.B[i] == w.B[j]
	}
	return bytes.Equal(v.Bytes(i), w.Bytes(j))
}

package fn

import (
	"unsafe"

	"tidemill/sql/rows"
)

// Scratch recycles column buffers between evaluations of one program. Kernels ask their Ctx for
// buffers; with no Scratch attached they are simply allocated. Buffers hold old contents: a kernel
// must write every selected row, and all offsets.
type Scratch struct {
	bools  pool[bool]
	ints   pool[int64]
	floats pool[float64]
	words  pool[uint64]
	offs   pool[int32]
	bytes  pool[byte]
	kept   []uintptr
}

// pool keeps buffers of one element type; used[:n] are handed out, free are not.
type pool[T any] struct{ used, free [][]T }

// The bound keeps a batch of unusual size from pinning memory for ever.
const poolBuffersMax = 64

func (p *pool[T]) get(n int) []T {
	for i := len(p.free) - 1; i >= 0; i-- {
		if b := p.free[i]; cap(b) >= n {
			p.free[i] = p.free[len(p.free)-1]
			p.free = p.free[:len(p.free)-1]
			p.used = append(p.used, b)
			return b[:n]
		}
	}
	// Round up so that batches of slightly differing sizes share buffers.
	b := make([]T, n, (n+63)&^63)
	p.used = append(p.used, b)
	return b
}

// recycle makes all buffers free again but those that one of the kept addresses lies in.
func (p *pool[T]) recycle(kept []uintptr) {
	var zero T
	for _, b := range p.used {
		lo := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
		hi := lo + uintptr(cap(b))*unsafe.Sizeof(zero)
		escapes := false
		for _, k := range kept {
			escapes = escapes || lo <= k && k < hi
		}
		if !escapes && len(p.free) < poolBuffersMax {
			p.free = append(p.free, b)
		}
	}
	clear(p.used)
	p.used = p.used[:0]
}

// Recycle takes all buffers back except those that the columns in keep use, which now belong to
// whoever holds these columns.
func (s *Scratch) Recycle(keep []*rows.Vec) {
	s.kept = s.kept[:0]
	for _, v := range keep {
		s.keep(unsafe.Pointer(unsafe.SliceData(v.Valid)), unsafe.Pointer(unsafe.SliceData(v.B)),
			unsafe.Pointer(unsafe.SliceData(v.I)), unsafe.Pointer(unsafe.SliceData(v.F)),
			unsafe.Pointer(unsafe.SliceData(v.Off)), unsafe.Pointer(unsafe.SliceData(v.Data)))
	}
	s.bools.recycle(s.kept)
	s.ints.recycle(s.kept)
	s.floats.recycle(s.kept)
	s.words.recycle(s.kept)
	s.offs.recycle(s.kept)
	s.bytes.recycle(s.kept)
}

func (s *Scratch) keep(ps ...unsafe.Pointer) {
	for _, p := range ps {
		if p != nil {
			s.kept = append(s.kept, uintptr(p))
		}
	}
}

// UseScratch attaches s to the context (nil detaches) and returns what was attached before.
func (c *Ctx) UseScratch(s *Scratch) (old *Scratch) {
	old, c.scratch = c.scratch, s
	return old
}

// Bools returns a buffer of n booleans with unspecified contents.
func (c *Ctx) Bools(n int) []bool {
	if c == nil || c.scratch == nil {
		return make([]bool, n)
	}
	return c.scratch.bools.get(n)
}

// Ints returns a buffer of n integers with unspecified contents.
func (c *Ctx) Ints(n int) []int64 {
	if c == nil || c.scratch == nil {
		return make([]int64, n)
	}
	return c.scratch.ints.get(n)
}

// Floats returns a buffer of n floats with unspecified contents.
func (c *Ctx) Floats(n int) []float64 {
	if c == nil || c.scratch == nil {
		return make([]float64, n)
	}
	return c.scratch.floats.get(n)
}

// Offsets returns a buffer for the offsets of n byte values (n+1 numbers) with unspecified contents.
func (c *Ctx) Offsets(n int) []int32 {
	if c == nil || c.scratch == nil {
		return make([]int32, n+1)
	}
	return c.scratch.offs.get(n + 1)
}

// Valid returns a bitmap of n bits, all set.
func (c *Ctx) Valid(n int) rows.Bitmap {
	if c == nil || c.scratch == nil {
		return rows.NewBitmap(n, true)
	}
	b := c.scratch.words.get((n + 63) / 64)
	for i := range b {
		b[i] = ^uint64(0)
	}
	return b
}

// DataBuf returns an empty byte buffer with room for about n bytes, to be appended to. Give the
// grown buffer to KeepData so that the next evaluation can reuse it.
func (c *Ctx) DataBuf(n int) []byte {
	if c == nil || c.scratch == nil {
		return make([]byte, 0, n)
	}
	return c.scratch.bytes.get(n)[:0]
}

// KeepData hands back what a buffer from DataBuf became by appending.
func (c *Ctx) KeepData(before, after []byte) {
	if c == nil || c.scratch == nil || unsafe.SliceData(before) == unsafe.SliceData(after) {
		return
	}
	used := c.scratch.bytes.used
	for i := len(used) - 1; i >= 0; i-- {
		if unsafe.SliceData(used[i]) == unsafe.SliceData(before) {
			used[i] = after
			return
		}
	}
}

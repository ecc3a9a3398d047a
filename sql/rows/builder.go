package rows

import "tidemill/sql/types"

// VecBuilder grows a column value by value.
type VecBuilder struct {
	v     Vec
	phys  types.Phys
	n     int
	nulls bool
}

// NewVecBuilder returns a builder for a column of type t with room for capacity values.
func NewVecBuilder(t types.Type, capacity int) *VecBuilder {
	b := &VecBuilder{phys: t.Phys()}
	b.v.Type = t
	switch b.phys {
	case types.PhysBool:
		b.v.B = make([]bool, 0, capacity)
	case types.PhysInt:
		b.v.I = make([]int64, 0, capacity)
	case types.PhysFloat:
		b.v.F = make([]float64, 0, capacity)
	default:
		b.v.Off = make([]int32, 1, capacity+1)
	}
	return b
}

// Len returns the number of values so far.
func (b *VecBuilder) Len() int { return b.n }

// Type returns the column's type.
func (b *VecBuilder) Type() types.Type { return b.v.Type }

func (b *VecBuilder) valid() {
	if b.nulls {
		if b.n&63 == 0 {
			b.v.Valid = append(b.v.Valid, 0)
		}
		b.v.Valid.Set(b.n)
	}
	b.n++
}

// AppendNull appends a NULL.
func (b *VecBuilder) AppendNull() {
	if !b.nulls {
		b.nulls = true
		b.v.Valid = NewBitmap(b.n, true)
	}
	if b.n&63 == 0 {
		b.v.Valid = append(b.v.Valid[:b.n>>6], 0)
	}
	b.v.Valid.Clear(b.n)
	b.n++
	switch b.phys {
	case types.PhysBool:
		b.v.B = append(b.v.B, false)
	case types.PhysInt:
		b.v.I = append(b.v.I, 0)
	case types.PhysFloat:
		b.v.F = append(b.v.F, 0)
	default:
		b.v.Off = append(b.v.Off, int32(len(b.v.Data)))
	}
}

// AppendBool appends to a PhysBool column.
func (b *VecBuilder) AppendBool(x bool) { b.v.B = append(b.v.B, x); b.valid() }

// AppendInt appends to a PhysInt column.
func (b *VecBuilder) AppendInt(x int64) { b.v.I = append(b.v.I, x); b.valid() }

// AppendFloat appends to a PhysFloat column.
func (b *VecBuilder) AppendFloat(x float64) { b.v.F = append(b.v.F, x); b.valid() }

// AppendBytes appends a copy of x to a PhysBytes column.
func (b *VecBuilder) AppendBytes(x []byte) {
	b.v.Data = append(b.v.Data, x...)
	b.v.Off = append(b.v.Off, int32(len(b.v.Data)))
	b.valid()
}

// AppendString appends to a PhysBytes column.
func (b *VecBuilder) AppendString(x string) {
	b.v.Data = append(b.v.Data, x...)
	b.v.Off = append(b.v.Off, int32(len(b.v.Data)))
	b.valid()
}

// Scratch returns the column's byte buffer for a caller that appends a value in place; the result
// of the appends goes to CommitScratch.
func (b *VecBuilder) Scratch() []byte { return b.v.Data }

// CommitScratch makes all bytes appended to the buffer since Scratch the next value.
func (b *VecBuilder) CommitScratch(buf []byte) {
	b.v.Data = buf
	b.v.Off = append(b.v.Off, int32(len(buf)))
	b.valid()
}

// AppendDatum appends d, whose type must have the column's physical class.
func (b *VecBuilder) AppendDatum(d types.Datum) {
	if d.Null {
		b.AppendNull()
		return
	}
	switch b.phys {
	case types.PhysBool:
		b.AppendBool(d.B)
	case types.PhysInt:
		b.AppendInt(d.I)
	case types.PhysFloat:
		b.AppendFloat(d.F)
	default:
		b.AppendBytes(d.S)
	}
}

// AppendFrom appends value i of v, a column of the same physical class.
func (b *VecBuilder) AppendFrom(v *Vec, i int) {
	if v.IsNull(i) {
		b.AppendNull()
		return
	}
	switch b.phys {
	case types.PhysBool:
		b.AppendBool(v.B[i])
	case types.PhysInt:
		b.AppendInt(v.I[i])
	case types.PhysFloat:
		b.AppendFloat(v.F[i])
	default:
		b.AppendBytes(v.Bytes(i))
	}
}

// Truncate drops the values from n on, for a decoder that finds a record bad halfway.
func (b *VecBuilder) Truncate(n int) {
	if n >= b.n {
		return
	}
	switch b.phys {
	case types.PhysBool:
		b.v.B = b.v.B[:n]
	case types.PhysInt:
		b.v.I = b.v.I[:n]
	case types.PhysFloat:
		b.v.F = b.v.F[:n]
	default:
		b.v.Off = b.v.Off[:n+1]
		b.v.Data = b.v.Data[:b.v.Off[n]]
	}
	if b.nulls {
		b.v.Valid = b.v.Valid[:(n+63)/64]
	}
	b.n = n
}

// Finish returns the column. The builder must not be used again.
func (b *VecBuilder) Finish() *Vec {
	v := b.v
	return &v
}

// Builder grows a batch row by row: append one value to each of Cols, then call EndRow.
type Builder struct {
	Schema types.Schema
	Cols   []*VecBuilder
	w      []int64
	n      int
}

// NewBuilder returns a batch builder with room for capacity rows.
func NewBuilder(schema types.Schema, capacity int) *Builder {
	b := &Builder{Schema: schema, Cols: make([]*VecBuilder, len(schema))}
	for i, f := range schema {
		b.Cols[i] = NewVecBuilder(f.Type, capacity)
	}
	return b
}

// Len returns the number of finished rows.
func (b *Builder) Len() int { return b.n }

// EndRow seals the current row with weight w.
func (b *Builder) EndRow(w int64) {
	if w != 1 && b.w == nil {
		b.w = make([]int64, b.n, b.n+64)
		for i := range b.w {
			b.w[i] = 1
		}
	}
	if b.w != nil {
		b.w = append(b.w, w)
	}
	b.n++
}

// AppendRow appends row i of batch src (same physical classes) with weight w.
func (b *Builder) AppendRow(src *Batch, i int, w int64) {
	for c, col := range b.Cols {
		col.AppendFrom(src.Cols[c], i)
	}
	b.EndRow(w)
}

// AbortRow drops the values appended since the last EndRow.
func (b *Builder) AbortRow() {
	for _, c := range b.Cols {
		c.Truncate(b.n)
	}
}

// Finish returns the batch. The builder must not be used again; Reset makes it new.
func (b *Builder) Finish() *Batch {
	out := &Batch{Schema: b.Schema, N: b.n, W: b.w, Cols: make([]*Vec, len(b.Cols))}
	for i, c := range b.Cols {
		out.Cols[i] = c.Finish()
	}
	return out
}

// Reset gives the builder fresh buffers with room for capacity rows.
func (b *Builder) Reset(capacity int) { *b = *NewBuilder(b.Schema, capacity) }

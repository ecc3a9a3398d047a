// Package equi is what the joining operators share: the keys of a batch's rows, the output columns, what
// event time says of both, and how EXPLAIN writes the condition.
package equi

import (
	"encoding/binary"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/place"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// emptyKeyHash puts the one key of a join without keys on virtual node 0.
var emptyKeyHash = state.WithVNode(rows.HashKey(nil), 0)

// Keys finds the keys of one input's rows, batch by batch.
type Keys struct {
	cols     []int
	nullSafe []bool
	dist     []int
	also     int

	// Sel are the rows of the batch that have a key, Unkeyed those with a NULL in it, which match nothing.
	Sel, Unkeyed []int32
	// Buf and Hash are the encoded keys of the rows in Sel and their hashes.
	Buf  rows.KeyBuf
	Hash []uint64

	vecs   []*rows.Vec
	placer place.Placer
}

// NewKeys returns the Keys of columns of an input. nullSafe tells per column that NULL equals NULL, nil =
// of none; dist is as in package place; also is a column that must not be NULL either, −1 = none.
func NewKeys(cols []int, nullSafe []bool, dist []int, also int) Keys {
	return Keys{cols: cols, nullSafe: nullSafe, dist: dist, also: also, vecs: make([]*rows.Vec, len(cols))}
}

// Split finds the rows that have a key.
func (k *Keys) Split(in *rows.Batch) {
	nulls := k.also >= 0 && in.Cols[k.also].Valid != nil
	for i, c := range k.cols {
		k.vecs[i] = in.Cols[c]
		nulls = nulls || in.Cols[c].Valid != nil && !k.safe(i)
	}
	k.Sel, k.Unkeyed = k.Sel[:0], k.Unkeyed[:0]
	for n := range in.Len() {
		r := in.Row(n)
		if nulls && k.isNull(in, r) {
			k.Unkeyed = append(k.Unkeyed, int32(r))
		} else {
			k.Sel = append(k.Sel, int32(r))
		}
	}
}

func (k *Keys) safe(i int) bool { return k.nullSafe != nil && k.nullSafe[i] }

func (k *Keys) isNull(in *rows.Batch, r int) bool {
	if k.also >= 0 && in.Cols[k.also].IsNull(r) {
		return true
	}
	for i, v := range k.vecs {
		if v.IsNull(r) && !k.safe(i) {
			return true
		}
	}
	return false
}

// Encode encodes and hashes the keys of the rows that Split has found.
func (k *Keys) Encode(in *rows.Batch) {
	rows.EncodeKeys(k.vecs, k.Sel, in.N, &k.Buf)
	k.Hash = k.Hash[:0]
	if len(k.cols) == 0 {
		for range k.Sel {
			k.Hash = append(k.Hash, emptyKeyHash)
		}
		return
	}
	k.Hash = rows.HashKeys(k.Hash, &k.Buf)
	k.placer.Rows(k.Hash, k.dist, k.vecs, k.Sel, in.N)
}

// Lone returns the rows without a key as a batch.
func (k *Keys) Lone(in *rows.Batch) *rows.Batch {
	lone := *in
	lone.Sel = append([]int32(nil), k.Unkeyed...)
	return &lone
}

// CheckPairs checks the key lists of a configuration. name is the operator's.
func CheckPairs(name string, env *op.Env, left, right []int, nullSafe []bool) error {
	if len(left) != len(right) || nullSafe != nil && len(nullSafe) != len(left) {
		return fmt.Errorf("%s: key lists of different lengths", name)
	}
	for p, keys := range [][]int{left, right} {
		for _, k := range keys {
			if k < 0 || k >= len(env.In[p]) {
				return fmt.Errorf("%s: key column %d does not exist", name, k)
			}
		}
	}
	return nil
}

// OnText writes each equality of a join condition for EXPLAIN.
func OnText(left, right types.Schema, leftKeys, rightKeys []int, nullSafe []bool) []string {
	var on []string
	for i, k := range leftKeys {
		eq := " = "
		if i < len(nullSafe) && nullSafe[i] {
			eq = " IS NOT DISTINCT FROM "
		}
		on = append(on, op.Col(left, k)+eq+op.Col(right, rightKeys[i]))
	}
	return on
}

// Output makes an operator's output from joined rows.
type Output struct {
	Both types.Schema // left columns before right ones
	Cols []int        // the output's among them
	out  types.Schema
}

// NewOutput checks a configuration's list of output columns; nil stands for the first width columns.
// name is the operator's.
func NewOutput(name string, env *op.Env, list []int, width int) (Output, error) {
	o := Output{Cols: list, out: env.Out}
	o.Both = append(append(o.Both, env.In[0]...), env.In[1]...)
	if list == nil {
		for i := range width {
			o.Cols = append(o.Cols, i)
		}
	}
	if len(o.Cols) != len(o.out) {
		return o, fmt.Errorf("%s: %d output columns, the schema has %d", name, len(o.Cols), len(o.out))
	}
	for _, i := range o.Cols {
		if i < 0 || i >= len(o.Both) {
			return o, fmt.Errorf("%s: output column %d does not exist", name, i)
		}
	}
	return o, nil
}

// Project returns the output of joined rows.
func (o *Output) Project(b *rows.Batch) *rows.Batch {
	out := &rows.Batch{Schema: o.out, N: b.N, Sel: b.Sel, W: b.W, Cols: make([]*rows.Vec, len(o.Cols))}
	for i, c := range o.Cols {
		out.Cols[i] = b.Cols[c]
	}
	return out
}

// Pad returns the output of one side's rows alone, with NULLs for the other side. at is the place of the
// side's first column among both.
func (o *Output) Pad(b *rows.Batch, at int) *rows.Batch {
	out := &rows.Batch{Schema: o.out, N: b.N, Sel: b.Sel, W: b.W, Cols: make([]*rows.Vec, len(o.Cols))}
	for i, c := range o.Cols {
		if c >= at && c < at+len(b.Cols) {
			out.Cols[i] = b.Cols[c-at]
		} else {
			out.Cols[i] = nullColumn(o.Both[c].Type, b.N)
		}
	}
	return out
}

// nullColumn returns a column of n NULLs.
func nullColumn(t types.Type, n int) *rows.Vec {
	v := &rows.Vec{Type: t, Valid: rows.NewBitmap(n, false)}
	switch t.Phys() {
	case types.PhysBool:
		v.B = make([]bool, n)
	case types.PhysInt:
		v.I = make([]int64, n)
	case types.PhysFloat:
		v.F = make([]float64, n)
	default:
		v.Off = make([]int32, n+1)
	}
	return v
}

// AppendRow appends a row's exact bytes and their length, 4 bytes big endian, to the key of an ordered
// table, so that equal rows share an entry and RowPart finds them.
func AppendRow(key []byte, codec *rows.RowCodec, cols []*rows.Vec, r int) []byte {
	body := len(key)
	key = codec.Append(key, cols, r)
	return binary.BigEndian.AppendUint32(key, uint32(len(key)-body))
}

// RowPart returns the row in a table key that AppendRow has completed.
func RowPart(key []byte) []byte {
	body := len(key) - 4
	return key[body-int(binary.BigEndian.Uint32(key[body:])) : body]
}

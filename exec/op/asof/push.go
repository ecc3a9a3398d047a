package asof

import (
	"encoding/binary"

	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// emptyKeyHash puts the one key of a join without keys on virtual node 0.
var emptyKeyHash = state.WithVNode(rows.HashKey(nil), 0)

// Push collects the changes of a batch.
func (a *asof) Push(c *op.Ctx, port int, in *rows.Batch) error {
	if in.Len() == 0 {
		return nil
	}
	if err := a.env.Reserve(in, int64(in.Len())); err != nil {
		return err
	}
	s := a.sides[port]
	s.split(in, a.NullSafe)
	if port == 0 && a.Left && len(s.unkeyed) > 0 {
		lone := *in
		lone.Sel = append([]int32(nil), s.unkeyed...)
		if err := c.EmitBatch(a.pad(&lone)); err != nil {
			return err
		}
	}
	rows.EncodeKeys(s.keyCols, s.sel, in.N, &s.keyBuf)
	s.hash = s.hash[:0]
	if len(s.keys) == 0 {
		for range s.sel {
			s.hash = append(s.hash, emptyKeyHash)
		}
	} else {
		s.hash = rows.HashKeys(s.hash, &s.keyBuf)
		s.placer.Rows(s.hash, a.Dist, s.keyCols, s.sel, in.N)
	}
	for k, r := range s.sel {
		s.key = append(s.key[:0], s.keyBuf.Key(k)...)
		keyLen := len(s.key)
		s.key = rows.AppendKeyOrder(s.key, in.Cols[s.time], int(r), a.order)
		body := len(s.key)
		s.key = s.codec.Append(s.key, in.Cols, int(r))
		s.key = binary.BigEndian.AppendUint32(s.key, uint32(len(s.key)-body))
		i, added := s.touched.Upsert(rows.HashKey(s.key), s.key)
		if added {
			s.change = append(s.change, 0)
			s.vnode = append(s.vnode, rows.VNode(s.hash[k]))
			s.keyLen = append(s.keyLen, keyLen)
		}
		s.change[i] += in.Weight(int(r))
	}
	return nil
}

// split sorts the batch's rows into those with a key and a time and those with a NULL there.
func (s *side) split(in *rows.Batch, nullSafe []bool) {
	for i, k := range s.keys {
		s.keyCols[i] = in.Cols[k]
	}
	s.sel, s.unkeyed = s.sel[:0], s.unkeyed[:0]
	for k := range in.Len() {
		r := in.Row(k)
		isNull := in.Cols[s.time].IsNull(r)
		for i, v := range s.keyCols {
			isNull = isNull || v.IsNull(r) && !(nullSafe != nil && nullSafe[i])
		}
		if isNull {
			s.unkeyed = append(s.unkeyed, int32(r))
		} else {
			s.sel = append(s.sel, int32(r))
		}
	}
}

// pad makes output rows of left rows alone.
func (a *asof) pad(b *rows.Batch) *rows.Batch {
	out := &rows.Batch{Schema: a.env.Out, N: b.N, Sel: b.Sel, W: b.W, Cols: make([]*rows.Vec, len(a.Output))}
	for i, c := range a.Output {
		if c < len(b.Cols) {
			out.Cols[i] = b.Cols[c]
			continue
		}
		nulls := rows.NewVecBuilder(a.both[c].Type, b.N)
		for range b.N {
			nulls.AppendNull()
		}
		out.Cols[i] = nulls.Finish()
	}
	return out
}

func (s *side) reset() {
	s.touched.Reset()
	s.change, s.vnode, s.keyLen = s.change[:0], s.vnode[:0], s.keyLen[:0]
}

// rowPart returns the row in a table key.
func rowPart(key []byte) []byte {
	body := len(key) - 4
	return key[body-int(binary.BigEndian.Uint32(key[body:])) : body]
}

// upToTime returns a table key without the row.
func upToTime(key []byte) []byte {
	body := len(key) - 4
	return key[:body-int(binary.BigEndian.Uint32(key[body:]))]
}

func builders(ts types.Schema) []*rows.VecBuilder {
	out := make([]*rows.VecBuilder, len(ts))
	for i, f := range ts {
		out[i] = rows.NewVecBuilder(f.Type, 64)
	}
	return out
}

package asof

import (
	"encoding/binary"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Push collects the changes of a batch.
func (a *asof) Push(c *op.Ctx, port int, in *rows.Batch) error {
	if in.Len() == 0 {
		return nil
	}
	if err := a.env.Reserve(in, int64(in.Len())); err != nil {
		return err
	}
	a.work += in.Len()
	s := a.sides[port]
	s.Split(in)
	if port == 0 && a.Left && len(s.Unkeyed) > 0 {
		if err := c.EmitBatch(a.out.Pad(s.Lone(in), 0)); err != nil {
			return err
		}
	}
	s.Encode(in)
	for k, r := range s.Sel {
		s.key = append(s.key[:0], s.Buf.Key(k)...)
		keyLen := len(s.key)
		s.key = rows.AppendKeyOrder(s.key, in.Cols[s.time], int(r), a.order)
		s.key = equi.AppendRow(s.key, s.codec, in.Cols, int(r))
		i, added := s.touched.Upsert(rows.HashKey(s.key), s.key)
		if added {
			s.change = append(s.change, 0)
			s.vnode = append(s.vnode, rows.VNode(s.Hash[k]))
			s.keyLen = append(s.keyLen, keyLen)
		}
		s.change[i] += in.Weight(int(r))
	}
	return nil
}

func (s *side) reset() {
	s.touched.Reset()
	s.change, s.vnode, s.keyLen = s.change[:0], s.vnode[:0], s.keyLen[:0]
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

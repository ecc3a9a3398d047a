package rangejoin

import (
	"encoding/binary"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Push adds the rows to their side and joins them with the other.
func (j *rangeJoin) Push(c *op.Ctx, port int, in *rows.Batch) error {
	own, other := j.sides[port], j.sides[1-port]
	if own.watched {
		// A row must not vanish and come back within the batch: its degree is stored with it.
		in = j.cons.Run(in)
	}
	if in.Len() == 0 {
		return nil
	}
	j.work += in.Len()
	own.Split(in)
	if len(own.Unkeyed) > 0 && own.watched && !own.whenMatched {
		if err := c.EmitBatch(j.pad(own, own.Lone(in))); err != nil {
			return err
		}
	}
	own.Encode(in)
	own.own, own.keyData = own.own[:0], own.keyData[:0]
	j.chunk.start(own, other, in)
	for k, r := range own.Sel {
		w := in.Weight(int(r))
		keyLen := own.add(k, int(r), in, w)
		if other.table.Len() == 0 {
			continue
		}
		prefix := own.key[:keyLen]
		lower, upper := j.probe(own, prefix, in.Cols[own.col], int(r))
		other.table.Ascend(lower, upper, func(entry, value []byte) bool {
			j.chunk.pair(k, int(r), w, entry, state.WeightOf(value))
			return true
		})
		if j.chunk.len() >= op.ChunkRows {
			if err := j.chunk.flush(c); err != nil {
				return err
			}
		}
	}
	if err := j.chunk.flush(c); err != nil {
		return err
	}
	own.storeDegrees()
	return nil
}

// add enters row k of the batch into its own table and returns the length of its join key in s.key.
func (s *side) add(k, r int, in *rows.Batch, w int64) (keyLen int) {
	s.key = append(s.key[:0], s.Buf.Key(k)...)
	keyLen = len(s.key)
	s.key = rows.AppendKey(s.key, in.Cols[s.col], r)
	s.key = equi.AppendRow(s.key, s.codec, in.Cols, r)
	vnode := rows.VNode(s.Hash[k])
	before, degree := s.get(s.key)
	s.put(vnode, s.key, before+w, degree)
	s.keyData = append(s.keyData, s.key...)
	o := ownRow{end: len(s.keyData), vnode: vnode}
	if s.watched {
		o.touch = s.touch(s.key, before, degree)
		s.wAfter[o.touch] = before + w
	}
	s.own = append(s.own, o)
	return keyLen
}

// touch notes a row with its weight and degree as they are before the epoch first changes them.
func (s *side) touch(key []byte, w, degree int64) int {
	i, added := s.touched.Upsert(rows.HashKey(key), key)
	if added {
		s.wBefore, s.wAfter = append(s.wBefore, w), append(s.wAfter, w)
		s.degBefore, s.degAfter = append(s.degBefore, degree), append(s.degAfter, degree)
	}
	return i
}

// get reads an entry's weight and degree.
func (s *side) get(key []byte) (w, degree int64) {
	v, ok := s.table.Get(key)
	if !ok {
		return 0, 0
	}
	return state.WeightOf(v), int64(binary.LittleEndian.Uint64(v[8:]))
}

// put writes an entry; one of weight 0 disappears.
func (s *side) put(vnode uint16, key []byte, w, degree int64) {
	if w == 0 {
		s.table.Delete(vnode, key)
		return
	}
	var v [16]byte
	binary.LittleEndian.PutUint64(v[:], uint64(w))
	binary.LittleEndian.PutUint64(v[8:], uint64(degree))
	s.table.Put(vnode, key, v[:])
}

// storeDegrees takes over the degrees that probing found for the batch's rows.
func (s *side) storeDegrees() {
	if !s.watched {
		return
	}
	start := 0
	for _, o := range s.own {
		key := s.keyData[start:o.end]
		start = o.end
		s.degAfter[o.touch] = o.degree
		if w, _ := s.get(key); w != 0 {
			s.put(o.vnode, key, w, o.degree)
		}
	}
}

// probe gives the table keys of the other side within the range of row r, whose join key is prefix.
func (j *rangeJoin) probe(own *side, prefix []byte, col *rows.Vec, r int) (lower, upper []byte) {
	lower = append(j.bounds[0][:0], prefix...)
	if own.low != nil {
		lower = appendShifted(lower, col, r, *own.low)
	}
	if own.high == nil {
		upper = prefix
	} else {
		upper = appendShifted(append(j.bounds[1][:0], prefix...), col, r, *own.high)
		j.bounds[1] = upper
	}
	j.bounds[0] = lower
	return lower, state.PrefixEnd(upper)
}

// appendShifted appends the key of a value moved by a distance.
func appendShifted(dst []byte, col *rows.Vec, r int, by int64) []byte {
	if by == 0 || col.Type.Phys() != types.PhysInt {
		return rows.AppendKey(dst, col, r)
	}
	return rows.AppendKeyDatum(dst, types.Datum{Type: col.Type, I: equi.Shift(col.Type, col.I[r], by)})
}

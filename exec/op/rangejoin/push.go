package rangejoin

import (
	"encoding/binary"
	"math"

	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// emptyKeyHash puts the one key of a join without keys on virtual node 0.
var emptyKeyHash = state.WithVNode(rows.HashKey(nil), 0)

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
	own.split(in, j.NullSafe)
	if len(own.unkeyed) > 0 && own.watched && !own.whenMatched {
		lone := *in
		lone.Sel = append([]int32(nil), own.unkeyed...)
		if err := c.EmitBatch(j.pad(own, &lone)); err != nil {
			return err
		}
	}
	own.place(in, j.Dist)
	j.chunk.start(own, other, in)
	for k, r := range own.sel {
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

// split sorts the batch's rows into those with key and compared column and those with a NULL there.
func (s *side) split(in *rows.Batch, nullSafe []bool) {
	for i, k := range s.keys {
		s.keyCols[i] = in.Cols[k]
	}
	s.sel, s.unkeyed = s.sel[:0], s.unkeyed[:0]
	for k := range in.Len() {
		r := in.Row(k)
		isNull := in.Cols[s.col].IsNull(r)
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

// place encodes the keys of the selected rows and finds their virtual nodes.
func (s *side) place(in *rows.Batch, dist []int) {
	s.own, s.keyData = s.own[:0], s.keyData[:0]
	rows.EncodeKeys(s.keyCols, s.sel, in.N, &s.keyBuf)
	s.hash = s.hash[:0]
	if len(s.keys) == 0 {
		for range s.sel {
			s.hash = append(s.hash, emptyKeyHash)
		}
		return
	}
	s.hash = rows.HashKeys(s.hash, &s.keyBuf)
	s.placer.Rows(s.hash, dist, s.keyCols, s.sel, in.N)
}

// add enters row k of the batch into its own table and returns the length of its join key in s.key.
func (s *side) add(k, r int, in *rows.Batch, w int64) (keyLen int) {
	s.key = append(s.key[:0], s.keyBuf.Key(k)...)
	keyLen = len(s.key)
	s.key = rows.AppendKey(s.key, in.Cols[s.col], r)
	body := len(s.key)
	s.key = s.codec.Append(s.key, in.Cols, r)
	s.key = binary.BigEndian.AppendUint32(s.key, uint32(len(s.key)-body))
	vnode := rows.VNode(s.hash[k])
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

// appendShifted appends the key of a value moved by a distance. It stops at the ends of the integers,
// which for times are the infinities and stay where they are.
func appendShifted(dst []byte, col *rows.Vec, r int, by int64) []byte {
	if by == 0 || col.Type.Phys() != types.PhysInt {
		return rows.AppendKey(dst, col, r)
	}
	return rows.AppendKeyDatum(dst, types.Datum{Type: col.Type, I: shift(col.Type, col.I[r], by)})
}

func shift(t types.Type, v, by int64) int64 {
	if (t.IsTime() || t.ID == types.Date) && !types.IsFinite(v) {
		return v
	}
	sum := v + by
	switch {
	case by > 0 && sum < v:
		return math.MaxInt64
	case by < 0 && sum > v:
		return math.MinInt64
	}
	return sum
}

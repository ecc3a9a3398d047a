package join

import (
	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

// emptyKeyHash puts the one key of a join without keys on virtual node 0.
var emptyKeyHash = state.WithVNode(rows.HashKey(nil), 0)

func (j *join) Push(c *op.Ctx, port int, in *rows.Batch) error {
	own, other := j.sides[port], j.sides[1-port]
	if own.watched && j.residual != nil && own.retracts {
		// A row must not vanish and come back within the batch: its degree is stored with it.
		in = own.cons.Run(in)
	}
	if in.Len() == 0 {
		return nil
	}
	j.work += in.Len()
	own.split(j, in)
	if len(own.unkeyed) > 0 && own.watched && !own.whenMatched {
		if err := j.emitUnmatched(c, own, in); err != nil {
			return err
		}
	}
	if len(own.sel) == 0 {
		return nil
	}
	own.encode(in, j.Dist)
	probes := j.pairs || j.residual != nil
	own.degrees, own.added = own.degrees[:0], own.added[:0]
	j.chunk.start(c, own, other, in)
	for k, r := range own.sel {
		if k%state.TouchBlock == 0 {
			block := own.hash[k:min(k+state.TouchBlock, len(own.hash))]
			own.table.Touch(block)
			if probes {
				other.table.Touch(block)
			}
		}
		w := in.Weight(int(r))
		key, hash := own.keyBuf.Key(k), own.hash[k]
		j.add(own, other, k, hash, key, w)
		if !probes || other.table.Len() == 0 {
			continue
		}
		j.chunk.at, j.chunk.row, j.chunk.w = int32(k), r, w
		other.table.Each(hash, key, j.chunk.visit)
		if j.chunk.err != nil {
			return j.chunk.err
		}
	}
	if err := j.chunk.flush(c); err != nil {
		return err
	}
	if own.watched && j.residual != nil {
		own.storeDegrees()
	}
	return nil
}

// add enters row k of the batch into its own table and notes it when the side is watched.
func (j *join) add(own, other *side, k int, hash uint64, key []byte, w int64) {
	number := 0
	if j.residual == nil && (own.watched || other.watched) {
		number = j.touchKey(hash, key)
	}
	var row []byte
	if !own.bare {
		row = own.rowBuf.Key(k)
	}
	before, after, ref := own.table.Add(hash, key, row, w)
	if !own.watched {
		return
	}
	t := &own.touched
	i, isNew := t.set.Upsert(rows.HashKey(row), row)
	if isNew {
		t.wBefore, t.wAfter = append(t.wBefore, before), append(t.wAfter, after)
	}
	t.wAfter[i] = after
	if j.residual == nil {
		if isNew {
			t.key = append(t.key, int32(number))
		}
		return
	}
	if isNew {
		t.degBefore, t.degAfter = append(t.degBefore, unknown), append(t.degAfter, 0)
	}
	own.degrees = append(own.degrees, 0)
	own.added = append(own.added, added{ref: ref, fresh: before == 0 && after != 0, touch: int32(i)})
}

// unknown marks a degree before that is the one about to be probed: nothing has changed it yet.
const unknown = int64(-1) << 62

// storeDegrees takes over the degrees that probing found for the batch's rows.
func (s *side) storeDegrees() {
	t := &s.touched
	for k, a := range s.added {
		deg := s.degrees[k]
		if t.degBefore[a.touch] == unknown {
			t.degBefore[a.touch] = deg
		}
		t.degAfter[a.touch] = deg
		if a.fresh {
			s.table.SetAux(a.ref, deg)
		}
	}
}

// touchKey notes the weights of a key as they are before its first change in the epoch.
func (j *join) touchKey(hash uint64, key []byte) (number int) {
	i, added := j.keys.Upsert(hash, key)
	if added {
		for p, s := range j.sides {
			w := int64(0)
			if j.sides[1-p].watched {
				w = s.table.KeyWeight(hash, key)
			}
			j.keyBefore[p] = append(j.keyBefore[p], w)
		}
	}
	return i
}

// split sorts the batch's rows into those with a key and those with a NULL in it.
func (s *side) split(j *join, in *rows.Batch) {
	nulls := false
	for i, k := range s.keys {
		s.keyCols[i] = in.Cols[k]
		nulls = nulls || in.Cols[k].Valid != nil && !(j.NullSafe != nil && j.NullSafe[i])
	}
	s.sel, s.unkeyed = s.sel[:0], s.unkeyed[:0]
	for k := range in.Len() {
		r := in.Row(k)
		isNull := false
		if nulls {
			for i, v := range s.keyCols {
				isNull = isNull || v.IsNull(r) && !(j.NullSafe != nil && j.NullSafe[i])
			}
		}
		if isNull {
			s.unkeyed = append(s.unkeyed, int32(r))
		} else {
			s.sel = append(s.sel, int32(r))
		}
	}
}

// encode encodes keys, hashes and rows of the selected rows.
func (s *side) encode(in *rows.Batch, dist []int) {
	rows.EncodeKeys(s.keyCols, s.sel, in.N, &s.keyBuf)
	s.hash = s.hash[:0]
	if len(s.keys) == 0 {
		for range s.sel {
			s.hash = append(s.hash, emptyKeyHash)
		}
	} else {
		s.hash = rows.HashKeys(s.hash, &s.keyBuf)
		s.placer.Rows(s.hash, dist, s.keyCols, s.sel, in.N)
	}
	if !s.bare {
		s.codec.AppendRows(in.Cols, s.sel, in.N, &s.rowBuf)
	}
}

// emitUnmatched emits the rows that can never match, padded where the join pads.
func (j *join) emitUnmatched(c *op.Ctx, own *side, in *rows.Batch) error {
	out := *in
	out.Sel = append([]int32(nil), own.unkeyed...)
	return c.EmitBatch(j.pad(own, &out))
}

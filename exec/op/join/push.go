package join

import (
	"tidemill/exec/op"
	"tidemill/exec/state"
	"tidemill/sql/rows"
)

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
	own.Split(in)
	if len(own.Unkeyed) > 0 && own.watched && !own.whenMatched {
		if err := c.EmitBatch(j.pad(own, own.Lone(in))); err != nil {
			return err
		}
	}
	if len(own.Sel) == 0 {
		return nil
	}
	own.Encode(in)
	if !own.bare {
		own.codec.AppendRows(in.Cols, own.Sel, in.N, &own.rowBuf)
	}
	probes := j.pairs || j.residual != nil
	own.degrees, own.added = own.degrees[:0], own.added[:0]
	j.chunk.start(c, own, other, in)
	for k, r := range own.Sel {
		if k%state.TouchBlock == 0 {
			block := own.Hash[k:min(k+state.TouchBlock, len(own.Hash))]
			own.table.Touch(block)
			if probes {
				other.table.Touch(block)
			}
		}
		w := in.Weight(int(r))
		key, hash := own.Buf.Key(k), own.Hash[k]
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

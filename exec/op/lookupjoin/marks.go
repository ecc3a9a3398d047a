package lookupjoin

import (
	"encoding/binary"
	"encoding/json"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/exec/op/expire"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// carry keeps the bounds of the left columns: the output changes with left rows only.
func carry(cfg json.RawMessage, in []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	if err != nil {
		return nil, err
	}
	source := c.Output
	if source == nil {
		for i := range out {
			source = append(source, i)
		}
	}
	width := len(in[0])
	return func(marks []op.Marks) op.Marks {
		left := op.Extend(marks[0], width+len(in[1]))
		return op.Pick(left, source)
	}, nil
}

func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, _ := op.Peek[Config](cfg)
	byKey := (&equi.Match{LeftKeys: c.LeftKeys, RightKeys: c.RightKeys}).Keys([]op.Marks{in[0].Marks, in[1].Marks})
	switch {
	case slices.ContainsFunc(byKey, func(m int64) bool { return m != op.NoMark }):
		return op.ByWatermark(in[0], c.LeftKeys...)
	case in[1].AppendOnly:
		return op.Bound{Unbounded: true, Text: "rows of the right input, which never shrinks"}
	case in[0].AppendOnly:
		return op.Bound{Text: "by the rows of the right input"}
	case in[0].Marks.Any():
		return op.Bound{Text: "by the rows of the right input and, for what left rows were joined with, " + op.ByWatermark(in[0], marked(in[0].Marks)...).Text[len("by "):]}
	}
	return op.Bound{Text: "by the rows of both inputs and what they were joined with"}
}

// marked lists the columns that have bounds.
func marked(m op.Marks) (cols []int) {
	for i, v := range m {
		if v != op.NoMark {
			cols = append(cols, i)
		}
	}
	return cols
}

// passing drops state that event time has passed.
type passing struct {
	keys  equi.Match
	right *expire.Sweeper // of right rows by their key; nil = no key has floors on both sides
	memo  expire.Pace
	cols  []int // left columns that have floors
	work  int   // rows of this epoch
	sorts []types.Type
	skip  []*rows.VecBuilder
}

func newPassing(c *Config, env *op.Env) passing {
	p := passing{keys: equi.Match{LeftKeys: c.LeftKeys, RightKeys: c.RightKeys}, cols: marked(env.Mark(0))}
	for _, k := range c.LeftKeys {
		p.sorts = append(p.sorts, env.In[0][k].Type)
		p.skip = append(p.skip, rows.NewVecBuilder(env.In[0][k].Type, 1))
	}
	p.right = expire.New(p.sorts, p.keys.Keys(env.Marked))
	return p
}

// expire drops right rows of keys that no left row will have again and that do not go either, and what
// left rows were joined with that do not go any more.
func (j *lookupJoin) expire(c *op.Ctx) {
	p := &j.passing
	if p.right != nil && p.right.Due(p.keys.Keys(c.Floors), p.work, j.right.Len()) {
		p.right.Multi(j.right)
	}
	if j.memo != nil && len(p.cols) > 0 {
		floors := make([]int64, len(p.cols))
		for i, col := range p.cols {
			floors[i] = c.Floor(0, col)
		}
		if p.memo.Due(floors, p.work, j.memo.Len()) {
			j.forget(floors)
		}
	}
	p.work = 0
}

// forget drops the entries of the memo whose left row has a column below its floor.
func (j *lookupJoin) forget(floors []int64) {
	var data []byte
	var ends []int
	j.memo.Ascend(nil, nil, func(entry, _ []byte) bool {
		row := j.leftRow(entry)
		for i, col := range j.passing.cols {
			if v, ok := j.codecs[0].Int(row, col); ok && v < floors[i] {
				data = append(data, entry...)
				ends = append(ends, len(data))
				break
			}
		}
		return true
	})
	start := 0
	for _, end := range ends {
		j.memo.Delete(0, data[start:end])
		start = end
	}
}

// leftRow returns the left row in an entry of the memo.
func (j *lookupJoin) leftRow(entry []byte) []byte {
	p := &j.passing
	for _, b := range p.skip {
		b.Truncate(0)
	}
	rest, err := rows.DecodeKey(p.sorts, entry, p.skip)
	if err != nil {
		panic(err)
	}
	return rest[4 : 4+binary.BigEndian.Uint32(rest)]
}

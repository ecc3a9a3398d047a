package join

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// carry bounds key columns by the lesser bound of both sides: a change of either side emits rows of
// its own key only. Other columns can be of any age, since a new row may meet an old one. A side that
// is padded with NULLs has none.
func carry(cfg json.RawMessage, in []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	if err != nil {
		return nil, err
	}
	width := len(in[0])
	source := c.Output
	if source == nil {
		for i := range out {
			source = append(source, i)
		}
	}
	pair := make([]int, len(out)) // the number of the key pair that a column belongs to
	for i, s := range source {
		pair[i] = -1
		left := s < width
		if left && (c.Kind == Right || c.Kind == Full) || !left && (c.Kind == Left || c.Kind == Full) {
			continue
		}
		for k := range c.LeftKeys {
			if left && c.LeftKeys[k] == s || !left && c.RightKeys[k] == s-width {
				pair[i] = k
			}
		}
	}
	return func(marks []op.Marks) op.Marks {
		if !marks[0].Any() || !marks[1].Any() {
			return nil
		}
		res := make(op.Marks, len(out))
		for i, k := range pair {
			if res[i] = op.NoMark; k >= 0 {
				res[i] = c.bound(marks, k)
			}
		}
		return res
	}, nil
}

// bound is the bound of key pair k: neither side changes below it.
func (c *Config) bound(marks []op.Marks, k int) int64 {
	if len(marks) < 2 {
		return op.NoMark
	}
	return min(marks[0].At(c.LeftKeys[k]), marks[1].At(c.RightKeys[k]))
}

// bounds are the bounds of all key pairs.
func (c *Config) bounds(marks []op.Marks) []int64 {
	out := make([]int64, len(c.LeftKeys))
	for k := range out {
		out[k] = c.bound(marks, k)
	}
	return out
}

// expire drops rows of keys that neither side will change again: they can meet no new row, and no
// longer go.
func (j *join) expire(c *op.Ctx) {
	if j.sweep == nil {
		return
	}
	l, r := j.sides[0].table, j.sides[1].table
	if j.sweep.Due(j.bounds(c.Floors), j.work, l.Len()+r.Len()) {
		j.sweep.Multi(l)
		j.sweep.Multi(r)
	}
	j.work = 0
}

func keyTypes(in types.Schema, keys []int) []types.Type {
	var out []types.Type
	for _, k := range keys {
		if k >= 0 && k < len(in) { // else New refuses
			out = append(out, in[k].Type)
		}
	}
	return out
}

func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, _ := op.Peek[Config](cfg)
	for k, m := range c.bounds([]op.Marks{in[0].Marks, in[1].Marks}) {
		if m != op.NoMark {
			both := in[0]
			both.Horizon = max(both.Horizon, in[1].Horizon)
			return op.ByWatermark(both, c.LeftKeys[k])
		}
	}
	if in[0].AppendOnly || in[1].AppendOnly {
		return op.Bound{Unbounded: true, Text: "rows of both inputs; an append-only input never shrinks"}
	}
	return op.Bound{Text: "by the rows of both inputs"}
}

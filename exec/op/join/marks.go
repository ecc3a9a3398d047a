package join

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/sql/types"
)

func (c *Config) match() equi.Match {
	return equi.Match{LeftKeys: c.LeftKeys, RightKeys: c.RightKeys, Bands: c.Bands}
}

func carry(cfg json.RawMessage, in []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	if err != nil {
		return nil, err
	}
	m := c.match()
	pads := equi.Pads{Left: c.Kind == Right || c.Kind == Full, Right: c.Kind == Left || c.Kind == Full}
	return m.Carry(c.Output, pads, len(in[0]), len(out)), nil
}

func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, _ := op.Peek[Config](cfg)
	m := c.match()
	return m.Bound(in)
}

// expire drops rows of keys that neither side will change again, and rows too far from what the other
// side may still bring: they can meet no new row, and no longer go.
func (j *join) expire(c *op.Ctx) {
	l, r := j.sides[0], j.sides[1]
	if j.sweep != nil && j.sweep.Due(j.match.Keys(c.Floors), j.work, l.table.Len()+r.table.Len()) {
		j.sweep.Multi(l.table)
		j.sweep.Multi(r.table)
	}
	for _, s := range j.sides {
		if s.passes {
			j.pass(s, j.match.Cuts(s.port, s.retracts, c.Floors))
		}
	}
	j.work = 0
}

// pass drops the rows of a side that are below the cuts of the bands.
func (j *join) pass(s *side, cuts []int64) {
	if !s.pace.Due(cuts, j.work, s.table.Len()) { // the rows of either side let those of the other expire
		return
	}
	s.table.DeleteRows(func(row []byte) bool {
		for i := range j.match.Bands {
			if v, ok := s.codec.Int(row, j.match.Bands[i].Col(s.port)); ok && v < cuts[i] {
				return true
			}
		}
		return false
	})
}

func keyTypes(in types.Schema, keys []int) []types.Type {
	var out []types.Type
	for _, k := range keys {
		out = append(out, in[k].Type)
	}
	return out
}

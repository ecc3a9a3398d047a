package rangejoin

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/sql/types"
)

func (c *Config) band() *equi.Band {
	return &equi.Band{Left: c.LeftCol, Right: c.RightCol, Low: c.Low, High: c.High}
}

func (c *Config) match() equi.Match {
	return equi.Match{LeftKeys: c.LeftKeys, RightKeys: c.RightKeys, Bands: []equi.Band{*c.band()}}
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

// floors are the values below which rows of a side are dropped, of its key columns and its compared one.
func (j *rangeJoin) floors(port int, retracts bool, marks []op.Marks) []int64 {
	return append(j.match.Keys(marks), j.match.Cuts(port, retracts, marks)...)
}

// expire drops rows that can meet no new row and no longer go. The rows of either side let those of the
// other one expire, so both count as work.
func (j *rangeJoin) expire(c *op.Ctx) {
	for _, s := range j.sides {
		if s.sweep.Due(j.floors(s.port, s.retracts, c.Floors), j.work, s.table.Len()) {
			s.sweep.Ordered(s.table)
		}
	}
	j.work = 0
}

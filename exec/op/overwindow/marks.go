package overwindow

import (
	"encoding/json"

	"tidemill/exec/op"
	"tidemill/exec/op/expire"
	"tidemill/sql/types"
)

// carry keeps the bounds of the partition columns: a change of one row can change the results of any
// other row of its partition, but of no other.
func carry(cfg json.RawMessage, _ []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	return func(in []op.Marks) op.Marks { return op.Only(in[0], c.Partition, len(out)) }, err
}

func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, _ := op.Peek[Config](cfg)
	if b := op.ByWatermark(in[0], c.Partition...); !b.Unbounded {
		return b
	}
	return op.OfInput(in[0], "rows")
}

func newSweeper(c *Config, env *op.Env) *expire.Sweeper {
	parts := make([]types.Type, len(c.Partition))
	for i, p := range c.Partition {
		parts[i] = env.In[0][p].Type
	}
	return expire.New(parts, expire.Columns(env.Mark(0), c.Partition))
}

// expire drops partitions that no row will change again.
func (v *view) expire(c *op.Ctx, work int) {
	if v.sweep != nil && v.sweep.Due(expire.Floors(c, v.Partition), work, v.Table.Len()) {
		v.sweep.Ordered(v.Table)
		if v.sums != nil {
			v.sweep.Ordered(v.sums.table)
		}
	}
}

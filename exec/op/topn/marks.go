package topn

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// carry keeps the bounds of the partition columns: a change of one row can show or hide any other row
// of its partition, but of no other.
func carry(cfg json.RawMessage, _ []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	return func(in []op.Marks) op.Marks { return op.Only(in[0], c.Partition, len(out)) }, err
}

func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, _ := op.Peek[Config](cfg)
	if b := op.ByWatermark(in[0], c.Partition...); !b.Unbounded {
		return b
	}
	switch {
	case !in[0].AppendOnly:
		return op.Bound{Text: "by the rows of the input"}
	case c.Limit != nil && len(c.Partition) == 0:
		return op.Bound{Text: fmt.Sprintf("(%d rows)", *c.Limit)}
	}
	return op.OfInput(in[0], "partitions")
}

// Package asof is the operator asof: every left row with the right row of its key that is closest to it
// in an order, usually time: ASOF JOIN, and FOR SYSTEM_TIME AS OF a column of the left side.
//
// The match of a left row at time l is the right row with the greatest time r that meets l >= r or
// l > r, or with the least one that meets l <= r or l < r. Of several right rows at that time the one
// with the greatest bytes is taken, so that the result depends on the inputs alone.
//
// State
//
//	left, right  Ordered: key columns, time, the row's exact bytes, their length as 4 bytes big
//	             endian  →  weight
//
// The time is encoded so that the match is always the greatest one at or before the left row's: for
// <= and < its bytes are those of a descending order.
//
// Algorithm. Push collects the changes of the epoch. Finish goes through them key by key. A right row
// at time r that comes or goes can only change the matches of left rows between r and the next right
// row that stays, so these intervals and the left rows that changed themselves are looked at:
// their pairs before the changes are applied and after it, and the difference is emitted. The cost per
// change is the logarithm of the key's history and the left rows in its interval.
//
// Event time. With left >= right, left rows before the floor of right times have their match for good
// and are dropped, and of the right rows before both floors only the newest of each key can still be one.
// With left <= right, left rows are dropped once they have a match before the floor of right times, and
// right rows before both floors.
//
// Rows with NULL in a key or as time match nothing; left ones are emitted padded at once.
package asof

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/touch"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "asof"

// Config configures the operator. The output columns are the left ones and the right ones.
type Config struct {
	// Left keeps left rows without a match, padded with NULLs.
	Left      bool  `json:"left,omitempty"`
	LeftKeys  []int `json:"left_keys"`
	RightKeys []int `json:"right_keys"`
	// NullSafe tells per key column that NULL equals NULL; absent = none.
	NullSafe []bool `json:"null_safe,omitempty"`
	// LeftTime Op RightTime is the condition; both columns have the same type.
	LeftTime  int    `json:"left_time"`
	RightTime int    `json:"right_time"`
	Op        string `json:"op"` // ">=", ">", "<=", "<"
	// Dist lists the key pairs, by their numbers, that rows are spread by, if not all (exec/op/place).
	Dist []int `json:"dist"`
	// Output lists the output columns among those of left and right; nil = all.
	Output []int `json:"output,omitempty"`
}

type asof struct {
	Config
	env    *op.Env
	out    equi.Output
	order  rows.Order
	strict bool // the match is before the left row's time, not at it
	sides  [2]*side

	retracts bool // the left side does
	keys     equi.Match
	sweep    *expire.Sweeper // nil = no key has a floor on both sides
	pace     expire.Pace
	work     int // rows of this epoch

	// One key's pairs while Finish works on it.
	pairs  touch.Set
	change []int64
	pair   []byte
	cols   []*rows.VecBuilder
	w      []int64
	spans  []span
}

// side is what belongs to one input.
type side struct {
	time    int
	types   []types.Type
	codec   *rows.RowCodec
	table   *state.Ordered
	touched touch.Set // table keys
	change  []int64
	vnode   []uint16
	keyLen  []int // length of the join key in a touched key

	equi.Keys
	key []byte
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Joins every left row with the right row closest to it in time.",
		Ports:   2, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{"left", "right"}, nil },
		New:    New,
		Marks:  carry,
		Bound:  bound,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return c.explain(op.Port(in, 0), op.Port(in, 1))
		},
	})
}

func (c *Config) explain(left, right types.Schema) string {
	kind := "inner"
	if c.Left {
		kind = "left"
	}
	on := equi.OnText(left, right, c.LeftKeys, c.RightKeys, c.NullSafe)
	on = append(on, "closest "+op.Col(left, c.LeftTime)+" "+c.Op+" "+op.Col(right, c.RightTime))
	return kind + " on " + strings.Join(on, " AND ")
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	a := &asof{Config: c, env: env, keys: c.match(), retracts: len(env.AppendOnly) == 0 || !env.AppendOnly[0]}
	switch c.Op {
	case ">=", ">":
	case "<=", "<":
		a.order.Desc = true
	default:
		return nil, fmt.Errorf("asof: unknown comparison %q", c.Op)
	}
	a.strict = len(c.Op) == 1
	if err = equi.CheckPairs(Name, env, c.LeftKeys, c.RightKeys, c.NullSafe); err != nil {
		return nil, err
	}
	if a.out, err = equi.NewOutput(Name, env, c.Output, len(env.In[0])+len(env.In[1])); err != nil {
		return nil, err
	}
	sorts := make([]types.Type, len(c.LeftKeys))
	for i, k := range c.LeftKeys {
		sorts[i] = env.In[0][k].Type
	}
	a.sweep = expire.New(sorts, a.keys.Keys(env.Marked))
	if a.sides[0], err = a.newSide(env, 0, "left", c.LeftKeys, c.LeftTime); err != nil {
		return nil, err
	}
	a.sides[1], err = a.newSide(env, 1, "right", c.RightKeys, c.RightTime)
	return a, err
}

func (a *asof) newSide(env *op.Env, port int, name string, keys []int, time int) (*side, error) {
	ts := env.In[port].Types()
	if time < 0 || time >= len(ts) {
		return nil, fmt.Errorf("asof: column %d of the %s side does not exist", time, name)
	}
	return &side{
		time: time, types: ts, codec: rows.NewRowCodec(ts), table: env.Tables.Ordered(name),
		Keys: equi.NewKeys(keys, a.NullSafe, a.Dist, time),
	}, nil
}

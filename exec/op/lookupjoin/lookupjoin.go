// Package lookupjoin is the operator lookupjoin: every left row with the right rows that match it in the
// epoch in which it arrives, FOR SYSTEM_TIME AS OF PROCTIME(). A later change of the right side changes
// nothing that was given out.
//
// State
//
//	right  Multi: join key → rows with weights
//	memo   Ordered: join key, length of the left row as 4 bytes big endian, the left row's exact
//	       bytes, the right rows it was joined with → weight. Only if the left side retracts.
//
// Algorithm. Right rows go into their table at once, left ones are collected. Finish probes with each
// new left row, after all right changes of the epoch, so that the order of batches within an epoch does
// not matter, and notes in the memo what it was joined with. A left row that is taken back takes its
// pairs from the memo, not from the right table, which may have changed since. Of equal left rows
// that were joined differently the first by the bytes of the memo goes first.
//
// Right rows whose key is below the floors of both sides, and what left rows were joined with that are
// below their floor, are dropped.
//
// The memo holds the pairs for which the residual condition is true or fails: evaluated again, it says
// the same of them.
package lookupjoin

import (
	"encoding/json"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/exec/op/touch"
	"tidemill/exec/state"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "lookupjoin"

// Config configures the operator. The output columns are the left ones and the right ones.
type Config struct {
	// Left keeps left rows without a match, padded with NULLs.
	Left      bool  `json:"left,omitempty"`
	LeftKeys  []int `json:"left_keys"`
	RightKeys []int `json:"right_keys"`
	// NullSafe tells per key column that NULL equals NULL; absent = none.
	NullSafe []bool `json:"null_safe,omitempty"`
	// Residual is a condition over the columns of left and right that a pair has to meet beside equal keys.
	Residual *expr.Expr `json:"residual,omitempty"`
	// Dist lists the key pairs, by their numbers, that rows are spread by, if not all (exec/op/place).
	Dist []int `json:"dist"`
	// Output lists the output columns among those of left and right; nil = all.
	Output []int `json:"output,omitempty"`
}

type lookupJoin struct {
	Config
	out      equi.Output
	residual *expr.Program
	right    *state.Multi
	memo     *state.Ordered // nil when the left side never retracts
	codecs   [2]*rows.RowCodec
	keys     [2]equi.Keys
	width    int // columns of the left side

	// The left rows that the epoch has changed: join key, length of the row, row.
	touched touch.Set
	change  []int64
	hash    []uint64
	keyLen  []int

	passing passing

	rowBuf rows.KeyBuf
	key    []byte
	chunk  chunk
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Joins left rows with the right side as it stands when they arrive.",
		Ports:   2, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{"right", "memo"}, nil },
		New:    New, Leads: []int{1},
		Marks: carry,
		Bound: bound,
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
	if c.Residual != nil {
		on = append(on, op.ExprText(c.Residual, append(append(types.Schema(nil), left...), right...)))
	}
	if len(on) == 0 {
		on = []string{"every pair"}
	}
	return kind + " on " + strings.Join(on, " AND ") + ", as of processing time"
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	j := &lookupJoin{Config: c, right: env.Tables.Multi("right"), width: len(env.In[0])}
	memo := env.Tables.Ordered("memo")
	if len(env.AppendOnly) == 0 || !env.AppendOnly[0] {
		j.memo = memo
	}
	if err = equi.CheckPairs(Name, env, c.LeftKeys, c.RightKeys, c.NullSafe); err != nil {
		return nil, err
	}
	if c.Residual != nil {
		if j.residual, err = expr.Compile([]*expr.Expr{c.Residual}); err != nil {
			return nil, err
		}
	}
	if j.out, err = equi.NewOutput(Name, env, c.Output, len(env.In[0])+len(env.In[1])); err != nil {
		return nil, err
	}
	for p, keys := range [][]int{c.LeftKeys, c.RightKeys} {
		j.codecs[p] = rows.NewRowCodec(env.In[p].Types())
		j.keys[p] = equi.NewKeys(keys, c.NullSafe, c.Dist, -1)
	}
	j.passing = newPassing(&c, env)
	j.chunk.j = j
	j.chunk.reset()
	return j, nil
}

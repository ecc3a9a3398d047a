// Package rangejoin is the operator rangejoin: inner, left, right, full, semi and anti joins whose
// condition bounds the distance of a left and a right column, beside equal keys:
//
//	low <= left column − right column <= high
//
// where either end may be missing. An interval join of two streams has both ends, l.x < r.y has one
// that is zero.
//
// State
//
//	left, right  Ordered: key columns, compared column, the row's exact bytes, their length as 4
//	             bytes big endian  →  weight, degree
//
// The degree is the sum of the weights of the rows that a row matches; only outer, semi and anti joins
// use it, for the side whose rows are output by themselves.
//
// Algorithm. Every row is added to its own side and probes the other one as it stands, there only the
// part of the key's history within the range. The whole condition, the range included, is the
// residual and is evaluated over the pairs, so that the range only has to hold all pairs that may
// match. What depends on whether a row has a match is emitted by Finish from weights and degrees
// before and after the epoch, as in the operator join.
//
// Event time. With a floor F of the other side's column, a left row below F + low, or a right one below
// F − high, meets no new row. Once it is also below its own side's floor, unless that side never
// retracts, it does not go either and is dropped.
package rangejoin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/touch"
	"tidemill/exec/state"
	"tidemill/sql/expr"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "rangejoin"

// The kinds of joins.
const (
	Inner = "inner"
	Left  = "left"
	Right = "right"
	Full  = "full"
	Semi  = "semi" // left rows with a match
	Anti  = "anti" // left rows without a match
)

// Config configures the operator.
type Config struct {
	Kind      string `json:"kind"`
	LeftKeys  []int  `json:"left_keys"`
	RightKeys []int  `json:"right_keys"`
	// NullSafe tells per key column that NULL equals NULL; absent = none.
	NullSafe []bool `json:"null_safe,omitempty"`
	// LeftCol and RightCol are compared; they have the same type.
	LeftCol  int `json:"left_col"`
	RightCol int `json:"right_col"`
	// Low and High bound left − right, in µs for times, days for dates, the number itself for integers;
	// nil = no bound. Columns of other types are bounded by 0 only.
	Low  *int64 `json:"low,omitempty"`
	High *int64 `json:"high,omitempty"`
	// Residual is the condition over the columns of left and right that a pair has to meet.
	Residual *expr.Expr `json:"residual"`
	// Dist lists the key pairs, by their numbers, that rows are spread by, if not all (exec/op/place).
	Dist []int `json:"dist"`
	// Output lists the output columns among those of left and right (semi, anti: of left); nil = all.
	Output []int `json:"output,omitempty"`
}

type rangeJoin struct {
	Config
	out      equi.Output
	pairs    bool // joined pairs are output
	residual *expr.Program
	match    equi.Match
	sides    [2]*side
	chunk    chunk
	work     int // rows of this epoch
	cons     rows.Consolidator
	bounds   [2][]byte
}

// side is what belongs to one input.
type side struct {
	port     int
	col      int
	types    []types.Type
	codec    *rows.RowCodec
	table    *state.Ordered
	sweep    *expire.Sweeper // nil = nothing of the key has a floor
	retracts bool
	// watched: the output depends on whether this side's rows have matches. whenMatched: they are
	// output when they do (semi), otherwise when they do not.
	watched, whenMatched bool
	// low and high bound the other side's column less this one's.
	low, high *int64

	touched             touch.Set // table keys of watched rows that the epoch has touched
	wBefore, wAfter     []int64
	degBefore, degAfter []int64

	equi.Keys
	key     []byte
	own     []ownRow // of the batch
	keyData []byte
}

// ownRow is a row of the batch that is being pushed.
type ownRow struct {
	end    int // of its table key in keyData
	vnode  uint16
	touch  int
	degree int64
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Joins two inputs by a range: inner, left, right, full, semi, anti.",
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
	on := equi.OnText(left, right, c.LeftKeys, c.RightKeys, c.NullSafe)
	on = append(on, c.band().Text(left, right))
	if c.Residual != nil {
		on = append(on, op.ExprText(c.Residual, append(append(types.Schema(nil), left...), right...)))
	}
	return c.Kind + " on " + strings.Join(on, " AND ")
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	j := &rangeJoin{Config: c, match: c.match()}
	width := len(env.In[0])
	switch c.Kind {
	case Inner, Left, Right, Full:
		j.pairs = true
		width += len(env.In[1])
	case Semi, Anti:
	default:
		return nil, fmt.Errorf("rangejoin: unknown kind %q", c.Kind)
	}
	if err = equi.CheckPairs(Name, env, c.LeftKeys, c.RightKeys, c.NullSafe); err != nil {
		return nil, err
	}
	if c.Residual == nil || c.Low == nil && c.High == nil {
		return nil, fmt.Errorf("rangejoin: no condition")
	}
	if j.residual, err = expr.Compile([]*expr.Expr{c.Residual}); err != nil {
		return nil, err
	}
	if j.out, err = equi.NewOutput(Name, env, c.Output, width); err != nil {
		return nil, err
	}
	negated := func(v *int64) *int64 {
		if v == nil {
			return nil
		}
		n := -*v
		return &n
	}
	if j.sides[0], err = j.newSide(env, 0, "left", c.LeftKeys, c.LeftCol); err != nil {
		return nil, err
	}
	if j.sides[1], err = j.newSide(env, 1, "right", c.RightKeys, c.RightCol); err != nil {
		return nil, err
	}
	j.sides[0].low, j.sides[0].high = negated(c.High), negated(c.Low)
	j.sides[1].low, j.sides[1].high = c.Low, c.High
	j.sides[0].watched = c.Kind != Inner && c.Kind != Right
	j.sides[0].whenMatched = c.Kind == Semi
	j.sides[1].watched = c.Kind == Right || c.Kind == Full
	j.chunk.j = j
	return j, nil
}

func (j *rangeJoin) newSide(env *op.Env, port int, name string, keys []int, col int) (*side, error) {
	ts := env.In[port].Types()
	if col < 0 || col >= len(ts) {
		return nil, fmt.Errorf("rangejoin: column %d of the %s side does not exist", col, name)
	}
	retracts := len(env.AppendOnly) <= port || !env.AppendOnly[port]
	sorts := make([]types.Type, len(keys)+1)
	for i, k := range append(slices.Clone(keys), col) {
		sorts[i] = ts[k]
	}
	return &side{
		retracts: retracts, sweep: expire.New(sorts, j.floors(port, retracts, env.Marked)),
		port: port, col: col, types: ts, codec: rows.NewRowCodec(ts), table: env.Tables.Ordered(name),
		Keys: equi.NewKeys(keys, j.NullSafe, j.Dist, col),
	}, nil
}

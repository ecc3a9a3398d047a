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
package rangejoin

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tidemill/exec/op"
	"tidemill/exec/op/place"
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
	out, both types.Schema
	pairs     bool // joined pairs are output
	residual  *expr.Program
	sides     [2]*side
	chunk     chunk
	cons      rows.Consolidator
	bounds    [2][]byte
}

// side is what belongs to one input.
type side struct {
	port  int
	keys  []int
	col   int
	types []types.Type
	codec *rows.RowCodec
	table *state.Ordered
	// watched: the output depends on whether this side's rows have matches. whenMatched: they are
	// output when they do (semi), otherwise when they do not.
	watched, whenMatched bool
	// low and high bound the other side's column less this one's.
	low, high *int64

	touched             touch.Set // table keys of watched rows that the epoch has touched
	wBefore, wAfter     []int64
	degBefore, degAfter []int64

	keyCols []*rows.Vec
	keyBuf  rows.KeyBuf
	placer  place.Placer
	hash    []uint64
	sel     []int32
	unkeyed []int32
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
		Bound: func(_ json.RawMessage, in []op.Input) op.Bound {
			if in[0].AppendOnly || in[1].AppendOnly {
				return op.Bound{Unbounded: true, Text: "rows of both inputs; an append-only input never shrinks"}
			}
			return op.Bound{Text: "by the rows of both inputs"}
		},
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
	var on []string
	for i, k := range c.LeftKeys {
		eq := " = "
		if i < len(c.NullSafe) && c.NullSafe[i] {
			eq = " IS NOT DISTINCT FROM "
		}
		on = append(on, op.Col(left, k)+eq+op.Col(right, c.RightKeys[i]))
	}
	diff := op.Col(left, c.LeftCol) + " - " + op.Col(right, c.RightCol)
	t := types.Type{}
	if c.LeftCol >= 0 && c.LeftCol < len(left) {
		t = left[c.LeftCol].Type
	}
	switch {
	case c.Low != nil && c.High != nil:
		on = append(on, fmt.Sprintf("%s between %s and %s", diff, distance(t, *c.Low), distance(t, *c.High)))
	case c.Low != nil:
		on = append(on, fmt.Sprintf("%s >= %s", diff, distance(t, *c.Low)))
	case c.High != nil:
		on = append(on, fmt.Sprintf("%s <= %s", diff, distance(t, *c.High)))
	}
	if c.Residual != nil {
		on = append(on, op.ExprText(c.Residual, append(append(types.Schema(nil), left...), right...)))
	}
	return c.Kind + " on " + strings.Join(on, " AND ")
}

// distance writes a difference of two values of type t.
func distance(t types.Type, v int64) string {
	if t.IsTime() {
		return (time.Duration(v) * time.Microsecond).String()
	}
	return strconv.FormatInt(v, 10)
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	j := &rangeJoin{Config: c, out: env.Out}
	j.both = append(append(j.both, env.In[0]...), env.In[1]...)
	switch c.Kind {
	case Inner, Left, Right, Full:
		j.pairs = true
	case Semi, Anti:
	default:
		return nil, fmt.Errorf("rangejoin: unknown kind %q", c.Kind)
	}
	if len(c.LeftKeys) != len(c.RightKeys) || c.NullSafe != nil && len(c.NullSafe) != len(c.LeftKeys) {
		return nil, fmt.Errorf("rangejoin: key lists of different lengths")
	}
	if c.Residual == nil || c.Low == nil && c.High == nil {
		return nil, fmt.Errorf("rangejoin: no condition")
	}
	if j.residual, err = expr.Compile([]*expr.Expr{c.Residual}); err != nil {
		return nil, err
	}
	if j.Output == nil {
		width := len(j.both)
		if !j.pairs {
			width = len(env.In[0])
		}
		for i := range width {
			j.Output = append(j.Output, i)
		}
	}
	if len(j.Output) != len(j.out) {
		return nil, fmt.Errorf("rangejoin: %d output columns, the schema has %d", len(j.Output), len(j.out))
	}
	for _, i := range j.Output {
		if i < 0 || i >= len(j.both) {
			return nil, fmt.Errorf("rangejoin: output column %d does not exist", i)
		}
	}
	negated := func(v *int64) *int64 {
		if v == nil {
			return nil
		}
		n := -*v
		return &n
	}
	if j.sides[0], err = newSide(env, 0, "left", c.LeftKeys, c.LeftCol); err != nil {
		return nil, err
	}
	if j.sides[1], err = newSide(env, 1, "right", c.RightKeys, c.RightCol); err != nil {
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

func newSide(env *op.Env, port int, name string, keys []int, col int) (*side, error) {
	ts := env.In[port].Types()
	for _, k := range append([]int{col}, keys...) {
		if k < 0 || k >= len(ts) {
			return nil, fmt.Errorf("rangejoin: column %d of the %s side does not exist", k, name)
		}
	}
	return &side{
		port: port, keys: keys, col: col, types: ts, codec: rows.NewRowCodec(ts), table: env.Tables.Ordered(name),
		keyCols: make([]*rows.Vec, len(keys)),
	}, nil
}

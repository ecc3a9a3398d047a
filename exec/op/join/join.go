// Package join is the operator join: inner, left, right, full, semi and anti joins of two inputs
// that both may retract.
//
// State
//
//	left, right  Multi: join key → rows with weights. With a residual condition each row of a side
//	             that outer, semi or anti semantics watch carries its degree: the sum of the weights
//	             of the rows that it matches. A semi or anti join without residual keeps only
//	             weights per key on the right. Rows of an input that never retracts are stored
//	             as a log, unless they carry degrees.
//
// Algorithm. A joined pair has the product of both weights. Every batch is first added to its own
// side and then probes the other side as it stands, so each pair of changes meets exactly once and
// what a Push emits is Δ(A⋈B), in chunks. The residual is evaluated column-wise over a chunk of pairs.
//
// What depends on whether a row has any match, that is the row padded with NULLs (outer joins), or
// the row itself (semi, anti), is emitted by Finish only, from the row's weight and degree before and
// after the epoch: a row that gets its match in the epoch in which it arrives is never seen unmatched.
// Without a residual all rows of a key have the same degree, the other side's weight under the key;
// the operator then notes touched keys, and visits all rows of a key only when that weight passes
// between zero and positive.
//
// A key with a NULL (in a column that is not null-safe) matches nothing and is not stored; the
// row's contribution, if any, is linear and emitted at once. Without keys every pair of rows is a
// candidate: a cross or inequality join, whose state is in one key on virtual node 0.
package join

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
const Name = "join"

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
	// NullSafe tells per key column that NULL equals NULL (IS NOT DISTINCT FROM); absent = none.
	NullSafe []bool `json:"null_safe,omitempty"`
	// Residual is a condition over the columns of left and right, one after the other, that a pair has
	// to meet beside equal keys. It is part of the join condition, not a filter after it.
	Residual *expr.Expr `json:"residual,omitempty"`
	// Bands are distances of left and right columns that follow from the residual. They only say which rows
	// event time has passed.
	Bands []equi.Band `json:"bands,omitempty"`
	// Dist lists the key pairs, by their numbers, that rows are spread by, if not all (exec/op/place).
	Dist []int `json:"dist"`
	// Output lists the output columns among those of left and right (semi, anti: of left); nil = all.
	Output []int `json:"output,omitempty"`
}

type join struct {
	Config
	out      equi.Output
	pairs    bool   // joined pairs are output
	needed   []bool // columns of both that are read: all with a residual, else the output's
	residual *expr.Program
	sides    [2]*side

	// Keys touched in the epoch, with the weight of either side before; only without residual.
	keys      touch.Set
	keyBefore [2][]int64

	chunk chunk
	match equi.Match
	work  int             // rows of this epoch
	sweep *expire.Sweeper // nil = no key has a floor on both sides
}

// side is what belongs to one input.
type side struct {
	port  int
	width int // columns
	types []types.Type
	codec *rows.RowCodec
	table *state.Multi
	// watched: the output depends on whether this side's rows have matches. whenMatched: they are
	// output when they do (semi), otherwise when they do not.
	watched, whenMatched bool
	bare                 bool // rows are not stored, only weights per key
	retracts             bool
	passes               bool // rows of the side go when event time has passed them
	pace                 expire.Pace

	touched rowsTouched
	cons    rows.Consolidator

	equi.Keys
	rowBuf  rows.KeyBuf
	degrees []int64 // of the batch's rows (by position in Sel), as probed
	added   []added
}

// added is what became of a row of the batch in its own table.
type added struct {
	ref   state.Ref
	fresh bool // ref is a new entry whose degree is to be stored
	touch int32
}

// rowsTouched are the watched rows of one side that the epoch has touched.
type rowsTouched struct {
	set                 touch.Set // exact row bytes
	wBefore, wAfter     []int64
	degBefore, degAfter []int64 // with residual
	key                 []int32 // number of the row's key, without residual
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Joins two inputs: inner, left, right, full, semi, anti.",
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
	if c.Residual != nil {
		on = append(on, op.ExprText(c.Residual, append(append(types.Schema(nil), left...), right...)))
	}
	if len(on) == 0 {
		return c.Kind + ", every pair"
	}
	return c.Kind + " on " + strings.Join(on, " AND ")
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	j := &join{Config: c}
	width := len(env.In[0])
	switch c.Kind {
	case Inner, Left, Right, Full:
		j.pairs = true
		width += len(env.In[1])
	case Semi, Anti:
	default:
		return nil, fmt.Errorf("join: unknown kind %q", c.Kind)
	}
	if err = equi.CheckPairs(Name, env, c.LeftKeys, c.RightKeys, c.NullSafe); err != nil {
		return nil, err
	}
	if j.out, err = equi.NewOutput(Name, env, c.Output, width); err != nil {
		return nil, err
	}
	if c.Residual != nil {
		if j.residual, err = expr.Compile([]*expr.Expr{c.Residual}); err != nil {
			return nil, err
		}
	}
	j.needed = make([]bool, len(j.out.Both))
	for i := range j.needed {
		j.needed[i] = c.Residual != nil
	}
	for _, i := range j.out.Cols {
		j.needed[i] = true
	}
	if j.match = c.match(); !j.match.Valid(env) {
		return nil, fmt.Errorf("join: a band's columns are not integers of the inputs")
	}
	j.sweep = expire.New(keyTypes(env.In[0], c.LeftKeys), j.match.Keys(env.Marked))
	j.sides[0] = j.newSide(env, 0, "left", c.LeftKeys)
	j.sides[1] = j.newSide(env, 1, "right", c.RightKeys)
	j.sides[0].watched = c.Kind != Inner && c.Kind != Right
	j.sides[0].whenMatched = c.Kind == Semi
	j.sides[1].watched = c.Kind == Right || c.Kind == Full
	j.sides[1].bare = !j.pairs && j.residual == nil
	for _, s := range j.sides {
		// Rows that neither go nor change. Weights per key and degrees change all the time.
		// Nor can a log be swept.
		s.passes = !s.bare && slices.ContainsFunc(j.match.Cuts(s.port, s.retracts, env.Marked), func(m int64) bool { return m != op.NoMark })
		if !s.retracts && !s.bare && !(s.watched && j.residual != nil) && j.sweep == nil && !s.passes {
			s.table.KeepLog()
		}
	}
	j.chunk.init(j)
	return j, nil
}

func (j *join) newSide(env *op.Env, port int, name string, keys []int) *side {
	ts := env.In[port].Types()
	return &side{
		port: port, width: len(ts), types: ts, codec: rows.NewRowCodec(ts), table: env.Tables.Multi(name),
		Keys:     equi.NewKeys(keys, j.NullSafe, j.Dist, -1),
		retracts: len(env.AppendOnly) <= port || !env.AppendOnly[port],
	}
}

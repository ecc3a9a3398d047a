// Package hashagg is the operator hashagg: GROUP BY with retractable aggregates.
//
// State
//
//	groups    Map: group key → mark u32, 0 u32, count(*) i64, fixed accumulators, then each tail
//	          (see exec/op/agg) as uvarint length and bytes
//	distinct  Map: group key, call number, arguments as a key → weight i64, for DISTINCT calls
//	multiset  Ordered: group key, call number, element → weight, for min/max of an input that
//	          retracts, string_agg, array_agg …
//	ranked    Ordered with counts: the same, for percentiles and hypothetical sets
//	modes     Ordered: group key, call number, 0, value as a key → weight, and
//	          group key, call number, 1, weight (greatest first), value as a key → 1, for mode
//
// Algorithm. Push encodes, hashes and looks up the keys of the whole batch, then folds it call by
// call into the accumulators, in place. The first time that a group is touched in an epoch its value
// is copied aside; the mark is its number in the list of touched groups. Finish computes for each
// touched group the row before (from the copy) and the row after, drops the pair when they are equal
// and emits −before and +after otherwise; a group exists while its count is positive. Linear calls
// take rows out of their accumulators as they put them in, so no input is kept for them. A DISTINCT
// call folds a value with ±1 when its weight passes between zero and positive. An Ordered call's
// result is read from the multiset once per epoch and group in which the call's elements have changed;
// the result before stands in the group's tail. min, max, first and last read one element, percentiles,
// ranks and mode walk down a tree; only lists such as string_agg read the whole group. Without keys there is exactly one group, which exists from the first epoch on.
//
// A result that cannot be computed (sum out of range) diverts the group's row for as long as that is
// so. Group keys are emitted in canonical form: 1.00 and 1.0 are one group that shows as 1.
//
// In mode merge the input rows are partial accumulators from partialagg.
package hashagg

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/place"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "hashagg"

// Config configures the operator. The output columns are the keys and the results of the calls.
type Config struct {
	Keys []int      `json:"keys"`
	Aggs []agg.Call `json:"aggs"`
	// Mode is "single" (default) or "merge". To merge, each call's args name its column of partial
	// accumulators.
	Mode string `json:"mode,omitempty"`
	// Count is the column with the partial count, in mode merge.
	Count int `json:"count,omitempty"`
	// Dist lists the input columns that rows are spread by, if not the keys (see exec/op/place).
	Dist []int `json:"dist"`
}

// The modes.
const (
	Single = "single"
	Merge  = "merge"
)

const (
	tableGroups   = "groups"
	tableDistinct = "distinct"
	tableMultiset = "multiset"
	tableRanked   = "ranked"
	tableModes    = "modes"
)

// Layout of a group's value.
const (
	countAt  = 8
	headSize = 16
)

type hashagg struct {
	Config
	set      *agg.Set
	in, out  types.Schema
	keyTypes []types.Type
	// staleCalls is the number of calls when some call's result is computed from a table, else 0.
	staleCalls int
	global     bool // no keys: the one group always exists
	opened     bool // the global group has been made
	env        *op.Env
	merge      bool

	groups   *state.Map
	distinct *state.Map
	multiset *state.Ordered
	ranked   *state.Ordered
	modes    *state.Ordered

	touched
	batch
	failures []failure
	sweep    *expire.Sweeper // nil = no key has a floor
	work     int             // rows of this epoch
}

// touched is what the current epoch has touched, one entry per group.
type touched struct {
	refs   []state.Ref
	before []int // offset of the value before in images, −1 = the group is new
	hashes []uint64
	images []byte
	tails  [][]byte // set.Tails per group
	stale  []bool   // per group and call: the elements have changed
}

// batch is scratch space for the batch being pushed.
type batch struct {
	keyCols  []*rows.Vec
	keys     rows.KeyBuf
	placer   place.Placer
	hash     []uint64
	ref      []state.Ref
	added    []bool
	identity []int32
	rows     agg.Rows
	filtered agg.Rows
	changed  agg.Rows
	key      []byte
	modeKey  []byte
}

// errBroken tells that a table does not hold what another one says it does.
var errBroken = errors.New("hashagg: the elements of a group are not as counted")

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Groups rows and keeps aggregates of each group.",
		Ports:   1, Format: 1, MinFormat: 1,
		Tables: func(cfg json.RawMessage) ([]string, error) {
			c, err := op.Peek[Config](cfg)
			return c.tables(), err
		},
		New: New,
		Marks: func(cfg json.RawMessage, _ []types.Schema, out types.Schema) (op.Carry, error) {
			c, err := op.Peek[Config](cfg)
			return func(in []op.Marks) op.Marks { return op.Extend(op.Pick(in[0], c.Keys), len(out)) }, err
		},
		Bound: func(cfg json.RawMessage, in []op.Input) op.Bound {
			c, _ := op.Peek[Config](cfg)
			if len(c.Keys) == 0 {
				return op.Bound{Text: "(one group)"}
			}
			if b := op.ByWatermark(in[0], c.Keys...); !b.Unbounded {
				return b
			}
			return op.OfInput(in[0], "groups")
		},
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return c.explain(op.Port(in, 0))
		},
	})
}

// tables names all tables that any input property could need: whether min and max need the multiset
// depends on the input being append-only, which the configuration does not say.
func (c *Config) tables() []string {
	out := []string{tableGroups}
	need := agg.NeedsOf(c.Aggs)
	if c.Mode == Merge {
		need = agg.Needs{Distinct: need.Distinct}
	}
	for _, t := range []struct {
		need bool
		name string
	}{{need.Distinct, tableDistinct}, {need.Multiset, tableMultiset}, {need.Ranked, tableRanked}, {need.Modes, tableModes}} {
		if t.need {
			out = append(out, t.name)
		}
	}
	return out
}

func (c *Config) explain(in types.Schema) string {
	parts := make([]string, len(c.Aggs))
	for i, a := range c.Aggs {
		parts[i] = a.Text(in)
	}
	s := strings.Join(parts, ", ")
	if len(c.Keys) > 0 {
		s = strings.TrimSpace(s + " by " + op.Cols(in, c.Keys))
	}
	if c.Mode == Merge {
		s = "merge " + s
	}
	var whole []string
	for i := range c.Aggs {
		if name := c.Aggs[i].Name; c.Aggs[i].ReadsGroup() && !slices.Contains(whole, name) {
			whole = append(whole, name)
		}
	}
	if len(whole) > 0 {
		s += "; a change reads its group again for " + strings.Join(whole, ", ")
	}
	return s
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	h := &hashagg{Config: c, env: env, in: env.In[0], out: env.Out, global: len(c.Keys) == 0, merge: c.Mode == Merge}
	if len(h.out) != len(c.Keys)+len(c.Aggs) {
		return nil, fmt.Errorf("hashagg: %d output columns for %d keys and %d calls", len(h.out), len(c.Keys), len(c.Aggs))
	}
	mode := agg.Raw
	if h.merge {
		mode = agg.Merge
		if c.Count < 0 || c.Count >= len(h.in) || h.in[c.Count].Type.Phys() != types.PhysInt {
			return nil, fmt.Errorf("hashagg: column %d is not a count", c.Count)
		}
	}
	for _, k := range c.Keys {
		if k < 0 || k >= len(h.in) {
			return nil, fmt.Errorf("hashagg: key column %d does not exist", k)
		}
		h.keyTypes = append(h.keyTypes, h.in[k].Type)
	}
	appendOnly := len(env.AppendOnly) > 0 && env.AppendOnly[0]
	if h.set, err = agg.Compile(c.Aggs, h.in, mode, appendOnly, false); err != nil {
		return nil, err
	}
	for _, t := range c.tables() {
		switch t {
		case tableGroups:
			h.groups = env.Tables.Map(t)
		case tableDistinct:
			h.distinct = env.Tables.Map(t)
		case tableMultiset:
			h.multiset = env.Tables.Ordered(t)
		case tableRanked:
			h.ranked = env.Tables.Ordered(t).Counted()
		case tableModes:
			h.modes = env.Tables.Ordered(t)
		}
	}
	if slices.ContainsFunc(h.set.Funcs, (*agg.Func).FromTable) {
		h.staleCalls = len(c.Aggs)
	}
	h.keyCols = make([]*rows.Vec, len(c.Keys))
	h.sweep = expire.New(h.keyTypes, expire.Columns(env.Mark(0), c.Keys))
	return h, nil
}

// Package op is the contract of operators and their registry. Each operator lives in a folder of
// its own below this one and registers a Spec from init; exec/op/all imports them all.
//
// An operator is plain synchronous code run by one worker. Per epoch it sees any number of Push
// calls on its ports and then one Finish; what it emits in that epoch must be the change of its
// output: output(inputs so far) − output(inputs before the epoch). It keeps state only in the tables
// that Env hands out, and it never persists them: the flow commits all tables of all operators in
// one atomic batch per epoch. It must not assume that it sees all keys: with several workers it
// sees the virtual nodes of its worker.
package op

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"sync"

	"tidemill/exec/state"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Operator transforms deltas.
type Operator interface {
	// Push consumes a batch on an input port. The batch is valid until Push returns; what is kept must
	// be copied. It may emit at once (stateless operators do).
	Push(c *Ctx, port int, in *rows.Batch) error
	// Finish ends the epoch: everything due and not yet emitted is emitted now. An error from Push or
	// Finish that is not a row's failure stops the pipeline.
	Finish(c *Ctx) error
}

// Ctx is what an operator may use while it runs. It belongs to one worker.
type Ctx struct {
	// Epoch is the number of the epoch being computed.
	Epoch uint64
	// Fn is the context for expressions. Its Errs are the operator's to collect and clear.
	Fn *fn.Ctx
	// Emit hands a batch to all consumers, which process it before Emit returns.
	Emit func(*rows.Batch) error
	// Fail diverts a row whose expression failed: it is kept in the view's error relation with weight w
	// (negative when the failing row is retracted) and does not reach the output. In a batch query
	// Fail returns the error, which ends the query.
	Fail func(in *rows.Batch, row int, w int64, err *sqlerr.Error) error
	// Watermarks and Floors are bounds of the input columns by port, set for Finish and not to be relied
	// on in Push; nil = none. Watermarks tell how far event time has come: results up to there are final
	// but for rows within the allowed lateness. Floors lie behind them by that lateness: below them
	// nothing comes any more, and state that only such rows would need is to be dropped. They are the
	// same in all workers, and after a restart begin where they were.
	Watermarks, Floors []Marks
}

// TakeErrs diverts every row in c.Fn.Errs of batch in, clears the list, and returns the failed rows
// as a set for the caller to leave out (nil when there is none).
func (c *Ctx) TakeErrs(in *rows.Batch) (map[int32]bool, error) {
	if len(c.Fn.Errs) == 0 {
		return nil, nil
	}
	bad := make(map[int32]bool, len(c.Fn.Errs))
	errs := c.Fn.Errs
	c.Fn.Errs = nil
	for _, e := range errs {
		if bad[e.Row] {
			continue
		}
		bad[e.Row] = true
		if err := c.Fail(in, int(e.Row), in.Weight(int(e.Row)), e.Err); err != nil {
			return nil, err
		}
	}
	return bad, nil
}

// Without returns b without the rows in bad.
func Without(b *rows.Batch, bad map[int32]bool) *rows.Batch {
	if len(bad) == 0 {
		return b
	}
	sel := make([]int32, 0, b.Len())
	for k := range b.Len() {
		if r := int32(b.Row(k)); !bad[r] {
			sel = append(sel, r)
		}
	}
	out := *b
	out.Sel = sel
	return &out
}

// Floor returns the bound below which column col of a port is complete (see Floors).
func (c *Ctx) Floor(port, col int) int64 {
	if port >= len(c.Floors) {
		return NoMark
	}
	return c.Floors[port].At(col)
}

// Watermark returns how far event time has come in column col of a port (see Watermarks).
func (c *Ctx) Watermark(port, col int) int64 {
	if port >= len(c.Watermarks) {
		return NoMark
	}
	return c.Watermarks[port].At(col)
}

// Env is what an operator is built with.
type Env struct {
	// Tables hands out the operator's state tables by the names that its Spec declares.
	Tables state.Provider
	// In are the schemas of the input ports, Out the schema of the output.
	In  []types.Schema
	Out types.Schema
	// AppendOnly tells per input port that it never carries a retraction.
	AppendOnly []bool
	// Marked tells per input port which columns will have bounds (see Input.Marks).
	Marked []Marks
	// Grow takes memory that is not in Tables from the query's budget, until the query ends; nil = without
	// a bound. Only batch queries have it.
	Grow func(bytes int64) error
	// Batch is set for a one-shot query: one epoch, no durable state, sort and limit allowed.
	Batch bool
	// OwnsSingle tells that this worker owns virtual node 0, where global aggregates and constant rows
	// live.
	OwnsSingle bool
	// Subquery runs a nested batch plan (exec/plan JSON) with the outer row's values bound; nil outside
	// batch queries.
	Subquery func(plan json.RawMessage, outer []types.Datum) ([]*rows.Batch, error)
}

// Mark returns which columns of an input port will have bounds.
func (e *Env) Mark(port int) Marks {
	if port >= len(e.Marked) {
		return nil
	}
	return e.Marked[port]
}

// Reserve calls Grow, if there is one, for a number of rows of b that the operator keeps.
func (e *Env) Reserve(b *rows.Batch, n int64) error {
	if e.Grow == nil || n <= 0 {
		return nil
	}
	if per := int64(b.SizeBytes()/b.N) + 8; n < math.MaxInt64/per {
		return e.Grow(n * per)
	}
	return e.Grow(math.MaxInt64 / 2)
}

// Spec describes an operator.
type Spec struct {
	Name    string // stored in plans: never rename
	Summary string
	// Ports is the number of inputs, or −1 for any number.
	Ports int
	// Tables names the state tables that the configuration needs, in a stable order.
	Tables func(cfg json.RawMessage) ([]string, error)
	// Sealed tells that an emitted batch keeps its values for ever once those of the input do: its buffers
	// are the input's or fresh. Otherwise who keeps a batch must copy it.
	Sealed bool
	// Clock tells that the output depends on the time of the epoch: the operator takes part in every
	// epoch in which the time has moved.
	Clock bool
	// Format is the version of Config and state layout that this code writes; MinFormat the oldest it
	// reads.
	Format, MinFormat int
	New               func(cfg json.RawMessage, env *Env) (Operator, error)
	// Leads are the ports whose relations a new dataflow reads in full before it begins with the others.
	// An operator that has some gives results that depend on when rows come.
	Leads []int
	// Marks makes the function that carries watermarks from the inputs to the output; nil = it carries
	// none.
	Marks CarryFunc
	// CivilMarks is Marks for plans whose expressions run in a time zone other than UTC; nil = Marks does.
	CivilMarks CarryFunc
	// Bound says what limits the state; nil = there is none that outlives an epoch.
	Bound func(cfg json.RawMessage, in []Input) Bound
	// Explain gives the line that EXPLAIN shows after the operator's name.
	Explain func(cfg json.RawMessage, in []types.Schema) string
}

var (
	mu       sync.Mutex
	registry = map[string]*Spec{}
)

// Register adds an operator; a second one of the same name panics.
func Register(s Spec) {
	mu.Lock()
	defer mu.Unlock()
	if _, dup := registry[s.Name]; dup {
		panic("op: duplicate operator " + s.Name)
	}
	registry[s.Name] = &s
}

// Lookup finds an operator by its stored name.
func Lookup(name string) (*Spec, error) {
	mu.Lock()
	defer mu.Unlock()
	s := registry[name]
	if s == nil {
		return nil, fmt.Errorf("this build has no operator %q", name)
	}
	return s, nil
}

// All returns the registered operators sorted by name.
func All() []*Spec {
	mu.Lock()
	defer mu.Unlock()
	out := make([]*Spec, 0, len(registry))
	for _, s := range registry {
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Stateless is the Tables function of operators without state.
func Stateless(json.RawMessage) ([]string, error) { return nil, nil }

// Package recursive is the operator recursive: WITH RECURSIVE, both run once and maintained.
//
// The body of the query, base UNION [ALL] term, is a plan of its own inside the configuration: a loop
// of ordinary operators whose output is fed back into the leaf that stands for the query itself.
//
// Algorithm. An epoch's changes of the base and of what the term reads enter the loop; then rounds
// follow, each of which ends the loop's operators as an epoch would and feeds what they gave back as
// the change of the working table, until a round gives nothing. This is semi-naive evaluation: a
// round works on what the one before it added only. The term is linear in the working table, so that
// the sum over the rounds is exact for changes of any sign (UNION ALL). With UNION a distinct at the
// end of the loop lets each row pass once; a row that supports itself through a cycle would outlive
// its reasons, which is why the planner wants inputs that only grow there.
//
// State is that of the loop's operators. All rows are on the worker of virtual node 0.
package recursive

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "recursive"

// Config configures the operator.
type Config struct {
	// Loop is the body. Its scans name the operator's input ports as objects; the object after the last
	// port is the working table, which the root feeds.
	Loop plan.Plan `json:"loop"`
	All  bool      `json:"all,omitempty"` // UNION ALL
}

// The rounds of one epoch. A view must not hold up the others for ever; a query can be cancelled.
const (
	maxRoundsView  = 100_000
	maxRoundsQuery = 100_000_000
)

type recursive struct {
	Config
	nodes  []op.Operator
	ctxs   []*op.Ctx
	outs   [][]plan.Consumer
	leaves []int // per port, and last the working table: the node, −1 = not read
	outer  *op.Ctx
	fed    []*rows.Batch // what the root gave since the working table was last fed
	dirty  bool
	rounds int // allowed per epoch
	failed func() error
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Repeats a query on its own result until nothing is added (WITH RECURSIVE).",
		Ports:   -1, Tables: tables, Format: 1, MinFormat: 1,
		New: New,
		Explain: func(cfg json.RawMessage, _ []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return c.explain()
		},
	})
}

// explain names the operators of the loop, the last one first.
func (c *Config) explain() string {
	text := "union"
	if c.All {
		text = "union all"
	}
	var steps []string
	for i := len(c.Loop.Nodes) - 1; i >= 0; i-- {
		n := &c.Loop.Nodes[i]
		s, err := op.Lookup(n.Op)
		if err != nil || n.Op == "union" {
			continue
		}
		in := make([]types.Schema, len(n.Inputs))
		for k, x := range n.Inputs {
			in[k] = c.Loop.Nodes[x.Node].Schema
		}
		step := n.Op
		if d := s.Explain(n.Config, in); d != "" {
			step += " (" + d + ")"
		}
		steps = append(steps, step)
	}
	if len(steps) > 0 {
		text += ", each round: " + strings.Join(steps, " ← ")
	}
	return text
}

// tables names the tables of the loop's operators, the node's number before each.
func tables(cfg json.RawMessage) ([]string, error) {
	c, err := op.Peek[Config](cfg)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, n := range c.Loop.Nodes {
		if n.Op == plan.ScanOp {
			continue
		}
		s, err := op.Lookup(n.Op)
		if err != nil {
			return nil, err
		}
		names, err := s.Tables(n.Config)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			out = append(out, tableName(i, name))
		}
	}
	return out, nil
}

func tableName(node int, name string) string { return strconv.Itoa(node) + "." + name }

// provider hands a node of the loop its tables.
type provider struct {
	all  state.Provider
	node int
}

func (p provider) Map(name string) *state.Map         { return p.all.Map(tableName(p.node, name)) }
func (p provider) Multi(name string) *state.Multi     { return p.all.Multi(tableName(p.node, name)) }
func (p provider) Ordered(name string) *state.Ordered { return p.all.Ordered(tableName(p.node, name)) }

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Loop.Check(); err != nil {
		return nil, err
	}
	r := &recursive{
		Config: c, nodes: make([]op.Operator, len(c.Loop.Nodes)), ctxs: make([]*op.Ctx, len(c.Loop.Nodes)),
		outs: c.Loop.Consumers(), leaves: make([]int, len(env.In)+1), rounds: maxRoundsView,
		failed: func() error { return nil },
	}
	if env.Batch {
		r.rounds = maxRoundsQuery
	}
	if t, ok := env.Tables.(interface{ Err() error }); ok {
		r.failed = t.Err
	}
	for i := range r.leaves {
		r.leaves[i] = -1
	}
	leaves, err := c.Loop.Leaves()
	if err != nil {
		return nil, err
	}
	for _, l := range leaves {
		if int(l.Scan.Object) >= len(r.leaves) {
			return nil, fmt.Errorf("recursive: the loop reads port %d of %d", l.Scan.Object, len(env.In))
		}
		r.leaves[l.Scan.Object] = l.Node
	}
	for i := range c.Loop.Nodes {
		r.ctxs[i] = &op.Ctx{}
		r.ctxs[i].Emit = func(b *rows.Batch) error { return r.emit(i, b) }
		if c.Loop.Nodes[i].Op == plan.ScanOp {
			continue
		}
		inner := op.Env{
			Tables: provider{env.Tables, i}, Grow: env.Grow, Batch: env.Batch,
			OwnsSingle: env.OwnsSingle, Subquery: env.Subquery,
		}
		if r.nodes[i], err = c.Loop.NewOperator(i, inner); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// enter takes over the caller's context for the loop's operators.
func (r *recursive) enter(c *op.Ctx) {
	r.outer = c
	for _, x := range r.ctxs {
		x.Epoch, x.Fn, x.Fail = c.Epoch, c.Fn, c.Fail
	}
}

// emit hands a batch of node i to its consumers; the root's goes out and is kept for the next round.
func (r *recursive) emit(i int, b *rows.Batch) error {
	if b == nil || b.Len() == 0 {
		return nil
	}
	for _, out := range r.outs[i] {
		if err := r.nodes[out.Node].Push(r.ctxs[out.Node], out.Port, b); err != nil {
			return err
		}
	}
	if i != r.Loop.Root {
		return r.failed()
	}
	if r.leaves[len(r.leaves)-1] >= 0 {
		r.fed = append(r.fed, b.Clone())
	}
	return r.outer.Emit(b)
}

func (r *recursive) Push(c *op.Ctx, port int, in *rows.Batch) error {
	r.enter(c)
	r.dirty = true
	if r.leaves[port] < 0 {
		return nil
	}
	return r.feed(r.leaves[port], in)
}

// feed hands a batch to the consumers of a leaf.
func (r *recursive) feed(leaf int, b *rows.Batch) error {
	x := *b
	x.Schema = r.Loop.Nodes[leaf].Schema
	return r.emit(leaf, &x)
}

func (r *recursive) Finish(c *op.Ctx) error {
	if !r.dirty {
		return nil
	}
	r.dirty = false
	r.enter(c)
	work := r.leaves[len(r.leaves)-1]
	for round := 0; ; round++ {
		if round > r.rounds {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "recursive query did not end within %d rounds", r.rounds).
				WithHint("Does it run in a circle? UNION instead of UNION ALL drops rows that were there before; a column that counts the depth can bound it.")
		}
		for i, o := range r.nodes {
			if o == nil {
				continue
			}
			if err := o.Finish(r.ctxs[i]); err != nil {
				return err
			}
		}
		if err := r.failed(); err != nil {
			return err
		}
		if len(r.fed) == 0 {
			return nil
		}
		batches := r.fed
		r.fed = nil
		for _, b := range batches {
			if err := r.feed(work, b); err != nil {
				return err
			}
		}
	}
}

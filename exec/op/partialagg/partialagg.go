// Package partialagg is the operator partialagg: the first of the two phases of an aggregation.
//
// It stands before an exchange and sends one row per group and epoch instead of every row. Within an
// epoch it folds rows, weights included, into accumulators of its own; Finish (or too many groups)
// emits them and forgets them, so it keeps no state between epochs. Accumulators that take rows out
// can be merged in any order, so the output is append-only even when the input retracts: a group of
// deletions is a row with negative accumulators. The exchange may hand such rows on as they are or
// add up the weights of equal ones.
//
// Output columns: the keys in canonical form, one bytea per call with its partial accumulator (NULL:
// nothing to add), the count of rows. hashagg in mode merge reads them. Calls that need the multiset
// of their arguments (DISTINCT, string_agg, percentiles; min and max of an input that retracts) have
// no partial form and are refused.
package partialagg

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/exec/op"
	"tidemill/exec/op/agg"
	"tidemill/exec/op/touch"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "partialagg"

// Config configures the operator.
type Config struct {
	Keys []int      `json:"keys"`
	Aggs []agg.Call `json:"aggs"`
}

// GroupsMax is the number of groups at which partial results are sent before the epoch ends.
const GroupsMax = 1 << 16

type partial struct {
	Config
	set      *agg.Set
	out      types.Schema
	keyTypes []types.Type

	groups touch.Set
	counts []int64
	fixed  []byte   // set.FixedSize bytes per group
	tails  [][]byte // set.Tails per group

	keyCols        []*rows.Vec
	keys           rows.KeyBuf
	hash           []uint64
	rows, filtered agg.Rows
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Folds the rows of each group into partial aggregates before an exchange.",
		Ports:   1, Tables: op.Stateless, Format: 1, MinFormat: 1,
		New: New,
		Marks: func(cfg json.RawMessage, _ []types.Schema, out types.Schema) (op.Carry, error) {
			c, err := op.Peek[Config](cfg)
			return func(in []op.Marks) op.Marks { return op.Extend(op.Pick(in[0], c.Keys), len(out)) }, err
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

func (c *Config) explain(in types.Schema) string {
	parts := make([]string, len(c.Aggs))
	for i, a := range c.Aggs {
		parts[i] = a.Text(in)
	}
	s := strings.Join(parts, ", ")
	if len(c.Keys) > 0 {
		s = strings.TrimSpace(s + " by " + op.Cols(in, c.Keys))
	}
	return s
}

// Schema returns the output columns for a configuration over the columns in.
func Schema(c Config, in types.Schema) types.Schema {
	var out types.Schema
	for _, k := range c.Keys {
		out = append(out, in[k])
	}
	for _, a := range c.Aggs {
		out = append(out, types.Field{Name: a.Name, Type: types.T(types.Bytea)})
	}
	return append(out, types.Field{Name: "count", Type: types.T(types.Int8), NotNull: true})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	p := &partial{Config: c, out: env.Out, keyCols: make([]*rows.Vec, len(c.Keys))}
	if len(p.out) != len(c.Keys)+len(c.Aggs)+1 {
		return nil, fmt.Errorf("partialagg: %d output columns for %d keys and %d calls", len(p.out), len(c.Keys), len(c.Aggs))
	}
	for _, k := range c.Keys {
		if k < 0 || k >= len(env.In[0]) {
			return nil, fmt.Errorf("partialagg: key column %d does not exist", k)
		}
		p.keyTypes = append(p.keyTypes, env.In[0][k].Type)
	}
	appendOnly := len(env.AppendOnly) > 0 && env.AppendOnly[0]
	p.set, err = agg.Compile(c.Aggs, env.In[0], agg.Raw, appendOnly, true)
	return p, err
}

func (p *partial) Push(c *op.Ctx, _ int, in *rows.Batch) error {
	n := in.Len()
	if n == 0 {
		return nil
	}
	if p.groups.Len() >= GroupsMax {
		if err := p.Finish(c); err != nil {
			return err
		}
	}
	for i, k := range p.Keys {
		p.keyCols[i] = in.Cols[k]
	}
	rows.EncodeKeys(p.keyCols, in.Sel, in.N, &p.keys)
	p.hash = rows.HashKeys(p.hash[:0], &p.keys)
	p.lookup(in, n)
	p.set.Ready(in)
	for _, f := range p.set.Funcs {
		p.set.Fold(c.Fn, f, f.Filtered(in, &p.rows, &p.filtered), p.tails)
	}
	_, err := c.TakeErrs(in)
	return err
}

// lookup finds or makes the groups of all rows and fills p.rows.
func (p *partial) lookup(in *rows.Batch, n int) {
	size := p.set.FixedSize
	rs := &p.rows
	rs.Reset()
	rs.Ones = in.W == nil
	for k := range n {
		g, added := p.groups.Upsert(p.hash[k], p.keys.Key(k))
		r := in.Row(k)
		w := in.Weight(r)
		if added {
			p.counts = append(p.counts, 0)
			p.fixed = append(p.fixed, make([]byte, size)...)
			p.tails = append(p.tails, make([][]byte, p.set.Tails)...)
		}
		p.counts[g] += w
		rs.Row, rs.W, rs.Slot = append(rs.Row, int32(r)), append(rs.W, w), append(rs.Slot, int32(g))
	}
	for _, g := range rs.Slot { // only now: fixed does not move any more
		rs.Group = append(rs.Group, p.fixed[int(g)*size:(int(g)+1)*size])
	}
}

// Finish emits the partial aggregates that are not empty and forgets them.
func (p *partial) Finish(c *op.Ctx) error {
	n := p.groups.Len()
	if n == 0 {
		return nil
	}
	b := rows.NewBuilder(p.out, min(n, op.ChunkRows))
	for g := range n {
		fixed := p.fixed[g*p.set.FixedSize : (g+1)*p.set.FixedSize]
		tails := p.tails[g*p.set.Tails : (g+1)*p.set.Tails]
		if p.counts[g] == 0 && empty(fixed, tails) {
			continue
		}
		if _, err := rows.DecodeKey(p.keyTypes, p.groups.Key(g), b.Cols); err != nil {
			return err
		}
		for i, f := range p.set.Funcs {
			p.set.Partial(f, fixed, tails, b.Cols[len(p.Keys)+i])
		}
		b.Cols[len(b.Cols)-1].AppendInt(p.counts[g])
		b.EndRow(1)
		if b.Len() >= op.ChunkRows {
			if err := c.EmitBatch(b.Finish()); err != nil {
				return err
			}
			b.Reset(op.ChunkRows)
		}
	}
	p.groups.Reset()
	clear(p.tails)
	p.counts, p.fixed, p.tails = p.counts[:0], p.fixed[:0], p.tails[:0]
	return c.EmitBatch(b.Finish())
}

// empty tells whether merging the accumulators would change nothing.
func empty(fixed []byte, tails [][]byte) bool {
	for _, b := range fixed {
		if b != 0 {
			return false
		}
	}
	for _, t := range tails {
		if len(t) > 0 {
			return false
		}
	}
	return true
}

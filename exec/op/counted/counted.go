// Package counted keeps how often each row occurs in one or two inputs. The operators distinct and
// setop are this with different rules for the output.
//
// State: a Map from the row, encoded as a key (so equal by SQL's equality), to
//
//	mark u32, 0 u32, the row's weight in each input i64 …
//
// The first time that a row is touched in an epoch its weights are copied aside. Finish compares the
// rule's weight before and after and emits the difference, in the row's canonical form.
package counted

import (
	"encoding/binary"

	"tidemill/exec/op"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/place"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Table is the name of the state table.
const Table = "rows"

// Weights are a row's weights in the inputs.
type Weights [2]int64

// Rule gives the weight of a row in the output.
type Rule func(w Weights) int64

type touchedRow struct {
	ref    state.Ref
	before Weights
}

type counted struct {
	rule    Rule
	ports   int
	schema  types.Schema
	types   []types.Type
	table   *state.Map
	touched []touchedRow

	dist   []int
	placer place.Placer
	keys   rows.KeyBuf
	hash   []uint64
	refs   []state.Ref
	added  []bool
	sweep  *expire.Sweeper
	work   int // rows of this epoch
	marks  op.Carry
}

// New makes an operator of up to two inputs whose output is what rule says.
// dist lists the columns that rows are spread by, if not all (see exec/op/place).
func New(env *op.Env, dist []int, rule Rule) op.Operator {
	t := &counted{
		dist: dist,
		rule: rule, ports: len(env.In), schema: env.Out, types: env.In[0].Types(), table: env.Tables.Map(Table),
	}
	t.marks, _ = op.Least(nil, env.In, env.Out) // never fails
	if len(env.Marked) > 0 {
		t.sweep = expire.New(t.types, t.floors(env.Marked))
	}
	return t
}

const head = 8

func (t *counted) Push(_ *op.Ctx, port int, in *rows.Batch) error {
	n := in.Len()
	if n == 0 {
		return nil
	}
	t.work += n
	rows.EncodeKeys(in.Cols, in.Sel, in.N, &t.keys)
	t.hash = rows.HashKeys(t.hash[:0], &t.keys)
	t.placer.Rows(t.hash, t.dist, in.Cols, in.Sel, in.N)
	if cap(t.refs) < n {
		t.refs, t.added = make([]state.Ref, n), make([]bool, n)
	}
	t.refs, t.added = t.refs[:n], t.added[:n]
	t.table.UpsertBatch(t.hash, t.keys.Data, t.keys.Off, head+8*t.ports, t.refs, t.added)
	for k, ref := range t.refs {
		v := t.table.Value(ref)
		if binary.LittleEndian.Uint32(v) == 0 {
			t.touched = append(t.touched, touchedRow{ref, t.weights(v)})
			binary.LittleEndian.PutUint32(v, uint32(len(t.touched)))
			t.table.MarkDirty(ref)
		}
		p := v[head+8*port:]
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)+uint64(in.Weight(in.Row(k))))
	}
	return nil
}

func (t *counted) weights(v []byte) (w Weights) {
	for p := range t.ports {
		w[p] = int64(binary.LittleEndian.Uint64(v[head+8*p:]))
	}
	return w
}

// Finish emits the change of the rows that were touched and drops those that none will touch.
func (t *counted) Finish(c *op.Ctx) error {
	if err := t.finish(c); err != nil {
		return err
	}
	if t.sweep != nil && t.sweep.Due(t.floors(c.Floors), t.work, t.table.Len()) {
		t.sweep.Map(t.table)
	}
	t.work = 0
	return nil
}

// floors are the floors of the row's columns: a row counts in all inputs.
func (t *counted) floors(in []op.Marks) []int64 {
	m := t.marks(in)
	out := make([]int64, len(t.types))
	for i := range out {
		out[i] = m.At(i)
	}
	return out
}

func (t *counted) finish(c *op.Ctx) error {
	if len(t.touched) == 0 {
		return nil
	}
	out := rows.NewBuilder(t.schema, min(len(t.touched), op.ChunkRows))
	for _, r := range t.touched {
		v := t.table.Value(r.ref)
		binary.LittleEndian.PutUint32(v, 0)
		after := t.weights(v)
		if d := t.rule(after) - t.rule(r.before); d != 0 {
			if _, err := rows.DecodeKey(t.types, t.table.Key(r.ref), out.Cols); err != nil {
				return err
			}
			out.EndRow(d)
		}
		if after == (Weights{}) {
			t.table.Delete(r.ref)
		}
		if out.Len() >= op.ChunkRows {
			if err := c.Emit(out.Finish()); err != nil {
				return err
			}
			out.Reset(op.ChunkRows)
		}
	}
	const touchedMax = 1 << 18
	if t.touched = t.touched[:0]; cap(t.touched) > touchedMax {
		t.touched = nil
	}
	return c.EmitBatch(out.Finish())
}

// Bound says what limits the state: a time that all inputs have, or the rows of the first one.
func Bound(in []op.Input) op.Bound {
	for c := range in[0].Schema {
		timed := true
		for _, x := range in {
			timed = timed && x.Marks.At(c) != op.NoMark
		}
		if timed {
			return op.ByWatermark(in[0], c)
		}
	}
	return op.OfInput(in[0], "distinct rows")
}

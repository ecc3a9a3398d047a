// Package notin is the operator notin: the left rows for which x NOT IN (the right rows' y) is true,
// with SQL's NULLs. Where x and y cannot be NULL, an anti join does the same with less.
//
// With n the number of right rows, the left row is in the output
//
//	if n = 0                                          always, x NULL or not
//	if n > 0 and x is NULL or some y is NULL          never: the comparison is unknown
//	otherwise                                         if no y equals x
//
// State, all on virtual node 0, since each left row depends on all right rows
//
//	left   Multi: x as a key → rows
//	right  Multi: y as a key → weight; the empty key → weight of all right rows
//
// Algorithm. Push adds rows to their table and notes, before the first change in the epoch, the
// weight of each touched y, of NULL and of all right rows. Finish emits for each touched left row
// what it shows after minus what it showed before. Left rows that were not touched are visited when
// the y they are equal to appeared or disappeared; all of them are when the right side became empty
// or stopped being so, or got its first or lost its last NULL, which is inherent in NOT IN.
package notin

import (
	"encoding/json"
	"fmt"

	"tidemill/exec/op"
	"tidemill/exec/op/touch"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "notin"

// Config configures the operator. The output columns are the left ones; both inputs go to the worker
// of virtual node 0.
type Config struct {
	Left  int `json:"left"`  // x
	Right int `json:"right"` // y
}

type notIn struct {
	Config
	schema      types.Schema
	codec       *rows.RowCodec
	left, right *state.Multi

	known     bool // the totals before are those of this epoch
	before    totals
	keys      touch.Set // touched values of y
	keyBefore []int64

	rows            touch.Set // touched left rows: x's key, the row
	rowKey          []int     // length of x's key
	wBefore, wAfter []int64

	key, row []byte
}

// totals are the weights of the right side that concern all left rows.
type totals struct{ all, nulls int64 }

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Keeps the left rows whose value is not among the right ones, with SQL's NULLs.",
		Ports:   2, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{"left", "right"}, nil },
		New:    New,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return op.Col(op.Port(in, 0), c.Left) + " not in " + op.Col(op.Port(in, 1), c.Right)
		},
	})
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	if c.Left < 0 || c.Left >= len(env.In[0]) || c.Right < 0 || c.Right >= len(env.In[1]) {
		return nil, fmt.Errorf("notin: no such column")
	}
	return &notIn{
		Config: c, schema: env.Out, codec: rows.NewRowCodec(env.In[0].Types()),
		left: env.Tables.Multi("left"), right: env.Tables.Multi("right"),
	}, nil
}

// hash is the hash of a key, on virtual node 0.
func hash(key []byte) uint64 { return state.WithVNode(rows.HashKey(key), 0) }

var nullKey = rows.AppendKeyDatum(nil, types.NullOf(types.T(types.Int8)))

func isNull(key []byte) bool { return string(key) == string(nullKey) }

func (n *notIn) totals() totals {
	return totals{n.right.KeyWeight(hash(nil), nil), n.right.KeyWeight(hash(nullKey), nullKey)}
}

func (n *notIn) Push(_ *op.Ctx, port int, in *rows.Batch) error {
	if !n.known && in.Len() > 0 {
		n.known, n.before = true, n.totals()
	}
	for k := range in.Len() {
		r := in.Row(k)
		if port == 0 {
			n.addLeft(in, r)
		} else {
			n.addRight(in, r)
		}
	}
	return nil
}

func (n *notIn) addLeft(in *rows.Batch, r int) {
	n.key = rows.AppendKey(n.key[:0], in.Cols[n.Left], r)
	x := len(n.key)
	n.row = n.codec.Append(n.row[:0], in.Cols, r)
	before, after, _ := n.left.Add(hash(n.key), n.key, n.row, in.Weight(r))
	n.key = append(n.key, n.row...)
	i, added := n.rows.Upsert(rows.HashKey(n.key), n.key)
	if added {
		n.rowKey, n.wBefore, n.wAfter = append(n.rowKey, x), append(n.wBefore, before), append(n.wAfter, after)
	}
	n.wAfter[i] = after
}

func (n *notIn) addRight(in *rows.Batch, r int) {
	n.key = rows.AppendKey(n.key[:0], in.Cols[n.Right], r)
	h, w := hash(n.key), in.Weight(r)
	if _, added := n.keys.Upsert(h, n.key); added {
		n.keyBefore = append(n.keyBefore, n.right.KeyWeight(h, n.key))
	}
	n.right.Add(h, n.key, nil, w)
	n.right.Add(hash(nil), nil, nil, w)
}

// shows is the weight with which a left row of weight w appears, given the weight of its key on the
// right.
func (t totals) shows(w int64, key []byte, weight int64) int64 {
	if t.all <= 0 || !isNull(key) && t.nulls <= 0 && weight <= 0 {
		return w
	}
	return 0
}

// state says which of the three rules holds.
func (t totals) state() (empty, unknown bool) { return t.all <= 0, t.all > 0 && t.nulls > 0 }

func (n *notIn) Finish(c *op.Ctx) error {
	if !n.known {
		return nil
	}
	f := &finisher{notIn: n, c: c, after: n.totals(), out: rows.NewBuilder(n.schema, 64)}
	f.touchedRows()
	e0, u0 := n.before.state()
	e1, u1 := f.after.state()
	switch {
	case e0 != e1 || u0 != u1:
		f.allRows()
	case !e1 && !u1:
		f.touchedKeys()
	}
	n.known = false
	n.keys.Reset()
	n.rows.Reset()
	n.keyBefore, n.rowKey = n.keyBefore[:0], n.rowKey[:0]
	n.wBefore, n.wAfter = n.wBefore[:0], n.wAfter[:0]
	if f.err != nil {
		return f.err
	}
	return c.EmitBatch(f.out.Finish())
}

// finisher emits the changes of one epoch.
type finisher struct {
	*notIn
	c     *op.Ctx
	after totals
	out   *rows.Builder
	err   error
}

// weights returns the weight of a key on the right before and after the epoch.
func (f *finisher) weights(key []byte) (before, after int64) {
	h := hash(key)
	after = f.right.KeyWeight(h, key)
	if i, ok := f.keys.Find(h, key); ok {
		return f.keyBefore[i], after
	}
	return after, after
}

// row emits the change of one left row whose weight was w0 and is w1.
func (f *finisher) row(key, row []byte, w0, w1 int64) bool {
	b, a := f.weights(key)
	d := f.after.shows(w1, key, a) - f.before.shows(w0, key, b)
	if d == 0 {
		return true
	}
	if f.err = f.codec.Decode(row, f.out.Cols); f.err != nil {
		return false
	}
	f.out.EndRow(d)
	if f.out.Len() >= op.ChunkRows {
		f.err = f.c.Emit(f.out.Finish())
		f.out.Reset(op.ChunkRows)
	}
	return f.err == nil
}

func (f *finisher) touchedRows() {
	for i := range f.rows.Len() {
		key := f.rows.Key(i)
		if !f.row(key[:f.rowKey[i]], key[f.rowKey[i]:], f.wBefore[i], f.wAfter[i]) {
			return
		}
	}
}

// untouched emits the change of a left row unless touchedRows has.
func (f *finisher) untouched(key, row []byte, w int64) bool {
	f.key = append(append(f.key[:0], key...), row...)
	if _, done := f.rows.Find(rows.HashKey(f.key), f.key); done {
		return true
	}
	return f.row(key, row, w, w)
}

func (f *finisher) allRows() {
	if f.err != nil {
		return
	}
	f.left.EachEntry(func(_ state.Ref, key, row []byte, w int64) bool { return f.untouched(key, row, w) })
}

func (f *finisher) touchedKeys() {
	for i := range f.keys.Len() {
		key := f.keys.Key(i)
		if b, a := f.weights(key); f.err != nil || (b > 0) == (a > 0) {
			continue
		}
		f.left.Each(hash(key), key, func(_ state.Ref, row []byte, w int64) bool { return f.untouched(key, row, w) })
	}
}

package overwindow

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"

	"tidemill/exec/op"
	"tidemill/exec/op/expire"
	"tidemill/exec/op/order"
	"tidemill/exec/op/place"
	"tidemill/exec/op/versions"
	"tidemill/exec/state"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// The state of a view's operator is two ordered tables:
//
//	rows  partition columns as a key, order columns in their directions, the row's exact bytes, their
//	      length as 4 bytes big endian  →  weight
//	sums  summaries of runs of rows (sums.go), where some frame or numbering is unbounded
//
// so that byte order is the window's order and ties are broken by the row itself, never by arrival.
//
// Algorithm. Push collects the epoch's change by row. Finish takes one touched partition after the
// other and reads its rows as they were and as they are at once, by merging the change into what the
// table has (walk.go). From the change and from how far functions look (call.reach) follows which
// rows may have other results: the changed ones and those within reach. They are loaded with the rows
// that their own frames need, computed as they were and as they are, and the differences are emitted.
// Then the change is applied.
//
// Where a function looks to an end of the partition (numbering, UNBOUNDED frames), the rows beyond
// what is loaded are represented by their summary, which the table sums gives in logarithmic time. All
// rows on that side may then have other results, unless the summaries of what lies between are the
// same before and after, as when a row only changes places: then nothing beyond is looked at.
//
// Partitions with a column below its floor are dropped.
const (
	tableRows = "rows"
	tableSums = "sums"
)

func tables(json.RawMessage) ([]string, error) { return []string{tableRows, tableSums}, nil }

type view struct {
	Config
	env    *op.Env
	calls  []*call
	orders []rows.Order
	codec  *rows.RowCodec
	sums   *sums // nil = nothing is unbounded
	sweep  *expire.Sweeper

	need reach // of all calls together

	versions.Reader // of all rows
	// What else is known of the epoch's change.
	keyEnds []keyEnds
	vnodes  []uint16

	// What the partition at hand is.
	fn     *fn.Ctx
	part   []byte
	end    []byte  // the end of the partition's keys; nil = open
	sorted []int32 // all changes; Delta is the part that changes this partition

	partCols []*rows.Vec
	keys     rows.KeyBuf
	hash     []uint64
	key      []byte
	placer   place.Placer
	out      *rows.Builder
	orderVal []types.Type
}

// keyEnds are the lengths of a row's key up to the end of the partition and the order columns.
type keyEnds struct{ part, order int32 }

func newView(c Config, calls []*call, orders []rows.Order, env *op.Env) *view {
	v := &view{
		Config: c, env: env, calls: calls, orders: orders, codec: rows.NewRowCodec(env.In[0].Types()),
		sweep:  newSweeper(&c, env),
		Reader: versions.Reader{Table: env.Tables.Ordered(tableRows)}, partCols: make([]*rows.Vec, len(c.Partition)),
		need: reach{back: distance{groups: -1}, fwd: distance{groups: -1}},
	}
	if len(c.Order) == 1 {
		v.orderVal = []types.Type{env.In[0][c.Order[0].Col].Type}
	}
	for _, k := range calls {
		r := k.reach()
		v.need.back.add(r.back)
		v.need.fwd.add(r.fwd)
		v.need.loadBack, v.need.loadFwd = v.need.loadBack || r.loadBack, v.need.loadFwd || r.loadFwd
		v.need.sticky, v.need.first, v.need.last = v.need.sticky || r.sticky, v.need.first || r.first, v.need.last || r.last
	}
	if v.unbounded() {
		v.sums = newSums(v, env.Tables.Ordered(tableSums))
	}
	return v
}

func (d *distance) add(o distance) {
	d.all, d.rows, d.groups = d.all || o.all, max(d.rows, o.rows), max(d.groups, o.groups)
	d.vals = append(d.vals, o.vals...)
}

func (v *view) unbounded() bool { return v.need.back.all || v.need.fwd.all }

func (v *view) Push(_ *op.Ctx, _ int, in *rows.Batch) error {
	n := in.Len()
	if n == 0 {
		return nil
	}
	for i, p := range v.Partition {
		v.partCols[i] = in.Cols[p]
	}
	rows.EncodeKeys(v.partCols, in.Sel, in.N, &v.keys)
	v.hash = rows.HashKeys(v.hash[:0], &v.keys)
	v.placer.Rows(v.hash, v.Dist, in.Cols, in.Sel, in.N)
	for k := range n {
		r := in.Row(k)
		var ends keyEnds
		v.key = append(v.key[:0], v.keys.Key(k)...)
		ends.part = int32(len(v.key))
		v.key = order.Append(v.key, v.Order, v.orders, in.Cols, r)
		ends.order = int32(len(v.key))
		v.key = v.codec.Append(v.key, in.Cols, r)
		v.key = binary.BigEndian.AppendUint32(v.key, uint32(len(v.key))-uint32(ends.order))
		i, added := v.Touched.Upsert(rows.HashKey(v.key), v.key)
		if added {
			vnode := uint16(0)
			if len(v.Partition) > 0 {
				vnode = rows.VNode(v.hash[k])
			}
			v.Weights, v.keyEnds, v.vnodes = append(v.Weights, 0), append(v.keyEnds, ends), append(v.vnodes, vnode)
		}
		v.Weights[i] += in.Weight(r)
	}
	return nil
}

func (v *view) Finish(c *op.Ctx) error {
	v.sorted = v.sorted[:0]
	for i, w := range v.Weights {
		if w != 0 {
			v.sorted = append(v.sorted, int32(i))
		}
	}
	slices.SortFunc(v.sorted, func(a, b int32) int { return bytes.Compare(v.Touched.Key(int(a)), v.Touched.Key(int(b))) })
	v.fn, v.out = c.Fn, rows.NewBuilder(v.env.Out, 64)
	for rest := v.sorted; len(rest) > 0; {
		part := v.partOf(rest[0])
		n := 1
		for n < len(rest) && bytes.Equal(part, v.partOf(rest[n])) {
			n++
		}
		v.part, v.end, v.Delta = part, state.PrefixEnd(part), rest[:n]
		if err := v.partition(c); err != nil {
			return err
		}
		if err := v.apply(); err != nil {
			return err
		}
		rest = rest[n:]
	}
	v.expire(c, v.Touched.Len())
	v.Touched.Reset()
	v.Weights, v.keyEnds, v.vnodes = v.Weights[:0], v.keyEnds[:0], v.vnodes[:0]
	return c.EmitBatch(v.out.Finish())
}

func (v *view) partOf(i int32) []byte { return v.Touched.Key(int(i))[:v.keyEnds[i].part] }

// partition emits how the results of a partition change.
func (v *view) partition(c *op.Ctx) error {
	first, last := v.Touched.Key(int(v.Delta[0])), v.Touched.Key(int(v.Delta[len(v.Delta)-1]))
	runs := v.runs()
	if v.unbounded() {
		apart, err := v.apart(runs)
		if err != nil {
			return err
		}
		if !apart {
			lo, _ := v.down(first, &v.need.fwd, true, nil)
			return v.recompute(c, lo, v.up(last, &v.need.back, true, false))
		}
	}
	for _, r := range runs {
		if err := v.recompute(c, r.lo, r.hi); err != nil {
			return err
		}
	}
	return nil
}

// run is a range of keys whose results may change.
type run struct{ lo, hi []byte }

// apart tells whether none of several runs bears on rows outside of it, although frames have no bound:
// the greatest value is still the same, say.
func (v *view) apart(runs []run) (bool, error) {
	if len(runs) < 2 || v.need.sticky || v.sums.counts {
		return false, nil
	}
	for _, r := range runs {
		w, err := v.window(r.lo, r.hi)
		if err != nil {
			return false, err
		}
		if fwd, back, err := v.spreads(w); err != nil || fwd || back {
			return false, err
		}
	}
	return true, nil
}

// runs are the rows near the partition's changes. Those that touch each other are one run.
func (v *view) runs() []run {
	var runs []run
	for at := 0; at < len(v.Delta); {
		key := v.Key(at)
		hi := v.up(key, &v.need.back, true, true)
		var floor []byte
		if len(runs) > 0 {
			floor = runs[len(runs)-1].hi
		}
		lo, met := v.down(key, &v.need.fwd, true, floor)
		if met {
			runs[len(runs)-1].hi = hi
		} else {
			runs = append(runs, run{lo, hi})
		}
		at = v.First(hi)
	}
	return runs
}

// apply brings the tables up to date with the partition's change.
func (v *view) apply() error {
	if v.sums == nil {
		for _, i := range v.Delta {
			v.Table.AddWeight(v.vnodes[i], v.Touched.Key(int(i)), v.Weights[i])
		}
		return nil
	}
	b := rows.NewBuilder(v.env.In[0], len(v.Delta))
	for _, i := range v.Delta {
		if err := v.codec.Decode(rowPart(v.Touched.Key(int(i))), b.Cols); err != nil {
			return err
		}
		b.EndRow(1)
	}
	change := b.Finish()
	for n, i := range v.Delta {
		key := v.Touched.Key(int(i))
		before, after := v.Table.AddWeight(v.vnodes[i], key, v.Weights[i])
		c := &rowChange{key: key, vnode: v.vnodes[i], b: change, row: int32(n), before: before, after: after}
		if err := v.sums.update(c); err != nil {
			return err
		}
	}
	return nil
}

// rowPart returns the row in a table key.
func rowPart(key []byte) []byte {
	body := len(key) - 4
	return key[body-int(binary.BigEndian.Uint32(key[body:])) : body]
}

// groupOf returns the part of a key that peers share.
func groupOf(key []byte) []byte {
	body := len(key) - 4
	return key[:body-int(binary.BigEndian.Uint32(key[body:]))]
}

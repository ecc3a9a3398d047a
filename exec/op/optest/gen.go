package optest

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Random returns a random value of type t, from a small domain so that values meet: a quarter NULLs
// (unless notNull), a tenth extremes.
func Random(r *rand.Rand, t types.Type, notNull bool) types.Datum {
	if !notNull && r.IntN(4) == 0 {
		return types.NullOf(t)
	}
	d := types.Datum{Type: t}
	extreme := r.IntN(10) == 0
	switch t.Phys() {
	case types.PhysBool:
		d.B = r.IntN(2) == 0
	case types.PhysInt:
		d.I = randomInt(r, t, extreme)
	case types.PhysFloat:
		d.F = float64(r.IntN(5)) / 2
		if extreme {
			specials := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e300, -1e-300}
			d.F = specials[r.IntN(len(specials))]
		}
	default:
		d.S = randomBytes(r, t, extreme)
	}
	return d
}

func randomInt(r *rand.Rand, t types.Type, extreme bool) int64 {
	if t.IsTime() {
		return int64(r.IntN(40)) * 60_000_000
	}
	if !extreme {
		return int64(r.IntN(6))
	}
	bits := map[types.ID]int{types.Int2: 15, types.Int4: 31, types.Date: 20, types.Time: 36}[t.ID]
	if bits == 0 {
		bits = 63
	}
	limit := int64(math.MaxInt64) >> (63 - bits)
	return []int64{limit, -limit - 1, -1}[r.IntN(3)]
}

func randomBytes(r *rand.Rand, t types.Type, extreme bool) []byte {
	switch t.ID {
	case types.Numeric:
		texts := []string{"0", "1", "1.0", "1.00", "2.5", "-3.25", "10"}
		if extreme {
			texts = []string{"NaN", "123456789012345678901234567890.5", "-0.000000000000000000001"}
		}
		out, err := types.NumericParse(nil, texts[r.IntN(len(texts))])
		if err != nil {
			panic(err)
		}
		return out
	case types.UUID:
		out := make([]byte, 16)
		binary.BigEndian.PutUint64(out, uint64(r.IntN(4)))
		return out
	}
	if extreme {
		return []byte([]string{"", "ä€\U0001F600", "a long text that does not fit anywhere small"}[r.IntN(3)])
	}
	return []byte([]string{"a", "b", "ab", "c"}[r.IntN(4)])
}

// RandomRow returns a random row of schema s.
func RandomRow(r *rand.Rand, s types.Schema) Row {
	row := make(Row, len(s))
	for i, f := range s {
		row[i] = Random(r, f.Type, f.NotNull)
	}
	return row
}

// content is an input's content so far.
type content struct {
	rows map[string]*Weighted
	keys []string // of rows, sorted, for a choice that the seed alone decides
}

func newContent() *content { return &content{rows: map[string]*Weighted{}} }

func identity(row Row) string {
	var out []byte
	for _, d := range row {
		out = fmt.Appendf(out, "%v|%v|%v|%x|%x;", d.Null, d.B, d.I, math.Float64bits(d.F), d.S)
	}
	return string(out)
}

func (c *content) add(row Row, w int64) {
	id := identity(row)
	x := c.rows[id]
	if x == nil {
		x = &Weighted{Row: row}
		c.rows[id] = x
		i, _ := slices.BinarySearch(c.keys, id)
		c.keys = slices.Insert(c.keys, i, id)
	}
	if x.W += w; x.W == 0 {
		delete(c.rows, id)
		i, _ := slices.BinarySearch(c.keys, id)
		c.keys = slices.Delete(c.keys, i, i+1)
	}
}

func (c *content) any(r *rand.Rand) *Weighted { return c.rows[c.keys[r.IntN(len(c.keys))]] }

func (c *content) relation() Relation {
	out := make(Relation, 0, len(c.keys))
	for _, k := range c.keys {
		out = append(out, *c.rows[k])
	}
	return out
}

// change is one row of a delta on a port.
type change struct {
	port int
	Weighted
}

// delta is what is pushed at once.
type delta struct {
	port int
	b    *rows.Batch
}

// deltas makes the batches of one epoch and adds them to the inputs.
func (u *run) deltas(changes int) []delta {
	var list []change
	for range u.r.IntN(changes + 1) {
		if len(u.c.In) == 0 {
			break
		}
		list = append(list, u.change(u.r.IntN(len(u.c.In)))...)
	}
	if u.r.IntN(2) == 0 { // a deletion may now come before its insertion
		u.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	perPort := make([][]Weighted, len(u.c.In))
	for _, x := range list {
		perPort[x.port] = append(perPort[x.port], x.Weighted)
	}
	var out []delta
	for port, l := range perPort {
		for len(l) > 0 {
			n := 1 + u.r.IntN(len(l))
			out = append(out, delta{port, u.physical(port, l[:n])})
			l = l[n:]
		}
	}
	// Ports interleave at random; the batches of one port keep their order.
	u.r.Shuffle(len(out), func(i, j int) {
		if out[i].port != out[j].port {
			out[i], out[j] = out[j], out[i]
		}
	})
	return out
}

// change makes an insertion, a deletion or an update: at least two in five take something away.
func (u *run) change(port int) []change {
	in := u.inputs[port]
	appendOnly := port < len(u.c.AppendOnly) && u.c.AppendOnly[port]
	var out []change
	put := func(row Row, w int64) {
		in.add(row, w)
		out = append(out, change{port, Weighted{row, w}})
	}
	kind := u.r.IntN(10)
	if len(in.keys) == 0 || appendOnly {
		kind = 9
	}
	var x Weighted
	if len(in.keys) > 0 {
		if x = *in.any(u.r); !u.onTime(port, x.Row) {
			kind = 9
		}
	}
	switch {
	case kind < 3: // delete, all or one
		w := int64(1)
		if u.r.IntN(2) == 0 {
			w = x.W
		}
		put(x.Row, -w)
	case kind < 6: // update
		put(x.Row, -1)
		row := slices.Clone(x.Row)
		if fresh := u.row(port); len(row) > 0 {
			i := u.r.IntN(len(row))
			row[i] = fresh[i]
		}
		put(row, 1)
	case kind < 7 && len(in.keys) > 0: // the same again
		put(x.Row, int64(1+u.r.IntN(2)))
	default:
		put(u.row(port), 1)
	}
	return out
}

func (u *run) row(port int) Row {
	if u.c.Gen != nil {
		return u.setTime(port, u.c.Gen(u.r, port))
	}
	return u.setTime(port, RandomRow(u.r, u.c.In[port]))
}

// physical makes a batch of rows, mixed with rows that are not selected.
func (u *run) physical(port int, list []Weighted) *rows.Batch {
	b := rows.NewBuilder(u.c.In[port], len(list))
	var sel []int32
	junk := u.r.IntN(2) == 0
	put := func(x Weighted) {
		for i, d := range x.Row {
			b.Cols[i].AppendDatum(d)
		}
		b.EndRow(x.W)
	}
	for _, x := range list {
		for junk && u.r.IntN(3) == 0 {
			put(Weighted{u.row(port), 1})
		}
		sel = append(sel, int32(b.Len()))
		put(x)
	}
	out := b.Finish()
	if len(sel) < out.N || u.r.IntN(3) == 0 {
		out.Sel = sel
	}
	fmt.Fprintf(&u.log, "port %d\n%s", port, rows.Format(out))
	return out
}

package overwindow

import (
	"fmt"

	"tidemill/exec/op/agg"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// call is a compiled function.
type call struct {
	Func
	frame *Frame
	// rank computes a function of the row's place; nil for the others.
	rank func(p *partition, i int, out *rows.VecBuilder)
	// value computes lag, lead and the values of a place in the frame.
	value func(k *call, p *partition, i int, out *rows.VecBuilder) error
	// set is the aggregate, alone in its set.
	set *agg.Set
	in  types.Schema
}

var ranks = map[string]func(p *partition, i int, out *rows.VecBuilder){
	"row_number": func(_ *partition, i int, out *rows.VecBuilder) { out.AppendInt(int64(i) + 1) },
	"rank":       func(p *partition, i int, out *rows.VecBuilder) { out.AppendInt(int64(p.group[i]) + 1) },
	"percent_rank": func(p *partition, i int, out *rows.VecBuilder) {
		if p.len() == 1 {
			out.AppendFloat(0)
			return
		}
		out.AppendFloat(float64(p.group[i]) / float64(p.len()-1))
	},
	"cume_dist": func(p *partition, i int, out *rows.VecBuilder) {
		out.AppendFloat(float64(p.peers[i]) / float64(p.len()))
	},
}

var values = map[string]struct {
	minArgs, maxArgs int
	f                func(k *call, p *partition, i int, out *rows.VecBuilder) error
}{
	"lag":  {1, 3, func(k *call, p *partition, i int, out *rows.VecBuilder) error { return k.shift(p, i, -1, out) }},
	"lead": {1, 3, func(k *call, p *partition, i int, out *rows.VecBuilder) error { return k.shift(p, i, 1, out) }},
	"first_value": {1, 1, func(k *call, p *partition, i int, out *rows.VecBuilder) error {
		lo, hi := p.frame(k.frame, i)
		k.at(p, lo, lo < hi, out)
		return nil
	}},
	"last_value": {1, 1, func(k *call, p *partition, i int, out *rows.VecBuilder) error {
		lo, hi := p.frame(k.frame, i)
		k.at(p, hi-1, lo < hi, out)
		return nil
	}},
	"nth_value": {2, 2, (*call).nth},
	"ntile":     {1, 1, (*call).ntile},
}

func compile(f *Func, in types.Schema) (*call, error) {
	k := &call{Func: *f, frame: f.Frame, in: in}
	if k.frame == nil {
		k.frame = defaultFrame
	}
	if err := checkFrame(f.Frame); err != nil {
		return nil, err
	}
	for _, a := range f.Args {
		if a < 0 || a >= len(in) {
			return nil, fmt.Errorf("argument column %d does not exist", a)
		}
	}
	if f.Name == "dense_rank" {
		k.rank = denseRank()
		return k, nil
	}
	if k.rank = ranks[f.Name]; k.rank != nil {
		return k, nil
	}
	if v, ok := values[f.Name]; ok {
		if len(f.Args) < v.minArgs || len(f.Args) > v.maxArgs {
			return nil, fmt.Errorf("%d arguments", len(f.Args))
		}
		k.value = v.f
		return k, nil
	}
	c := agg.Call{Name: f.Name, ArgTypes: f.ArgTypes, Args: f.Args, Filter: -1, RetType: f.RetType}
	if f.Filter != nil {
		c.Filter = *f.Filter
	}
	var err error
	k.set, err = agg.Compile([]agg.Call{c}, in, agg.Raw, false, false)
	return k, err
}

// run appends the function's results for all rows of a partition.
func (k *call) run(p *partition, out *rows.VecBuilder) error {
	if k.set != nil {
		return k.aggregate(p, out)
	}
	for i := range p.len() {
		if k.rank != nil {
			k.rank(p, i, out)
		} else if err := k.value(k, p, i, out); err != nil {
			return err
		}
	}
	return nil
}

// denseRank counts groups of peers; rows come in order, from place 0 in every partition.
func denseRank() func(p *partition, i int, out *rows.VecBuilder) {
	n := int64(0)
	return func(p *partition, i int, out *rows.VecBuilder) {
		switch {
		case i == 0:
			n = 1
		case p.group[i] == i:
			n++
		}
		out.AppendInt(n)
	}
}

// at appends the first argument at a place, or NULL when there is none.
func (k *call) at(p *partition, place int, ok bool, out *rows.VecBuilder) {
	if !ok || place < 0 || place >= p.len() {
		out.AppendNull()
		return
	}
	out.AppendFrom(p.b.Cols[k.Args[0]], p.from+place)
}

// shift is lag (sign −1) and lead (+1): the argument some rows away, 1 by default.
func (k *call) shift(p *partition, i, sign int, out *rows.VecBuilder) error {
	by := int64(1)
	if len(k.Args) > 1 {
		v := p.b.Cols[k.Args[1]]
		if v.IsNull(p.from + i) {
			out.AppendNull()
			return nil
		}
		by = v.I[p.from+i]
	}
	n := int64(p.len())
	if place := int64(i) + int64(sign)*max(-n, min(by, n)); place >= 0 && place < n {
		k.at(p, int(place), true, out)
		return nil
	}
	if len(k.Args) > 2 {
		out.AppendFrom(p.b.Cols[k.Args[2]], p.from+i)
	} else {
		out.AppendNull()
	}
	return nil
}

func (k *call) nth(p *partition, i int, out *rows.VecBuilder) error {
	v := p.b.Cols[k.Args[1]]
	if v.IsNull(p.from + i) {
		out.AppendNull()
		return nil
	}
	n := v.I[p.from+i]
	if n <= 0 {
		return sqlerr.New("22016", "argument of nth_value must be greater than zero")
	}
	lo, hi := p.frame(k.frame, i)
	k.at(p, lo+int(min(n, int64(hi-lo)+1))-1, n <= int64(hi-lo), out)
	return nil
}

// ntile deals the partition's rows into buckets whose sizes differ by at most one, larger ones
// first. The number of buckets is that of the partition's first row.
func (k *call) ntile(p *partition, i int, out *rows.VecBuilder) error {
	v := p.b.Cols[k.Args[0]]
	if v.IsNull(p.from) {
		out.AppendNull()
		return nil
	}
	buckets := v.I[p.from]
	if buckets <= 0 {
		return sqlerr.New("22014", "argument of ntile must be greater than zero")
	}
	n := int64(p.len())
	size, larger := n/buckets, n%buckets
	row := int64(i)
	if row < larger*(size+1) {
		out.AppendInt(row/(size+1) + 1)
	} else {
		out.AppendInt(larger + (row-larger*(size+1))/size + 1)
	}
	return nil
}

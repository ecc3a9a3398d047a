package overwindow

import (
	"fmt"
	"math"

	"tidemill/exec/op/agg"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// call is a compiled function.
type call struct {
	Func
	frame *Frame
	// framed tells that the function looks at the frame.
	framed bool
	// value computes a function that is no aggregate.
	value func(k *call, p *part, i int, out *rows.VecBuilder) error
	// set is the aggregate, alone in its set.
	set *agg.Set
	// start and end move a RANGE frame's bounds; nil where they have no offset.
	start, end *shift
}

type function struct {
	minArgs, maxArgs int
	framed           bool
	f                func(k *call, p *part, i int, out *rows.VecBuilder) error
}

// functions are the window functions that are no aggregates.
var functions = map[string]function{
	"row_number": {f: func(_ *call, p *part, i int, out *rows.VecBuilder) error {
		out.AppendInt(int64(i) + 1)
		return nil
	}},
	"rank": {f: func(_ *call, p *part, i int, out *rows.VecBuilder) error {
		first, _ := p.peers(i)
		out.AppendInt(int64(first) + 1)
		return nil
	}},
	"dense_rank": {f: func(_ *call, p *part, i int, out *rows.VecBuilder) error {
		out.AppendInt(p.groupsBefore + int64(p.group[i-p.base]) + 1)
		return nil
	}},
	"percent_rank": {f: func(_ *call, p *part, i int, out *rows.VecBuilder) error {
		if p.total == 1 {
			out.AppendFloat(0)
			return nil
		}
		first, _ := p.peers(i)
		out.AppendFloat(float64(first) / float64(p.total-1))
		return nil
	}},
	"cume_dist": {f: func(_ *call, p *part, i int, out *rows.VecBuilder) error {
		_, end := p.peers(i)
		out.AppendFloat(float64(end) / float64(p.total))
		return nil
	}},
	"ntile": {minArgs: 1, maxArgs: 1, f: (*call).ntile},
	"lag": {minArgs: 1, maxArgs: 3, f: func(k *call, p *part, i int, out *rows.VecBuilder) error {
		return k.shift(p, i, -1, out)
	}},
	"lead": {minArgs: 1, maxArgs: 3, f: func(k *call, p *part, i int, out *rows.VecBuilder) error {
		return k.shift(p, i, 1, out)
	}},
	"first_value": {minArgs: 1, maxArgs: 1, framed: true, f: func(k *call, p *part, i int, out *rows.VecBuilder) error {
		for _, s := range p.spans(k, i) {
			if s.lo < s.hi {
				return p.appendAt(k.Args[0], s.lo, out)
			}
		}
		out.AppendNull()
		return nil
	}},
	"last_value": {minArgs: 1, maxArgs: 1, framed: true, f: func(k *call, p *part, i int, out *rows.VecBuilder) error {
		spans := p.spans(k, i)
		for n := len(spans) - 1; n >= 0; n-- {
			if s := spans[n]; s.lo < s.hi {
				return p.appendAt(k.Args[0], s.hi-1, out)
			}
		}
		out.AppendNull()
		return nil
	}},
	"nth_value": {minArgs: 2, maxArgs: 2, framed: true, f: (*call).nth},
}

func compile(c *Config, f *Func, in types.Schema) (*call, error) {
	k := &call{Func: *f, frame: f.Frame}
	if k.frame == nil {
		k.frame = defaultFrame
	}
	if err := k.frame.check(c, in); err != nil {
		return nil, err
	}
	k.start, k.end = k.shiftOf(c, &k.frame.Start), k.shiftOf(c, &k.frame.End)
	for _, a := range f.Args {
		if a < 0 || a >= len(in) {
			return nil, fmt.Errorf("argument column %d does not exist", a)
		}
	}
	if v, ok := functions[f.Name]; ok {
		if len(f.Args) < v.minArgs || len(f.Args) > v.maxArgs {
			return nil, fmt.Errorf("%d arguments", len(f.Args))
		}
		k.value, k.framed = v.f, v.framed
		return k, nil
	}
	k.framed = true
	a := agg.Call{Name: f.Name, ArgTypes: f.ArgTypes, Args: f.Args, Filter: -1, RetType: f.RetType}
	if f.Filter != nil {
		a.Filter = *f.Filter
	}
	var err error
	// A frame is folded anew or only ever extended where the aggregate cannot take rows out again, so that
	// min and max may keep the best value alone.
	k.set, err = agg.Compile([]agg.Call{a}, in, agg.Raw, true, false)
	return k, err
}

func compileAll(c *Config, in types.Schema) ([]*call, error) {
	var out []*call
	for i := range c.Funcs {
		k, err := compile(c, &c.Funcs[i], in)
		if err != nil {
			return nil, fmt.Errorf("overwindow: %s: %w", c.Funcs[i].Name, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// shiftOf returns how far a bound of a RANGE frame is from the current row's value.
func (k *call) shiftOf(c *Config, b *Bound) *shift {
	if k.frame.Mode != rangeMode || b.Value == nil {
		return nil
	}
	s := &shift{off: *b.Value, sign: 1}
	if (b.Kind == Preceding) != c.Order[0].Desc {
		s.sign = -1
	}
	return s
}

// shift is lag (sign −1) and lead (+1): the argument some rows away, 1 by default.
func (k *call) shift(p *part, i, sign int, out *rows.VecBuilder) error {
	row := p.row(i)
	by := int64(1)
	if len(k.Args) > 1 {
		v := p.b.Cols[k.Args[1]]
		if v.IsNull(row) {
			out.AppendNull()
			return nil
		}
		by = v.I[row]
	}
	n := int64(p.total)
	if place := int64(i) + int64(sign)*max(-n, min(by, n)); place >= 0 && place < n {
		return p.appendAt(k.Args[0], int(place), out)
	}
	if len(k.Args) > 2 {
		out.AppendFrom(p.b.Cols[k.Args[2]], row)
	} else {
		out.AppendNull()
	}
	return nil
}

func (k *call) nth(p *part, i int, out *rows.VecBuilder) error {
	v, row := p.b.Cols[k.Args[1]], p.row(i)
	if v.IsNull(row) {
		out.AppendNull()
		return nil
	}
	n := v.I[row]
	if n <= 0 {
		return sqlerr.New("22016", "argument of nth_value must be greater than zero")
	}
	for _, s := range p.spans(k, i) {
		if size := int64(s.hi - s.lo); n > size {
			n -= max(size, 0)
			continue
		}
		return p.appendAt(k.Args[0], s.lo+int(n)-1, out)
	}
	out.AppendNull()
	return nil
}

// ntile deals the partition's rows into buckets whose sizes differ by at most one, larger ones
// first. The number of buckets is that of the partition's first row.
func (k *call) ntile(p *part, i int, out *rows.VecBuilder) error {
	b, row, err := p.at(0)
	if err != nil {
		return err
	}
	v := b.Cols[k.Args[0]]
	if v.IsNull(row) {
		out.AppendNull()
		return nil
	}
	buckets := v.I[row]
	if buckets <= 0 {
		return sqlerr.New("22014", "argument of ntile must be greater than zero")
	}
	n := int64(p.total)
	size, larger := n/buckets, n%buckets
	place := int64(i)
	if place < larger*(size+1) {
		out.AppendInt(place/(size+1) + 1)
	} else {
		out.AppendInt(larger + (place-larger*(size+1))/size + 1)
	}
	return nil
}

// distance tells how far the rows are on which a result depends, in one direction.
type distance struct {
	all    bool  // up to the partition's end
	rows   int64 // this many rows
	groups int64 // the row's peers and this many groups of peers beyond; −1 = not even the peers
	vals   []*shift
}

// reach tells on which rows a result depends.
type reach struct {
	back, fwd distance
	// load tells that the rows themselves are needed even if they are unboundedly far, because no summary
	// of them is kept.
	loadBack, loadFwd bool
	// sticky tells that equal summaries of what changed do not prove that rows beyond keep their result.
	sticky bool
	// first and last tell that the partition's first or last row counts.
	first, last bool
}

func (k *call) reach() reach {
	r := reach{back: distance{groups: -1}, fwd: distance{groups: -1}}
	switch k.Name {
	case "row_number":
		r.back.all = true
	case "rank", "dense_rank":
		r.back.all, r.back.groups, r.fwd.groups = true, 0, 0
	case "percent_rank", "cume_dist":
		r.back.all, r.fwd.all, r.back.groups, r.fwd.groups = true, true, 0, 0
	case "ntile":
		r.back.all, r.fwd.all, r.first = true, true, true
	case "lag", "lead":
		k.shiftReach(&r)
	default:
		k.frameReach(&r)
	}
	return r
}

// shiftReach is the reach of lag and lead.
func (k *call) shiftReach(r *reach) {
	by := int64(1)
	switch {
	case k.Const != nil:
		by = *k.Const
	case len(k.Args) > 1:
		r.back.all, r.fwd.all, r.loadBack, r.loadFwd, r.sticky = true, true, true, true, true
		return
	}
	if k.Name == "lead" {
		by = -by
	}
	if by >= 0 {
		r.back.rows = by
	} else {
		r.fwd.rows = -by
	}
}

// frameReach is the reach of what looks at the frame.
func (k *call) frameReach(r *reach) {
	f := k.frame
	peers := f.Mode != rowsMode || f.Exclude == excludeGroup || f.Exclude == excludeTies
	if peers {
		r.back.groups, r.fwd.groups = 0, 0
	}
	plain := f.Exclude == ""
	for _, b := range []*Bound{&f.Start, &f.End} {
		s := k.start
		if b == &f.End {
			s = k.end
		}
		d := &r.back
		if b.Kind == Following {
			d = &r.fwd
		}
		switch {
		case b.Kind == Current:
		case b.Kind == Unbounded && b == &f.Start:
			// What last_value gives does not depend on where the frame starts, unless it is empty.
			r.back.all = r.back.all || k.Name != "last_value" || !plain
		case b.Kind == Unbounded:
			r.fwd.all = r.fwd.all || k.Name != "first_value" || !plain
		case f.Mode == rowsMode:
			d.rows = max(d.rows, min(b.Offset, math.MaxInt32))
		case f.Mode == groupsMode:
			d.groups = max(d.groups, min(b.Offset, math.MaxInt32))
		default:
			d.vals = append(d.vals, s)
		}
	}
	switch {
	case k.set != nil && !k.set.Mergeable():
		r.loadBack, r.loadFwd, r.sticky = r.back.all, r.fwd.all, true
	case k.set != nil:
	case k.Name == "first_value" && plain:
		r.first = r.back.all
	case k.Name == "last_value" && plain:
		r.last = r.fwd.all
	default: // nth_value, and exclusions from an end of the partition
		r.sticky = true
	}
}

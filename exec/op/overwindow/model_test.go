package overwindow

import (
	"math"
	"slices"

	"tidemill/exec/op/optest"
	"tidemill/sql/types"
)

// member is a row of a partition with what the model needs.
type member struct {
	optest.Row
	group int // number of the peer group within the partition
}

// model computes the functions for every row by looking at every row of its partition.
func model(c Config, in optest.Relation) (out optest.Relation) {
	for _, g := range in.Groups(c.Partition) {
		var part []member
		cols := make([]int, len(c.Order))
		for i, o := range c.Order {
			cols[i] = o.Col
		}
		for i, row := range g.Sorted(schema, c.Order) {
			n := 0
			if i > 0 {
				if n = part[i-1].group; optest.Key(row, cols) != optest.Key(part[i-1].Row, cols) {
					n++
				}
			}
			part = append(part, member{row, n})
		}
		for i := range part {
			row := slices.Clone(part[i].Row)
			for _, f := range c.Funcs {
				row = append(row, expect(c, f, part, i))
			}
			out = append(out, optest.Weighted{Row: row, W: 1})
		}
	}
	return out
}

// inFrame tells whether place j is in the frame of place i.
func inFrame(c Config, f *Frame, part []member, i, j int) bool {
	if f == nil {
		f = defaultFrame
	}
	switch f.Exclude {
	case excludeCurrent:
		if i == j {
			return false
		}
	case excludeGroup:
		if part[i].group == part[j].group {
			return false
		}
	case excludeTies:
		if part[i].group == part[j].group && i != j {
			return false
		}
	}
	return inBound(c, f, f.Start, part, i, j, 1) && inBound(c, f, f.End, part, i, j, -1)
}

// inBound tells whether place j is on the inner side of a bound; side is 1 for the start.
func inBound(c Config, f *Frame, b Bound, part []member, i, j, side int) bool {
	sign := map[string]int{Preceding: -1, Following: 1}[b.Kind]
	switch {
	case b.Kind == Unbounded:
		return true
	case f.Mode == rowsMode:
		return side*(j-i-sign*int(b.Offset)) >= 0
	case b.Kind == Current:
		return side*(part[j].group-part[i].group) >= 0
	case f.Mode == groupsMode:
		return side*(part[j].group-part[i].group-sign*int(b.Offset)) >= 0
	}
	o := c.Order[0]
	x, y := part[i].Row[o.Col], part[j].Row[o.Col]
	if x.Null || y.Null {
		return side*(part[j].group-part[i].group) >= 0
	}
	if o.Desc {
		sign, side = -sign, -side
	}
	return side*(int(y.I)-int(x.I)-sign*int(b.Value.I)) >= 0
}

// expect computes the result of a function for place i.
func expect(c Config, f Func, part []member, i int) types.Datum {
	var in []member
	for j, r := range part {
		if inFrame(c, f.Frame, part, i, j) {
			in = append(in, r)
		}
	}
	arg := func(r member) types.Datum { return r.Row[f.Args[0]] }
	var vals []int64
	counted := 0
	for _, r := range in {
		if f.Filter != nil && (r.Row[*f.Filter].Null || !r.Row[*f.Filter].B) {
			continue
		}
		counted++
		if len(f.Args) > 0 && !arg(r).Null {
			vals = append(vals, arg(r).I)
		}
	}
	null := types.NullOf(f.RetType)
	integer := func(v int64) types.Datum { return types.Datum{Type: f.RetType, I: v} }
	switch f.Name {
	case "count":
		return integer(int64(counted))
	case "sum", "min", "max":
		if len(vals) == 0 {
			return null
		}
		switch f.Name {
		case "min":
			return integer(slices.Min(vals))
		case "max":
			return integer(slices.Max(vals))
		}
		sum := int64(0)
		for _, v := range vals {
			sum += v
		}
		return integer(sum)
	case "first_value", "last_value":
		if len(in) == 0 {
			return null
		}
		if f.Name == "first_value" {
			return arg(in[0])
		}
		return arg(in[len(in)-1])
	case "nth_value":
		if n := int(part[i].Row[f.Args[1]].I); n <= len(in) {
			return arg(in[n-1])
		}
		return null
	case "array_agg":
		if len(in) == 0 {
			return null
		}
		elems := make([]types.Datum, len(in))
		for k, r := range in {
			elems[k] = arg(r)
		}
		return types.ArrayDatum(int4, elems)
	}
	return expectRank(f, part, i)
}

func expectRank(f Func, part []member, i int) types.Datum {
	before, peers := 0, 0
	for _, r := range part {
		if r.group < part[i].group {
			before++
		}
		if r.group == part[i].group {
			peers++
		}
	}
	integer := func(v int) types.Datum { return types.Datum{Type: f.RetType, I: int64(v)} }
	switch f.Name {
	case "row_number":
		return integer(i + 1)
	case "rank":
		return integer(before + 1)
	case "dense_rank":
		return integer(part[i].group + 1)
	case "percent_rank":
		return types.FloatDatum(float64(before) / math.Max(1, float64(len(part)-1)))
	case "cume_dist":
		return types.FloatDatum(float64(before+peers) / float64(len(part)))
	case "ntile":
		n := int(part[0].Row[f.Args[0]].I)
		bucket, left := 1, 0
		for k := range part { // deal the sizes out one by one
			if left == 0 {
				left = len(part) / n
				if bucket <= len(part)%n {
					left++
				}
			}
			if k == i {
				break
			}
			if left--; left == 0 {
				bucket++
			}
		}
		return integer(bucket)
	}
	by := 1
	if len(f.Args) > 1 {
		by = int(part[i].Row[f.Args[1]].I)
	}
	if f.Name == "lag" {
		by = -by
	}
	switch {
	case i+by >= 0 && i+by < len(part):
		return part[i+by].Row[f.Args[0]]
	case len(f.Args) > 2:
		return part[i].Row[f.Args[2]]
	}
	return types.NullOf(f.RetType)
}

package hashagg

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	_ "tidemill/sql/fn/agg"

	"tidemill/exec/op/agg"
	"tidemill/exec/op/optest"
	"tidemill/exec/plan"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	int4, int8s = types.T(types.Int4), types.T(types.Int8)
	float8      = types.T(types.Float8)
	numeric     = types.T(types.Numeric)
	text        = types.T(types.Text)
	boolean     = types.T(types.Bool)

	schema = types.Schema{
		{Name: "g", Type: text}, {Name: "h", Type: numeric}, {Name: "i", Type: int4},
		{Name: "n", Type: numeric}, {Name: "f", Type: float8}, {Name: "t", Type: text}, {Name: "b", Type: boolean},
	}
)

// testCall makes a call with its declared types.
func testCall(name string, args ...int) agg.Call {
	var ts []types.Type
	for _, a := range args {
		ts = append(ts, schema[a].Type)
	}
	spec, coerced, err := fn.ResolveAggregate(name, ts)
	if err != nil {
		panic(err)
	}
	return agg.Call{Name: name, ArgTypes: spec.Args, Args: args, Filter: -1, RetType: spec.ReturnType(coerced)}
}

func filtered(c agg.Call) agg.Call { c.Filter = 6; return c }
func distinct(c agg.Call) agg.Call { c.Distinct = true; return c }

func outSchema(keys []int, calls []agg.Call) (out types.Schema) {
	for _, k := range keys {
		out = append(out, schema[k])
	}
	for _, c := range calls {
		out = append(out, types.Field{Name: c.Name, Type: c.RetType})
	}
	return out
}

var callSets = map[string][]agg.Call{
	"none":     nil,
	"linear":   {testCall("count"), testCall("count", 3), testCall("sum", 2), testCall("avg", 2)},
	"varying":  {testCall("sum", 3), testCall("sum", 4), testCall("avg", 3), testCall("avg", 4)},
	"minmax":   {testCall("min", 2), testCall("max", 2), testCall("min", 3), testCall("max", 3), testCall("max", 5), testCall("min", 4)},
	"filter":   {filtered(testCall("count")), filtered(testCall("sum", 3)), filtered(testCall("max", 2))},
	"distinct": {distinct(testCall("count", 2)), distinct(testCall("sum", 3)), filtered(distinct(testCall("count", 3))), distinct(testCall("min", 2))},
	"list":     {testCall("string_agg", 5, 0), distinct(testCall("string_agg", 5, 0)), filtered(testCall("string_agg", 5, 5))},
	"array":    {testCall("array_agg", 3), distinct(testCall("array_agg", 3))},
	"ordered":  {orderedCall()},
	"mixed":    {testCall("max", 3), testCall("count"), testCall("sum", 4), distinct(testCall("count", 5)), testCall("string_agg", 5, 0)},
}

// orderedCall is array_agg(n ORDER BY t DESC NULLS LAST).
func orderedCall() agg.Call {
	c := testCall("array_agg", 3)
	c.Order = []plan.SortKey{{Col: 5, Desc: true}}
	return c
}

func TestModel(t *testing.T) {
	for name, calls := range callSets {
		for _, keys := range [][]int{{}, {0}, {0, 1}} {
			for _, appendOnly := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%v/%v", name, keys, appendOnly), func(t *testing.T) {
					t.Parallel()
					residue := 0
					c := Config{Keys: keys, Aggs: calls}
					workers := [][]int{keys}
					if len(keys) == 0 {
						residue, workers = 1, nil
					}
					optest.Run(t, optest.Case{
						Op: Name, Config: c, In: []types.Schema{schema}, Out: outSchema(keys, calls), Keys: workers,
						AppendOnly: []bool{appendOnly}, Seeds: 12, Residue: residue,
						Model: func(in []optest.Relation) optest.Relation { return model(t, c, in[0]) },
					})
				})
			}
		}
	}
}

// model computes every group from its rows.
func model(t *testing.T, c Config, in optest.Relation) (out optest.Relation) {
	groups := in.Groups(c.Keys)
	if len(c.Keys) == 0 && len(groups) == 0 {
		groups = []optest.Relation{nil}
	}
	for _, g := range groups {
		var row optest.Row
		if len(c.Keys) > 0 {
			row = optest.CanonicalRow(g[0].Row, c.Keys)
		}
		for i := range c.Aggs {
			row = append(row, result(t, &c.Aggs[i], g))
		}
		out = append(out, optest.Weighted{Row: row, W: 1})
	}
	return out
}

// result computes one call. Integers, minima and maxima are computed here, other results by feeding
// the function the group's rows in one go.
func result(t *testing.T, c *agg.Call, g optest.Relation) types.Datum {
	var args []optest.Row
	var order []string
	seen := map[string]bool{}
	g.Each(func(r optest.Row) {
		if c.Filter >= 0 && (r[c.Filter].Null || !r[c.Filter].B) {
			return
		}
		var a optest.Row
		for _, i := range c.Args {
			if a = append(a, r[i]); c.Distinct {
				a[len(a)-1] = optest.Canonical(r[i])
			}
		}
		key := optest.Key(a, optest.All(len(a)))
		if c.Distinct && seen[key] {
			return
		}
		seen[key] = true
		args = append(args, a)
		var o []byte
		for _, k := range c.Order {
			o = rows.AppendKeyOrder(o, rows.Const(r[k.Col], 1), 0, rows.Order{Desc: k.Desc, NullsFirst: k.NullsFirst})
		}
		order = append(order, string(o))
	})
	if len(c.Args) == 1 && (c.Name == "count" || c.Name == "sum" && c.RetType.ID == types.Int8) {
		n, sum := int64(0), int64(0)
		for _, a := range args {
			if !a[0].Null {
				n, sum = n+1, sum+a[0].I
			}
		}
		switch {
		case c.Name == "count":
			return types.IntDatum(types.Int8, n)
		case n == 0:
			return types.NullOf(int8s)
		}
		return types.IntDatum(types.Int8, sum)
	}
	spec, ok := fn.FindAggregate(c.Name, c.ArgTypes)
	if !ok {
		t.Fatalf("no %s", c.Name)
	}
	if spec.Kind > fn.Ordered || spec.Derive != nil {
		return tableResult(t, spec, c, args, order)
	}
	if spec.Kind == fn.Ordered {
		return orderedResult(t, spec, c, args, order)
	}
	return linearResult(t, spec, c, args)
}

func linearResult(t *testing.T, spec *fn.Aggregate, c *agg.Call, args []optest.Row) types.Datum {
	cols, n := columns(c, args)
	ctx := &fn.Ctx{Direct: literals(c)}
	st := make([]byte, spec.Size)
	for i := range n {
		if spec.Size > 0 {
			spec.Step(&fn.Ctx{}, cols, []int32{int32(i)}, []int64{1}, [][]byte{st})
		} else {
			if len(st) == 0 {
				st = nil
			}
			st = spec.StepVar(ctx, st, cols, int32(i), 1)
		}
	}
	b := rows.NewVecBuilder(c.RetType, 1)
	if err := spec.Final(ctx, st, b); err != nil {
		t.Fatal(err)
	}
	return b.Finish().Datum(0)
}

func columns(c *agg.Call, args []optest.Row) ([]*rows.Vec, int) {
	cols := make([]*rows.Vec, len(c.Args))
	for i, a := range c.Args {
		b := rows.NewVecBuilder(schema[a].Type, len(args))
		for _, r := range args {
			b.AppendDatum(r[i])
		}
		cols[i] = b.Finish()
	}
	return cols, len(args)
}

func orderedResult(t *testing.T, spec *fn.Aggregate, c *agg.Call, args []optest.Row, order []string) types.Datum {
	cols, _ := columns(c, args)
	var ts []types.Type
	for _, v := range cols {
		ts = append(ts, v.Type)
	}
	codec := rows.NewRowCodec(ts)
	type entry struct {
		key []byte
		row optest.Row
	}
	var list []entry
	for i, a := range args {
		if a[0].Null && !spec.KeepNulls {
			continue
		}
		key := []byte(order[i])
		for _, v := range cols {
			key = rows.AppendKey(key, v, i)
		}
		list = append(list, entry{codec.Append(key, cols, i), a})
	}
	slices.SortFunc(list, func(a, b entry) int {
		if spec.Descending {
			a, b = b, a
		}
		return bytes.Compare(a.key, b.key)
	})
	if c.Name == "min" || c.Name == "max" {
		if len(list) == 0 {
			return types.NullOf(c.RetType)
		}
		d := list[0].row[0]
		d.Type = c.RetType
		return d
	}
	i := 0
	next := func() ([]types.Datum, int64, bool) {
		if i == len(list) {
			return nil, 0, false
		}
		i++
		return list[i-1].row, 1, true
	}
	b := rows.NewVecBuilder(c.RetType, 1)
	if err := spec.FinalOrdered(&fn.Ctx{}, int64(len(list)), next, b); err != nil {
		t.Fatal(err)
	}
	return b.Finish().Datum(0)
}

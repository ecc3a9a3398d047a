package recursive

import (
	"math/rand/v2"
	"testing"

	"tidemill/exec/op/distinct"
	_ "tidemill/exec/op/filter"
	"tidemill/exec/op/join"
	"tidemill/exec/op/optest"
	"tidemill/exec/op/project"
	_ "tidemill/exec/op/union"
	"tidemill/exec/plan"
	"tidemill/sql/expr"
	_ "tidemill/sql/fn/cmp"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var pair = types.Schema{{Name: "a", Type: types.T(types.Int4)}, {Name: "b", Type: types.T(types.Int4)}}

func scan(object uint32, only bool) plan.Node {
	return plan.Node{Op: plan.ScanOp, Config: optest.RawConfig(plan.Scan{Object: object, Cols: []int{0, 1}}), Schema: pair, AppendOnly: only}
}

func input(nodes ...int) []plan.Input {
	var out []plan.Input
	for _, n := range nodes {
		out = append(out, plan.Input{Node: n, Exchange: plan.Local})
	}
	return out
}

// paths is base UNION [ALL] SELECT w.a, e.b FROM work w JOIN edges e ON w.b = e.a, with all only along
// edges that lead up, so that there are no cycles.
func paths(all bool) Config {
	col := func(i int) *expr.Expr { return expr.Col(i, types.T(types.Int4)) }
	four := append(append(types.Schema{}, pair...), pair...)
	cfg := join.Config{Kind: join.Inner, LeftKeys: []int{1}, RightKeys: []int{0}, Dist: []int{}}
	if all {
		int4 := types.T(types.Int4)
		cfg.Residual = &expr.Expr{Kind: expr.Call, Name: "<", Type: types.T(types.Bool), ArgTypes: []types.Type{int4, int4}, Args: []*expr.Expr{col(2), col(3)}}
	}
	p := plan.Plan{Version: plan.Version, Nodes: []plan.Node{
		scan(0, !all), scan(2, !all), scan(1, !all), // base, work, edges
		{Op: join.Name, Format: 1, Config: optest.RawConfig(cfg),
			Inputs: input(1, 2), Schema: four, AppendOnly: !all},
		{Op: project.Name, Format: 1, Config: optest.RawConfig(project.Config{Exprs: []*expr.Expr{col(0), col(3)}}),
			Inputs: input(3), Schema: pair, AppendOnly: !all},
		{Op: "union", Format: 1, Inputs: input(0, 4), Schema: pair, AppendOnly: !all},
	}, Root: 5}
	if !all {
		p.Nodes = append(p.Nodes, plan.Node{Op: distinct.Name, Format: 1, Config: optest.RawConfig(distinct.Config{Dist: []int{}}),
			Inputs: input(5), Schema: pair, AppendOnly: true})
		p.Root = 6
	}
	return Config{Loop: p, All: all}
}

func edge(r *rand.Rand, _ int) optest.Row {
	return optest.Row{types.IntDatum(types.Int4, int64(r.IntN(6))), types.IntDatum(types.Int4, int64(r.IntN(6)))}
}

// follow is the model: every round joins what the one before gave with all edges.
func follow(in []optest.Relation, all bool) optest.Relation {
	type key struct{ a, b int64 }
	total, work := map[key]int64{}, map[key]int64{}
	for _, x := range in[0] {
		work[key{x.Row[0].I, x.Row[1].I}] += x.W
	}
	for len(work) > 0 {
		next := map[key]int64{}
		for k, w := range work {
			if !all && total[k] > 0 {
				continue
			}
			if !all {
				w = 1
			}
			total[k] += w
			for _, e := range in[1] {
				if e.Row[0].I == k.b && (!all || e.Row[1].I > k.b) {
					next[key{k.a, e.Row[1].I}] += w * e.W
				}
			}
		}
		work = next
	}
	var out optest.Relation
	for k, w := range total {
		out = append(out, optest.Weighted{Row: optest.Row{types.IntDatum(types.Int4, k.a), types.IntDatum(types.Int4, k.b)}, W: w})
	}
	return out
}

// TestUnionAll has edges that come and go.
func TestUnionAll(t *testing.T) {
	optest.Run(t, optest.Case{
		Op: Name, Config: paths(true), In: []types.Schema{pair, pair}, Out: pair, Changes: 12,
		Gen:   edge,
		Model: func(in []optest.Relation) optest.Relation { return follow(in, true) },
	})
}

// TestUnion has cycles, and inputs that only grow.
func TestUnion(t *testing.T) {
	optest.Run(t, optest.Case{
		Op: Name, Config: paths(false), In: []types.Schema{pair, pair}, Out: pair, Changes: 12,
		AppendOnly: []bool{true, true}, OutAppendOnly: true,
		Gen:   edge,
		Model: func(in []optest.Relation) optest.Relation { return follow(in, false) },
	})
}

// BenchmarkRecursive follows chains of eight edges from 512 places per epoch. With UNION ALL the
// places go again in the next epoch.
func BenchmarkRecursive(b *testing.B) {
	const length, chains = 8, 512
	build := func(n int, row func(i int) (from, to int)) *rows.Batch {
		out := rows.NewBuilder(pair, n)
		for i := range n {
			from, to := row(i)
			out.Cols[0].AppendInt(int64(from))
			out.Cols[1].AppendInt(int64(to))
			out.EndRow(1)
		}
		return out.Finish()
	}
	for name, all := range map[string]bool{"union": false, "union all": true} {
		b.Run(name, func(b *testing.B) {
			env := optest.Env([]types.Schema{pair, pair}, pair)
			env.AppendOnly = []bool{!all, !all}
			o := optest.NewOperator(b, Name, paths(all), env)
			n, emitted, failed := 0, 0, 0
			c := optest.Ctx(func(out *rows.Batch) error { emitted += out.Len(); return nil }, &failed)
			epoch := func(port int, batch *rows.Batch) {
				if err := o.Push(c, port, batch); err != nil {
					b.Fatal(err)
				}
				if err := o.Finish(c); err != nil {
					b.Fatal(err)
				}
			}
			epoch(1, build(length*chains, func(i int) (int, int) {
				from := i/length*(length+1) + i%length
				return from, from + 1
			}))
			b.ReportAllocs()
			meter := optest.StartMeter()
			for b.Loop() {
				batch := build(chains, func(i int) (int, int) { return n + i, i * (length + 1) })
				epoch(0, batch)
				n += batch.N
				if all {
					epoch(0, batch.Negated())
					n += batch.N
				}
			}
			meter.Report(b, n, "row")
			meter.Report(b, emitted, "output")
		})
	}
}

package lower

import (
	"tidemill/exec/op/agg"
	"tidemill/exec/op/match"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// match lowers MATCH_RECOGNIZE.
func (l *lowerer) match(n *logical.Node) (int, error) {
	m := n.Match
	cols := n.In[0].Cols()
	args := l.argColumns(n.In[0], idsOf(cols))
	for i := range m.Reads {
		if m.Reads[i].Expr != nil {
			args.col(m.Reads[i].Expr)
		}
		if a := m.Reads[i].Agg; a != nil {
			args.call(a)
		}
	}
	in := n.In[0]
	if len(args.p.Out) > len(cols) {
		in = args.p
	}
	at, out, err := l.input(in)
	if err != nil {
		return 0, err
	}
	cfg := match.Config{
		Labels: m.Labels, Pattern: pattern(m.Pattern), Sets: m.Sets, Rows: m.Rows, Skip: m.Skip, SkipTo: m.SkipTo, Within: m.Within,
	}
	if err := match.Check(cfg.Pattern); err != nil {
		return 0, err
	}
	cfg.Reads, cfg.Aggs = reads(m.Reads, args, out.ids)
	if err := l.matchExprs(&cfg, m); err != nil {
		return 0, err
	}
	shown := n.Keys
	if m.Rows != match.OneRow {
		shown = idsOf(cols)
	}
	if cfg.Out, err = positions(shown, out.ids); err != nil {
		return 0, err
	}
	if cfg.Partition, err = positions(n.Keys, out.ids); err != nil {
		return 0, err
	}
	if cfg.Order, err = sortKeys(n.Order, out.ids); err != nil {
		return 0, err
	}
	edge, d, err := l.gather(at, out, n.Keys)
	if err != nil {
		return 0, err
	}
	if cfg.Dist, err = l.placed(d, n.Keys, out.ids); err != nil {
		return 0, err
	}
	return l.add(n, match.Name, 1, cfg, []input{edge}, n.Cols(), d)
}

// matchExprs turns the columns of the reads in conditions and measures into positions.
func (l *lowerer) matchExprs(cfg *match.Config, m *logical.MatchInfo) (err error) {
	ids := make([]int, len(m.Reads))
	for i := range m.Reads {
		ids[i] = m.Reads[i].Col.ID
	}
	cfg.Conds = make([]*expr.Expr, len(m.Conds))
	for i, e := range m.Conds {
		if e == nil {
			continue
		}
		if cfg.Conds[i], err = l.expr(e, ids); err != nil {
			return err
		}
	}
	cfg.Measures, err = l.exprs(m.Measures, ids)
	return err
}

// reads makes the operator's reads, over the columns of args that the input has under ids.
func reads(list []logical.MatchRead, args *argColumns, ids []int) (out []match.Read, calls []agg.Call) {
	col := func(i int) int { return position(ids, args.p.Out[i].ID) }
	for i := range list {
		r := &list[i]
		x := match.Read{Kind: r.Kind, Set: r.Set, First: r.First, Skip: r.Skip, Move: r.Move, Final: r.Final, Type: r.Col.Type}
		switch {
		case r.Expr != nil:
			x.Col = col(args.col(r.Expr))
		case r.Agg != nil:
			x.Agg = len(calls)
			call := args.call(r.Agg)
			for k, a := range call.Args {
				call.Args[k] = col(a)
			}
			calls = append(calls, call)
		}
		out = append(out, x)
	}
	return out, calls
}

func pattern(p *logical.Pattern) *match.Pattern {
	out := &match.Pattern{Kind: p.Kind, Label: p.Label, Min: p.Min, Max: p.Max, Reluctant: p.Reluctant}
	for _, q := range p.Parts {
		out.Parts = append(out.Parts, pattern(q))
	}
	return out
}

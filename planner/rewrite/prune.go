package rewrite

import (
	"tidemill/planner/logical"
	"tidemill/sql/expr"
)

// prune drops columns that nobody reads, down to the scans, and narrows the inputs of operators that
// keep state or send rows between workers.
func prune(_ *Ctx, n *logical.Node, visible []logical.Col) (*logical.Node, error) {
	need := logical.Set{}
	for _, c := range visible {
		need[c.ID] = true
	}
	p := &pruner{}
	return p.node(n, need), nil
}

type pruner struct{}

// node returns n with at least the needed columns.
func (p *pruner) node(n *logical.Node, need logical.Set) *logical.Node {
	switch n.Op {
	case logical.Scan:
		return pruneScan(n, need)
	case logical.Values:
		return pruneValues(n, need)
	case logical.Project:
		return p.project(n, need)
	case logical.Agg:
		return p.agg(n, need)
	case logical.Union:
		return p.union(n, need)
	case logical.SetOp, logical.Recursive:
		return p.setOp(n)
	case logical.WorkTable:
		return n
	case logical.Join, logical.AsOf, logical.Probe:
		return p.join(n, need)
	case logical.Apply:
		return p.apply(n, need)
	case logical.Distinct:
		return n.With(p.narrow(n.In[0], n.In[0].IDs()))
	case logical.Session, logical.Temporal:
		return n.With(p.narrow(n.In[0], union(need, n.Used())))
	case logical.Over:
		return p.over(n, need)
	case logical.Match:
		return p.match(n, need)
	case logical.TopN:
		out := n.With(p.narrow(n.In[0], union(need, n.Used())))
		if len(n.Out) > 0 && !need[n.Out[0].ID] {
			out.Out = nil
		}
		return out
	case logical.MaxOne:
		return n.With(p.node(n.In[0], need))
	}
	need = union(need, n.Used())
	return n.With(p.node(n.In[0], need))
}

func union(a, b logical.Set) logical.Set {
	out := logical.Set{}
	out.Add(a)
	out.Add(b)
	return out
}

// narrow prunes an input and projects away what is left over.
func (p *pruner) narrow(n *logical.Node, need logical.Set) *logical.Node {
	out := p.node(n, need)
	var keep []logical.Col
	for _, c := range out.Cols() {
		if need[c.ID] {
			keep = append(keep, c)
		}
	}
	if len(keep) == 0 {
		return out
	}
	return logical.Keep(out, keep)
}

func pruneScan(n *logical.Node, need logical.Set) *logical.Node {
	c := *n
	info := *n.Scan
	c.Out, info.Cols = nil, nil
	for i, col := range n.Out {
		if need[col.ID] {
			c.Out, info.Cols = append(c.Out, col), append(info.Cols, n.Scan.Cols[i])
		}
	}
	if len(c.Out) == 0 && len(n.Out) > 0 { // rows without columns: read the narrowest one
		at := 0
		for i, col := range n.Out {
			if fixedWidth(col) && !fixedWidth(n.Out[at]) {
				at = i
			}
		}
		c.Out, info.Cols = n.Out[at:at+1:at+1], n.Scan.Cols[at:at+1:at+1]
	}
	c.Scan = &info
	return &c
}

func fixedWidth(c logical.Col) bool { return c.Type.Len() > 0 }

func pruneValues(n *logical.Node, need logical.Set) *logical.Node {
	c := *n
	c.Out, c.Rows = nil, make([][]*expr.Expr, len(n.Rows))
	for i, col := range n.Out {
		if !need[col.ID] {
			continue
		}
		c.Out = append(c.Out, col)
		for k := range n.Rows {
			c.Rows[k] = append(c.Rows[k], n.Rows[k][i])
		}
	}
	for k := range c.Rows {
		if c.Rows[k] == nil {
			c.Rows[k] = []*expr.Expr{}
		}
	}
	return &c
}

func (p *pruner) project(n *logical.Node, need logical.Set) *logical.Node {
	c := *n
	c.Out, c.Exprs = nil, nil
	below := logical.Set{}
	for i, col := range n.Out {
		if need[col.ID] || logical.Volatile(n.Exprs[i]) {
			c.Out, c.Exprs = append(c.Out, col), append(c.Exprs, n.Exprs[i])
			logical.AddCols(below, n.Exprs[i])
		}
	}
	c.In = []*logical.Node{p.node(n.In[0], below)}
	return &c
}

func (p *pruner) agg(n *logical.Node, need logical.Set) *logical.Node {
	c := *n
	c.Out, c.Aggs = nil, nil
	below := logical.SetOf(n.Keys...)
	for i, col := range n.Out {
		if !need[col.ID] {
			continue
		}
		c.Out, c.Aggs = append(c.Out, col), append(c.Aggs, n.Aggs[i])
	}
	below.Add(c.Used())
	c.In = []*logical.Node{p.node(n.In[0], below)}
	return &c
}

// over drops calls whose results nobody reads, and the node when none is left.
func (p *pruner) over(n *logical.Node, need logical.Set) *logical.Node {
	c := *n
	c.Out, c.Over = nil, nil
	for i, col := range n.Out {
		if need[col.ID] {
			c.Out, c.Over = append(c.Out, col), append(c.Over, n.Over[i])
		}
	}
	if len(c.Over) == 0 {
		return p.node(n.In[0], need)
	}
	return c.With(p.narrow(n.In[0], union(need, c.Used())))
}

// match drops measures that nobody reads, and what only they read.
func (p *pruner) match(n *logical.Node, need logical.Set) *logical.Node {
	c, m := *n, *n.Match
	c.Out, m.Measures, m.Reads = nil, nil, nil
	read := logical.Set{}
	for i, col := range n.Out {
		if need[col.ID] {
			c.Out, m.Measures = append(c.Out, col), append(m.Measures, n.Match.Measures[i])
			logical.AddCols(read, n.Match.Measures[i])
		}
	}
	for _, e := range m.Conds {
		logical.AddCols(read, e)
	}
	for _, r := range n.Match.Reads {
		if read[r.Col.ID] {
			m.Reads = append(m.Reads, r)
		}
	}
	c.Match = &m
	below := c.Used()
	if m.Rows != logical.MatchOne {
		below = union(need, below)
	}
	return c.With(p.narrow(n.In[0], below))
}

func (p *pruner) union(n *logical.Node, need logical.Set) *logical.Node {
	c := *n
	c.Out, c.Map = nil, make([][]int, len(n.Map))
	for i, col := range n.Out {
		if !need[col.ID] {
			continue
		}
		c.Out = append(c.Out, col)
		for k := range n.Map {
			c.Map[k] = append(c.Map[k], n.Map[k][i])
		}
	}
	c.In = make([]*logical.Node, len(n.In))
	for k, in := range n.In {
		c.In[k] = p.node(in, logical.SetOf(c.Map[k]...))
	}
	return &c
}

func (p *pruner) setOp(n *logical.Node) *logical.Node {
	c := *n
	c.In = make([]*logical.Node, len(n.In))
	for k, in := range n.In {
		c.In[k] = p.node(in, logical.SetOf(n.Map[k]...))
	}
	return &c
}

func (p *pruner) join(n *logical.Node, need logical.Set) *logical.Node {
	need = union(need, n.Used())
	return n.With(p.narrow(n.In[0], need), p.narrow(n.In[1], need))
}

func (p *pruner) apply(n *logical.Node, need logical.Set) *logical.Node {
	below := union(need, n.Used())
	below.Add(logical.Free(n.In[1]))
	sub := need
	switch n.Sub.Kind {
	case "exists":
		sub = logical.Set{}
	case "lateral", "lateral left":
	default:
		sub = n.In[1].IDs()
	}
	return n.With(p.node(n.In[0], below), p.narrow(n.In[1], sub))
}

package bind

import (
	"slices"
	"strings"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// matchBinder binds one MATCH_RECOGNIZE.
type matchBinder struct {
	b       *Binder
	t       *ast.MatchRecognize
	src     *source
	info    *logical.MatchInfo
	subsets map[string][]int
	node    *logical.Node
}

// bindMatch binds relation MATCH_RECOGNIZE (…).
func (b *Binder) bindMatch(t *ast.MatchRecognize, s *scope, left *source) (*source, error) {
	src, err := b.bindTable(t.Input, s, left)
	if err != nil {
		return nil, err
	}
	m := &matchBinder{b: b, t: t, src: src, subsets: map[string][]int{}, info: &logical.MatchInfo{Rows: logical.MatchOne, Skip: t.Skip}}
	if t.AllRows {
		m.info.Rows = t.Empty
	}
	m.info.Pattern = m.pattern(t.Pattern)
	m.info.Conds = make([]*expr.Expr, len(m.info.Labels))
	m.node = &logical.Node{Op: logical.Match, Match: m.info}
	for _, step := range []func() error{m.names, m.input, m.within, m.defines, m.measures} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return m.result()
}

// pattern numbers the variables of a pattern.
func (m *matchBinder) pattern(p *ast.Pattern) *logical.Pattern {
	out := &logical.Pattern{Kind: p.Kind, Min: p.Min, Max: p.Max, Reluctant: p.Reluctant}
	if p.Kind == "var" {
		if out.Label = slices.Index(m.info.Labels, p.Name); out.Label < 0 {
			out.Label = len(m.info.Labels)
			m.info.Labels = append(m.info.Labels, p.Name)
		}
	}
	for _, q := range p.Parts {
		out.Parts = append(out.Parts, m.pattern(q))
	}
	return out
}

// names checks SUBSET, the names in DEFINE, and where the search goes on.
func (m *matchBinder) names() error {
	if len(m.info.Labels) == 0 {
		return sqlerr.New(sqlerr.SyntaxError, "a row pattern must have a variable").At(m.t.Pattern.Position())
	}
	for _, s := range m.t.Subsets {
		if slices.Contains(m.info.Labels, s.Name) || m.subsets[s.Name] != nil {
			return sqlerr.New(sqlerr.DuplicateAlias, "pattern variable %q is defined more than once", s.Name).At(s.Position())
		}
		set := []int{}
		for _, v := range s.Vars {
			i := slices.Index(m.info.Labels, v)
			if i < 0 {
				return m.noVariable(v, s.Position())
			}
			set = append(set, i)
		}
		slices.Sort(set)
		m.subsets[s.Name] = slices.Compact(set)
	}
	if m.t.SkipTo != "" {
		set, err := m.variable(m.t.SkipTo, int(m.t.SkipPos))
		if err != nil {
			return err
		}
		m.info.SkipTo = set
	}
	if m.info.Rows == "unmatched" && excludes(m.info.Pattern) {
		return sqlerr.New(sqlerr.SyntaxError, "WITH UNMATCHED ROWS cannot be used with a pattern that has an exclusion {- … -}").At(m.t.Position())
	}
	return nil
}

func excludes(p *logical.Pattern) bool {
	return p.Kind == "exclude" || slices.ContainsFunc(p.Parts, excludes)
}

// variable returns the labels that a variable or a subset stands for.
func (m *matchBinder) variable(name string, pos int) ([]int, error) {
	if i := slices.Index(m.info.Labels, name); i >= 0 {
		return []int{i}, nil
	}
	if set := m.subsets[name]; set != nil {
		return set, nil
	}
	return nil, m.noVariable(name, pos)
}

func (m *matchBinder) noVariable(name string, pos int) error {
	err := sqlerr.New(sqlerr.UndefinedTable, "pattern variable %q does not exist", name).At(pos)
	if slices.ContainsFunc(m.src.rels, func(r *relation) bool { return r.name == name }) {
		return err.WithHint("Inside MATCH_RECOGNIZE columns are qualified by variables of the PATTERN, not by the relation.")
	}
	return err.WithHint("The variables of the PATTERN are %s.", strings.Join(m.info.Labels, ", "))
}

// input binds PARTITION BY and ORDER BY.
func (m *matchBinder) input() error {
	c := &exprCtx{b: m.b, s: &scope{part: m.src.part}, clause: "PARTITION BY"}
	for _, e := range m.t.PartitionBy {
		x, err := c.bind(e)
		if err != nil {
			return err
		}
		if x.Kind != expr.Column {
			return sqlerr.New(sqlerr.InvalidColumnReference, "PARTITION BY of MATCH_RECOGNIZE takes columns only").
				WithHint("Compute the column in a subquery first.").At(e.Position())
		}
		m.node.Keys = append(m.node.Keys, x.Index)
	}
	if len(m.t.OrderBy) == 0 {
		return sqlerr.New(sqlerr.SyntaxError, "MATCH_RECOGNIZE needs ORDER BY").
			WithHint("Name the columns that put the rows of a partition in order: ORDER BY ts.").At(m.t.Position())
	}
	c.clause = "ORDER BY"
	order, err := c.orderExprs(m.t.OrderBy)
	if err != nil {
		return err
	}
	in := orderColumns(m.b, m.src.node, order, m.node)
	m.node.In = []*logical.Node{in}
	return nil
}

// within binds WITHIN.
func (m *matchBinder) within() error {
	if m.t.Within == nil {
		return nil
	}
	pos := m.t.Within.Position()
	first := m.node.Order[0]
	if col, _ := m.node.In[0].Col(first.Col); !col.Type.IsTime() || first.Desc {
		return sqlerr.New(sqlerr.DatatypeMismatch, "WITHIN needs an ORDER BY that begins with a timestamp, ascending").At(pos)
	}
	w := &windowCall{b: m.b, word: "WITHIN"}
	v, err := w.interval(m.t.Within, "WITHIN")
	if err != nil {
		return err
	}
	if v.Months != 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "WITHIN must be a length of time without months").At(pos)
	}
	if m.info.Within = microsOf(v); m.info.Within <= 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "WITHIN must be greater than zero").At(pos)
	}
	return nil
}

// ctx is the context of an expression of DEFINE or MEASURES.
func (m *matchBinder) ctx(clause string) *exprCtx {
	return &exprCtx{b: m.b, s: &scope{part: m.src.part}, clause: clause, match: &matchCtx{m: m, define: clause == "DEFINE"}}
}

func (m *matchBinder) defines() error {
	c := m.ctx("DEFINE")
	for i, d := range m.t.Defines {
		at := slices.Index(m.info.Labels, d.Name)
		if at < 0 {
			return m.noVariable(d.Name, d.Position())
		}
		if slices.ContainsFunc(m.t.Defines[:i], func(o ast.PatternDefine) bool { return o.Name == d.Name }) {
			return sqlerr.New(sqlerr.DuplicateAlias, "pattern variable %q is defined more than once", d.Name).At(d.Position())
		}
		x, err := c.boolean(d.Cond, "DEFINE")
		if err != nil {
			return err
		}
		m.info.Conds[at] = x
	}
	return nil
}

func (m *matchBinder) measures() error {
	c := m.ctx("MEASURES")
	for _, it := range m.t.Measures {
		x, err := c.bind(it.Expr)
		if err != nil {
			return err
		}
		if x, err = m.b.known(x); err != nil {
			return err
		}
		m.info.Measures = append(m.info.Measures, x)
		m.node.Out = append(m.node.Out, m.b.NewCol(it.Alias, x.Type, false))
	}
	return nil
}

// result names the columns: those of the partition, the measures, and for ALL ROWS PER MATCH those of
// the order before the measures and all others behind them.
func (m *matchBinder) result() (*source, error) {
	var cols []Column
	used := logical.Set{}
	add := func(id int) {
		for _, c := range m.src.cols {
			if c.ID == id && !used[id] {
				used[id] = true
				cols = append(cols, Column{Field: c.Field, ID: c.ID, Table: c.table, Attnum: c.attnum})
			}
		}
	}
	for _, k := range m.node.Keys {
		add(k)
	}
	if m.t.AllRows {
		for _, o := range m.node.Order {
			add(o.Col)
		}
	}
	for _, c := range m.node.Out {
		cols = append(cols, Column{Field: c.Field, ID: c.ID})
	}
	if m.t.AllRows {
		for _, c := range m.src.cols {
			add(c.ID)
		}
	}
	return derivedSource(m.node, cols, m.t.Alias, m.t.Columns, m.t.Position())
}

// set numbers a set of labels.
func (m *matchBinder) set(labels []int) int {
	at := slices.IndexFunc(m.info.Sets, func(s []int) bool { return slices.Equal(s, labels) && (s == nil) == (labels == nil) })
	if at < 0 {
		at = len(m.info.Sets)
		m.info.Sets = append(m.info.Sets, labels)
	}
	return at
}

// read adds a read, or finds the equal one, and refers to it.
func (m *matchBinder) read(r logical.MatchRead, t types.Type, pos int) *expr.Expr {
	for _, x := range m.info.Reads {
		if x.Kind == r.Kind && x.Set == r.Set && x.First == r.First && x.Skip == r.Skip && x.Move == r.Move && x.Final == r.Final &&
			(r.Expr == nil || logical.Equal(x.Expr, r.Expr)) && (r.Agg == nil || sameAgg(x.Agg, r.Agg)) {
			return colRef(x.Col, pos)
		}
	}
	r.Col = m.b.NewCol(r.Kind, t, false)
	m.info.Reads = append(m.info.Reads, r)
	return colRef(r.Col, pos)
}

package logical

import (
	"slices"

	"tidemill/sql/expr"
)

// MatchInfo is a MATCH_RECOGNIZE. Its Out are the measures.
type MatchInfo struct {
	// Labels are the pattern variables; elsewhere they are numbers in this list.
	Labels  []string
	Pattern *Pattern
	// Sets are the sets of labels that Reads speak of; nil stands for all.
	Sets [][]int
	// Reads are what conditions and measures read. Their expressions are over the columns of Reads.
	Reads    []MatchRead
	Conds    []*expr.Expr // by label; nil = any row
	Measures []*expr.Expr // one per Out
	Rows     string       // MatchOne, or of all rows "show", "omit" or "unmatched"
	Skip     string       // "past", "next", "first", "last"
	SkipTo   []int        // labels
	Within   int64        // in µs; 0 = none
}

// MatchOne is the MatchInfo.Rows of ONE ROW PER MATCH.
const MatchOne = "one"

// Pattern is a row pattern, of the kinds of ast.Pattern.
type Pattern struct {
	Kind      string
	Label     int
	Parts     []*Pattern
	Min, Max  int
	Reluctant bool
}

// MatchRead is a value that depends on how the rows of a match are labelled: Expr, an expression over
// the input, at the row that is Skip rows after the first or before the last one of Set and Move rows
// on; the label of that row; an aggregate over the rows of Set; or the match's number.
type MatchRead struct {
	Col        Col
	Kind       string // "value", "label", "agg", "number"
	Expr       *expr.Expr
	Agg        *AggCall
	Set        int
	First      bool
	Skip, Move int
	Final      bool
}

// mapExprs replaces the expressions of a copy.
func (m *MatchInfo) mapExprs(f func(*expr.Expr) *expr.Expr) *MatchInfo {
	c := *m
	c.Reads, c.Conds, c.Measures = slices.Clone(m.Reads), slices.Clone(m.Conds), mapAll(m.Measures, f)
	for i := range c.Reads {
		r := &c.Reads[i]
		if r.Expr = mapOne(r.Expr, f); r.Agg != nil {
			a := *r.Agg
			a.Args = mapAll(a.Args, f)
			r.Agg = &a
		}
	}
	for i := range c.Conds {
		c.Conds[i] = mapOne(c.Conds[i], f)
	}
	return &c
}

// own are the columns of the reads.
func (m *MatchInfo) own() Set {
	s := Set{}
	for _, r := range m.Reads {
		s[r.Col.ID] = true
	}
	return s
}

// matchKeys are the unique keys of a Match's output: a number per match tells matches apart, and
// where matches do not overlap a row is in one of them.
func matchKeys(n *Node) [][]int {
	m := n.Match
	number := -1
	for i, e := range m.Measures {
		if e.Kind != expr.Column {
			continue
		}
		for _, r := range m.Reads {
			if r.Col.ID == e.Index && r.Kind == "number" {
				number = n.Out[i].ID
			}
		}
	}
	switch {
	case m.Rows == MatchOne && number >= 0:
		return [][]int{append(slices.Clone(n.Keys), number)}
	case m.Rows == MatchOne:
		return nil
	case m.Skip == "past":
		return Keys(n.In[0])
	case number >= 0 && m.Rows != "unmatched":
		return extend(Keys(n.In[0]), [][]int{{number}})
	}
	return nil
}

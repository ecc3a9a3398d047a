package lower

import (
	"tidemill/exec/plan"
	"tidemill/planner/logical"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// values lowers constant rows; rows with parameters or functions of the session become projections.
func (l *lowerer) values(n *logical.Node) (int, error) {
	cfg := valuesConfig{Rows: make([][]types.Datum, len(n.Rows))}
	for i, row := range n.Rows {
		cfg.Rows[i] = make([]types.Datum, len(row))
		for k, e := range row {
			if e.Kind != expr.Literal {
				return l.computedValues(n)
			}
			cfg.Rows[i][k] = *e.Lit
		}
	}
	return l.add(n, "values", 1, cfg, nil, n.Out, dist{kind: plan.Local})
}

// valuesConfig is the configuration of values, with expressions that BindParams evaluates.
type valuesConfig struct {
	Rows  [][]types.Datum `json:"rows"`
	Exprs [][]*expr.Expr  `json:"exprs,omitempty"`
}

func (l *lowerer) computedValues(n *logical.Node) (int, error) {
	if simpleRows(n.Rows) {
		return l.add(n, "values", 1, valuesConfig{Rows: [][]types.Datum{}, Exprs: n.Rows}, nil, n.Out, dist{kind: plan.Local})
	}
	u := &logical.Node{Op: logical.Union, Out: n.Out}
	for _, row := range n.Rows {
		p := &logical.Node{Op: logical.Project, In: []*logical.Node{logical.OneRow()}, Exprs: row}
		var ids []int
		for _, c := range n.Out {
			c.ID = l.NewID()
			p.Out = append(p.Out, c)
			ids = append(ids, c.ID)
		}
		u.In, u.Map = append(u.In, p), append(u.Map, ids)
	}
	return l.node(u)
}

// simpleRows tells whether all values are constants and parameters.
func simpleRows(rows [][]*expr.Expr) bool {
	for _, r := range rows {
		for _, e := range r {
			if e.Kind != expr.Literal && e.Kind != expr.Param {
				return false
			}
		}
	}
	return true
}

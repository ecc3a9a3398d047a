package planner

import (
	"maps"
	"slices"
	"strings"
	"time"

	"tidemill/exec/plan"
	"tidemill/planner/bind"
	"tidemill/planner/logical"
	"tidemill/planner/lower"
	"tidemill/planner/rewrite"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
)

// PlanView is the package's PlanView with options.
func (o Options) PlanView(c *Context, sel *ast.Select, columns []string) (*Query, error) {
	b := bind.New(timed(c))
	bound, err := b.Select(sel)
	if err != nil {
		return nil, err
	}
	if err := nameColumns(bound, columns); err != nil {
		return nil, err
	}
	if err := maintainable(b, bound); err != nil {
		return nil, err
	}
	out := newQuery(b, bound)
	visible := columnsOf(bound)
	// The whole tree is kept until the key is chosen, so that columns of the key can be shown.
	root := logical.Keep(bound.Node, visible)
	off := o.Off
	if bound.EmitOnClose { // the numbers of sessions do not follow the watermark, their ends do
		off = maps.Clone(off)
		if off == nil {
			off = map[string]bool{}
		}
		off["session"] = true
	}
	r := &rewrite.Ctx{Env: &b.Env, NewID: b.NewID, View: true, Off: off}
	n, all, key, err := rewrite.RunView(r, root, visible)
	if err != nil {
		return nil, err
	}
	n = rename(logical.Keep(n, all), all)
	out.OneRow = atMostOne(n)
	lo := &lower.Options{View: true, Civil: b.Env.Location() != time.UTC, NewID: b.NewID, NoShare: o.Off["share"], NoTwoPhase: o.Off["twophase"]}
	if out.Plan, err = lower.Plan(n, len(visible), lo); err != nil {
		return nil, err
	}
	out.Plan.Keep(&b.Env)
	out.Plan.Key = keyPositions(key, all)
	if err := out.followTime(c, bound.EmitOnClose); err != nil {
		return nil, err
	}
	for _, k := range bound.Order {
		at := slices.IndexFunc(visible, func(c logical.Col) bool { return c.ID == k.Col })
		if at < 0 {
			break // the rest of the order hangs on a column that is not shown
		}
		out.Plan.OrderBy = append(out.Plan.OrderBy, plan.SortKey{Col: at, Desc: k.Desc, NullsFirst: k.NullsFirst})
	}
	return out, nil
}

// rename gives the root's columns their names in the result.
func rename(n *logical.Node, cols []logical.Col) *logical.Node {
	if n.Op != logical.Project {
		return n
	}
	c := *n
	c.Out = slices.Clone(n.Out)
	for i := range c.Out {
		c.Out[i].Name = cols[i].Name
	}
	return &c
}

// keyPositions gives the key as positions among the columns; nil when there is none.
func keyPositions(key []int, cols []logical.Col) []int {
	if key == nil {
		return nil
	}
	out := []int{}
	for i, c := range cols {
		if slices.Contains(key, c.ID) {
			out = append(out, i)
		}
	}
	return out
}

func nameColumns(q *bind.Query, columns []string) error {
	if len(columns) > len(q.Cols) {
		return sqlerr.New(sqlerr.SyntaxError, "too many column names were specified")
	}
	for i, name := range columns {
		q.Cols[i].Name = name
	}
	for i, c := range q.Cols {
		for _, d := range q.Cols[:i] {
			if c.Name == d.Name {
				return sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", c.Name)
			}
		}
	}
	return nil
}

// maintainable refuses what cannot be kept up to date by changes of the inputs alone.
func maintainable(b *bind.Binder, q *bind.Query) error {
	if len(b.Params) > 0 {
		return sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $1").
			WithHint("A materialized view cannot have parameters. Write the value, or filter when the view is read.")
	}
	if b.UsesSystem {
		return sqlerr.Unsupported("a materialized view cannot read system relations")
	}
	return walk(q.Node, func(n *logical.Node) error {
		var failure error
		n.EachExpr(func(e *expr.Expr) {
			if n.Op == logical.Filter || n.Op == logical.Join {
				e = withoutTime(e)
			}
			expr.Walk(e, func(x *expr.Expr) bool {
				if failure == nil {
					failure = stable(x)
				}
				return failure == nil
			})
		})
		if n.Op == logical.TableFunc && n.Func.Volatile {
			failure = sqlerr.Unsupported("function %s() is not supported in a materialized view: it gives another result each time", n.Func.Name)
		}
		return failure
	})
}

// withoutTime leaves the conditions out of a conjunction that compare with the time in a form that can
// be maintained.
func withoutTime(e *expr.Expr) *expr.Expr {
	var rest []*expr.Expr
	for _, p := range logical.Conjuncts(e) {
		if _, ok := logical.TemporalConds(p); !ok || !logical.ReadsClock(p) {
			rest = append(rest, p)
		}
	}
	return logical.AndAll(rest)
}

// walk visits a tree and the subqueries in its expressions.
func walk(n *logical.Node, f func(*logical.Node) error) error {
	if err := f(n); err != nil {
		return err
	}
	for _, in := range append(slices.Clone(n.In), logical.Subqueries(n)...) {
		if err := walk(in, f); err != nil {
			return err
		}
	}
	return nil
}

// clock are the functions that read the time, session those that read who asks.
var (
	clock = map[string]bool{"now": true, "current_timestamp": true, "current_date": true, "current_time": true,
		"localtime": true, "localtimestamp": true, "transaction_timestamp": true, "statement_timestamp": true,
		"clock_timestamp": true, "timeofday": true}
	session = map[string]bool{"current_user": true, "session_user": true, "user": true, "current_role": true,
		"current_schema": true, "current_schemas": true, "current_database": true, "current_catalog": true,
		"current_setting": true, "set_config": true, "version": true, "inet_server_addr": true, "inet_client_addr": true}
)

// stable refuses a function whose result may change while no input row does.
func stable(x *expr.Expr) error {
	if x.Kind != expr.Call {
		return nil
	}
	s, ok := fn.FindScalar(x.Name, x.ArgTypes)
	if !ok || s.Volatility == fn.Immutable {
		return nil
	}
	switch {
	case clock[x.Name] || x.Name == "age" && len(x.Args) == 1:
		return sqlerr.Unsupported("%s() is not supported in a materialized view: its value would change without any row changing", x.Name).
			WithHint("%s", rewrite.TemporalHint).At(x.Pos)
	case session[x.Name] || strings.HasPrefix(x.Name, "pg_") || strings.HasPrefix(x.Name, "has_") || strings.HasPrefix(x.Name, "to_reg"):
		return sqlerr.Unsupported("%s() is not supported in a materialized view: it depends on the session", x.Name).
			WithHint("Compute it when the view is read.").At(x.Pos)
	case s.Volatility == fn.Volatile:
		return sqlerr.Unsupported("%s() is not supported in a materialized view: it gives another result each time", x.Name).
			WithHint("Compute it when rows are inserted, as a column DEFAULT, or when the view is read.").At(x.Pos)
	}
	return nil
}

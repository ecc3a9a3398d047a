package bind

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// functionName checks the schema of a function's name and returns the name alone. All functions are
// in pg_catalog; those of information_schema are registered under their own names.
func functionName(parts []string, pos int) (string, error) {
	name := parts[len(parts)-1]
	quals := parts[:len(parts)-1]
	if len(quals) == 2 && quals[0] == catalog.DefaultDatabase {
		quals = quals[1:]
	}
	if len(quals) == 0 || len(quals) == 1 && (quals[0] == "pg_catalog" || quals[0] == "information_schema") {
		return name, nil
	}
	return "", sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", strings.Join(quals, ".")).
		WithHint("Functions are in schema pg_catalog; user-defined functions are not supported.").At(pos)
}

func (c *exprCtx) call(e *ast.Call) (*expr.Expr, error) {
	name, err := functionName(e.Name, e.Position())
	if err != nil {
		return nil, err
	}
	if c.match != nil {
		if out, done, err := c.match.call(c, e, name); done {
			return out, err
		}
	}
	if e, err = namedArgs(e, name); err != nil {
		return nil, err
	}
	switch {
	case e.Over != nil:
		return c.windowCall(e, name)
	case windowOnly[name] && len(e.WithinGroup) == 0 && len(e.OrderBy) == 0 && (len(e.Args) == 0 || name == "first_value" || name == "last_value"):
		return nil, sqlerr.New(sqlerr.WrongObjectType, "window function %s requires an OVER clause", name).At(e.Position())
	case fn.IsAggregate(name) && !fn.IsScalar(name):
		return c.aggregate(e, name)
	case windowOnly[name]:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "window function %s requires an OVER clause", name).At(e.Position())
	}
	if err := plainOnly(e, name); err != nil {
		return nil, err
	}
	if l, ok := lastArg(e).(*ast.ArrayLit); ok && e.Variadic { // the same as its elements
		flat := *e
		flat.Variadic = false
		flat.Args = append(slices.Clone(e.Args[:len(e.Args)-1]), l.Elems...)
		e = &flat
	}
	if e.Variadic {
		return nil, sqlerr.Unsupported("VARIADIC arguments are not supported").At(e.Position())
	}
	switch name {
	case "coalesce":
		return c.coalesce(e)
	case "nullif":
		return c.nullif(e)
	case "grouping":
		return c.grouping(e)
	case "tumble", "hop", "cumulate", "session":
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%s is a table function: write it in FROM", strings.ToUpper(name)).
			WithHint("Write FROM %s.", windowUsage[name]).At(e.Position())
	}
	if fn.IsTable(name) && !fn.IsScalar(name) {
		return c.setReturning(e, name)
	}
	out, err := c.function(name, e.Args, e.Position())
	if err != nil && len(e.Name) == 2 {
		if x := sqlerr.As(err); x.Code == sqlerr.UndefinedFunction { // as the grammar's own functions are called
			qualified := *x
			qualified.Message = strings.Replace(x.Message, "function "+name+"(", "function pg_catalog."+name+"(", 1)
			return nil, &qualified
		}
	}
	return out, err
}

func lastArg(e *ast.Call) ast.Expr {
	if len(e.Args) == 0 {
		return nil
	}
	return e.Args[len(e.Args)-1]
}

// plainOnly refuses the syntax of aggregates on a plain function.
func plainOnly(e *ast.Call, name string) error {
	what := ""
	switch {
	case e.Distinct:
		what = "DISTINCT"
	case e.Filter != nil:
		what = "FILTER"
	case len(e.WithinGroup) > 0:
		what = "WITHIN GROUP"
	case len(e.OrderBy) > 0:
		what = "ORDER BY"
	}
	if what == "" {
		return nil
	}
	return sqlerr.New(sqlerr.WrongObjectType, "%s specified, but %s is not an aggregate function", what, name).At(e.Position())
}

// function binds a scalar function; one argument and the name of a type make a cast.
func (c *exprCtx) function(name string, in []ast.Expr, pos int) (*expr.Expr, error) {
	args, err := c.bindAll(in)
	if err != nil {
		return nil, err
	}
	if len(args) == 1 && !fn.IsScalar(name) {
		if t, err := types.ByName(name, nil, 0); err == nil {
			return c.b.cast(args[0], t, fn.Explicit)
		}
		if t, ok := c.b.userType([]string{name}, pos); ok {
			return c.b.cast(args[0], t, fn.Explicit)
		}
	}
	if name == "pg_typeof" && len(args) == 1 && c.b.typeOf(args[0]).ID == types.Unknown {
		return expr.Lit(types.IntDatum(types.Regtype, int64(unknown.OID()))), nil
	}
	if name == "greatest" || name == "least" {
		if args, _, err = c.b.unify(strings.ToUpper(name), args); err != nil {
			return nil, err
		}
	}
	out, err := c.resolve(name, args, pos)
	if err != nil && len(args) == 1 && fn.IsScalar(name) {
		if t, terr := types.ByName(name, nil, 0); terr == nil {
			if e, ok, cerr := c.b.coerce(args[0], t, fn.Explicit); ok && cerr == nil {
				return e, nil
			}
		}
	}
	return out, err
}

// intervalArgs are the parameter names of make_interval, the function that is called by name.
var intervalArgs = []string{"years", "months", "weeks", "days", "hours", "mins", "secs"}

// namedArgs turns named notation into positions.
func namedArgs(e *ast.Call, name string) (*ast.Call, error) {
	if e.ArgNames == nil || !slices.ContainsFunc(e.ArgNames, func(n string) bool { return n != "" }) {
		return e, nil
	}
	if name != "make_interval" {
		return nil, sqlerr.Unsupported("named arguments are not supported for function %s", name).At(e.Position())
	}
	out := *e
	out.ArgNames = nil
	out.Args = make([]ast.Expr, len(intervalArgs))
	for i := range out.Args {
		out.Args[i] = &ast.Literal{Kind: ast.LitInt, Text: "0"}
	}
	for i, a := range e.Args {
		at := i
		if n := e.ArgNames[i]; n != "" {
			if at = slices.Index(intervalArgs, n); at < 0 {
				return nil, sqlerr.New(sqlerr.UndefinedFunction, "function %s has no argument named %q", name, n).At(e.Position())
			}
		}
		out.Args[at] = a
	}
	return &out, nil
}

func (c *exprCtx) coalesce(e *ast.Call) (*expr.Expr, error) {
	if len(e.Args) == 0 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "syntax error at or near \")\"").At(e.Position())
	}
	inner := c.within("COALESCE")
	args, err := inner.bindAll(e.Args)
	if err != nil {
		return nil, err
	}
	return c.common("COALESCE", expr.Coalesce, args, e.Position())
}

func (c *exprCtx) nullif(e *ast.Call) (*expr.Expr, error) {
	if len(e.Args) != 2 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "NULLIF takes two arguments").At(e.Position())
	}
	args, err := c.bindAll(e.Args)
	if err != nil {
		return nil, err
	}
	eq, err := c.operator("=", args, e.Position())
	if err != nil {
		return nil, err
	}
	v := args[0]
	if v.Type.ID == types.Unknown {
		v = eq.Args[0]
	}
	return &expr.Expr{Kind: expr.Case, Type: v.Type, Pos: e.Position(),
		Args: []*expr.Expr{eq, expr.Lit(types.NullOf(v.Type)), v}}, nil
}

// setReturning binds a set-returning function in a select list; its value is a column that the
// block's TableFunc makes.
func (c *exprCtx) setReturning(e *ast.Call, name string) (*expr.Expr, error) {
	item, err := c.srf(e, name)
	if err != nil {
		return nil, err
	}
	if len(item.cols) != 1 {
		row := &expr.Expr{Kind: expr.Row, Type: types.T(types.Record), Pos: e.Position()}
		row.Type.Row = &types.Row{Fields: []types.Field{}}
		for _, col := range item.cols {
			row.Args = append(row.Args, logical.Ref(col))
			row.Type.Row.Fields = append(row.Type.Row.Fields, types.Field{Name: col.Name, Type: col.Type})
		}
		return row, nil
	}
	return colRef(item.cols[0], e.Position()), nil
}

// srf registers a set-returning function with the block, once per distinct call.
func (c *exprCtx) srf(e *ast.Call, name string) (*srfItem, error) {
	if c.block == nil || c.noSRF || c.inAgg || c.inOver {
		where := c.clause
		switch {
		case c.inAgg:
			where = "aggregate function calls"
			return nil, sqlerr.Unsupported("%s cannot contain set-returning function calls", where).
				WithHint("You might be able to move the set-returning function into a LATERAL FROM item.").At(e.Position())
		case c.inOver:
			where = "window function calls"
		case c.noSRF && c.conditional != "":
			where = c.conditional
			return nil, sqlerr.Unsupported("set-returning functions are not allowed in %s", where).
				WithHint("You might be able to move the set-returning function into a LATERAL FROM item.").At(e.Position())
		}
		return nil, sqlerr.Unsupported("set-returning functions are not allowed in %s", where).At(e.Position())
	}
	info, cols, err := c.tableFunction(e, name)
	if err != nil {
		return nil, err
	}
	item := &srfItem{info: info}
	for _, f := range cols {
		item.cols = append(item.cols, c.b.NewCol(f.Name, f.Type, false))
	}
	c.block.srfs = append(c.block.srfs, item)
	return item, nil
}

// tableFunction resolves a call of a table function.
func (c *exprCtx) tableFunction(e *ast.Call, name string) (*logical.FuncInfo, []types.Field, error) {
	args, err := c.bindAll(e.Args)
	if err != nil {
		return nil, nil, err
	}
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = c.b.typeOf(a)
	}
	t, coerced, err := fn.ResolveTable(name, ts)
	if err != nil {
		x := *sqlerr.As(err)
		return nil, nil, x.At(e.Position())
	}
	for i := range args {
		if args[i], err = c.b.implicitArg(args[i], coerced[i]); err != nil {
			return nil, nil, err
		}
		ts[i] = args[i].Type
	}
	info := &logical.FuncInfo{Name: t.Name, Args: args, ArgTypes: t.Args, Volatile: t.Volatility == fn.Volatile}
	return info, t.OutputColumns(ts), nil
}

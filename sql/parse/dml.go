package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/parse/query"
	"tidemill/sql/sqlerr"
)

// insert reads INSERT INTO.
func (p *parser) insert() ast.Statement {
	p.Expect("insert", "into")
	s := &ast.Insert{Pos: p.pos(), Table: p.Name()}
	if p.Accept("as") {
		s.Alias = p.ColID()
	}
	if p.IsPunct("(") && !query.IsQuery(p.Cursor) {
		s.Columns, s.ColumnPos = p.targetColumns()
	}
	s.Overriding = p.overriding()
	if s.Columns != nil || s.Overriding != "" || !p.Accept("default", "values") {
		s.Query, _ = p.sel()
	}
	if p.Is("on", "conflict") {
		s.OnConflict = p.onConflict()
	}
	s.Returning = p.returning()
	return s
}

// targetColumns reads (column, …) with positions.
func (p *parser) targetColumns() (names []string, pos []int) {
	p.ExpectPunct("(")
	for {
		pos = append(pos, p.Pos())
		names = append(names, p.ColID())
		p.plainTarget()
		if !p.AcceptPunct(",") {
			break
		}
	}
	p.ExpectPunct(")")
	return names, pos
}

// plainTarget refuses to assign to a part of a column.
func (p *parser) plainTarget() {
	if p.IsPunct("[") || p.IsPunct(".") {
		p.Unsupported(p.Pos(), "assigning to a part of a column is not supported")
	}
}

func (p *parser) onConflict() *ast.OnConflict {
	c := &ast.OnConflict{Pos: p.pos()}
	p.Expect("on", "conflict")
	switch {
	case p.IsPunct("("):
		c.Columns = p.conflictColumns()
		if p.Accept("where") {
			c.Infer = p.expr()
		}
	case p.Accept("on", "constraint"):
		c.Constraint = p.ColID()
	}
	p.Expect("do")
	if p.Accept("nothing") {
		return c
	}
	p.Expect("update", "set")
	if c.Columns == nil && c.Constraint == "" {
		p.Fail(sqlerr.New(sqlerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name").
			WithHint("For example, ON CONFLICT (column_name).").At(c.Position()))
	}
	c.Update = true
	c.Set = p.assignments()
	if p.Accept("where") {
		c.Where = p.expr()
	}
	return c
}

// conflictColumns reads the column list of ON CONFLICT, where Postgres allows expressions too.
func (p *parser) conflictColumns() []string {
	for i := 1; ; i += 2 {
		sep := p.At(i + 1)
		if !p.At(i).IsColID() || !sep.IsPunct(",") && !sep.IsPunct(")") {
			if t := p.At(i); t.IsPunct("(") || sep.IsPunct("(") || sep.Is("collate") || sep.IsColID() {
				p.Unsupported(t.Pos, "ON CONFLICT over an expression is not supported")
			}
			break
		}
		if sep.IsPunct(")") {
			break
		}
	}
	return p.ColIDs()
}

// assignments reads the list of SET.
func (p *parser) assignments() []ast.Assignment {
	var list []ast.Assignment
	for {
		if p.IsPunct("(") {
			list = append(list, p.rowAssignment()...)
		} else {
			a := ast.Assignment{Pos: p.pos(), Column: p.ColID()}
			for p.AcceptPunct(".") {
				a.Path = append(a.Path, p.Label())
			}
			p.plainTarget()
			if !p.AcceptOp("=") {
				p.Unexpected()
			}
			a.Expr = p.expr()
			list = append(list, a)
		}
		if !p.AcceptPunct(",") {
			return list
		}
	}
}

// rowAssignment reads (a, b) = (x, y) and takes it apart.
func (p *parser) rowAssignment() []ast.Assignment {
	names, pos := p.targetColumns()
	if !p.AcceptOp("=") {
		p.Unexpected()
	}
	at := p.Pos()
	e := p.expr()
	if p.Err != nil {
		return nil
	}
	values := []ast.Expr{e}
	switch row := e.(type) {
	case *ast.Row:
		values = row.Elems
	case *ast.Subquery:
		list := make([]ast.Assignment, len(names))
		for i := range names {
			list[i] = ast.Assignment{Pos: ast.Pos(pos[i]), Column: names[i], Expr: e, Field: i, Of: len(names)}
		}
		return list
	default:
		if len(names) > 1 {
			p.Fail(sqlerr.New(sqlerr.FeatureNotSupported, "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression").At(at))
			return nil
		}
	}
	for _, v := range values {
		if _, star := v.(*ast.Star); star {
			p.Unsupported(at, "assigning a whole row to several columns is not supported")
			return nil
		}
	}
	if len(values) != len(names) {
		p.Fail(sqlerr.New(sqlerr.SyntaxError, "number of columns does not match number of values").At(at))
		return nil
	}
	list := make([]ast.Assignment, len(names))
	for i := range names {
		list[i] = ast.Assignment{Pos: ast.Pos(pos[i]), Column: names[i], Expr: values[i]}
	}
	return list
}

// target reads the table of UPDATE and DELETE with its alias; stop is the word that is no alias.
func (p *parser) target(stop string) (table []string, alias string) {
	only := p.Accept("only")
	if only && p.AcceptPunct("(") {
		table = p.Name()
		p.ExpectPunct(")")
	} else {
		table = p.Name()
	}
	p.AcceptOp("*")
	if p.Accept("as") || p.Peek().IsColID() && !p.Is(stop) {
		alias = p.ColID()
	}
	return table, alias
}

func (p *parser) update() ast.Statement {
	p.Expect("update")
	s := &ast.Update{Pos: p.pos()}
	s.Table, s.Alias = p.target("set")
	p.Expect("set")
	s.Set = p.assignments()
	if p.Accept("from") {
		s.From = query.From(p.Cursor)
	}
	s.Where = p.where()
	s.Returning = p.returning()
	return s
}

func (p *parser) delete() ast.Statement {
	p.Expect("delete", "from")
	s := &ast.Delete{Pos: p.pos()}
	s.Table, s.Alias = p.target("using")
	if p.Accept("using") {
		s.Using = query.From(p.Cursor)
	}
	s.Where = p.where()
	s.Returning = p.returning()
	return s
}

// merge reads MERGE INTO.
func (p *parser) merge() ast.Statement {
	p.Expect("merge", "into")
	s := &ast.Merge{Pos: p.pos()}
	s.Table, s.Alias = p.target("using")
	p.Expect("using")
	s.Source = query.From(p.Cursor)
	p.Expect("on")
	s.On = p.expr()
	for p.Is("when") && p.Err == nil {
		s.When = append(s.When, p.mergeWhen())
	}
	if len(s.When) == 0 {
		p.Unexpected()
	}
	return s
}

// mergeWhen reads WHEN [NOT] MATCHED [AND …] THEN ….
func (p *parser) mergeWhen() ast.MergeWhen {
	w := ast.MergeWhen{Pos: p.pos()}
	p.Expect("when")
	w.Matched = !p.Accept("not")
	p.Expect("matched")
	if p.Accept("and") {
		w.And = p.expr()
	}
	p.Expect("then")
	switch {
	case p.Accept("do"):
		p.Expect("nothing")
		w.Action = "nothing"
	case w.Matched && p.Accept("delete"):
		w.Action = "delete"
	case w.Matched:
		p.Expect("update", "set")
		w.Action, w.Set = "update", p.assignments()
	default:
		p.Expect("insert")
		p.mergeInsert(&w)
	}
	return w
}

func (p *parser) mergeInsert(w *ast.MergeWhen) {
	w.Action = "insert"
	if p.IsPunct("(") {
		w.Columns, w.ColumnPos = p.targetColumns()
	}
	w.Overriding = p.overriding()
	if p.Accept("default", "values") {
		return
	}
	p.Expect("values")
	p.ExpectPunct("(")
	w.Values = query.Exprs(p.Cursor)
	p.ExpectPunct(")")
}

// overriding reads OVERRIDING … VALUE.
func (p *parser) overriding() (which string) {
	if p.Accept("overriding") {
		if which = p.AcceptAny("user", "system"); which == "" {
			p.Unexpected()
		}
		p.Expect("value")
	}
	return which
}

func (p *parser) where() ast.Expr {
	if !p.Accept("where") {
		return nil
	}
	if p.Is("current", "of") {
		p.Unsupported(p.Pos(), "WHERE CURRENT OF is not supported")
	}
	return p.expr()
}

func (p *parser) returning() []ast.SelectItem {
	if !p.Accept("returning") {
		return nil
	}
	return query.Items(p.Cursor, true)
}

func (p *parser) truncate() ast.Statement {
	s := &ast.Truncate{Pos: p.pos()}
	p.Expect("truncate")
	p.Accept("table")
	for {
		p.Accept("only")
		s.TablePos = append(s.TablePos, p.Pos())
		s.Tables = append(s.Tables, p.Name())
		p.AcceptOp("*")
		if !p.AcceptPunct(",") {
			break
		}
	}
	if w := p.AcceptAny("restart", "continue"); w != "" {
		s.Restart = w == "restart"
		p.Expect("identity")
	}
	s.Cascade = p.cascade()
	return s
}

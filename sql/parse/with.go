package parse

import "tidemill/sql/ast"

// with reads a statement that starts with WITH: a query, or INSERT, UPDATE or DELETE.
func (p *parser) with() ast.Statement {
	if !p.modifiesAfterWith() {
		return p.query()
	}
	p.Expect("with")
	w := &ast.With{Recursive: p.Accept("recursive")}
	for {
		w.List = append(w.List, p.cte())
		if !p.AcceptPunct(",") {
			break
		}
	}
	if p.Err != nil {
		return nil
	}
	switch s := p.statement().(type) {
	case *ast.Insert:
		s.With = w
		return s
	case *ast.Update:
		s.With = w
		return s
	case *ast.Delete:
		s.With = w
		return s
	}
	return nil
}

// modifiesAfterWith looks behind the WITH items for the word that tells what the statement is.
func (p *parser) modifiesAfterWith() bool {
	i := p.Index() + 1
	for {
		t := p.Tok(i)
		switch {
		case t.IsPunct("(") && t.Match > i:
			i = t.Match + 1
			if next := p.Tok(i); next.Is("insert") || next.Is("update") || next.Is("delete") {
				return true
			}
		case t.IsColID() || t.Is("as") || t.Is("not") || t.IsPunct(","):
			i++
		default:
			return false
		}
	}
}

// cte reads name [(columns)] AS [[NOT] MATERIALIZED] (query).
func (p *parser) cte() ast.CTE {
	c := ast.CTE{Pos: p.pos(), Name: p.ColID()}
	if p.IsPunct("(") {
		c.Columns = p.ColIDs()
	}
	p.Expect("as")
	if p.Is("not") || p.Is("materialized") {
		m := !p.Accept("not")
		p.Expect("materialized")
		c.Materialized = &m
	}
	p.ExpectPunct("(")
	if p.IsAny("insert", "update", "delete") {
		p.Unsupported(p.Pos(), "data-modifying statements in WITH are not supported")
	}
	c.Query, _ = p.sel()
	p.ExpectPunct(")")
	return c
}

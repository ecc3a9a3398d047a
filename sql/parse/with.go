package parse

import (
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// with reads a statement that starts with WITH: a query, or one that modifies, in the WITH or behind it.
func (p *parser) with() ast.Statement {
	if !p.modifies() {
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
	if p.Is("with") {
		p.Unexpected()
	}
	at := p.Index()
	switch s := p.statement().(type) {
	case *ast.Query:
		if p.Err != nil {
			return nil
		}
		if s.Select.With != nil {
			p.Fail(sqlerr.New(sqlerr.SyntaxError, "multiple WITH clauses not allowed"))
			return nil
		}
		s.Select.With, s.Select.Recursive = w.List, w.Recursive
		return s
	case *ast.Insert:
		s.With = w
		return s
	case *ast.Update:
		s.With = w
		return s
	case *ast.Delete:
		s.With = w
		return s
	case *ast.Merge:
		s.With = w
		return s
	case nil:
		return nil
	}
	p.UnexpectedAt(at)
	return nil
}

// modifies tells whether the statement, or an item of its WITH, modifies.
func (p *parser) modifies() bool {
	end := p.afterWith()
	t := p.Tok(end)
	if t.Is("insert") || t.Is("update") || t.Is("delete") || t.Is("merge") {
		return true
	}
	for i := p.Index() + 1; i < end; i++ {
		t := p.Tok(i)
		if next := p.Tok(i + 1); t.IsPunct("(") && (next.Is("insert") || next.Is("update") || next.Is("delete") || next.Is("merge")) {
			return true
		}
		if t.IsPunct("(") && t.Match > i {
			i = t.Match
		}
	}
	return false
}

// afterWith returns where the statement behind the WITH items starts.
func (p *parser) afterWith() int {
	i := p.Index() + 1
	for {
		t := p.Tok(i)
		switch {
		case t.IsPunct("(") && t.Match > i:
			i = t.Match + 1
			if next := p.Tok(i); !next.IsPunct(",") && !next.Is("as") {
				return i
			}
		case t.IsColID() || t.Is("as") || t.Is("not") || t.IsPunct(","):
			i++
		default:
			return i
		}
	}
}

// cte reads name [(columns)] AS [[NOT] MATERIALIZED] (query or statement).
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
	switch at := p.Index(); {
	case p.Is("merge"):
		p.Unsupported(int(c.Pos), "MERGE not supported in WITH query")
	case p.IsAny("insert", "update", "delete"):
		c.Write = p.statement()
	case p.Is("with") && p.modifies():
		if c.Write = p.nested(); c.Write != nil {
			if _, query := c.Write.(*ast.Query); query {
				p.Seek(at)
				p.Unsupported(int(c.Pos), "WITH clause containing a data-modifying statement must be at the top level")
			}
		}
	default:
		c.Query, _ = p.sel()
	}
	p.ExpectPunct(")")
	return c
}

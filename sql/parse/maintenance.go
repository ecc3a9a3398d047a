package parse

import (
	"strings"

	"tidemill/sql/ast"
)

// noOp reads a maintenance statement of Postgres that has nothing to do here.
func (p *parser) noOp() ast.Statement {
	s := &ast.NoOp{Pos: p.pos()}
	word := p.Next().Text
	s.Tag = upper(word)
	switch word {
	case "vacuum":
		p.vacuum()
	case "analyze", "analyse":
		s.Tag = "ANALYZE"
		if !p.parenOptions() {
			p.Accept("verbose")
		}
		p.columnedNames()
	case "refresh":
		s.Tag = "REFRESH MATERIALIZED VIEW"
		p.Expect("materialized", "view")
		p.Accept("concurrently")
		p.Name()
		p.withData(true)
	case "reindex":
		p.reindex()
	case "cluster":
		p.cluster()
	}
	return s
}

// parenOptions reads (name [value], …), if that is next.
func (p *parser) parenOptions() bool {
	if !p.IsPunct("(") {
		return false
	}
	p.wordOptions()
	return true
}

func (p *parser) vacuum() {
	if !p.parenOptions() {
		p.Accept("full")
		p.Accept("freeze")
		p.Accept("verbose")
		p.AcceptAny("analyze", "analyse")
	}
	p.columnedNames()
}

// columnedNames reads [name [(columns)], …].
func (p *parser) columnedNames() {
	if p.Done() {
		return
	}
	for {
		p.Name()
		if p.IsPunct("(") {
			p.ColIDs()
		}
		if !p.AcceptPunct(",") {
			return
		}
	}
}

// lock reads LOCK TABLE.
func (p *parser) lock() ast.Statement {
	s := &ast.Lock{Pos: p.pos(), Mode: "access exclusive"}
	p.Expect("lock")
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
	if p.Accept("in") {
		s.Mode = p.lockMode()
		p.Expect("mode")
	}
	p.Accept("nowait")
	return s
}

func (p *parser) lockMode() string {
	for _, m := range [][]string{{"access", "share"}, {"row", "share"}, {"row", "exclusive"}, {"share", "update", "exclusive"},
		{"share", "row", "exclusive"}, {"share"}, {"exclusive"}, {"access", "exclusive"}} {
		if p.Accept(m...) {
			return strings.Join(m, " ")
		}
	}
	p.Unexpected()
	return ""
}

func (p *parser) reindex() {
	p.parenOptions()
	what := p.AcceptAny("index", "table", "schema", "database", "system")
	if what == "" {
		p.Unexpected()
	}
	p.Accept("concurrently")
	if (what == "database" || what == "system") && p.Done() {
		return
	}
	p.Name()
}

// cluster reads CLUSTER [table [USING index]] and the older CLUSTER index ON table.
func (p *parser) cluster() {
	if !p.parenOptions() {
		p.Accept("verbose")
	}
	if p.Done() {
		return
	}
	p.Name()
	if p.AcceptAny("using", "on") != "" {
		p.Name()
	}
}

// setConstraints reads {ALL | name, …} {DEFERRED | IMMEDIATE}.
func (p *parser) setConstraints() {
	if !p.Accept("all") {
		for p.Name(); p.AcceptPunct(","); p.Name() {
		}
	}
	if p.AcceptAny("deferred", "immediate") == "" {
		p.Unexpected()
	}
}

package query

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	tidb "github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
	"github.com/pingcap/tidb/pkg/parser/mysql"

	"tidemill/sql/sqlerr"
)

// The TiDB parser asks its user for the nodes of constants. Canonical text holds only strings, the
// names of notes, so the other kinds are refused.
func init() {
	refuse := func(string) (any, error) { return nil, fmt.Errorf("only strings are canonical") }
	tidb.NewDecimal, tidb.NewHexLiteral, tidb.NewBitLiteral = refuse, refuse, refuse
	tidb.NewValueExpr = func(value any, _, _ string) tidb.ValueExpr { return &constant{value: value} }
	tidb.NewParamMarkerExpr = func(int) tidb.ParamMarkerExpr { return &constant{} }
}

// constant is a constant in TiDB's tree.
type constant struct {
	tidb.TexprNode
	value any
}

func (c *constant) SetValue(v any)                   { c.value = v }
func (c *constant) GetValue() any                    { return c.value }
func (c *constant) GetDatumString() string           { return c.GetString() }
func (c *constant) GetString() string                { s, _ := c.value.(string); return s }
func (c *constant) GetProjectionOffset() int         { return -1 }
func (c *constant) SetProjectionOffset(int)          {}
func (c *constant) SetOrder(int)                     {}
func (c *constant) Restore(*format.RestoreCtx) error { return nil }
func (c *constant) Format(w io.Writer)               { _, _ = io.WriteString(w, c.GetString()) }

// Accept lets TiDB's visitors pass.
func (c *constant) Accept(v tidb.Visitor) (tidb.Node, bool) {
	n, _ := v.Enter(c)
	return v.Leave(n)
}

// parsers pools TiDB parsers, which are not safe for concurrent use.
var parsers = sync.Pool{New: func() any {
	p := parser.New()
	p.SetSQLMode(mysql.ModeANSIQuotes | mysql.ModePipesAsConcat | mysql.ModeNoBackslashEscapes | mysql.ModeIgnoreSpace)
	return p
}}

// parseCanonical runs the TiDB parser over the canonical text.
func (d *desugar) parseCanonical() (node tidb.StmtNode, err *sqlerr.Error) {
	p := parsers.Get().(*parser.Parser)
	defer func() {
		// A parser that has panicked is not put back.
		if r := recover(); r != nil {
			err = sqlerr.New(sqlerr.Internal, "the grammar failed: %v", r)
			return
		}
		// A long text has grown the parser's stack; the pool should not keep that.
		if len(d.out) <= 1<<16 {
			parsers.Put(p)
		}
	}()
	nodes, _, perr := p.ParseSQL(string(d.out))
	if perr != nil {
		return nil, d.grammarError(perr)
	}
	if len(nodes) != 1 {
		return nil, sqlerr.New(sqlerr.Internal, "canonical text holds %d statements", len(nodes))
	}
	return nodes[0], nil
}

// grammarError words a refusal of the grammar. Desugaring accepts only what is canonical, so this is
// rare; the note next to the place that TiDB names gives the position.
func (d *desugar) grammarError(perr error) *sqlerr.Error {
	var line, col int
	pos := 0
	if _, err := fmt.Sscanf(perr.Error(), "line %d column %d", &line, &col); err == nil && col <= len(d.out) {
		rest := string(d.out[col:])
		if i := strings.IndexAny(rest, `'"@`); i >= 0 {
			pos = d.notePos(rest[i+1:])
		}
	}
	return sqlerr.New(sqlerr.SyntaxError, "syntax error").At(pos)
}

func (d *desugar) notePos(text string) int {
	end := 1
	for end < len(text) && '0' <= text[end] && text[end] <= '9' {
		end++
	}
	if n, err := strconv.Atoi(text[min(1, len(text)):end]); err == nil && n < len(d.notes) {
		return d.notes[n].pos
	}
	return 0
}

package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// copy is COPY FROM STDIN and COPY TO STDOUT.
func (s *Session) copy(ctx context.Context, st *statement, x *ast.Copy) (*result, error) {
	f, err := copyOptions(x)
	if err != nil {
		return nil, err
	}
	if !x.From {
		return s.copyTo(ctx, x, f)
	}
	if s.block.readOnly {
		return nil, readOnly("COPY FROM")
	}
	if err := s.nothingPending(ctx, "COPY"); err != nil {
		return nil, err
	}
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer p.release()
	o, err := s.relation(p, x.Table, x.Position())
	if err != nil {
		return nil, err
	}
	if o.Kind != catalog.Table || o.Connector != "" {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot copy to %s %q", o.Kind, o.Name)
	}
	cols, err := copyColumns(o, x.Columns)
	if err != nil {
		return nil, err
	}
	l, err := s.newLoader(p, o, cols)
	if err != nil {
		return nil, err
	}
	in, err := s.w.CopyIn(ctx, pgwire.Text, len(cols))
	if err != nil {
		return nil, err
	}
	n, err := s.load(ctx, in, f, l)
	if err != nil {
		return nil, err
	}
	s.took("COPY")
	return &result{tag: "COPY " + itoa(n)}, nil
}

// copyColumns resolves the column list of COPY; none means all.
func copyColumns(o *catalog.Object, names []string) ([]int, error) {
	var out []int
	if names == nil {
		for i := range o.Columns[:o.Visible] {
			out = append(out, i)
		}
		return out, nil
	}
	for _, n := range names {
		i := o.VisibleFields().Index(n)
		if i < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", n, o.Name)
		}
		for _, k := range out {
			if k == i {
				return nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", n)
			}
		}
		out = append(out, i)
	}
	return out, nil
}

// load reads records from the client and writes them to the table.
func (s *Session) load(ctx context.Context, in io.Reader, f *copyFormat, l *loader) (int64, error) {
	env := s.env(s.snap)
	r := newRecordReader(in, f)
	var total int64
	for line := int64(1); ; line++ {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && f.header && line == 1 {
			continue
		}
		if err == nil {
			err = l.add(rec, &env)
		}
		if err != nil {
			return 0, copyContext(err, l.table.Name, line)
		}
		total++
		if l.full() {
			if err := l.flush(ctx); err != nil {
				return 0, err
			}
		}
	}
	return total, l.flush(ctx)
}

func copyContext(err error, table string, line int64) error {
	var e *sqlerr.Error
	if !errors.As(err, &e) || e.Code == sqlerr.QueryCanceled {
		return err
	}
	c := *e
	if c.Detail != "" {
		c.Detail += " "
	}
	c.Detail += fmt.Sprintf("COPY %s, line %d", table, line)
	return &c
}

// copyTo is COPY relation or query TO STDOUT.
func (s *Session) copyTo(ctx context.Context, x *ast.Copy, f *copyFormat) (*result, error) {
	sel := x.Query
	if sel == nil {
		sel = &ast.Select{Pos: x.Pos, From: []ast.TableExpr{&ast.TableName{Pos: x.Pos, Name: x.Table}}}
		for _, c := range x.Columns {
			sel.Items = append(sel.Items, ast.SelectItem{Expr: &ast.ColumnRef{Pos: x.Pos, Parts: []string{c}}})
		}
		if x.Columns == nil {
			sel.Items = []ast.SelectItem{{Expr: &ast.Star{Pos: x.Pos}}}
		}
	}
	pt := &portal{st: &statement{stmt: &ast.Query{Pos: x.Pos, Select: sel}}}
	defer pt.close()
	if err := s.resolve(pt); err != nil {
		return nil, err
	}
	run, err := s.engineRun(pt)
	if err != nil {
		return nil, err
	}
	s.w.CopyOut(pgwire.Text, len(pt.cols))
	enc := &recordWriter{f: f, env: run.Fn.Env}
	if f.header {
		if err := s.w.CopyData(enc.headerLine(pt.cols)); err != nil {
			return nil, err
		}
	}
	var n int64
	run.Out = func(b *rows.Batch) error {
		b = spread(b)
		n += int64(b.Len())
		for k := range b.Len() {
			if err := s.w.CopyData(enc.record(b, b.Row(k))); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pt.pinned.Run(s.withSession(ctx), run); err != nil {
		return nil, err
	}
	s.w.CopyDone()
	return &result{tag: "COPY " + itoa(n)}, nil
}

// loader turns records into INSERT statements of many rows.
type loader struct {
	s     *Session
	table *catalog.Object
	cols  []int
	types []types.Type
	vals  []types.Datum
	rows  int
	bytes int
	plans map[int]*planner.DML // by number of rows
	pin   *pin
}

// loadRows is the number of rows of one INSERT; parameters are limited to 65535.
const (
	loadRows  = 1000
	loadBytes = 8 << 20
)

func (s *Session) newLoader(p *pin, o *catalog.Object, cols []int) (*loader, error) {
	l := &loader{s: s, table: o, cols: cols, plans: map[int]*planner.DML{}, pin: p}
	for _, c := range cols {
		l.types = append(l.types, o.Columns[c].Type)
	}
	return l, nil
}

func (l *loader) add(rec [][]byte, env *types.Env) error {
	if len(rec) < len(l.cols) {
		return sqlerr.New("22P04", "missing data for column %q", l.table.Columns[l.cols[len(rec)]].Name)
	}
	if len(rec) > len(l.cols) {
		return sqlerr.New("22P04", "extra data after last expected column")
	}
	for i, v := range rec {
		if v == nil {
			l.vals = append(l.vals, types.NullOf(l.types[i]))
			continue
		}
		text := string(v)
		err := types.CheckText(text)
		var d types.Datum
		if err == nil {
			d, err = types.ParseText(l.types[i], text, env)
		}
		if err != nil {
			return err
		}
		l.vals = append(l.vals, d)
		l.bytes += len(v) + 16
	}
	l.rows++
	return nil
}

func (l *loader) full() bool {
	return l.rows >= loadRows || l.bytes >= loadBytes || (l.rows+1)*len(l.cols) > 60_000
}

func (l *loader) flush(ctx context.Context) error {
	if l.rows == 0 {
		return nil
	}
	d := l.plans[l.rows]
	if d == nil {
		var err error
		if d, err = planner.PlanInsert(l.s.plannerContext(l.pin, l.paramTypes()), l.insert()); err != nil {
			return err
		}
		l.plans[l.rows] = d
	}
	_, err := l.s.modifyNow(ctx, d, l.vals)
	l.vals, l.rows, l.bytes = nil, 0, 0
	return err
}

func (l *loader) paramTypes() []types.Type {
	var out []types.Type
	for range l.rows {
		out = append(out, l.types...)
	}
	return out
}

// insert is INSERT INTO table (columns) VALUES ($1, …), ….
func (l *loader) insert() *ast.Insert {
	ins := &ast.Insert{Table: []string{l.table.Schema, l.table.Name}, Query: &ast.Select{}}
	for _, c := range l.cols {
		ins.Columns = append(ins.Columns, l.table.Columns[c].Name)
		ins.ColumnPos = append(ins.ColumnPos, 0)
	}
	n := 0
	for range l.rows {
		var row []ast.Expr
		for range l.cols {
			n++
			row = append(row, &ast.Param{N: n})
		}
		ins.Query.Values = append(ins.Query.Values, row)
	}
	return ins
}

func trimCR(b []byte) []byte { return bytes.TrimSuffix(b, []byte{'\r'}) }

func lower(s string) string { return strings.ToLower(s) }

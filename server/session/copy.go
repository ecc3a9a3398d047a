package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/server/engine"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
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
	w := engine.Write{Table: o, Rows: l.batches}
	if s.block.open || s.block.implicit {
		s.keep(w, o.ID)
	} else if _, err := s.m.Engine.Modify(s.withSession(ctx), s.fnCtx(s.snap), w); err != nil {
		return nil, err
	}
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
	}
	l.cut()
	return total, ctx.Err()
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

// loader turns records into rows of the table.
type loader struct {
	table    *catalog.Object
	cols     []int
	defaults []*expr.Expr // per table column that COPY does not name; nil = NULL
	fn       *fn.Ctx
	out      *rows.Builder
	batches  []*rows.Batch
	bytes    int
}

const (
	// loadRows is the number of rows of one batch.
	loadRows = 16 << 10
	// loadBytes bounds the input of one COPY, which takes effect as a whole.
	loadBytes = 512 << 20
)

func (s *Session) newLoader(p *pin, o *catalog.Object, cols []int) (*loader, error) {
	l := &loader{table: o, cols: cols, fn: s.fnCtx(p.Catalog), out: rows.NewBuilder(o.Fields(), 1024)}
	l.defaults = make([]*expr.Expr, len(o.Columns))
	named := map[int]bool{}
	for _, c := range cols {
		named[c] = true
	}
	for i := range o.Columns {
		if named[i] || o.Columns[i].Default == "" {
			continue
		}
		var err error
		if l.defaults[i], err = planner.BindDefault(s.plannerContext(p, nil), &o.Columns[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// add appends a record; nil fields are NULL.
func (l *loader) add(rec [][]byte, env *types.Env) error {
	if len(rec) < len(l.cols) {
		return sqlerr.New("22P04", "missing data for column %q", l.table.Columns[l.cols[len(rec)]].Name)
	}
	if len(rec) > len(l.cols) {
		return sqlerr.New("22P04", "extra data after last expected column")
	}
	for i := range l.table.Columns {
		t := l.table.Columns[i].Type
		d := types.NullOf(t)
		var err error
		if k := slices.Index(l.cols, i); k >= 0 {
			d, err = parseField(t, rec[k], env)
			l.bytes += len(rec[k]) + 8
		} else if e := l.defaults[i]; e != nil {
			d, err = expr.EvalScalar(l.fn, e)
		}
		if err != nil {
			l.out.AbortRow()
			return err
		}
		l.out.Cols[i].AppendDatum(d)
	}
	l.out.EndRow(1)
	if l.bytes > loadBytes {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "COPY takes at most %d MiB at once", loadBytes>>20).
			WithHint("Split the input.")
	}
	if l.out.Len() >= loadRows {
		l.cut()
	}
	return nil
}

// parseField reads one field as a value of the column's type.
func parseField(t types.Type, field []byte, env *types.Env) (types.Datum, error) {
	if field == nil {
		return types.NullOf(t), nil
	}
	text := string(field)
	if err := types.CheckText(text); err != nil {
		return types.Datum{}, err
	}
	d, err := types.ParseText(t, text, env)
	if err != nil {
		return d, err
	}
	return types.Coerce(d, t, false)
}

// cut makes the rows so far a batch.
func (l *loader) cut() {
	if l.out.Len() > 0 {
		l.batches = append(l.batches, l.out.Finish())
		l.out.Reset(1024)
	}
}

func trimCR(b []byte) []byte { return bytes.TrimSuffix(b, []byte{'\r'}) }

func lower(s string) string { return strings.ToLower(s) }

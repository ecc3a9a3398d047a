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
	if l.batches == nil {
		l.batches = []*rows.Batch{}
	}
	if _, err := s.write(ctx, engine.Write{DML: l.dml, Rows: l.batches}); err != nil {
		return nil, err
	}
	return &result{tag: "COPY " + itoa(n)}, nil
}

// copyColumns resolves the column list of COPY; none means all.
func copyColumns(o *catalog.Object, names []string) ([]int, error) {
	var out []int
	if names == nil {
		for i := range o.Columns[:o.Visible] {
			if o.Columns[i].Generated == "" {
				out = append(out, i)
			}
		}
		return out, nil
	}
	for _, n := range names {
		i := o.VisibleFields().Index(n)
		if i < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", n, o.Name)
		}
		if o.Columns[i].Generated != "" {
			return nil, sqlerr.New(sqlerr.InvalidColumnReference, "column %q is a generated column", n).
				WithDetail("Generated columns cannot be used in COPY.")
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
	if err := l.cut(); err != nil {
		return 0, err
	}
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
	if x.Changes != nil {
		return nil, s.copyChanges(ctx, x, f)
	}
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
	dml      *planner.DML
	cols     []int
	at       []int               // per table column the field that fills it, −1 for none
	defaults []planner.SetColumn // of the columns that COPY does not name
	prog     *expr.Program       // that computes them
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
	var err error
	if l.dml, l.defaults, err = planner.PlanCopy(s.plannerContext(p, nil), o, cols); err != nil {
		return nil, err
	}
	exprs := make([]*expr.Expr, len(l.defaults))
	for i := range exprs {
		exprs[i] = l.defaults[i].Expr
	}
	if l.prog, err = expr.Compile(exprs); err != nil {
		return nil, err
	}
	for i := range o.Columns {
		l.at = append(l.at, slices.Index(cols, i))
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
	for i, k := range l.at {
		if k < 0 {
			l.out.Cols[i].AppendNull() // cut fills in the default
			continue
		}
		if err := appendField(l.out.Cols[i], l.table.Columns[i].Type, rec[k], env); err != nil {
			l.out.AbortRow()
			return err
		}
		l.bytes += len(rec[k]) + 8
	}
	l.out.EndRow(1)
	if l.bytes > loadBytes {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "COPY takes at most %d MiB at once", loadBytes>>20).
			WithHint("Split the input.")
	}
	if l.out.Len() >= loadRows {
		return l.cut()
	}
	return nil
}

// appendField appends one field to a column.
func appendField(out *rows.VecBuilder, t types.Type, field []byte, env *types.Env) error {
	d, err := parseField(t, field, env)
	if err == nil {
		out.AppendDatum(d)
	}
	return err
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

// cut makes the rows so far a batch, with the defaults of the columns that the records do not have.
func (l *loader) cut() error {
	if l.out.Len() == 0 {
		return nil
	}
	b := l.out.Finish()
	l.out.Reset(1024)
	if len(l.defaults) > 0 {
		cols, err := l.prog.Eval(l.fn, b)
		if err == nil && len(l.fn.Errs) > 0 {
			err = l.fn.Errs[0].Err
			l.fn.Errs = nil
		}
		if err != nil {
			return err
		}
		for i, d := range l.defaults {
			b.Cols[d.Col] = cols[i].Clone()
		}
	}
	l.batches = append(l.batches, b)
	return nil
}

func trimCR(b []byte) []byte { return bytes.TrimSuffix(b, []byte{'\r'}) }

func lower(s string) string { return strings.ToLower(s) }

package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tidemill/catalog"
	"tidemill/planner"
	"tidemill/server/engine"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Columns in front of those of a subscription's query.
const (
	epochColumn    = "tidemill_epoch"      // after which the row holds
	progressColumn = "tidemill_progressed" // the row tells only that all changes up to the epoch have come
	diffColumn     = "tidemill_diff"       // how often the row was added; negative = taken away
)

// waitsForChanges tells whether a statement takes as long as its client likes.
func waitsForChanges(stmt ast.Statement) bool {
	switch x := stmt.(type) {
	case *ast.Subscribe:
		return true
	case *ast.Copy:
		return x.Changes != nil
	case *ast.Fetch:
		return x.Options != nil
	}
	return false
}

// following is what SUBSCRIBE asks for.
type following struct {
	query    *planner.Query
	relation *catalog.Object
	snapshot bool
	progress bool
	since    *uint64
}

// planChanges plans the query of SUBSCRIBE, which has to give its changes row by row.
func (s *Session) planChanges(p *pin, x *ast.Subscribe) (*following, error) {
	f := &following{snapshot: true}
	if err := f.options(x.Options); err != nil {
		return nil, err
	}
	sel := x.Query
	if sel == nil {
		sel = &ast.Select{
			Pos: x.Pos, Items: []ast.SelectItem{{Expr: &ast.Star{Pos: x.Pos}}},
			From: []ast.TableExpr{&ast.TableName{Pos: x.Pos, Name: x.Name}},
		}
	}
	var err error
	if f.query, err = planner.PlanView(s.plannerContext(p, nil), sel, nil); err != nil {
		return nil, err
	}
	f.relation, err = engine.Followed(p.Catalog, f.query.Plan)
	return f, err
}

func (f *following) options(list []ast.Option) error {
	for _, o := range list {
		if o.Value == "" {
			o.Value = "true"
		}
		on, isBool := parseBool(o.Value)
		switch name := lower(o.Name); {
		case name == "since":
			n, err := strconv.ParseUint(o.Value, 10, 64)
			if err != nil {
				return sqlerr.New(sqlerr.InvalidParameterValue, "option \"since\" takes an epoch, not %q", o.Value).At(o.Position())
			}
			f.since, f.snapshot = &n, false
		case name != "snapshot" && name != "progress":
			return sqlerr.New(sqlerr.SyntaxError, "unrecognized SUBSCRIBE option %q", o.Name).At(o.Position()).
				WithHint("There are \"snapshot\", \"progress\" and \"since\".")
		case !isBool:
			return sqlerr.New(sqlerr.SyntaxError, "%s requires a Boolean value", name).At(o.Position())
		case name == "snapshot":
			f.snapshot = on
		default:
			f.progress = on
		}
	}
	if f.since != nil && f.snapshot {
		return sqlerr.New(sqlerr.InvalidParameterValue, "a subscription goes on from \"since\" or begins with a snapshot, not both")
	}
	return nil
}

// columns are those of the subscription's rows.
func (f *following) columns() []pgwire.Column {
	out := []pgwire.Column{{Name: epochColumn, Type: types.T(types.Int8)}}
	if f.progress {
		out = append(out, pgwire.Column{Name: progressColumn, Type: types.T(types.Bool)})
	}
	return append(append(out, pgwire.Column{Name: diffColumn, Type: types.T(types.Int8)}), columnsOf(f.query.Columns)...)
}

// changeColumns tells the columns of SUBSCRIBE before it runs.
func (s *Session) changeColumns(x *ast.Subscribe) ([]pgwire.Column, error) {
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer p.release()
	f, err := s.planChanges(p, x)
	if err != nil {
		return nil, err
	}
	return f.columns(), nil
}

// live is a running subscription: the rows of its snapshot, if it has one, and then of its changes.
type live struct {
	*following
	s     *Session
	sub   *engine.Subscription
	run   *engine.Run
	cols  []pgwire.Column
	snap  *stream // of the snapshot, nil when it has been read
	batch *rows.Batch
	pos   int
	due   *rows.Batch // the progress row to be sent when batch has been
	cons  rows.Consolidator
}

// openLive begins a subscription.
func (s *Session) openLive(ctx context.Context, x *ast.Subscribe) (*live, error) {
	p, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer p.release()
	f, err := s.planChanges(p, x)
	if err != nil {
		return nil, err
	}
	l := &live{following: f, s: s, cols: f.columns()}
	l.run = &engine.Run{Plan: f.query.Plan, Fn: s.fnCtx(p.Catalog), Weights: true}
	if l.sub, err = s.m.Engine.Subscribe(ctx, f.relation, f.since); err != nil {
		return nil, err
	}
	if l.sub.Snapshot == nil {
		return l, nil
	}
	if f.snapshot {
		run := *l.run
		l.snap = newStream(s.withSession(context.Background()), l.sub.Snapshot, &run)
	} else {
		l.endSnapshot()
	}
	return l, nil
}

func (l *live) endSnapshot() {
	if l.snap != nil {
		l.snap.close()
		l.snap = nil
	}
	l.sub.EndSnapshot()
	if l.following.progress {
		l.due = l.progressRow(l.sub.Epoch)
	}
}

func (l *live) close() {
	if l.snap != nil {
		l.snap.close()
		l.snap = nil
	}
	l.sub.Close()
}

// take hands out at most max rows (0 = no bound). It waits for the first of them until wait is over (negative
// = for ever), and, if max is 0 and wait negative, never returns without an error.
func (l *live) take(ctx context.Context, max int64, wait time.Duration, f func(b *rows.Batch, from, n int) error) (int64, error) {
	var taken int64
	deadline := time.Now().Add(wait)
	for max == 0 || taken < max {
		if l.batch == nil || l.pos >= l.batch.Len() {
			left := time.Until(deadline)
			switch {
			case wait < 0:
				left = -1
			case taken > 0 || left < 0:
				left = 0
			}
			more, err := l.next(ctx, left)
			if err != nil || !more {
				return taken, err
			}
			continue
		}
		n := l.batch.Len() - l.pos
		if max > 0 {
			n = int(min(int64(n), max-taken))
		}
		if err := f(l.batch, l.pos, n); err != nil {
			return taken, err
		}
		l.pos += n
		taken += int64(n)
	}
	return taken, nil
}

// next gets the next batch of rows and tells whether there is one within the time that is left; a negative
// time has no end.
func (l *live) next(ctx context.Context, left time.Duration) (bool, error) {
	l.batch, l.pos = nil, 0
	if l.snap != nil {
		b, err := l.snap.next(ctx)
		if err != nil {
			return false, err
		}
		if b != nil {
			l.batch = l.decorate(b, l.sub.Epoch)
			return true, nil
		}
		l.endSnapshot()
	}
	if l.due != nil {
		l.batch, l.due = l.due, nil
		return true, nil
	}
	c, err := l.sub.Waiting()
	if c == nil && err == nil && left != 0 {
		if err = l.s.w.Flush(); err == nil {
			c, err = l.wait(ctx, left)
		}
	}
	if c == nil || err != nil {
		return false, err
	}
	if l.following.progress {
		l.due = l.progressRow(c.Epoch)
	}
	l.batch, err = l.changed(ctx, c)
	return true, err
}

// wait is Subscription.Next within some time.
func (l *live) wait(ctx context.Context, left time.Duration) (*engine.Changes, error) {
	if left < 0 {
		return l.sub.Next(ctx)
	}
	within, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	c, err := l.sub.Next(within)
	if err != nil && ctx.Err() == nil && errors.Is(within.Err(), context.DeadlineExceeded) {
		return nil, nil
	}
	return c, err
}

// changed computes the rows of an epoch's changes, those taken away first.
func (l *live) changed(ctx context.Context, c *engine.Changes) (*rows.Batch, error) {
	out := rows.NewBuilder(l.fields(), 64)
	run := *l.run
	run.Out = func(b *rows.Batch) error {
		for k := range b.Len() {
			r := b.Row(k)
			out.AppendRow(b, r, b.Weight(r))
		}
		return nil
	}
	if err := l.sub.RunChanges(l.s.withSession(ctx), &run, c); err != nil {
		return nil, err
	}
	net := l.cons.Run(out.Finish())
	order := make([]int32, 0, net.Len())
	for _, added := range []bool{false, true} {
		for k := range net.Len() {
			if r := net.Row(k); net.Weight(r) > 0 == added {
				order = append(order, int32(r))
			}
		}
	}
	sorted := *net
	sorted.Sel = order
	return l.decorate(&sorted, c.Epoch), nil
}

func (l *live) fields() types.Schema {
	var out types.Schema
	for _, c := range l.query.Columns {
		out = append(out, types.Field{Name: c.Name, Type: c.Type})
	}
	return out
}

// decorate puts the subscription's own columns in front of rows.
func (l *live) decorate(b *rows.Batch, epoch uint64) *rows.Batch {
	out := &rows.Batch{N: b.N, Sel: b.Sel, Cols: []*rows.Vec{rows.Const(types.IntDatum(types.Int8, int64(epoch)), b.N)}}
	if l.following.progress {
		out.Cols = append(out.Cols, rows.Const(types.BoolDatum(false), b.N))
	}
	diff := &rows.Vec{Type: types.T(types.Int8), I: b.W}
	if b.W == nil {
		diff = rows.Const(types.IntDatum(types.Int8, 1), b.N)
	}
	out.Cols = append(append(out.Cols, diff), b.Cols...)
	return out
}

// progressRow tells that all changes up to an epoch have come.
func (l *live) progressRow(epoch uint64) *rows.Batch {
	b := &rows.Batch{N: 1, Cols: []*rows.Vec{rows.Const(types.IntDatum(types.Int8, int64(epoch)), 1), rows.Const(types.BoolDatum(true), 1)}}
	for _, c := range l.cols[2:] {
		b.Cols = append(b.Cols, rows.Const(types.NullOf(c.Type), 1))
	}
	return b
}

// runLive takes at most max rows (0 = without end) from a portal of SUBSCRIBE.
func (s *Session) runLive(ctx context.Context, p *portal, x *ast.Subscribe, max int64) error {
	if p.live == nil {
		var err error
		if p.live, err = s.openLive(ctx, x); err != nil {
			return err
		}
		p.env = p.live.run.Fn.Env
	}
	n, err := p.live.take(ctx, max, -1, func(b *rows.Batch, from, n int) error {
		return s.w.Rows(b, from, n, p.formats, &p.env)
	})
	if err != nil {
		return err
	}
	return s.endRun(p, n, max, fmt.Sprintf("SUBSCRIBE %d", n))
}

// copyChanges is COPY (SUBSCRIBE …) TO STDOUT, which ends when the client cancels it.
func (s *Session) copyChanges(ctx context.Context, x *ast.Copy, f *copyFormat) error {
	l, err := s.openLive(ctx, x.Changes)
	if err != nil {
		return err
	}
	defer l.close()
	s.w.CopyOut(pgwire.Text, len(l.cols))
	enc := &recordWriter{f: f, env: l.run.Fn.Env}
	if f.header {
		if err := s.w.CopyData(enc.headerLine(l.cols)); err != nil {
			return err
		}
	}
	_, err = l.take(ctx, 0, -1, func(b *rows.Batch, from, n int) error {
		for k := from; k < from+n; k++ {
			if err := s.w.CopyData(enc.record(b, b.Row(k))); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// fetchWait reads the options of FETCH from a cursor over SUBSCRIBE: how long to wait for the first row.
func (s *Session) fetchWait(list []ast.Option) (time.Duration, error) {
	var wait time.Duration
	for _, o := range list {
		if lower(o.Name) != "timeout" {
			return 0, sqlerr.New(sqlerr.SyntaxError, "unrecognized FETCH option %q", o.Name).At(o.Position()).WithHint("There is \"timeout\".")
		}
		env := s.env(s.snap)
		d, err := types.ParseText(types.T(types.Interval), o.Value, &env)
		if err != nil {
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option \"timeout\": %q", o.Value).At(o.Position()).
				WithHint("Write an interval, as '1 second'.")
		}
		v := types.IntervalOf(d.S)
		if v.Months != 0 || v.Days != 0 || v.Micros < 0 || v.Micros > 24*time.Hour.Microseconds() {
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "\"timeout\" must be between 0 and 24 hours").At(o.Position())
		}
		wait = time.Duration(v.Micros) * time.Microsecond
	}
	return wait, nil
}

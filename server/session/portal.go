package session

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"tidemill/planner"
	"tidemill/server/engine"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// portal is a statement bound to parameters, with how far its rows have been taken.
type portal struct {
	name    string
	st      *statement
	params  []types.Datum
	formats []int16
	cols    []pgwire.Column
	query   *planner.Query // as planned when the portal was made
	pinned  *pin
	stream  *stream
	live    *live       // of SUBSCRIBE
	batch   *rows.Batch // the batch being taken
	pos     int         // its next row
	started bool
	done    bool
	tag     string // of a statement that is not a query
	cursor  bool   // by DECLARE
	hold    bool   // outlives the transaction
	inBlock bool   // made in the current block
	text    string
	env     types.Env
}

func (p *portal) close() {
	if p.stream != nil {
		p.stream.close()
		p.stream = nil
	}
	if p.live != nil {
		p.live.close()
		p.live = nil
	}
	if p.pinned != nil {
		p.pinned.release()
		p.pinned = nil
	}
	p.batch, p.done = nil, true
}

func (s *Session) portal(name string) (*portal, error) {
	p := s.portals[name]
	if p == nil {
		return nil, sqlerr.New(sqlerr.InvalidCursorName, "portal %q does not exist", name)
	}
	return p, nil
}

func (s *Session) closePortal(name string) {
	if p := s.portals[name]; p != nil {
		p.close()
		delete(s.portals, name)
	}
}

// addPortal keeps a portal under its name.
func (s *Session) addPortal(p *portal) error {
	if p.name != "" && s.portals[p.name] != nil {
		return sqlerr.New(sqlerr.DuplicateCursor, "cursor %q already exists", p.name)
	}
	s.closePortal(p.name)
	if len(s.portals) >= s.maxPortals() {
		return sqlerr.New(sqlerr.ConfigurationLimitExceeded, "too many portals and cursors: the limit is %d", s.maxPortals())
	}
	p.inBlock = s.block.open
	s.portals[p.name] = p
	return nil
}

// bind serves the Bind message.
func (s *Session) bind(m *pgwire.Bind) error {
	st, err := s.statement(m.Statement)
	if err != nil {
		return err
	}
	if err := s.mayRun(st.stmt); err != nil {
		return err
	}
	s.tick()
	p := &portal{name: m.Portal, st: st, formats: slices.Clone(m.ResultFormats)}
	if err := s.resolve(p); err != nil {
		return st.locate(err)
	}
	err = s.bindValues(p, m)
	if err == nil {
		err = s.addPortal(p)
	}
	if err != nil {
		p.close()
		return err
	}
	s.w.BindComplete()
	return nil
}

// bindValues reads the parameters and checks the formats.
func (s *Session) bindValues(p *portal, m *pgwire.Bind) error {
	want := p.st.params
	if len(m.Params) != len(want) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message supplies %d parameters, but prepared statement %q requires %d",
			len(m.Params), p.st.name, len(want))
	}
	if n := len(m.ParamFormats); n > 1 && n != len(m.Params) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d parameter formats but %d parameters", n, len(m.Params))
	}
	if n := len(p.formats); n > 1 && n != len(p.cols) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d result formats but query has %d columns", n, len(p.cols))
	}
	for _, f := range slices.Concat(m.ParamFormats, p.formats) {
		if f != pgwire.Text && f != pgwire.Binary {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", f)
		}
	}
	if len(want) == 0 {
		return nil
	}
	env := s.env(s.snap)
	p.params = make([]types.Datum, len(want))
	for i, b := range m.Params {
		t := want[i]
		if b == nil {
			p.params[i] = types.NullOf(t)
			continue
		}
		var err error
		if pgwire.Format(m.ParamFormats, i) == pgwire.Binary {
			p.params[i], err = types.ParseBinary(t, bytes.Clone(b))
		} else if err = types.CheckText(string(b)); err == nil {
			p.params[i], err = types.ParseText(t, string(b), &env)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resolve gives a portal its plan and columns, and a query its epoch.
func (s *Session) resolve(p *portal) error {
	st := p.st
	if st.stmt == nil {
		return nil
	}
	if !plannable(st.stmt) {
		if err := s.utilityColumns(st); err != nil {
			return err
		}
		p.cols = st.cols
		return nil
	}
	pn, err := s.pin()
	if err != nil {
		return err
	}
	if err := s.plan(st, pn); err != nil {
		pn.release()
		return err
	}
	p.cols, p.query = st.cols, st.query
	if st.query == nil {
		pn.release()
		return nil
	}
	p.pinned = pn
	return nil
}

// execute serves the Execute message.
func (s *Session) execute(ctx context.Context, m *pgwire.Execute) error {
	p, err := s.portal(m.Portal)
	if err != nil {
		return err
	}
	if p.st.stmt == nil {
		s.w.Empty()
		return nil
	}
	if err := s.mayRun(p.st.stmt); err != nil {
		return err
	}
	s.observe("active", p.st.text)
	ctx, cancel := s.deadline(ctx, p.st)
	defer cancel()
	if err := s.run(ctx, p, int64(m.MaxRows)); err != nil {
		return p.st.locate(settle(ctx, err))
	}
	return nil
}

// run takes at most max rows (0 = all) from a portal and sends them with what ends the answer.
func (s *Session) run(ctx context.Context, p *portal, max int64) error {
	if p.query == nil && !p.cursor {
		return s.runUtility(ctx, p, max)
	}
	if !p.started {
		if err := s.lockRows(ctx, p); err != nil {
			return err
		}
	}
	if max == 0 && !p.started {
		return s.runAtOnce(ctx, p)
	}
	take := s.take
	if p.live != nil { // a cursor: what is there
		take = func(ctx context.Context, p *portal, max int64, f func(b *rows.Batch, from, n int) error) (int64, error) {
			return p.live.take(ctx, max, 0, f)
		}
	}
	n, err := take(ctx, p, max, func(b *rows.Batch, from, n int) error {
		return s.w.Rows(b, from, n, p.formats, &p.env)
	})
	if err != nil {
		return err
	}
	return s.endRun(p, n, max, fmt.Sprintf("SELECT %d", n))
}

func (s *Session) endRun(_ *portal, n, max int64, tag string) error {
	if max > 0 && n == max {
		s.sendNotices()
		s.w.Suspended()
		return nil
	}
	s.complete(tag)
	return nil
}

// runAtOnce runs a query to its end, in this goroutine.
func (s *Session) runAtOnce(ctx context.Context, p *portal) error {
	p.started, p.done = true, true
	run, err := s.engineRun(p)
	if err != nil {
		return err
	}
	total := 0
	run.Out = func(b *rows.Batch) error {
		b = spread(b)
		n := b.Len()
		total += n
		return s.w.Rows(b, 0, n, p.formats, &p.env)
	}
	if err := p.pinned.Run(s.withSession(ctx), run); err != nil {
		return err
	}
	p.pinned.release()
	p.pinned = nil
	s.complete("SELECT " + itoa(total))
	return nil
}

// engineRun makes the query of a portal ready for the engine.
func (s *Session) engineRun(p *portal) (*engine.Run, error) {
	pl := p.query.Plan
	if len(p.params) > 0 {
		var err error
		if pl, err = planner.BindParams(pl, p.params); err != nil {
			return nil, err
		}
	}
	f := s.fnCtx(p.pinned.Catalog)
	p.env = f.Env
	return &engine.Run{Plan: pl, Fn: f}, nil
}

// take hands out at most max rows (0 = all) of a portal, in pieces, and returns their number.
func (s *Session) take(ctx context.Context, p *portal, max int64, f func(b *rows.Batch, from, n int) error) (int64, error) {
	if !p.started {
		if err := s.startStream(p); err != nil {
			return 0, err
		}
	}
	var taken int64
	for !p.done && (max == 0 || taken < max) {
		if p.batch == nil || p.pos >= p.batch.Len() {
			if err := p.next(ctx); err != nil {
				return taken, err
			}
			continue
		}
		n := p.batch.Len() - p.pos
		if max > 0 {
			n = int(min(int64(n), max-taken))
		}
		if err := f(p.batch, p.pos, n); err != nil {
			return taken, err
		}
		p.pos += n
		taken += int64(n)
	}
	return taken, nil
}

// next gets the portal's next batch, or finds its end.
func (p *portal) next(ctx context.Context) error {
	p.batch, p.pos = nil, 0
	if p.stream == nil {
		p.done = true
		return nil
	}
	b, err := p.stream.next(ctx)
	if b == nil || err != nil {
		p.close()
		return err
	}
	p.batch = spread(b)
	return nil
}

func (s *Session) startStream(p *portal) error {
	run, err := s.engineRun(p)
	if err != nil {
		return err
	}
	p.started = true
	p.stream = newStream(s.withSession(context.Background()), p.pinned.Reader, run)
	return nil
}

// spread returns the batch with a row as often as its weight says.
func spread(b *rows.Batch) *rows.Batch {
	if b.W == nil {
		return b
	}
	out := *b
	out.W, out.Sel = nil, make([]int32, 0, b.Len())
	for k := range b.Len() {
		r := b.Row(k)
		for range b.W[r] {
			out.Sel = append(out.Sel, int32(r))
		}
	}
	return &out
}

// runUtility runs anything but a query.
func (s *Session) runUtility(ctx context.Context, p *portal, max int64) error {
	if x, ok := p.st.stmt.(*ast.Subscribe); ok {
		return s.runLive(ctx, p, x, max)
	}
	if !p.started {
		p.started = true
		out, err := s.dispatch(ctx, p)
		if err != nil {
			return err
		}
		if out == nil { // the statement has answered by itself
			return nil
		}
		p.tag = out.tag
		p.stream = canned(out.rows)
	} else if p.cols == nil {
		return sqlerr.New("55000", "portal %q cannot be run", p.name)
	}
	p.env = s.env(s.snap)
	n, err := s.take(ctx, p, max, func(b *rows.Batch, from, n int) error {
		return s.w.Rows(b, from, n, p.formats, &p.env)
	})
	if err != nil {
		return err
	}
	return s.endRun(p, n, max, p.tag)
}

// isDefinition tells whether a statement changes the catalog.
func isDefinition(stmt ast.Statement) bool {
	switch stmt.(type) {
	case *ast.CreateTable, *ast.CreateSource, *ast.CreateView, *ast.CreateSink, *ast.CreateSchema, *ast.CreateIndex,
		*ast.CreateSequence, *ast.CreateType, *ast.CreateRole, *ast.AlterRole, *ast.Drop, *ast.Alter, *ast.Comment, *ast.Grant:
		return true
	}
	return false
}

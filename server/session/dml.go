package session

import (
	"context"
	"slices"

	"tidemill/planner"
	"tidemill/server/engine"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// result is what a statement other than a query gives.
type result struct {
	tag  string
	rows []*rows.Batch
}

func itoa[N int | int64](n N) string { return types.TextOf(types.IntDatum(types.Int8, int64(n)), nil) }

// modify runs INSERT, UPDATE or DELETE: in a block as part of its transaction.
func (s *Session) modify(ctx context.Context, p *portal) (*result, error) {
	d := p.st.dml
	if s.block.readOnly {
		return nil, readOnly(firstWrite(d))
	}
	ch, err := s.write(ctx, engine.Write{DML: d, Params: p.params})
	for range 3 {
		if err == nil || !s.alteredMeanwhile(p.st, err) {
			break
		}
		if err = s.planOnce(p.st); err != nil {
			return nil, err
		}
		d = p.st.dml
		ch, err = s.write(ctx, engine.Write{DML: d, Params: p.params})
	}
	if err != nil {
		return nil, err
	}
	tag := upper(d.Kind) + " "
	if d.Kind == "insert" {
		tag += "0 "
	}
	return &result{tag: tag + itoa(ch.Rows), rows: ch.Returning}, nil
}

// firstWrite is the word of what a statement changes first.
func firstWrite(d *planner.DML) string {
	if d.Kind == "select" {
		d = d.With[0]
	}
	return upper(d.Kind)
}

// alteredMeanwhile tells whether a statement outside of a block failed because its table was altered after
// it had been planned.
func (s *Session) alteredMeanwhile(st *statement, err error) bool {
	if s.block.open || s.block.implicit || sqlerr.As(err).Code != sqlerr.SerializationFailure {
		return false
	}
	pn, failed := s.pin()
	if failed != nil {
		return false
	}
	defer pn.release()
	return pn.Catalog.Version != st.version
}

// write carries a write out: as part of the block's transaction, or by itself.
func (s *Session) write(ctx context.Context, w engine.Write) (*engine.Change, error) {
	ctx = s.withSession(ctx)
	if !s.block.open && !s.block.implicit {
		ch, err := s.m.Engine.Modify(ctx, s.fnCtx(s.snap), w)
		if err != nil {
			return nil, err
		}
		s.warnLate(ch)
		return ch[0], nil
	}
	for _, d := range slices.Concat(w.DML.With, []*planner.DML{w.DML}) {
		if d.Table == nil {
			continue
		}
		if err := s.detachReaders(ctx, d.Table.ID, d.Kind == "lock"); err != nil {
			return nil, err
		}
	}
	if err := s.beginTxn(); err != nil {
		return nil, err
	}
	ch, err := s.block.txn.Run(ctx, s.fnCtx(s.snap), w)
	if err == nil {
		s.warnLate([]*engine.Change{ch})
	}
	return ch, err
}

// beginTxn begins the block's transaction, if it has none.
func (s *Session) beginTxn() error {
	b := &s.block
	if b.txn != nil {
		return nil
	}
	if b.pinned == nil {
		r, err := s.m.Engine.Reader()
		if err != nil {
			return err
		}
		b.pinned = &pin{Reader: r, n: 1}
	}
	b.txn = s.m.Engine.Begin(b.pinned.Reader)
	return nil
}

// maxDetached bounds the rows that open cursors keep in memory when their table is written, in bytes.
const maxDetached = 256 << 20

// detachReaders lets open cursors over a table that is about to change have all their rows now: a cursor
// does not see what is done after it was opened. When rows are only locked, those that have not begun to
// read may go on.
func (s *Session) detachReaders(ctx context.Context, table uint32, locked bool) error {
	for _, p := range s.portals {
		if p.query == nil || p.pinned == nil || p.done || locked && !p.started {
			continue
		}
		ids, err := p.query.Plan.Scans()
		if err != nil {
			return err
		}
		if !slices.Contains(ids, table) {
			continue
		}
		if !p.started {
			if err := s.startStream(p); err != nil {
				return err
			}
		}
		if p.batch != nil {
			p.batch = p.batch.Clone()
		}
		var list []*rows.Batch
		size := 0
		for {
			b, err := p.stream.next(ctx)
			if err != nil {
				return err
			}
			if b == nil {
				break
			}
			b = spread(b).Clone()
			if size += b.SizeBytes(); size > maxDetached {
				return sqlerr.New(sqlerr.ProgramLimitExceeded, "cursor %q has more than %d MiB of rows of a table that is to be changed", p.name, maxDetached>>20).
					WithHint("Close the cursor, or fetch its rows first.")
			}
			list = append(list, b)
		}
		p.stream.close()
		p.stream = canned(list)
	}
	return nil
}

func readOnly(what string) error {
	return sqlerr.New(sqlerr.ReadOnlyTransaction, "cannot execute %s in a read-only transaction", what)
}

// warnLate tells of rows whose time a table's watermark has passed.
func (s *Session) warnLate(changes []*engine.Change) {
	n := int64(0)
	for _, c := range changes {
		n += c.Late
	}
	switch {
	case n == 1:
		s.warn(sqlerr.SuccessfulCompletion, "1 row was set aside because the watermark has passed its time")
	case n > 1:
		s.warn(sqlerr.SuccessfulCompletion, "%d rows were set aside because the watermark has passed their time", n)
	}
}

// applyWrites makes the block's writes real, all or none of them.
func (s *Session) applyWrites(ctx context.Context) error {
	t := s.block.txn
	s.block.txn = nil
	var err error
	if t != nil {
		err = t.Commit(ctx)
	}
	s.block.unpin()
	return err
}

// truncate empties tables, together.
func (s *Session) truncate(ctx context.Context, t *ast.Truncate) (*result, error) {
	if s.block.readOnly {
		return nil, readOnly("TRUNCATE TABLE")
	}
	if t.Restart {
		if err := s.nothingPending(ctx, "TRUNCATE … RESTART IDENTITY"); err != nil {
			return nil, err
		}
	}
	pn, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer pn.release()
	var list []engine.Write
	for _, name := range t.Tables {
		if _, err := s.relation(pn, name, 0); err != nil {
			return nil, err
		}
		d, err := planner.PlanDML(s.plannerContext(pn, nil), &ast.Delete{Pos: t.Pos, Table: name})
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(w engine.Write) bool { return w.DML.Table.ID == d.Table.ID }) {
			list = append(list, engine.Write{DML: d, Restart: t.Restart})
		}
	}
	if s.block.open && !t.Restart || s.block.implicit {
		for _, w := range list {
			if _, err := s.write(ctx, w); err != nil {
				return nil, err
			}
		}
	} else if _, err := s.m.Engine.Modify(s.withSession(ctx), s.fnCtx(s.snap), list...); err != nil {
		return nil, err
	}
	if t.Restart {
		s.took("TRUNCATE TABLE")
	}
	return &result{tag: "TRUNCATE TABLE"}, nil
}

// nothingPending is called before what takes effect at once: it must not overtake the block's writes.
func (s *Session) nothingPending(ctx context.Context, what string) error {
	if s.block.txn == nil {
		return nil
	}
	if s.block.open && s.block.txn.Changed() {
		return sqlerr.Unsupported("%s after a write in the same transaction block is not supported", what).
			WithHint("Writes of a block are applied at COMMIT; %s takes effect at once.", what)
	}
	return s.applyWrites(ctx)
}

// took notes that something in the block cannot be rolled back, and lets the block see it.
func (s *Session) took(tag string) {
	if s.block.open {
		s.block.defined = tag
	}
	s.block.unpin()
}

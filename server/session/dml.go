package session

import (
	"context"

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

// modify runs INSERT, UPDATE or DELETE.
func (s *Session) modify(ctx context.Context, p *portal) (*result, error) {
	d := p.st.dml
	word := map[string]string{"insert": "INSERT 0 ", "update": "UPDATE ", "delete": "DELETE "}[d.Kind]
	if s.block.readOnly {
		return nil, readOnly(word[:6])
	}
	if s.block.open || s.block.implicit {
		now, err := s.postpone(ctx, p, word)
		if err != nil || now != nil {
			return now, err
		}
	}
	ch, err := s.modifyNow(ctx, d, p.params)
	if err != nil {
		return nil, err
	}
	return &result{tag: word + itoa(ch.Rows), rows: ch.Returning}, nil
}

func readOnly(what string) error {
	return sqlerr.New(sqlerr.ReadOnlyTransaction, "cannot execute %s in a read-only transaction", what)
}

func (s *Session) modifyNow(ctx context.Context, d *planner.DML, params []types.Datum) (*engine.Change, error) {
	ch, err := s.m.Engine.Modify(s.withSession(ctx), s.fnCtx(s.snap), engine.Write{DML: d, Params: params})
	if err != nil {
		return nil, err
	}
	s.warnLate(ch)
	return ch[0], nil
}

// warnLate tells of rows whose time a table's watermark has passed.
func (s *Session) warnLate(changes []*engine.Change) {
	n := int64(0)
	for _, c := range changes {
		n += c.Late
	}
	if n > 0 {
		s.warn(sqlerr.SuccessfulCompletion, "%d rows were set aside because the watermark has passed their time", n)
	}
}

// postpone keeps a write for COMMIT. It returns nil where the write has to run at once, which it may
// in an implicit transaction only.
func (s *Session) postpone(ctx context.Context, p *portal, word string) (*result, error) {
	d, b := p.st.dml, &s.block
	refuse := func(what, hint string) (*result, error) {
		if b.open {
			return nil, sqlerr.Unsupported("%s in a transaction block is not supported", what).WithHint("%s", hint)
		}
		return nil, s.applyWrites(ctx)
	}
	if len(d.Returning) > 0 {
		return refuse("RETURNING", "Writes of a block are applied at COMMIT. Run the statement outside a block.")
	}
	if d.Kind != "insert" && len(b.writes) > 0 {
		return refuse(word[:6]+" after another write", "Writes of a block are applied at COMMIT. Put the statement into a block of its own.")
	}
	n, err := s.countRows(ctx, p)
	if err != nil {
		return nil, err
	}
	s.keep(engine.Write{DML: d, Params: p.params}, d.Table.ID)
	return &result{tag: word + itoa(n)}, nil
}

// countRows tells how many rows a postponed write concerns.
func (s *Session) countRows(ctx context.Context, p *portal) (int64, error) {
	if ins, ok := p.st.stmt.(*ast.Insert); ok {
		if ins.Query == nil {
			return 1, nil
		}
		if q := ins.Query; q.Values != nil && q.Limit == nil && q.Offset == nil {
			return int64(len(q.Values)), nil
		}
	}
	pn, err := s.pin()
	if err != nil {
		return 0, err
	}
	defer pn.release()
	pl, err := planner.BindParams(p.st.dml.Query.Plan, p.params)
	if err != nil {
		return 0, err
	}
	var n int64
	err = pn.Run(s.withSession(ctx), &engine.Run{Plan: pl, Fn: s.fnCtx(pn.Catalog), Out: func(b *rows.Batch) error {
		n += int64(spread(b).Len())
		return nil
	}})
	return n, err
}

// keep adds a write to the block.
func (s *Session) keep(w engine.Write, table uint32) {
	b := &s.block
	b.writes = append(b.writes, w)
	if b.touched == nil {
		b.touched = map[uint32]bool{}
	}
	for _, o := range s.snap.DropOrder(table) {
		b.touched[o.ID] = true
	}
}

// applyWrites makes the block's writes real, all or none of them.
func (s *Session) applyWrites(ctx context.Context) error {
	list := s.block.writes
	s.block.writes, s.block.touched = nil, nil
	s.block.unpin()
	if len(list) == 0 {
		return nil
	}
	ch, err := s.m.Engine.Modify(s.withSession(ctx), s.fnCtx(s.snap), list...)
	s.warnLate(ch)
	return err
}

// truncate empties tables.
func (s *Session) truncate(ctx context.Context, t *ast.Truncate) (*result, error) {
	if s.block.readOnly {
		return nil, readOnly("TRUNCATE TABLE")
	}
	if err := s.nothingPending(ctx, "TRUNCATE"); err != nil {
		return nil, err
	}
	pn, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer pn.release()
	for _, name := range t.Tables {
		d, err := planner.PlanDelete(s.plannerContext(pn, nil), &ast.Delete{Pos: t.Pos, Table: name})
		if err != nil {
			return nil, err
		}
		if _, err := s.modifyNow(ctx, d, nil); err != nil {
			return nil, err
		}
	}
	s.took("TRUNCATE TABLE")
	return &result{tag: "TRUNCATE TABLE"}, nil
}

// nothingPending is called before what takes effect at once: it must not overtake the block's writes.
func (s *Session) nothingPending(ctx context.Context, what string) error {
	if len(s.block.writes) == 0 {
		return nil
	}
	if s.block.open {
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

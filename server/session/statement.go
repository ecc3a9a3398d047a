package session

import (
	"slices"

	"tidemill/planner"
	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// statement is a parsed statement with its plan.
type statement struct {
	name    string
	stmt    ast.Statement // nil = no words
	text    string
	offset  int // of text in the message, for error positions
	given   []types.Type
	fromSQL bool   // by PREPARE
	source  string // the PREPARE statement
	bare    error  // what to say when the statement has parameters and nobody gives their values
	made    int64

	// The plan and what it was made for.
	version   uint64
	setting   string
	query     *planner.Query
	dml       *planner.DML
	locks     *planner.Locks // of a query with FOR UPDATE
	params    []types.Type
	cols      []pgwire.Column // of the result; nil = no rows
	described bool
	planned   bool
}

// parseText parses all statements of a text.
func parseText(text string) ([]*statement, error) {
	list, err := parse.Parse(text)
	if err != nil {
		return nil, err
	}
	out := make([]*statement, 0, len(list))
	for i := range list {
		if list[i].Stmt == nil {
			continue
		}
		out = append(out, &statement{stmt: list[i].Stmt, text: list[i].Text, offset: list[i].Offset, bare: list[i].NoParams()})
	}
	return out, nil
}

// locate moves an error's position from the statement's text into the client's.
func (st *statement) locate(err error) error {
	e := sqlerr.As(err)
	if st.offset == 0 || e == nil || e.Position == 0 {
		return err
	}
	moved := *e
	moved.Position += st.offset
	return &moved
}

func columnsOf(cols []planner.Column) []pgwire.Column {
	out := make([]pgwire.Column, len(cols))
	for i, c := range cols {
		out[i] = pgwire.Column{Name: c.Name, Type: c.Type, Table: c.Table, Attnum: int16(c.Attnum)}
	}
	return out
}

// planKey names the settings that a plan depends on.
func (s *Session) planKey() string {
	v := s.vars
	path, _ := v.get("search_path")
	zone, _ := v.get("timezone")
	return path + "\x00" + zone + "\x00" + v.env.DateOrder + "\x00" + v.env.IntervalStyle + "\x00" + s.user
}

// plan makes or renews the plan of a statement against the catalog that pin shows.
func (s *Session) plan(st *statement, pin *pin) error {
	if st.planned && st.version == pin.Catalog.Version && st.setting == s.planKey() {
		return nil
	}
	c := s.plannerContext(pin, st.given)
	var err error
	var q *planner.Query
	var d *planner.DML
	if x, ok := st.stmt.(*ast.Query); ok && !planner.Modifies(x.Select) {
		q, err = planner.PlanQuery(c, x.Select)
	} else if d, err = planner.PlanDML(c, st.stmt); d == nil && err == nil {
		return nil
	}
	if err != nil {
		return err
	}
	var cols []pgwire.Column
	params := []types.Type(nil)
	if q != nil {
		cols, params = columnsOf(q.Columns), q.Params
	} else {
		if len(d.ReturningCols) > 0 {
			cols = columnsOf(d.ReturningCols)
		}
		params = d.Params
	}
	if st.described && !sameResult(st.cols, cols) {
		return sqlerr.Unsupported("cached plan must not change result type")
	}
	var locks *planner.Locks
	if q != nil {
		of := s.plannerContext(pin, q.Params)
		if locks, err = planner.PlanLocks(of, st.stmt.(*ast.Query).Select); err != nil {
			return err
		}
	}
	st.query, st.dml, st.params, st.cols, st.locks = q, d, params, cols, locks
	st.planned, st.version, st.setting = true, pin.Catalog.Version, s.planKey()
	return nil
}

func (s *Session) plannerContext(p *pin, given []types.Type) *planner.Context {
	s.snap = p.Catalog
	return &planner.Context{
		Catalog: p.Catalog, SearchPath: s.vars.effectivePath(p.Catalog, s.user), System: s.m.System,
		Env: s.env(p.Catalog), ParamTypes: given, User: s.user,
	}
}

func sameResult(a, b []pgwire.Column) bool {
	return (a == nil) == (b == nil) && slices.EqualFunc(a, b, func(x, y pgwire.Column) bool {
		return x.Name == y.Name && x.Type.Equal(y.Type)
	})
}

// parse serves the Parse message.
func (s *Session) parse(m *pgwire.Parse) error {
	if m.Name != "" && s.prepared[m.Name] != nil {
		return sqlerr.New(sqlerr.DuplicatePreparedStatement, "prepared statement %q already exists", m.Name)
	}
	list, err := parseText(m.SQL)
	if err != nil {
		return err
	}
	if len(list) > 1 {
		return sqlerr.New(sqlerr.SyntaxError, "cannot insert multiple commands into a prepared statement")
	}
	st := &statement{text: m.SQL}
	if len(list) == 1 {
		st = list[0]
		if err := s.mayRun(st.stmt); err != nil {
			return err
		}
	}
	st.name = m.Name
	if st.given, err = s.typesOf(m.Params); err != nil {
		return err
	}
	if err := s.prepare(st); err != nil {
		return st.locate(err)
	}
	s.w.ParseComplete()
	return nil
}

// prepare plans a statement and keeps it under its name.
func (s *Session) prepare(st *statement) error {
	s.tick()
	if err := s.planOnce(st); err != nil {
		return err
	}
	if len(s.prepared) >= s.maxPrepared() && s.prepared[st.name] == nil {
		return sqlerr.New(sqlerr.ConfigurationLimitExceeded, "too many prepared statements: the limit is %d", s.maxPrepared()).
			WithHint("DEALLOCATE some, or raise max_prepared_statements.")
	}
	st.made = s.clock
	s.prepared[st.name] = st
	return nil
}

// planOnce plans a statement outside its execution.
func (s *Session) planOnce(st *statement) error {
	if st.stmt == nil || !plannable(st.stmt) {
		return s.utilityColumns(st)
	}
	pin, err := s.pin()
	if err != nil {
		return err
	}
	defer pin.release()
	return s.plan(st, pin)
}

func plannable(stmt ast.Statement) bool {
	switch stmt.(type) {
	case *ast.Query, *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge:
		return true
	}
	return false
}

func (s *Session) typesOf(oids []uint32) ([]types.Type, error) {
	out := make([]types.Type, len(oids))
	for i, oid := range oids {
		if oid == 0 || oid == 705 {
			out[i] = types.T(types.Unknown)
			continue
		}
		t, ok := types.FromOID(oid, -1)
		if !ok {
			r, err := s.m.Engine.Reader()
			if err != nil {
				return nil, err
			}
			t, ok = r.Catalog.TypeByOID(oid)
			r.Close()
		}
		if !ok {
			return nil, sqlerr.New(sqlerr.UndefinedObject, "type with OID %d does not exist", oid)
		}
		out[i] = t
	}
	return out, nil
}

func (s *Session) statement(name string) (*statement, error) {
	st := s.prepared[name]
	if st == nil {
		if name == "" {
			return nil, sqlerr.New(sqlerr.InvalidStatementName, "unnamed prepared statement does not exist")
		}
		return nil, sqlerr.New(sqlerr.InvalidStatementName, "prepared statement %q does not exist", name)
	}
	return st, nil
}

// describe serves the Describe message.
func (s *Session) describe(m *pgwire.Describe) error {
	if m.Kind == 'P' {
		p, err := s.portal(m.Name)
		if err != nil {
			return err
		}
		s.sendColumns(p.cols, p.formats)
		return nil
	}
	if m.Kind != 'S' {
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid DESCRIBE message subtype %d", m.Kind)
	}
	st, err := s.statement(m.Name)
	if err != nil {
		return err
	}
	if s.block.failed && st.cols != nil {
		return s.mayRun(nil)
	}
	if err := s.planOnce(st); err != nil { // the catalog may have changed since
		return st.locate(err)
	}
	st.described = true
	s.w.Parameters(st.params)
	s.sendColumns(st.cols, nil)
	return nil
}

func (s *Session) sendColumns(cols []pgwire.Column, formats []int16) {
	if cols == nil {
		s.w.NoData()
	} else {
		s.w.Columns(cols, formats)
	}
}

// close serves the Close message; closing what does not exist is no error.
func (s *Session) close(m *pgwire.Close) error {
	switch m.Kind {
	case 'P':
		s.closePortal(m.Name)
	case 'S':
		delete(s.prepared, m.Name)
	default:
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid CLOSE message subtype %d", m.Kind)
	}
	s.w.CloseComplete()
	return nil
}

func (s *Session) maxPrepared() int {
	if c := s.m.Config; c != nil && c.MaxPrepared > 0 {
		return c.MaxPrepared
	}
	return 1000
}

func (s *Session) maxPortals() int {
	if c := s.m.Config; c != nil && c.MaxPortals > 0 {
		return c.MaxPortals
	}
	return 100
}

package session

import (
	"context"
	"slices"

	"tidemill/catalog"
	"tidemill/server/engine"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// lockRows does what FOR UPDATE and its kin ask for: nobody waits, but COMMIT fails when somebody else has
// changed the rows meanwhile.
func (s *Session) lockRows(ctx context.Context, p *portal) error {
	l := p.st.locks
	if l == nil || !s.block.open {
		return nil
	}
	if s.block.readOnly {
		return readOnly("SELECT FOR UPDATE")
	}
	for _, d := range l.Rows {
		if _, err := s.write(ctx, engine.Write{DML: d, Params: p.params}); err != nil {
			return err
		}
	}
	if len(l.Tables) == 0 {
		return nil
	}
	return s.lock(l.Tables)
}

// lock makes the block conflict with all changes of tables.
func (s *Session) lock(tables []*catalog.Object) error {
	if err := s.beginTxn(); err != nil {
		return err
	}
	for _, t := range tables {
		s.block.txn.Lock(t)
	}
	return nil
}

// sharing are the modes of LOCK TABLE beside which others may write.
var sharing = []string{"access share", "row share", "row exclusive"}

// lockTables is LOCK TABLE.
func (s *Session) lockTables(x *ast.Lock) error {
	if !s.block.open && !s.block.implicit {
		return sqlerr.New("25P01", "LOCK TABLE can only be used in transaction blocks")
	}
	pn, err := s.pin()
	if err != nil {
		return err
	}
	defer pn.release()
	var list []*catalog.Object
	for i, name := range x.Tables {
		o, err := s.relation(pn, name, x.TablePos[i])
		if err != nil {
			return err
		}
		if o.Kind == catalog.Table && !slices.Contains(sharing, x.Mode) {
			list = append(list, o)
		}
	}
	if len(list) == 0 || s.block.readOnly {
		return nil
	}
	return s.lock(list)
}

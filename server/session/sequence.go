package session

import (
	"context"

	"tidemill/catalog"
	"tidemill/server/engine"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

var sequenceFunctions = map[string]bool{"nextval": true, "currval": true, "lastval": true, "setval": true}

// sequenceUse is a sequence that the session has looked up, and the number it got from it last.
type sequenceUse struct {
	table *catalog.Object
	def   *catalog.Sequence
	last  *int64
}

// Sequence implements engine.SequenceSession.
func (f *functions) Sequence(ctx context.Context, name string, args []types.Datum) (types.Datum, error) {
	null := types.NullOf(types.T(types.Int8))
	for _, a := range args {
		if a.Null {
			return null, nil
		}
	}
	if name == "lastval" {
		if f.lastSequence == nil {
			return null, sqlerr.New("55000", "lastval is not yet defined in this session")
		}
		return types.IntDatum(types.Int8, *f.lastSequence.last), nil
	}
	u, err := f.sequence(string(args[0].S))
	if err != nil {
		return null, err
	}
	switch name {
	case "currval":
		if u.last == nil {
			return null, sqlerr.New("55000", "currval of sequence %q is not yet defined in this session", u.def.Name)
		}
		return types.IntDatum(types.Int8, *u.last), nil
	case "setval":
		n, called := args[1].I, len(args) < 3 || args[2].B
		if err := f.m.Engine.Setval(ctx, u.table.ID, u.def, n, called); err != nil {
			return null, err
		}
		if called {
			u.last = &n
		}
		return types.IntDatum(types.Int8, n), nil
	}
	if f.block.readOnly {
		return null, readOnly("nextval()")
	}
	n, err := f.m.Engine.Nextval(ctx, u.table.ID, u.def)
	if err != nil {
		return null, err
	}
	u.last, f.lastSequence = &n, u
	return types.IntDatum(types.Int8, n), nil
}

// sequence finds a sequence by its name. Names are remembered as long as the catalog stays as it is.
func (f *functions) sequence(name string) (*sequenceUse, error) {
	if u := f.sequences[name]; u != nil && u.table == f.snap.ByID(u.table.ID) {
		return u, nil
	}
	var parts []string
	if e, err := parse.ParseExpr(name); err == nil {
		if ref, ok := e.(*ast.ColumnRef); ok {
			parts = ref.Parts
		}
	}
	if len(parts) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
	}
	o, def := engine.SequenceNamed(f.snap, f.path(), parts)
	if o == nil {
		if other := f.snap.Resolve(f.path(), parts); other != nil {
			return nil, sqlerr.New(sqlerr.WrongObjectType, "%q is not a sequence", other.Name)
		}
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", name)
	}
	u := &sequenceUse{table: o, def: def}
	for _, old := range f.sequences { // under another spelling, or before the table was altered
		if old.table.ID == o.ID && old.def.Name == def.Name && old.last != nil {
			u.last = old.last
		}
	}
	if f.sequences == nil {
		f.sequences = map[string]*sequenceUse{}
	}
	f.sequences[name] = u
	return u, nil
}

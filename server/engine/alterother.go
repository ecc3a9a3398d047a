package engine

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// addSourceColumn is ALTER SOURCE … ADD COLUMN: another field of the records. Views that are there do not
// read it.
func (e *Engine) addSourceColumn(c *Caller, o *catalog.Object, s *ast.AlterAction) error {
	name := s.Column.Name
	if o.Fields().Index(name) >= 0 {
		if s.IfThere {
			c.notice(sqlerr.DuplicateColumn, "column %q of relation %q already exists, skipping", name, o.Name)
			return nil
		}
		return sqlerr.New(sqlerr.DuplicateColumn, "column %q of relation %q already exists", name, o.Name)
	}
	if o.Watermark != nil {
		return sqlerr.Unsupported("adding a column to source %q, which has a watermark, is not supported", o.Name).
			WithHint("Its late rows are kept with the columns that it has: create another source.")
	}
	if len(s.Constraints) > 0 || s.Column.Default != nil || s.Column.Generated != nil || s.Column.Identity != "" || s.Column.Serial || s.Column.NotNull {
		return sqlerr.Unsupported("constraints and defaults on a column of a source are not supported")
	}
	e.fixColumns(o)
	more := *o
	if _, err := planner.AddColumn(e.plannerContext(e.catalogNow(), c), &more, s); err != nil {
		return err
	}
	spec, err := connector.Lookup(o.Connector)
	if err != nil {
		return err
	}
	if spec.Check != nil {
		if err := spec.Check(options(&more), more.Fields()); err != nil {
			return err
		}
	}
	if err := probe(spec, &more); err != nil {
		return err
	}
	e.put(&more)
	return nil
}

// createSequence is CREATE SEQUENCE.
func (e *Engine) createSequence(c *Caller, s *ast.CreateSequence) error {
	schema, name, skip, err := e.place(e.catalogNow(), c, s.Name, s.IfNotExists)
	if err != nil || skip {
		return err
	}
	t := types.T(types.Int8)
	if s.Options.Type != nil {
		if t, err = planner.TypeFromAST(e.plannerContext(e.catalogNow(), c), *s.Options.Type); err != nil {
			return err
		}
	}
	def, err := planner.NewSequence(nil, &s.Options, t)
	if err != nil {
		return sequenceType(err)
	}
	o := e.newObject(c, catalog.SequenceKind, schema, name)
	def.Name, def.Object, def.Type = name, true, t.String()
	o.Number = def
	if s.Options.OwnedBy != nil {
		if err := e.ownSequence(c, o, s.Options.OwnedBy); err != nil {
			return err
		}
	}
	e.put(o)
	return nil
}

// sequenceType words the refusal of a type as CREATE SEQUENCE does.
func sequenceType(err error) error {
	if x := sqlerr.As(err); strings.HasPrefix(x.Message, "identity column type") {
		x.Message = "sequence type must be smallint, integer, or bigint"
	}
	return err
}

// ownSequence is OWNED BY.
func (e *Engine) ownSequence(c *Caller, o *catalog.Object, by []string) error {
	o.Deps, o.OwnedBy = nil, ""
	if len(by) == 1 {
		if by[0] == "none" {
			return nil
		}
		return sqlerr.New(sqlerr.SyntaxError, "invalid OWNED BY option").WithHint("Specify OWNED BY table.column or OWNED BY NONE.")
	}
	table, col := by[:len(by)-1], by[len(by)-1]
	t := e.catalogNow().Resolve(c.SearchPath, table)
	switch {
	case t == nil:
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(table, "."))
	case t.Kind != catalog.Table:
		return sqlerr.New(sqlerr.WrongObjectType, "sequence cannot be owned by relation %q", t.Name).
			WithDetail("This operation is not supported for %ss.", t.Kind)
	case t.Schema != o.Schema:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "sequence must be in same schema as table it is linked to")
	case t.VisibleFields().Index(col) < 0:
		return sqlerr.New(sqlerr.UndefinedColumn, "column %q of relation %q does not exist", col, t.Name)
	}
	o.Deps, o.OwnedBy = []catalog.ID{t.ID}, col
	return nil
}

// alterSequence changes an object's sequence, or with the name of a column's sequence that.
func (e *Engine) alterSequence(c *Caller, o *catalog.Object, s *ast.AlterAction) error {
	t := types.T(types.Int8)
	var err error
	if s.Sequence.Type != nil {
		t, err = planner.TypeFromAST(e.plannerContext(e.catalogNow(), c), *s.Sequence.Type)
	} else if o.Number.Type != "" {
		t, err = types.ByName(o.Number.Type, nil, 0)
	}
	if err != nil {
		return err
	}
	now, err := planner.NewSequence(o.Number, s.Sequence, t)
	if err != nil {
		return sequenceType(err)
	}
	now.Type = t.String()
	if err := e.resetSequence(sequenceOf(o.ID, o.Number), now, s.Sequence); err != nil {
		return err
	}
	o.Number = now
	if s.Sequence.OwnedBy != nil {
		if err := e.ownSequence(c, o, s.Sequence.OwnedBy); err != nil {
			return err
		}
	}
	e.put(o)
	return nil
}

// alterColumnSequence is ALTER SEQUENCE of the sequence behind a column.
func (e *Engine) alterColumnSequence(t *catalog.Object, def *catalog.Sequence, s *ast.AlterAction) error {
	if s.Action != "sequence" {
		return sqlerr.Unsupported("ALTER SEQUENCE … %s of a column's sequence is not supported", strings.ToUpper(s.Action))
	}
	if s.Sequence.OwnedBy != nil {
		return sqlerr.Unsupported("cannot change ownership of identity sequence").
			WithDetail("Sequence %q is linked to table %q.", def.Name, t.Name)
	}
	o := *t
	o.Columns = slices.Clone(o.Columns)
	for i := range o.Columns {
		col := &o.Columns[i]
		if col.Sequence != def {
			continue
		}
		now, err := planner.NewSequence(def, s.Sequence, col.Type)
		if err != nil {
			return sequenceType(err)
		}
		col.Sequence = now
		if err := e.resetSequence(sequenceOf(o.ID, def), now, s.Sequence); err != nil {
			return err
		}
	}
	e.put(&o)
	return nil
}

// resetSequence gives a generator new options, and its next number if they say so.
func (e *Engine) resetSequence(id sequenceID, def *catalog.Sequence, o *ast.SequenceOptions) error {
	q := &e.sequences
	q.mu.Lock()
	defer q.mu.Unlock()
	s, err := e.sequence(id, def)
	if err != nil {
		return err
	}
	next := &sequence{def: *def, next: s.next, done: s.done}
	switch {
	case o.Restart != nil:
		next.next, next.done = *o.Restart, false
	case o.RestartHere:
		next.next, next.done = def.Start, false
	case o.Step != nil && s.def.Step != def.Step && !s.done:
		next.next = s.next - s.def.Step + def.Step // a step behind the number that was given last
		if !s.begun() {
			next.next = s.next
		}
	}
	if n := next.next; !next.done && (n < def.Min || n > def.Max) {
		if o.Restart != nil {
			what, bound, less := "MINVALUE", def.Min, "less"
			if n > def.Max {
				what, bound, less = "MAXVALUE", def.Max, "greater"
			}
			return sqlerr.New(sqlerr.InvalidParameterValue, "RESTART value (%d) cannot be %s than %s (%d)", n, less, what, bound)
		}
		next.done = true
	}
	q.list[id] = next
	q.store(id, *next)
	return nil
}

// dropSequence forgets the generator of a column that is gone.
func (e *Engine) dropSequence(id sequenceID) {
	q := &e.sequences
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.list, id)
	q.dirty[id] = nil
}

// sequenceUsers are the columns whose default takes numbers from a sequence object.
func (e *Engine) sequenceUsers(o *catalog.Object) (lines []string, drop func()) {
	cat := e.catalogNow()
	var changed []*catalog.Object
	for _, t := range cat.Objects() {
		if t.Kind != catalog.Table {
			continue
		}
		now := *t
		now.Columns = slices.Clone(t.Columns)
		found := false
		for i, col := range t.Columns {
			if col.Default == "" || !slices.ContainsFunc(sequencesIn(col.Default), func(parts []string) bool {
				x, _ := SequenceNamed(cat, []string{t.Schema}, parts)
				return x != nil && x.ID == o.ID
			}) {
				continue
			}
			lines = append(lines, "default value for column "+parse.QuoteIdent(col.Name)+" of table "+parse.QuoteIdent(t.Name)+
				" depends on sequence "+parse.QuoteIdent(o.Name))
			now.Columns[i].Default, found = "", true
		}
		if found {
			changed = append(changed, &now)
		}
	}
	return lines, func() {
		for _, t := range changed {
			t.Shape++
			e.put(t)
		}
	}
}

// sequencesIn lists the sequences whose numbers an expression takes by a constant name.
func sequencesIn(text string) [][]string {
	var out [][]string
	e, err := parse.ParseExpr(text)
	if err != nil {
		return nil
	}
	ast.Walk(e, func(x ast.Expr) {
		if l := sequenceArg(x); l != nil {
			if parts := nameParts(l.Text); parts != nil {
				out = append(out, parts)
			}
		}
	})
	return out
}

// sequenceArg returns the constant that names the sequence of a call of nextval and its like, or nil.
func sequenceArg(x ast.Expr) *ast.Literal {
	call, ok := x.(*ast.Call)
	if !ok || len(call.Args) == 0 {
		return nil
	}
	switch call.Name[len(call.Name)-1] {
	case "nextval", "currval", "setval":
	default:
		return nil
	}
	arg := call.Args[0]
	for {
		c, ok := arg.(*ast.Cast)
		if !ok {
			break
		}
		arg = c.Expr
	}
	l, ok := arg.(*ast.Literal)
	if !ok || l.Kind != ast.LitString {
		return nil
	}
	return l
}

// nameParts reads a possibly qualified name as regclass does; nil when it is none.
func nameParts(text string) []string {
	e, err := parse.ParseExpr(text)
	if err != nil {
		return nil
	}
	if ref, ok := e.(*ast.ColumnRef); ok {
		return ref.Parts
	}
	return nil
}

// bindSequences qualifies the sequences that the defaults of a table name, so that they mean the same in
// every session.
func (e *Engine) bindSequences(c *Caller, o *catalog.Object) error {
	for i := range o.Columns {
		col := &o.Columns[i]
		if col.Default == "" {
			continue
		}
		text, err := e.renameSequences(col.Default, func(parts []string) []string {
			x, def := SequenceNamed(e.catalogNow(), c.SearchPath, parts)
			if x == nil {
				return nil
			}
			return []string{x.Schema, def.Name}
		})
		if err != nil {
			return err
		}
		col.Default = text
	}
	return nil
}

// renameSequences changes the names of sequences in a default; to returns nil where there is none of the
// name.
func (e *Engine) renameSequences(text string, to func([]string) []string) (string, error) {
	x, err := parse.ParseExpr(text)
	if err != nil {
		return "", err
	}
	changed := false
	ast.Walk(x, func(x ast.Expr) {
		l := sequenceArg(x)
		if l == nil || err != nil {
			return
		}
		name := to(nameParts(l.Text))
		if name == nil {
			err = sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", l.Text)
			return
		}
		for i, p := range name {
			name[i] = parse.QuoteIdent(p)
		}
		l.Text, changed = strings.Join(name, "."), true
	})
	if err != nil || !changed {
		return text, err
	}
	return planner.Deparse(x), nil
}

// moveSequence lets the defaults that use a sequence object follow its name.
func (e *Engine) moveSequence(old, now *catalog.Object) error {
	cat := e.catalogNow()
	for _, t := range cat.Objects() {
		if t.Kind != catalog.Table {
			continue
		}
		moved := *t
		moved.Columns = slices.Clone(t.Columns)
		changed := false
		for i := range moved.Columns {
			d := &moved.Columns[i].Default
			if *d == "" {
				continue
			}
			text, err := e.renameSequences(*d, func(parts []string) []string {
				if len(parts) == 2 && parts[0] == old.Schema && parts[1] == old.Name {
					return []string{now.Schema, now.Name}
				}
				return slices.Clone(parts)
			})
			if err != nil {
				return err
			}
			changed = changed || text != *d
			*d = text
		}
		if changed {
			moved.Shape++
			e.put(&moved)
		}
	}
	return nil
}

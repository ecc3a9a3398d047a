package engine

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
)

// kinds maps the words of DROP to object kinds.
var kinds = map[string]catalog.Kind{
	"table": catalog.Table, "source": catalog.Source, "view": catalog.View,
	"materialized view": catalog.MaterializedView, "sink": catalog.Sink, "index": catalog.Index,
	"sequence": catalog.SequenceKind,
}

// drop resolves and checks everything that the statement names before it removes anything.
func (e *Engine) drop(c *Caller, s *ast.Drop) error {
	switch s.Kind {
	case "schema":
		return e.dropSchemas(c, s)
	case "role":
		return e.dropRoles(c, s)
	case "type":
		return e.dropTypes(c, s)
	}
	kind, ok := kinds[s.Kind]
	if !ok {
		return sqlerr.Unsupported("DROP %s is not supported", strings.ToUpper(s.Kind))
	}
	cat := e.catalogNow()
	var named []*catalog.Object
	for _, name := range s.Names {
		if kind == catalog.SequenceKind {
			if done, err := e.dropColumnSequence(c, name, s.Cascade); done || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		o, err := droppable(cat, c, s, kind, name)
		if err != nil {
			return err
		}
		if o != nil {
			named = append(named, o)
		}
	}
	order, err := dropOrder(c, cat, named, s.Cascade)
	if err != nil {
		return err
	}
	if err := e.dropDefaults(c, order, named, s.Cascade); err != nil {
		return err
	}
	for _, o := range order {
		e.remove(o)
	}
	e.closeUnread()
	return nil
}

// droppable finds an object that DROP names; nil when there is none and IF EXISTS was given.
func droppable(cat *catalog.Snapshot, c *Caller, s *ast.Drop, kind catalog.Kind, name []string) (*catalog.Object, error) {
	o := cat.Resolve(c.SearchPath, name)
	base := name[len(name)-1]
	switch {
	case o != nil && o.Kind != kind:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%q is not a %s", o.Name, s.Kind).
			WithHint("Use DROP %s to remove a %s.", strings.ToUpper(string(o.Kind)), o.Kind)
	case o != nil && o.LateOf != 0:
		return nil, sqlerr.New(sqlerr.DependentObjects, "cannot drop table %s because it holds the late rows of another relation", o.Name).
			WithHint("It goes when that is dropped.")
	case o != nil:
		return o, nil
	case len(name) > 1 && !cat.HasSchema(name[len(name)-2]):
		schema := name[len(name)-2]
		if s.IfExists {
			c.notice(sqlerr.SuccessfulCompletion, "schema %q does not exist, skipping", schema)
			return nil, nil
		}
		return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", schema)
	case s.IfExists:
		c.notice(sqlerr.SuccessfulCompletion, "%s %q does not exist, skipping", s.Kind, base)
		return nil, nil
	case kind == catalog.Index:
		return nil, sqlerr.New(sqlerr.UndefinedObject, "index %q does not exist", base)
	}
	return nil, sqlerr.New(sqlerr.UndefinedTable, "%s %q does not exist", s.Kind, base)
}

// dropOrder lists the named objects and what depends on them, dependents first. Dependents that are
// not named need CASCADE, indexes excepted: they go with their table.
func dropOrder(c *Caller, cat *catalog.Snapshot, named []*catalog.Object, cascade bool) ([]*catalog.Object, error) {
	var order, others []*catalog.Object
	for _, o := range named {
		for _, x := range cat.DropOrder(o.ID) {
			if slices.Contains(order, x) {
				continue
			}
			order = append(order, x)
			if slices.Contains(named, x) || follows(x) || x.LateOf == o.ID {
				continue
			}
			if others = append(others, x); !cascade {
				return nil, stillNeeded(c, cat, named)
			}
		}
	}
	switch len(others) {
	case 0:
	case 1:
		c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %s", describe(c, cat, others[0]))
	default:
		c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %d other objects", len(others))
	}
	return order, nil
}

// follows tells whether an object goes with what it depends on without being told.
func follows(x *catalog.Object) bool {
	return x.Kind == catalog.Index || x.Kind == catalog.SequenceKind
}

// describe names an object with its kind as Postgres does: qualified when the search path does not
// find it.
func describe(c *Caller, cat *catalog.Snapshot, o *catalog.Object) string {
	if cat.Resolve(c.SearchPath, []string{o.Name}) == o {
		return string(o.Kind) + " " + parse.QuoteIdent(o.Name)
	}
	return string(o.Kind) + " " + parse.QuoteIdent(o.Schema) + "." + parse.QuoteIdent(o.Name)
}

// stillNeeded is Postgres's refusal of a drop without CASCADE.
func stillNeeded(c *Caller, cat *catalog.Snapshot, named []*catalog.Object) error {
	what := "desired object(s)"
	if len(named) == 1 {
		what = describe(c, cat, named[0])
	}
	return sqlerr.New(sqlerr.DependentObjects, "cannot drop %s because other objects depend on %s", what,
		map[bool]string{true: "it", false: "them"}[len(named) == 1]).
		WithDetail("%s", strings.Join(dependents(c, cat, named), "\n")).
		WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

// dependents has a line for each object that hangs on the named ones, saying through which.
func dependents(c *Caller, cat *catalog.Snapshot, named []*catalog.Object) []string {
	var lines []string
	seen := slices.Clone(named)
	for _, o := range named {
		order := cat.DropOrder(o.ID)
		for i := len(order) - 1; i >= 0; i-- {
			x := order[i]
			if slices.Contains(seen, x) || follows(x) || x.LateOf == o.ID {
				continue
			}
			for _, on := range seen {
				if slices.Contains(x.Deps, on.ID) {
					lines = append(lines, describe(c, cat, x)+" depends on "+describe(c, cat, on))
					break
				}
			}
			seen = append(seen, x)
		}
	}
	return lines
}

// remove takes an object out of the circuit and the catalog and deletes what is stored of it.
func (e *Engine) remove(o *catalog.Object) {
	if o.Replacement != nil {
		o = e.discardReplacement(o, sqlerr.New(sqlerr.UndefinedTable, "relation %q was dropped", o.Name))
	}
	e.abandonFill(o.ID, sqlerr.New(sqlerr.UndefinedTable, "relation %q was dropped", o.Name))
	e.circuit.Remove(o.ID)
	e.abandonIndex(o.ID, sqlerr.New(sqlerr.UndefinedTable, "relation %q was dropped", o.Name))
	e.edges.Lock()
	delete(e.views, o.ID)
	e.dropIndexHandle(o)
	delete(e.uniques, o.ID)
	s := e.sinks[o.ID]
	delete(e.sinks, o.ID)
	delete(e.times, o.ID)
	e.edges.Unlock()
	e.circuit.Undeclare(o.ID)
	if s != nil {
		e.closing.Go(s.close)
	}
	delete(e.pending.deltas, o.ID)
	delete(e.pending.over, o.ID)
	e.sequences.forget(o.ID)
	var tables []uint32
	if len(o.Plan) > 0 {
		if p, err := decodePlan(o.Plan); err == nil {
			tables = planTables(p)
		}
	}
	e.pending.writes = append(e.pending.writes, func(cm *state.Commit) error {
		w := cm.Writer(0)
		for _, t := range tables {
			w.DropTable(state.SpaceOperator, state.TableID(t))
		}
		if o.Storage != nil {
			w.DropTable(state.SpaceView, state.TableID(o.Storage.Table))
		}
		for _, u := range o.Unique {
			w.DropTable(state.SpaceView, state.TableID(u.Table))
		}
		for _, space := range []state.Space{state.SpacePositions, state.SpaceErrors, state.SpaceSinkLog, state.SpaceSequences} {
			w.DropTable(space, state.TableID(o.ID))
		}
		return nil
	})
	e.pending.catalog = e.catalogNow().WithoutObject(o.ID)
}

// planTables lists the store tables of a plan's operators.
func planTables(p *plan.Plan) []uint32 {
	var out []uint32
	for _, n := range p.Nodes {
		for _, t := range n.Tables {
			out = append(out, t)
		}
	}
	return out
}

func (e *Engine) dropSchemas(c *Caller, s *ast.Drop) error {
	cat := e.catalogNow()
	var gone []string
	var inside []*catalog.Object
	for _, n := range s.Names {
		name := n[len(n)-1]
		if name == "pg_catalog" || name == "information_schema" || name == "tidemill_catalog" {
			return sqlerr.New(sqlerr.DependentObjects, "cannot drop schema %s because it is required by the database system", name)
		}
		if !cat.HasSchema(name) {
			if !s.IfExists {
				return sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", name)
			}
			c.notice(sqlerr.SuccessfulCompletion, "schema %q does not exist, skipping", name)
			continue
		}
		gone = append(gone, name)
		for _, o := range cat.Objects() {
			if o.Schema != name {
				continue
			}
			inside = append(inside, o)
		}
	}
	var named []*catalog.UserType
	for _, t := range cat.UserTypes() {
		if slices.Contains(gone, t.Schema) {
			named = append(named, t)
		}
	}
	if len(inside)+len(named) > 0 && !s.Cascade {
		return schemaNeeded(c, cat, gone, inside, named)
	}
	uses := findTypeUses(c, cat, named)
	if err := uses.removable(c, cat, inside); err != nil {
		return err
	}
	for _, o := range uses.objects {
		if !slices.Contains(inside, o) {
			inside = append(inside, o)
		}
	}
	order, err := dropOrder(c, cat, inside, true)
	if err != nil {
		return err
	}
	for _, o := range order {
		e.remove(o)
	}
	e.forgetTypes(named)
	for _, name := range gone {
		e.pending.catalog = e.catalogNow().WithoutSchema(name)
	}
	e.closeUnread()
	return nil
}

// schemaNeeded is Postgres's refusal to drop schemas that are not empty.
func schemaNeeded(c *Caller, cat *catalog.Snapshot, schemas []string, inside []*catalog.Object, named []*catalog.UserType) error {
	var lines []string
	for _, t := range named {
		lines = append(lines, typeTitle(c, cat, t)+" depends on schema "+parse.QuoteIdent(t.Schema))
	}
	for _, o := range inside {
		if o.Kind != catalog.Index {
			lines = append(lines, describe(c, cat, o)+" depends on schema "+parse.QuoteIdent(o.Schema))
		}
	}
	lines = append(lines, dependents(c, cat, inside)...)
	what, them := "schema "+parse.QuoteIdent(schemas[0]), "it"
	if len(schemas) > 1 {
		what, them = "desired object(s)", "them"
	}
	return sqlerr.New(sqlerr.DependentObjects, "cannot drop %s because other objects depend on %s", what, them).
		WithDetail("%s", strings.Join(lines, "\n")).
		WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

func (e *Engine) dropRoles(c *Caller, s *ast.Drop) error {
	cat := e.catalogNow()
	for _, n := range s.Names {
		name := n[len(n)-1]
		if cat.Role(name) == nil {
			if !s.IfExists {
				return sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", name)
			}
			c.notice(sqlerr.SuccessfulCompletion, "role %q does not exist, skipping", name)
			continue
		}
		if name == catalog.DefaultRole || name == c.User {
			return sqlerr.New(sqlerr.ObjectInUse, "role %q cannot be dropped", name)
		}
		for _, o := range cat.Objects() {
			if o.Owner == name {
				return sqlerr.New(sqlerr.DependentObjects, "role %q cannot be dropped because some objects depend on it", name).
					WithDetail("owner of %s %s", o.Kind, o.Name)
			}
		}
		cat = cat.WithoutRole(name)
	}
	e.pending.catalog = cat
	return nil
}

// closeUnread stops the main feeders of sources that nobody reads any more.
func (e *Engine) closeUnread() {
	for id, f := range e.sources {
		if e.circuit.Reads(id) {
			continue
		}
		e.edges.Lock()
		delete(e.sources, id)
		e.edges.Unlock()
		e.closing.Go(f.close)
		if f.source.Watermark == nil { // else the next reader goes on where this one was
			e.forgetPosition(id)
		}
	}
}

// forgetPosition removes the stored position of a source in the next epoch. A feeder that starts anew
// may have a position of its own by then.
func (e *Engine) forgetPosition(id uint32) {
	e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
		c.Writer(0).Delete(metaKey(state.SpacePositions, id, positionName(0)))
		if f := e.sources[id]; f != nil && len(f.pos) > 0 {
			writePosition(c.Writer(0), f)
		}
		return nil
	})
}

// openRead makes the main feeders match what the circuit reads: a feeder per source with the union of
// the columns that some dataflow wants.
func (e *Engine) openRead(cat *catalog.Snapshot) error {
	for _, o := range cat.Objects() {
		if o.Kind != catalog.Source || !e.circuit.Reads(o.ID) {
			continue
		}
		cols := readCols(o, e.circuit.ReadCols(o.ID))
		old := e.sources[o.ID]
		if old != nil && covers(old.cols, cols) {
			continue
		}
		var from connector.Offset
		if old != nil {
			from = old.pos
		} else if o.Watermark != nil {
			var err error
			if from, err = e.storedPosition(o.ID); err != nil {
				return err
			}
		}
		f, err := openFeeder(o, 0, cols, from, nil, e.wake)
		if err != nil {
			return err
		}
		if old != nil {
			f.inherit(old)
			e.closing.Go(old.close)
		} else if o.Watermark == nil { // one may be left of dataflows that failed
			e.forgetPosition(o.ID)
		}
		e.edges.Lock()
		e.sources[o.ID] = f
		e.edges.Unlock()
	}
	return nil
}

// covers tells whether every one of want is in have.
func covers(have, want []int) bool {
	set := map[int]bool{}
	for _, c := range have {
		set[c] = true
	}
	for _, c := range want {
		if !set[c] {
			return false
		}
	}
	return true
}

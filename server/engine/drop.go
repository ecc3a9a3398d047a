package engine

import (
	"strings"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
)

// kinds maps the words of DROP to object kinds.
var kinds = map[string]catalog.Kind{
	"table": catalog.Table, "source": catalog.Source, "view": catalog.View,
	"materialized view": catalog.MaterializedView, "sink": catalog.Sink, "index": catalog.Index,
}

func (e *Engine) drop(c *Caller, s *ast.Drop) error {
	for _, name := range s.Names {
		var err error
		switch s.Kind {
		case "schema":
			err = e.dropSchema(c, s, name[0])
		case "role":
			err = e.dropRole(c, s, name[0])
		default:
			err = e.dropObject(c, s, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) dropObject(c *Caller, s *ast.Drop, name []string) error {
	kind, ok := kinds[s.Kind]
	if !ok {
		return sqlerr.Unsupported("DROP %s is not supported", strings.ToUpper(s.Kind))
	}
	cat := e.catalogNow()
	o := cat.Resolve(c.SearchPath, name)
	if o == nil {
		if s.IfExists {
			c.notice(sqlerr.SuccessfulCompletion, "%s %q does not exist, skipping", s.Kind, strings.Join(name, "."))
			return nil
		}
		return sqlerr.New(sqlerr.UndefinedTable, "%s %q does not exist", s.Kind, strings.Join(name, "."))
	}
	if o.Kind != kind {
		return sqlerr.New(sqlerr.WrongObjectType, "%q is not a %s", o.Name, s.Kind).
			WithHint("Use DROP %s to remove a %s.", strings.ToUpper(string(o.Kind)), o.Kind)
	}
	order := cat.DropOrder(o.ID)
	if len(order) > 1 && !s.Cascade {
		return stillNeeded(o, order)
	}
	if len(order) > 1 {
		if len(order) == 2 {
			c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %s %s", order[0].Kind, order[0].Name)
		} else {
			c.notice(sqlerr.SuccessfulCompletion, "drop cascades to %d other objects", len(order)-1)
		}
	}
	for _, x := range order {
		e.remove(x)
	}
	return e.refreshSources(e.catalogNow())
}

// stillNeeded is Postgres's refusal of a drop without CASCADE.
func stillNeeded(o *catalog.Object, order []*catalog.Object) error {
	var detail []string
	for i := len(order) - 2; i >= 0; i-- {
		detail = append(detail, string(order[i].Kind)+" "+order[i].Name+" depends on "+string(o.Kind)+" "+o.Name)
	}
	return sqlerr.New(sqlerr.DependentObjects, "cannot drop %s %s because other objects depend on it", o.Kind, o.Name).
		WithDetail("%s", strings.Join(detail, "\n")).
		WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

// remove takes an object out of the circuit and the catalog and deletes what is stored of it.
func (e *Engine) remove(o *catalog.Object) {
	e.abandonFill(o.ID, sqlerr.New(sqlerr.UndefinedTable, "relation %q was dropped", o.Name))
	e.circuit.Remove(o.ID)
	e.edges.Lock()
	delete(e.views, o.ID)
	s := e.sinks[o.ID]
	delete(e.sinks, o.ID)
	e.edges.Unlock()
	if s != nil {
		go s.close()
	}
	delete(e.pending.deltas, o.ID)
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
		for _, space := range []state.Space{state.SpacePositions, state.SpaceErrors, state.SpaceSinkLog} {
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

func (e *Engine) dropSchema(c *Caller, s *ast.Drop, name string) error {
	cat := e.catalogNow()
	if !cat.HasSchema(name) {
		if s.IfExists {
			c.notice(sqlerr.SuccessfulCompletion, "schema %q does not exist, skipping", name)
			return nil
		}
		return sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", name)
	}
	var inside []*catalog.Object
	for _, o := range cat.Objects() {
		if o.Schema == name {
			inside = append(inside, o)
		}
	}
	if len(inside) > 0 && !s.Cascade {
		return sqlerr.New(sqlerr.DependentObjects, "cannot drop schema %s because other objects depend on it", name).
			WithDetail("%s %s depends on schema %s", inside[0].Kind, inside[0].Name, name).
			WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
	}
	for _, o := range inside {
		for _, x := range e.catalogNow().DropOrder(o.ID) {
			if x != nil {
				e.remove(x)
			}
		}
	}
	e.pending.catalog = e.catalogNow().WithoutSchema(name)
	return e.refreshSources(e.catalogNow())
}

func (e *Engine) dropRole(c *Caller, s *ast.Drop, name string) error {
	cat := e.catalogNow()
	if cat.Role(name) == nil {
		if s.IfExists {
			c.notice(sqlerr.SuccessfulCompletion, "role %q does not exist, skipping", name)
			return nil
		}
		return sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", name)
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
	e.pending.catalog = cat.WithoutRole(name)
	return nil
}

// refreshSources makes the main feeders match what the circuit reads: a feeder per source with the
// union of the columns that some dataflow wants, none for a source that nobody reads.
func (e *Engine) refreshSources(cat *catalog.Snapshot) error {
	for id, f := range e.sources {
		if !e.circuit.Reads(id) {
			e.edges.Lock()
			delete(e.sources, id)
			e.edges.Unlock()
			go f.close()
			e.pending.writes = append(e.pending.writes, func(c *state.Commit) error {
				c.Writer(0).Delete(metaKey(state.SpacePositions, id, positionName(0)))
				return nil
			})
		}
	}
	for _, o := range cat.Objects() {
		if o.Kind != catalog.Source || !e.circuit.Reads(o.ID) {
			continue
		}
		cols := e.circuit.ReadCols(o.ID)
		old := e.sources[o.ID]
		if old != nil && covers(old.cols, cols) {
			continue
		}
		var from connector.Offset
		if old != nil {
			old.close()
			from = old.pos
		}
		f, err := openFeeder(o, 0, cols, from, nil, e.wake)
		if err != nil {
			return err
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

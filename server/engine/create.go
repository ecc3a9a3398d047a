package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/op"
	"tidemill/exec/plan"
	"tidemill/exec/view"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func (e *Engine) createTable(c *Caller, s *ast.CreateTable) error {
	schema, name, skip, err := e.place(e.catalogNow(), c, s.Name, s.IfNotExists)
	if err != nil || skip {
		return err
	}
	likes := s.Likes
	if len(likes) > 0 {
		if s, err = e.expandLike(c, s); err != nil {
			return err
		}
	}
	draft := &catalog.Object{Name: name, Schema: schema}
	if err := planner.TableFromAST(e.plannerContext(e.catalogNow(), c), s, draft); err != nil {
		return err
	}
	watermark, rest, err := planner.WatermarkFromAST(e.plannerContext(e.catalogNow(), c), draft.Columns, s.Watermarks, s.Options)
	if err != nil {
		return err
	}
	if len(rest) > 0 || s.Format != nil {
		return sqlerr.Unsupported("tables fed by a connector are not supported yet").
			WithHint("Write CREATE SOURCE, and CREATE MATERIALIZED VIEW over it to keep the rows.")
	}
	o := e.newObject(c, catalog.Table, schema, name)
	o.Columns, o.PrimaryKey, o.Visible = draft.Columns, draft.PrimaryKey, draft.Visible
	o.PrimaryKeyName, o.Unique, o.Checks = draft.PrimaryKeyName, draft.Unique, draft.Checks
	o.Storage = &catalog.Storage{Kind: string(view.Bag), Table: e.newTable()}
	if len(o.PrimaryKey) > 0 {
		o.Storage.Kind, o.Storage.Key = string(view.Keyed), o.PrimaryKey
	}
	for i := range o.Unique {
		o.Unique[i].Table = e.newTable()
	}
	e.nameSequences(o)
	if err := e.bindSequences(c, o); err != nil {
		return err
	}
	if o.Watermark = watermark; watermark != nil {
		if err := e.createLate(c, o); err != nil {
			return err
		}
	}
	e.put(o)
	if err := e.addView(o); err != nil {
		return err
	}
	return e.finishLike(c, o, likes)
}

// addView makes the storage of a table or materialized view known.
func (e *Engine) addView(o *catalog.Object) error {
	v, err := newView(o, e.cfg.Check)
	if err != nil {
		return err
	}
	var indexes []*view.View
	for i := range o.Unique {
		x, err := e.uniqueView(o, &o.Unique[i])
		if err != nil {
			return err
		}
		indexes = append(indexes, x)
	}
	e.edges.Lock()
	defer e.edges.Unlock()
	e.views[o.ID] = v
	if o.Kind == catalog.Index && !slices.Contains(e.indexes[o.Deps[0]], o.ID) {
		e.indexes[o.Deps[0]] = append(e.indexes[o.Deps[0]], o.ID)
	}
	if delete(e.uniques, o.ID); len(indexes) > 0 {
		e.uniques[o.ID] = indexes
	}
	return nil
}

// uniqueView is the storage handle of a unique constraint's index.
func (e *Engine) uniqueView(o *catalog.Object, u *catalog.Unique) (*view.View, error) {
	return view.New(view.Def{Table: u.Table, Schema: o.Fields(), Kind: view.Keyed, Key: u.Columns, Check: e.cfg.Check})
}

// createSource checks all but the name in the caller's goroutine: connectors look at files and such.
func (e *Engine) createSource(ctx context.Context, c *Caller, s *ast.CreateSource) error {
	if _, _, skip, err := e.place(e.cat.Load(), c, s.Name, s.IfNotExists); err != nil || skip {
		return err
	}
	draft, err := e.draftSource(c, s)
	if err != nil {
		return err
	}
	return e.define(ctx, func() error {
		schema, name, skip, err := e.place(e.catalogNow(), c, s.Name, s.IfNotExists)
		if err != nil || skip {
			return err
		}
		o := e.newObject(c, catalog.Source, schema, name)
		o.Connector, o.Options, o.AppendOnly = draft.Connector, draft.Options, true
		o.Envelope, o.Encoding, o.FormatOptions = draft.Envelope, draft.Encoding, draft.FormatOptions
		o.Columns, o.Visible = draft.Columns, len(draft.Columns)
		if draft.Watermark != nil {
			w := *draft.Watermark
			o.Watermark = &w
			if err := e.createLate(c, o); err != nil {
				return err
			}
		}
		e.put(o)
		return nil
	})
}

// draftSource is what the statement says about a source beside its name, checked.
func (e *Engine) draftSource(c *Caller, s *ast.CreateSource) (*catalog.Object, error) {
	given, own := splitOptions(s.Options)
	spec, opts, err := e.connectorOptions(connector.SourceRole, given)
	if err != nil {
		return nil, err
	}
	if spec.OpenReader == nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "connector %q is not a source", spec.Name)
	}
	columns, pk, err := planner.SourceFromAST(e.plannerContext(e.cat.Load(), c), s)
	if err != nil {
		return nil, err
	}
	if spec.NamedPartitions {
		for i := range columns {
			if columns[i].Include == "partition" {
				columns[i].Type = types.T(types.Text)
			}
		}
	}
	o := &catalog.Object{Kind: catalog.Source, Name: s.Name[len(s.Name)-1], Connector: spec.Name, Options: opts}
	if err := setFormat(o, spec, s.Format); err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		if spec.Columns == nil {
			return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "source %q needs a column list", o.Name).
				WithHint("Write CREATE SOURCE %s (column type, …) WITH (connector = '%s', …).", o.Name, spec.Name)
		}
		fields, err := spec.Columns(options(o))
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			columns = append(columns, catalog.Column{Field: f})
		}
	}
	if len(pk) > 0 {
		return nil, sqlerr.Unsupported("a source cannot have a primary key with FORMAT PLAIN").
			WithHint("Deduplicate in a materialized view, for example with DISTINCT.")
	}
	o.Columns, o.Visible = columns, len(columns)
	if o.Watermark, _, err = planner.WatermarkFromAST(e.plannerContext(e.cat.Load(), c), columns, s.Watermarks, own); err != nil {
		return nil, err
	}
	if spec.Check != nil {
		if err := spec.Check(options(o), o.Fields()); err != nil {
			return nil, err
		}
	}
	return o, probe(spec, o)
}

// splitOptions parts the options of a source into those of its connector and those of its watermark.
func splitOptions(list []ast.Option) (connector, own []ast.Option) {
	for _, o := range list {
		if o.Name == planner.OptIdle || o.Name == planner.OptLateness || o.Name == planner.OptMaxAhead {
			own = append(own, o)
		} else {
			connector = append(connector, o)
		}
	}
	return connector, own
}

// probe opens and closes a reader, which refuses what Check does not see: options of the format, types
// of metadata columns.
func probe(spec *connector.Spec, o *catalog.Object) error {
	all := make([]int, len(o.Columns))
	for i := range all {
		all[i] = i
	}
	r, err := spec.OpenReader(readerConfig(o, all, nil, nil))
	if err != nil {
		return err
	}
	return r.Close()
}

// connectorOptions splits WITH options into the connector and its validated options.
func (e *Engine) connectorOptions(role connector.Role, list []ast.Option) (*connector.Spec, map[string]string, error) {
	raw := map[string]string{}
	name := ""
	for _, o := range list {
		if _, dup := raw[o.Name]; dup || o.Name == "connector" && name != "" {
			return nil, nil, sqlerr.New(sqlerr.SyntaxError, "option %q given twice", o.Name).At(o.Position())
		}
		if o.Name == "connector" {
			name = o.Value
			continue
		}
		raw[o.Name] = o.Value
	}
	if name == "" {
		return nil, nil, sqlerr.New(sqlerr.InvalidParameterValue, "option %q is missing", "connector").
			WithHint("Write WITH (connector = 'kafka', …).")
	}
	spec, err := connector.Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	opts, err := spec.ValidateFor(role, raw)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range spec.Options {
		if o.Moment && opts[o.Name] == "now" {
			opts[o.Name] = e.cfg.Now().UTC().Format("2006-01-02 15:04:05.999999")
		}
	}
	return spec, opts, nil
}

// setFormat takes over the FORMAT clause after checking it against the connector.
func setFormat(o *catalog.Object, spec *connector.Spec, f *ast.Format) error {
	encodings := spec.Encodings
	if o.Kind == catalog.Sink && spec.SinkEncodings != nil {
		encodings = spec.SinkEncodings
	}
	if f == nil {
		if len(encodings) > 0 {
			return sqlerr.New(sqlerr.InvalidTableDefinition, "connector %q needs a FORMAT clause", spec.Name).
				WithHint("Write FORMAT PLAIN ENCODE JSON after the options. Possible: %s.", strings.Join(encodings, ", "))
		}
		return nil
	}
	want := f.Envelope + " " + f.Encoding
	ok := false
	for _, have := range encodings {
		ok = ok || have == want
	}
	if !ok {
		return sqlerr.New(sqlerr.FeatureNotSupported, "connector %q does not support FORMAT %s ENCODE %s", spec.Name,
			strings.ToUpper(f.Envelope), strings.ToUpper(f.Encoding)).At(f.Position()).
			WithHint("Possible: %s.", strings.Join(encodings, ", "))
	}
	o.Envelope, o.Encoding = f.Envelope, f.Encoding
	o.FormatOptions = map[string]string{}
	for _, opt := range f.Options {
		o.FormatOptions[opt.Name] = opt.Value
	}
	return nil
}

// createView stores a plain view after checking that its query binds.
func (e *Engine) createView(c *Caller, s *ast.CreateView) error {
	schema, name, skip, err := e.place(e.catalogNow(), c, s.Name, s.IfNotExists)
	if err != nil && !(s.OrReplace && sqlerr.As(err).Code == sqlerr.DuplicateTable) || skip {
		return err
	}
	taken := err
	q, err := planner.PlanQuery(e.plannerContext(e.catalogNow(), c), s.Query)
	if err != nil {
		return err
	}
	if len(s.Columns) > len(q.Columns) {
		return sqlerr.New(sqlerr.SyntaxError, "CREATE VIEW specifies more column names than columns")
	}
	old := e.catalogNow().ByName(schema, name)
	if old == nil && taken != nil {
		return taken
	}
	if old != nil && old.Kind != catalog.View {
		return sqlerr.New(sqlerr.WrongObjectType, "%q is not a view", name)
	}
	o := e.newObject(c, catalog.View, schema, name)
	if old != nil {
		o.ID = old.ID
	}
	o.Query, o.Deps, o.Names = s.QueryText, q.Deps, q.Bound
	o.Types = q.UserTypes
	fields, err := outputFields(q, s.Columns)
	if err != nil {
		return err
	}
	for _, f := range fields {
		o.Columns = append(o.Columns, catalog.Column{Field: f})
	}
	o.Visible = len(o.Columns)
	if old != nil {
		if err := e.replaceable(old, o); err != nil {
			return err
		}
	}
	e.put(o)
	return nil
}

// replaceable refuses a new definition of a view that would break those that read it.
func (e *Engine) replaceable(old, o *catalog.Object) error {
	if err := sameColumns(old.Columns, o.Columns, "view"); err != nil {
		return err
	}
	for _, x := range e.catalogNow().DropOrder(old.ID) {
		if slices.Contains(o.Deps, x.ID) {
			return sqlerr.New(sqlerr.InvalidObjectDefinition, "infinite recursion detected in rules for relation %q", o.Name).
				WithDetail("The new definition reads %s %s, which is or reads the view itself.", x.Kind, x.Name)
		}
		if x.Kind != catalog.View {
			return sqlerr.Unsupported("cannot replace view %q because %s %s is maintained from its present definition", o.Name, x.Kind, x.Name).
				WithHint("Drop %s first, and create it again afterwards.", x.Name)
		}
	}
	return nil
}

// outputFields are the user-visible columns of a query, renamed where the statement lists names.
func outputFields(q *planner.Query, names []string) (types.Schema, error) {
	if len(names) > len(q.Columns) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "too many column names were specified")
	}
	var out types.Schema
	seen := map[string]bool{}
	for i, col := range q.Columns {
		f := col.Field
		if i < len(names) {
			f.Name = names[i]
		}
		if seen[f.Name] {
			return nil, sqlerr.New(sqlerr.DuplicateColumn, "column %q specified more than once", f.Name).
				WithHint("Give each output column a name of its own with AS.")
		}
		seen[f.Name] = true
		out = append(out, f)
	}
	return out, nil
}

// createMaterialized starts a new view and waits until it is up to date.
func (e *Engine) createMaterialized(ctx context.Context, c *Caller, s *ast.CreateView) error {
	ready := make(chan error, 1)
	waiting, id := false, catalog.ID(0)
	err := e.define(ctx, func() error {
		b, err := e.startView(c, s)
		if err != nil || b == nil {
			return err
		}
		b.wait, waiting, id = append(b.wait, ready), true, b.flow.ID
		return nil
	})
	if err != nil || !waiting {
		return err
	}
	select {
	case err := <-ready:
		if err != nil {
			e.dropUnfilled(ctx, id)
		}
		return err
	case <-e.stopped:
		return errShutdown()
	case <-ctx.Done(): // the view goes on filling
		return context.Cause(ctx)
	}
}

// dropUnfilled takes back a view that failed before CREATE MATERIALIZED VIEW had returned, so that the
// statement has no effect. What has come to depend on it meanwhile keeps it.
func (e *Engine) dropUnfilled(ctx context.Context, id catalog.ID) {
	err := e.define(ctx, func() error {
		o := e.catalogNow().ByID(id)
		if o == nil || !o.Unfilled || len(e.catalogNow().DropOrder(id)) > 1 {
			return nil
		}
		e.remove(o)
		e.closeUnread()
		return nil
	})
	if err != nil {
		e.log.Warn("a view that could not be filled stays", "id", id, "error", err)
	}
}

// startView adds the dataflow of a new materialized view. The backfill is nil when there is nothing
// to catch up on.
func (e *Engine) startView(c *Caller, s *ast.CreateView) (*backfill, error) {
	if s.OrReplace {
		if old := e.replaced(c, s); old != nil {
			return e.startReplacement(c, s, old)
		}
	}
	schema, name, skip, err := e.place(e.catalogNow(), c, s.Name, s.IfNotExists)
	if err != nil || skip {
		return nil, err
	}
	o, p, err := e.draftView(c, s, schema, name)
	if err != nil {
		return nil, err
	}
	v, err := newView(o, e.cfg.Check)
	if err != nil {
		return nil, err
	}
	b, err := e.startFlow(o, p)
	if err != nil {
		return nil, err
	}
	e.edges.Lock()
	e.views[o.ID] = v
	e.edges.Unlock()
	return b, nil
}

// setOutput gives the object the plan's output columns, hidden ones behind the visible.
func (e *Engine) setOutput(o *catalog.Object, q *planner.Query, names []string) error {
	visible, err := outputFields(q, names)
	if err != nil {
		return err
	}
	root := q.Plan.Nodes[q.Plan.Root].Schema
	for i, f := range root {
		if i < len(visible) {
			f = visible[i]
		}
		o.Columns = append(o.Columns, catalog.Column{Field: f})
	}
	o.Visible, o.AppendOnly = len(visible), q.Plan.AppendOnly
	return nil
}

// viewSettings checks the WITH options of a materialized view.
func viewSettings(list []ast.Option) (map[string]string, error) {
	out := map[string]string{}
	for _, o := range list {
		switch o.Name {
		case "on_error":
			if o.Value != "divert" && o.Value != "fail" {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %q", o.Name, o.Value).
					At(o.Position()).WithHint("Use 'divert' (failing rows go to the error relation) or 'fail' (the view stops).")
			}
		case "require_bounded_state":
			if o.Value != "true" && o.Value != "false" {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %q", o.Name, o.Value).
					At(o.Position()).WithHint("Use true (a view whose state would grow for ever is refused) or false.")
			}
		default:
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized option %q", o.Name).
				At(o.Position()).WithHint("Options of a materialized view: on_error, require_bounded_state.")
		}
		out[o.Name] = o.Value
	}
	return out, nil
}

// startFlow adds a dataflow to the circuit and its object to the catalog. The backfill is nil when
// there is nothing to catch up on.
func (e *Engine) startFlow(o *catalog.Object, p *plan.Plan) (*backfill, error) {
	b, err := e.addFlow(o, p)
	if err != nil {
		return nil, err
	}
	if b.finished() {
		b = nil
	} else {
		o.State = catalog.Creating
		e.edges.Lock()
		e.fills[o.ID] = b
		e.edges.Unlock()
	}
	e.put(o)
	return b, nil
}

// addFlow assigns store tables to the plan, adds its dataflow to the circuit, and starts what it reads.
// When it fails nothing of it is left.
func (e *Engine) addFlow(o *catalog.Object, p *plan.Plan) (*backfill, error) {
	for _, id := range o.Deps {
		if dep := e.catalogNow().ByID(id); dep.State == catalog.Failed {
			return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "%s %q has stopped", dep.Kind, dep.Name).
				WithDetail("%s", dep.StateReason).WithHint("Drop it, and create it again.")
		}
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Op == plan.ScanOp {
			continue
		}
		spec, err := op.Lookup(n.Op)
		if err != nil {
			return nil, err
		}
		names, err := spec.Tables(n.Config)
		if err != nil {
			return nil, err
		}
		n.Tables = map[string]uint32{}
		for _, name := range names {
			n.Tables[name] = e.newTable()
		}
	}
	var err error
	if o.Plan, err = json.Marshal(p); err != nil {
		return nil, err
	}
	d, err := e.circuit.Add(o.ID, p, o.Settings["on_error"] == "fail", false)
	if err != nil {
		return nil, err
	}
	var b *backfill
	added := false
	defer func() { // after a panic too
		if added {
			return
		}
		if b != nil {
			e.closing.Go(b.close)
		}
		e.circuit.Remove(o.ID)
		e.closeUnread()
	}()
	b, err = e.startFill(d, e.catalogNow(), false)
	if err == nil {
		err = e.openRead(e.catalogNow())
	}
	if err != nil {
		return nil, err
	}
	added = true
	d.Hold(!b.finished())
	e.pending.force = true
	return b, nil
}

package bind

import (
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/planner/logical"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// found is a relation by name: a catalog object or a virtual relation.
type found struct {
	schema, name string
	object       *catalog.Object
	sysID        uint32
	sysCols      types.Schema
}

// resolveRelation finds a relation along the search path.
func (b *Binder) resolveRelation(parts []string, pos int) (*found, error) {
	if f := b.bound(parts); f != nil {
		return f, nil
	}
	switch len(parts) {
	case 1:
		if f := b.searchPath(parts[0]); f != nil {
			return f, nil
		}
	case 2:
		if f := b.inSchema(parts[0], parts[1]); f != nil {
			return f, nil
		}
	case 3:
		if parts[0] != catalog.DefaultDatabase {
			return nil, sqlerr.Unsupported("cross-database references are not implemented: %q", strings.Join(parts, ".")).At(pos)
		}
		if f := b.inSchema(parts[1], parts[2]); f != nil {
			return f, nil
		}
		parts = parts[1:]
	default:
		return nil, sqlerr.New(sqlerr.SyntaxError, "improper relation name (too many dotted names): %s", strings.Join(parts, ".")).At(pos)
	}
	return nil, b.noRelation(parts, pos)
}

func (b *Binder) noRelation(parts []string, pos int) error {
	e := sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(parts, ".")).At(pos)
	if b.Catalog == nil {
		return e
	}
	name := parts[len(parts)-1]
	best, hint := 3, ""
	for _, o := range b.Catalog.Objects() {
		if o.Kind == catalog.Sink || o.Kind == catalog.Index {
			continue
		}
		if d := distance(o.Name, name, best); d < best && d <= len(name)/3 {
			best, hint = d, o.QualifiedName()
		}
	}
	if hint != "" {
		e.Hint = "Perhaps you meant to reference the relation \"" + hint + "\"."
	}
	return e
}

func (b *Binder) searchPath(name string) *found {
	if !slices.Contains(b.SearchPath, "pg_catalog") {
		if f := b.system("", name); f != nil {
			return f
		}
	}
	for _, schema := range b.SearchPath {
		if f := b.inSchema(schema, name); f != nil {
			return f
		}
	}
	return nil
}

func (b *Binder) inSchema(schema, name string) *found {
	if b.Catalog != nil {
		if o := b.Catalog.ByName(schema, name); o != nil && o.Kind != catalog.Sink && o.Kind != catalog.Index {
			return &found{schema: schema, name: name, object: o}
		}
	}
	return b.system(schema, name)
}

func (b *Binder) system(schema, name string) *found {
	if b.System == nil {
		return nil
	}
	id, cols, ok := b.System.Lookup(schema, name)
	if !ok {
		return nil
	}
	if schema == "" {
		schema = "pg_catalog"
	}
	return &found{schema: schema, name: name, sysID: id, sysCols: cols}
}

// scan makes the leaf that reads a stored or virtual relation.
func (b *Binder) scan(f *found, pos int) (*source, error) {
	if f.object == nil {
		b.UsesSystem = true
		return b.newScan(&logical.ScanInfo{Object: f.sysID, Name: f.name, System: true}, f.sysCols, len(f.sysCols)), nil
	}
	o := f.object
	switch o.Kind {
	case catalog.Table, catalog.Source, catalog.MaterializedView:
	default:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot read from %s %q", o.Kind, o.Name).At(pos)
	}
	b.dep(o.ID)
	info := &logical.ScanInfo{Object: o.ID, Name: o.Name, AppendOnly: o.AppendOnly}
	if len(o.PrimaryKey) > 0 {
		info.Keys = append(info.Keys, o.PrimaryKey)
	}
	if o.Storage != nil && o.Storage.Kind == "keyed" {
		info.StorageKey = o.Storage.Key
		info.Keys = append(info.Keys, o.Storage.Key)
	}
	for _, x := range b.Catalog.Indexes(o.ID) {
		if x.State == catalog.Running {
			info.Indexes = append(info.Indexes, indexInfo(x))
		}
	}
	visible := o.Visible
	if visible == 0 || visible > len(o.Columns) {
		visible = len(o.Columns)
	}
	src := b.newScan(info, o.Fields(), visible)
	for i := range src.rels[0].cols {
		src.rels[0].cols[i].table, src.rels[0].cols[i].attnum = o.ID, i+1
	}
	src.rels[0].id = o.ID
	src.rels[0].cols = b.fix(o, src.rels[0].cols)
	src.cols = src.rels[0].cols
	return src, nil
}

func indexInfo(x *catalog.Object) logical.IndexInfo {
	out := logical.IndexInfo{Object: x.ID, Name: x.Name}
	for _, c := range x.Index.Columns {
		out.Order = append(out.Order, logical.SortKey{Col: c.Col, Desc: c.Desc, NullsFirst: c.NullsFirst})
	}
	return out
}

func (b *Binder) newScan(info *logical.ScanInfo, fields types.Schema, visible int) *source {
	n := &logical.Node{Op: logical.Scan, Scan: info}
	r := &relation{id: info.Object}
	for i, f := range fields {
		c := b.NewCol(f.Name, f.Type, f.NotNull)
		n.Out = append(n.Out, c)
		info.Cols = append(info.Cols, i)
		if i < visible {
			col := column{Col: c, table: info.Object, attnum: i + 1}
			r.cols = append(r.cols, col)
		}
	}
	return &source{node: n, part: part{rels: []*relation{r}, cols: r.cols}}
}

// expandView binds a plain view's query in place, under the search path it was written with.
func (b *Binder) expandView(o *catalog.Object, pos int) (*source, error) {
	b.dep(o.ID)
	sub := b.inherit(o)
	sub.views++
	if sub.views > maxViews {
		return nil, sqlerr.New(sqlerr.StatementTooComplex, "views nest more than %d deep", maxViews).At(pos)
	}
	sel, err := parse.ParseQuery(o.Query)
	if err != nil {
		return nil, viewError(o, err, pos)
	}
	q, err := sub.bindQuery(sel, &queryEnv{resolve: true})
	b.absorb(sub)
	if err != nil {
		return nil, viewError(o, err, pos)
	}
	cols := slices.Clone(q.Cols)
	for i := range cols {
		cols[i].Table, cols[i].Attnum = o.ID, i+1
		if i < len(o.Columns) {
			cols[i].Name = o.Columns[i].Name
		}
	}
	fields := b.fix(o, fieldsOf(cols))
	r := &relation{id: o.ID, cols: fields}
	return &source{node: q.Node, part: part{rels: []*relation{r}, cols: fields}}, nil
}

// viewError moves an error inside a view's stored query to the place where the view is named.
func viewError(o *catalog.Object, err error, pos int) error {
	e := *sqlerr.As(err)
	e.Position = pos
	if e.Detail == "" {
		e.Detail = "The error is in the definition of view \"" + o.QualifiedName() + "\"."
	}
	return &e
}

package bind

import (
	"tidemill/catalog"
	"tidemill/sql/ast"
	"tidemill/sql/parse"
)

// Ref is a place in a query's text that names a relation.
type Ref struct {
	Pos    int // 1-based, in characters
	Name   []string
	Object uint32
	// Alias tells that the text gives the relation another name.
	Alias bool
	Type  bool // the name is that of a type
}

// Use is a place in a query's text that names a column of a relation, or stands for it.
type Use struct {
	Pos    int
	Object uint32
	Col    int // position in the relation, from 0
	// Bare tells that it is a whole select item without an alias, whose column is called so. Star that the
	// text does not name it.
	Bare, Star bool
}

// use notes that the statement's own text names a column.
func (b *Binder) use(c *column, pos int, star bool) {
	if b.views == 0 && c.table != 0 && c.attnum > 0 {
		b.Uses = append(b.Uses, Use{Pos: pos, Object: c.table, Col: c.attnum - 1, Star: star})
	}
}

func (b *Binder) useAll(cols []column, pos int) {
	for i := range cols {
		b.use(&cols[i], pos, true)
	}
}

// fix gives a relation of a stored query the columns that it had when the query was written.
func (b *Binder) fix(o *catalog.Object, cols []column) []column {
	list, ok := b.Fixed[o.ID]
	if !ok {
		return cols
	}
	out := make([]column, 0, len(list))
	for _, f := range list {
		if f.Col < len(cols) {
			c := cols[f.Col]
			c.Name = f.Name
			out = append(out, c)
		}
	}
	return out
}

// NameKey is the form in which catalog.Object.Names keeps a relation name: as SQL, quoted where needed.
func NameKey(parts []string) string {
	key := ""
	for i, p := range parts {
		if i > 0 {
			key += "."
		}
		key += parse.QuoteIdent(p)
	}
	return key
}

// bound finds what a name of a stored query has meant since the query was stored. What the query
// calls the relation remains its name inside the query.
func (b *Binder) bound(parts []string) *found {
	id, ok := b.Bound[NameKey(parts)]
	if !ok || b.Catalog == nil {
		return nil
	}
	o := b.Catalog.ByID(id)
	if o == nil {
		return nil
	}
	f := &found{schema: o.Schema, name: parts[len(parts)-1], object: o}
	if len(parts) > 1 {
		f.schema = parts[len(parts)-2]
	}
	return f
}

// refer notes that the statement's own text names a relation of the catalog.
func (b *Binder) refer(f *found, t *ast.TableName) {
	if b.views > 0 || f.object == nil {
		return
	}
	b.Refs = append(b.Refs, Ref{Pos: t.Position(), Name: t.Name, Object: f.object.ID, Alias: t.Alias != ""})
}

// Key is the key of the name in catalog.Object.Names.
func (r Ref) Key() string {
	if r.Type {
		return typeKey(r.Name)
	}
	return NameKey(r.Name)
}

// Names gives the relations and types that the statement names, for catalog.Object.Names.
func (b *Binder) Names() map[string]catalog.ID {
	out := map[string]catalog.ID{}
	for _, r := range b.Refs {
		out[r.Key()] = r.Object
	}
	return out
}

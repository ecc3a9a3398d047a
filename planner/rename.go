package planner

import (
	"maps"
	"slices"
	"strings"

	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/sql/parse"
)

// Renamed returns a stored query with the relations that it reads called as c.Catalog calls them now,
// and its names for catalog.Object.Names. A relation that the text gives no alias keeps its old name
// as one, so that the rest of the text means what it meant. Where the text cannot be written anew the
// old one is returned; it goes on to mean the same objects.
func Renamed(c *Context, o *catalog.Object) (query string, names map[string]catalog.ID) {
	before, b, ok := bindStored(c, o.Query, o)
	if !ok {
		return o.Query, o.Names
	}
	refs := b.Refs
	slices.SortFunc(refs, func(a, b bind.Ref) int { return b.Pos - a.Pos })
	text, last := o.Query, 0
	for _, r := range refs {
		if r.Type {
			var ok bool
			if text, ok = renameType(c, text, r, o.SearchPath); !ok {
				return o.Query, o.Names
			}
			continue
		}
		target := c.Catalog.ByID(r.Object)
		if r.Pos == last || target == nil || c.Catalog.Resolve(o.SearchPath, r.Name) == target {
			continue // several columns may hang on one place
		}
		last = r.Pos
		start, end, ok := parse.NameSpan(text, r.Pos)
		if !ok {
			return o.Query, o.Names
		}
		name := []string{target.Schema, target.Name}
		if len(r.Name) == 1 && c.Catalog.Resolve(o.SearchPath, name[1:]) == target {
			name = name[1:]
		}
		now := bind.NameKey(name)
		if old := r.Name[len(r.Name)-1]; !r.Alias && old != target.Name {
			now += " AS " + parse.QuoteIdent(old)
		}
		text = text[:start] + now + text[end:]
	}
	again := *o
	again.Query, again.Names = text, nil
	after, b, ok := bindStored(c, text, &again)
	if !ok || !sameColumns(before, after) {
		return o.Query, o.Names
	}
	return text, b.Names()
}

// bindStored binds the query of a stored object as it was meant.
func bindStored(c *Context, text string, o *catalog.Object) (*bind.Query, *bind.Binder, bool) {
	sel, err := parse.ParseQuery(text)
	if err != nil {
		return nil, nil, false
	}
	own := *c
	own.SearchPath, own.Bound, own.Fixed = o.SearchPath, o.Names, o.Fixed
	b := bind.New(&own)
	q, err := b.Select(sel)
	return q, b, err == nil
}

// Uses tells which columns of a relation the query of a stored object names or means by *, by position.
// ok is false when that is not known.
func Uses(c *Context, o *catalog.Object, relation catalog.ID) (cols map[int]bool, ok bool) {
	_, b, ok := bindStored(c, o.Query, o)
	if !ok {
		return nil, false
	}
	cols = map[int]bool{}
	for _, u := range b.Uses {
		if u.Object == relation {
			cols[u.Col] = true
		}
	}
	return cols, true
}

// ColumnRenamed returns a stored query in which a column of a relation is called by its new name, as
// c.Catalog has it; ok is false where the text cannot be written so without changing its meaning. What
// the query's own columns are called stays.
func ColumnRenamed(c *Context, o *catalog.Object, relation catalog.ID, col int) (query string, ok bool) {
	target := c.Catalog.ByID(relation)
	before, b, ok := bindStored(c, o.Query, o)
	if !ok {
		return "", false
	}
	name := parse.QuoteIdent(target.Columns[col].Name)
	uses := slices.Clone(b.Uses)
	slices.SortFunc(uses, func(x, y bind.Use) int { return y.Pos - x.Pos })
	text, last := o.Query, 0
	for _, u := range uses {
		if u.Object != relation || u.Col != col || u.Star || u.Pos == last {
			continue
		}
		last = u.Pos
		start, end, ok := parse.NameSpan(text, u.Pos)
		if !ok {
			return "", false
		}
		now, old := text[start:end], ""
		if dot := strings.LastIndex(now, "."); dot >= 0 {
			now, old = now[:dot+1]+name, now[dot+1:]
		} else {
			now, old = name, now
		}
		if u.Bare {
			now += " AS " + old
		}
		text = text[:start] + now + text[end:]
	}
	again := *o
	again.Fixed = maps.Clone(o.Fixed)
	again.Fixed[relation] = slices.Clone(o.Fixed[relation])
	for i, f := range again.Fixed[relation] {
		if f.Col == col {
			again.Fixed[relation][i].Name = target.Columns[col].Name
		}
	}
	after, b2, ok := bindStored(c, text, &again)
	same := ok && sameColumns(before, after) && slices.EqualFunc(b.Uses, b2.Uses, func(x, y bind.Use) bool {
		return x.Object == y.Object && x.Col == y.Col
	})
	return text, same
}

func sameColumns(a, b *bind.Query) bool {
	return slices.EqualFunc(a.Cols, b.Cols, func(x, y bind.Column) bool {
		return x.Name == y.Name && x.Type.Equal(y.Type) && x.Table == y.Table && x.Attnum == y.Attnum
	})
}

// renameType writes the present name of a type at the place of a text that names it.
func renameType(c *Context, text string, r bind.Ref, path []string) (string, bool) {
	var name []string
	if u := c.Catalog.TypeByID(r.Object); u != nil {
		name = []string{u.Schema, u.Name}
	} else if o := c.Catalog.ByID(r.Object); o != nil {
		name = []string{o.Schema, o.Name}
	} else {
		return text, false
	}
	want, _ := c.Catalog.ResolveType(path, name)
	if now, ok := c.Catalog.ResolveType(path, r.Name); ok && now.Same(want) {
		return text, true
	}
	if short, ok := c.Catalog.ResolveType(path, name[1:]); ok && short.Same(want) {
		name = name[1:]
	}
	start, end, ok := parse.NameSpan(text, r.Pos)
	if !ok {
		return text, false
	}
	return text[:start] + bind.NameKey(name) + text[end:], true
}

// RenamedTypes returns an expression's text, of a default or a constraint, with the types that it names
// called as c.Catalog calls them now; before is the catalog in which the text was right.
func RenamedTypes(c *Context, before *catalog.Snapshot, text string) string {
	old := *c
	old.Catalog = before
	refs, err := bind.New(&old).TypeRefs(text)
	if err != nil {
		return text
	}
	slices.SortFunc(refs, func(a, b bind.Ref) int { return b.Pos - a.Pos })
	out := text
	for _, r := range refs {
		out, _ = renameType(c, out, r, c.SearchPath)
	}
	return out
}

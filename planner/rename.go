package planner

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/sql/parse"
)

// Renamed returns a stored query with the relations that it reads called as c.Catalog calls them now,
// and its names for catalog.Object.Names. A relation that the text gives no alias keeps its old name
// as one, so that the rest of the text means what it meant. Where the text cannot be written anew the
// old one is returned; it goes on to mean the same objects.
func Renamed(c *Context, o *catalog.Object) (query string, names map[string]catalog.ID) {
	before, refs, ok := bindStored(c, o.Query, o)
	if !ok {
		return o.Query, o.Names
	}
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
	after, refs, ok := bindStored(c, text, &again)
	if !ok || !sameColumns(before, after) {
		return o.Query, o.Names
	}
	names = map[string]catalog.ID{}
	for _, r := range refs {
		names[r.Key()] = r.Object
	}
	return text, names
}

// bindStored binds the query of a stored object as it was meant.
func bindStored(c *Context, text string, o *catalog.Object) (*bind.Query, []bind.Ref, bool) {
	sel, err := parse.ParseQuery(text)
	if err != nil {
		return nil, nil, false
	}
	own := *c
	own.SearchPath, own.Bound = o.SearchPath, o.Names
	b := bind.New(&own)
	q, err := b.Select(sel)
	return q, b.Refs, err == nil
}

func sameColumns(a, b *bind.Query) bool {
	return slices.EqualFunc(a.Cols, b.Cols, func(x, y bind.Column) bool {
		return x.Name == y.Name && x.Type.Equal(y.Type) && x.Table == y.Table && x.Attnum == y.Attnum
	})
}

// renameType writes the present name of a type at the place of a text that names it.
func renameType(c *Context, text string, r bind.Ref, path []string) (string, bool) {
	name := []string{}
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

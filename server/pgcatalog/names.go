package pgcatalog

import (
	"strconv"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Names resolves names to OIDs and back as the reg* types do. It implements types.Lookup.
type Names struct {
	Snap *catalog.Snapshot
	Path []string // effective search path; pg_catalog is searched first unless it is listed
}

// SplitName cuts a possibly quoted and qualified name into its folded parts; nil = malformed.
func SplitName(s string) []string {
	var out []string
	s = strings.TrimSpace(s)
	for {
		var part string
		if strings.HasPrefix(s, `"`) {
			i := 1
			for {
				j := strings.IndexByte(s[i:], '"')
				if j < 0 {
					return nil
				}
				part += s[i : i+j]
				i += j + 1
				if i >= len(s) || s[i] != '"' {
					break
				}
				part += `"`
				i++
			}
			s = s[i:]
		} else {
			i := strings.IndexByte(s, '.')
			if i < 0 {
				i = len(s)
			}
			part, s = strings.ToLower(strings.TrimSpace(s[:i])), s[i:]
		}
		if part == "" {
			return nil
		}
		out = append(out, part)
		if s = strings.TrimSpace(s); s == "" {
			return out
		}
		if s[0] != '.' {
			return nil
		}
		s = strings.TrimSpace(s[1:])
	}
}

// OIDByName implements types.Lookup.
func (n *Names) OIDByName(kind types.ID, name string) (int64, error) {
	if name == "-" {
		return 0, nil
	}
	if v, err := strconv.ParseUint(name, 10, 32); err == nil {
		return int64(v), nil
	}
	switch kind {
	case types.Regtype:
		t, err := types.ByName(typeAndMods(name))
		if err != nil && sqlerr.As(err).Code == sqlerr.UndefinedObject {
			if id, ok := n.userTypeOID(name); ok {
				return id, nil
			}
		}
		return int64(t.OID()), err
	case types.Regproc:
		parts := SplitName(strings.SplitN(name, "(", 2)[0])
		if len(parts) > 0 {
			if id := procID(parts[len(parts)-1]); id != 0 {
				return int64(id), nil
			}
		}
		return 0, sqlerr.New(sqlerr.UndefinedFunction, "function %q does not exist", name)
	}
	parts := SplitName(name)
	if parts == nil {
		return 0, sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
	}
	switch kind {
	case types.Regnamespace:
		if id, ok := n.schemaID(parts[0]); ok {
			return int64(id), nil
		}
		return 0, sqlerr.New(sqlerr.InvalidSchemaName, "schema %q does not exist", parts[0])
	case types.Regrole:
		if r := n.Snap.Role(parts[0]); r != nil {
			return int64(r.OID), nil
		}
		return 0, sqlerr.New(sqlerr.UndefinedObject, "role %q does not exist", parts[0])
	}
	if id := n.relation(parts); id != 0 {
		return int64(id), nil
	}
	return 0, sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", strings.Join(parts, "."))
}

// typeAndMods cuts "numeric(10,2)[]" for types.ByName.
func typeAndMods(name string) (string, []int, int) {
	dims := 0
	name = strings.TrimSpace(name)
	for strings.HasSuffix(name, "[]") {
		name, dims = strings.TrimSpace(name[:len(name)-2]), dims+1
	}
	if i, j := strings.IndexByte(name, '('), strings.IndexByte(name, ')'); i > 0 && j > i {
		name = name[:i] + name[j+1:] // regtype has no modifiers
	}
	return name, nil, dims
}

// relation finds a relation's OID; 0 = none.
func (n *Names) relation(parts []string) uint32 {
	switch len(parts) {
	case 1:
		for _, schema := range n.searched() {
			if id := n.inSchema(schema, parts[0]); id != 0 {
				return id
			}
		}
	case 2:
		return n.inSchema(parts[0], parts[1])
	case 3:
		if parts[0] == catalog.DefaultDatabase {
			return n.inSchema(parts[1], parts[2])
		}
	}
	return 0
}

// searched is the search path with the implicit pg_catalog.
func (n *Names) searched() []string {
	for _, s := range n.Path {
		if s == "pg_catalog" {
			return n.Path
		}
	}
	return append([]string{"pg_catalog"}, n.Path...)
}

func (n *Names) inSchema(schema, name string) uint32 {
	if r := relationNames[schema+"."+name]; r != nil {
		return r.ID
	}
	if o := n.Snap.ByName(schema, name); o != nil && (listed(o) || o.Kind == catalog.Index) {
		return o.ID
	}
	if u := n.Snap.TypeByName(schema, name); u != nil && u.Composite {
		return types.RowOID(u.ID)
	}
	if k := n.key(func(k *keyInfo) bool { return k.name == name && k.table.Schema == schema }); k != nil {
		return k.index
	}
	return 0
}

func (n *Names) schemaID(name string) (uint32, bool) {
	if id, ok := systemSchemas[name]; ok {
		return id, true
	}
	id, ok := n.Snap.Schemas()[name]
	return id, ok
}

// NameByOID implements types.Lookup.
func (n *Names) NameByOID(kind types.ID, oid int64) string {
	id := uint32(oid)
	switch kind {
	case types.Regtype:
		if t, ok := n.Snap.TypeByOID(id); ok {
			return n.typeName(t)
		}
		if t := pgTypes[id]; t != nil {
			return types.QuoteIdent(t.name)
		}
	case types.Regproc:
		return procName[id]
	case types.Regnamespace:
		for name, i := range systemSchemas {
			if i == id {
				return name
			}
		}
		for name, i := range n.Snap.Schemas() {
			if i == id {
				return types.QuoteIdent(name)
			}
		}
	case types.Regrole:
		for _, r := range n.Snap.Roles() {
			if r.OID == id {
				return types.QuoteIdent(r.Name)
			}
		}
	default:
		schema, name, ok := n.relationName(id)
		if !ok {
			return ""
		}
		if n.visible(id, name) {
			return types.QuoteIdent(name)
		}
		return types.QuoteIdent(schema) + "." + types.QuoteIdent(name)
	}
	return ""
}

// relationName returns the name of the relation or index with the OID.
func (n *Names) relationName(id uint32) (schema, name string, ok bool) {
	if r := relations[id]; r != nil {
		return r.Schema, r.Name, true
	}
	if o := n.Snap.ByID(id); o != nil && (listed(o) || o.Kind == catalog.Index) {
		return o.Schema, o.Name, true
	}
	if u := n.compositeClass(id); u != nil {
		return u.Schema, u.Name, true
	}
	if k := n.keyByIndex(id); k != nil {
		return k.table.Schema, k.name, true
	}
	return "", "", false
}

// visible tells whether the name without a schema finds this very relation.
func (n *Names) visible(id uint32, name string) bool { return n.relation([]string{name}) == id }

// listed tells whether an object appears in pg_class.
func listed(o *catalog.Object) bool { return o.Kind != catalog.Sink && o.Kind != catalog.Index }

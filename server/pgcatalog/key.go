package pgcatalog

import (
	"strings"

	"tidemill/catalog"
	"tidemill/sql/types"
)

// keyInfo is a primary key or UNIQUE constraint as the catalogs show it: an index and a constraint.
type keyInfo struct {
	table             *catalog.Object
	name              string
	cols              []int
	primary           bool
	index, constraint uint32 // OIDs
}

// Indexes and constraints have no catalog object of their own. The OIDs of a primary key are the
// table's moved up, those of a unique constraint its index's storage id moved up.
const (
	pkeyIndexBase        = 1 << 30
	uniqueIndexBase      = pkeyIndexBase + 1<<28
	pkeyConstraintBase   = pkeyIndexBase + 1<<29
	checkBase            = pkeyConstraintBase + 1<<27
	uniqueConstraintBase = pkeyConstraintBase + 1<<28

	checksPerTable = 256
)

// checkID is the OID of a table's check constraint.
func checkID(o *catalog.Object, i int) uint32 {
	return checkBase + (o.ID-catalog.FirstUserID)*checksPerTable + uint32(i)
}

// keysOf lists the keys of a relation, the primary one first.
func keysOf(o *catalog.Object) []keyInfo {
	var out []keyInfo
	if len(o.PrimaryKey) > 0 {
		out = append(out, keyInfo{o, o.KeyName(), o.PrimaryKey, true, pkeyIndexBase + o.ID, pkeyConstraintBase + o.ID})
	}
	for _, u := range o.Unique {
		out = append(out, keyInfo{o, u.Name, u.Columns, false, uniqueIndexBase + u.Table, uniqueConstraintBase + u.Table})
	}
	return out
}

// columns are the key's columns, quoted where needed.
func (k *keyInfo) columns() string {
	names := make([]string, len(k.cols))
	for i, c := range k.cols {
		names[i] = types.QuoteIdent(k.table.Columns[c].Name)
	}
	return strings.Join(names, ", ")
}

// key finds the key for which f holds.
func (n *Names) key(f func(*keyInfo) bool) *keyInfo {
	for _, o := range n.Snap.Objects() {
		for _, k := range keysOf(o) {
			if f(&k) {
				return &k
			}
		}
	}
	return nil
}

// keyByIndex finds a key by the OID of its index.
func (n *Names) keyByIndex(id uint32) *keyInfo {
	switch {
	case id < pkeyIndexBase || id >= pkeyConstraintBase:
		return nil
	case id < uniqueIndexBase:
		if o := n.Snap.ByID(id - pkeyIndexBase); o != nil && len(o.PrimaryKey) > 0 {
			return &keysOf(o)[0]
		}
		return nil
	}
	return n.key(func(k *keyInfo) bool { return k.index == id })
}

// getConstraintDef is pg_get_constraintdef.
func getConstraintDef(n *Names, args []types.Datum) (types.Datum, error) {
	id := uint32(args[0].I)
	if id >= checkBase && id < uniqueConstraintBase {
		o := n.Snap.ByID((id-checkBase)/checksPerTable + catalog.FirstUserID)
		i := int((id - checkBase) % checksPerTable)
		if o == nil || i >= len(o.Checks) {
			return null, nil
		}
		if pretty := len(args) > 1 && args[1].B; pretty {
			return text("CHECK ("+bare(o.Checks[i].Expr)+")", true)
		}
		return text("CHECK (("+bare(o.Checks[i].Expr)+"))", true)
	}
	k := n.key(func(k *keyInfo) bool { return k.constraint == id })
	if k == nil {
		return null, nil
	}
	if k.primary {
		return text("PRIMARY KEY ("+k.columns()+")", true)
	}
	return text("UNIQUE ("+k.columns()+")", true)
}

// serialSequence is pg_get_serial_sequence(table, column).
func serialSequence(n *Names, args []types.Datum) (types.Datum, error) {
	id, err := n.OIDByName(types.Regclass, string(args[0].S))
	if err != nil {
		return null, err
	}
	o := n.Snap.ByID(uint32(id))
	if o == nil {
		return null, nil
	}
	for _, c := range o.Columns {
		if c.Name == string(args[1].S) && c.Sequence != nil {
			return text(types.QuoteIdent(o.Schema)+"."+types.QuoteIdent(c.Sequence.Name), true)
		}
	}
	return null, nil
}

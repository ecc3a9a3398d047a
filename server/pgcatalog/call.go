package pgcatalog

import (
	"strings"

	"tidemill/catalog"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func quoteIdent(s string) string { return types.QuoteIdent(s) }

// Call answers the catalogue functions of sql/fn/system.
func (n *Names) Call(name string, args []types.Datum) (types.Datum, error) {
	f := calls[name]
	if f == nil {
		return types.Datum{}, sqlerr.New(sqlerr.UndefinedFunction, "function %s is not known to the catalog", name)
	}
	return f(n, args)
}

type call func(n *Names, args []types.Datum) (types.Datum, error)

var null = types.Datum{Null: true}

func text(s string, ok bool) (types.Datum, error) {
	if !ok {
		return null, nil
	}
	return types.TextDatum(s), nil
}

// calls are the functions by name.
var calls = map[string]call{
	"pg_get_userbyid":           userByID,
	"format_type":               formatType,
	"pg_table_is_visible":       tableVisible,
	"is_visible":                func(*Names, []types.Datum) (types.Datum, error) { return types.BoolDatum(true), nil },
	"pg_get_indexdef":           getIndexDef,
	"pg_get_constraintdef":      getConstraintDef,
	"pg_get_serial_sequence":    serialSequence,
	"pg_get_viewdef":            getViewDef,
	"obj_description":           objDescription,
	"col_description":           colDescription,
	"pg_get_function_result":    functionResult,
	"pg_get_function_arguments": functionArguments,
	"to_reg":                    toReg,
	"relation_size":             func(*Names, []types.Datum) (types.Datum, error) { return types.IntDatum(types.Int8, 0), nil },
}

func userByID(n *Names, args []types.Datum) (types.Datum, error) {
	for _, r := range n.Snap.Roles() {
		if int64(r.OID) == args[0].I {
			return text(r.Name, true)
		}
	}
	return text("unknown (OID="+types.TextOf(args[0], nil)+")", true)
}

func formatType(n *Names, args []types.Datum) (types.Datum, error) {
	if args[0].Null {
		return null, nil
	}
	if args[0].I == 0 {
		return text("-", true)
	}
	mod := int32(-1)
	if len(args) > 1 && !args[1].Null {
		mod = int32(args[1].I)
	}
	id := uint32(args[0].I)
	if t, ok := types.FromOID(id, mod); ok {
		if t.ID == types.Bpchar && mod < 0 && len(args) > 1 && !args[1].Null {
			return text("bpchar", true)
		}
		return text(t.String(), true)
	}
	if t, ok := n.Snap.TypeByOID(id); ok {
		return text(n.typeName(t), true)
	}
	if p := pgTypes[id]; p != nil {
		return text(strings.TrimPrefix(p.name, "_"), true)
	}
	return text("???", true)
}

func tableVisible(n *Names, args []types.Datum) (types.Datum, error) {
	id := uint32(args[0].I)
	_, name, ok := n.relationName(id)
	if !ok {
		return null, nil
	}
	return types.BoolDatum(n.visible(id, name)), nil
}

func getIndexDef(n *Names, args []types.Datum) (types.Datum, error) {
	if x := n.Snap.ByID(uint32(args[0].I)); x != nil && x.Kind == catalog.Index {
		if len(args) == 1 || args[1].I <= 0 {
			return text(indexText(n.Snap, x), true)
		}
		if k := int(args[1].I) - 1; k < len(x.Index.Columns) {
			return text(quoteIdent(x.Columns[x.Index.Columns[k].Col].Name), true)
		}
		return text("", true)
	}
	k := n.keyByIndex(uint32(args[0].I))
	if k == nil {
		return null, nil
	}
	if len(args) > 1 && args[1].I > 0 {
		i := int(args[1].I) - 1
		if i >= len(k.cols) {
			return text("", true)
		}
		return text(quoteIdent(k.table.Columns[k.cols[i]].Name), true)
	}
	return text(indexDef(k), true)
}

func getViewDef(n *Names, args []types.Datum) (types.Datum, error) {
	id := uint32(args[0].I)
	if args[0].Type.IsString() || args[0].Type.ID == types.Unknown {
		v, err := n.OIDByName(types.Regclass, string(args[0].S))
		if err != nil {
			return null, err
		}
		id = uint32(v)
	}
	o := n.Snap.ByID(id)
	if o == nil || o.Kind != catalog.View && o.Kind != catalog.MaterializedView {
		return null, nil
	}
	return text(definition(o), true)
}

func objDescription(n *Names, args []types.Datum) (types.Datum, error) {
	id := uint32(args[0].I)
	if o := n.Snap.ByID(id); o != nil && o.Comment != "" {
		return text(o.Comment, true)
	}
	if u := n.Snap.TypeByID(id); u != nil && u.Comment != "" {
		return text(u.Comment, true)
	}
	if comment := n.Snap.Comment(id); comment != "" {
		return text(comment, true)
	}
	if id >= 1<<31 {
		if p := procByID(id); p != nil {
			return text(p.summary, p.summary != "")
		}
	}
	return null, nil
}

func colDescription(n *Names, args []types.Datum) (types.Datum, error) {
	o := n.Snap.ByID(uint32(args[0].I))
	if i := int(args[1].I) - 1; o != nil && i >= 0 && i < len(o.Columns) {
		return text(o.Columns[i].Comment, o.Columns[i].Comment != "")
	}
	return null, nil
}

func typeNameOf(id uint32) string {
	if t, ok := types.FromOID(id, -1); ok {
		return t.String()
	}
	if p := pgTypes[id]; p != nil {
		if p.name == "any" {
			return `"any"`
		}
		return p.name
	}
	return "-"
}

func functionResult(_ *Names, args []types.Datum) (types.Datum, error) {
	p := procByID(uint32(args[0].I))
	if p == nil {
		return null, nil
	}
	out := typeNameOf(p.retOID)
	if p.set {
		out = "SETOF " + out
	}
	return text(out, true)
}

func functionArguments(_ *Names, args []types.Datum) (types.Datum, error) {
	p := procByID(uint32(args[0].I))
	if p == nil {
		return null, nil
	}
	var list []string
	for i, a := range p.argOIDs {
		s := typeNameOf(a)
		if p.variadic && i == len(p.argOIDs)-1 {
			s = "VARIADIC " + s
		}
		list = append(list, s)
	}
	return text(strings.Join(list, ", "), true)
}

// toReg is to_regclass and its kin: args are the name and the reg type's OID. What is not found gives
// NULL.
func toReg(n *Names, args []types.Datum) (types.Datum, error) {
	t, _ := types.FromOID(uint32(args[1].I), -1)
	id, err := n.OIDByName(t.ID, string(args[0].S))
	if err != nil {
		return null, nil //nolint:nilerr // that is the function's meaning
	}
	return types.Datum{Type: t, I: id}, nil
}

func typeNames(ts []types.Type) string {
	var out []string
	for _, t := range ts {
		out = append(out, t.String())
	}
	return strings.Join(out, ", ")
}

package planner

import (
	"encoding/json"
	"fmt"
	"strings"

	"tidemill/catalog"
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// LabelUses says how a stored plan depends on the names in a type: the labels of an enum, the fields of
// a composite type. Values themselves do not: an enum's are places, a record's fields are counted.
type LabelUses uint8

// The uses of names.
const (
	// ReadsLabels: text or JSON is read as a value, or the labels are listed; what is an error may become
	// a value.
	ReadsLabels LabelUses = 1 << iota
	// WritesLabels: a value is turned into text or JSON.
	WritesLabels
)

// keepsValues are functions whose result holds or hides values of their arguments, without their names.
var keepsValues = map[string]bool{
	"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true, "@>": true, "<@": true, "&&": true,
	"record_all_null": true, "record_none_null": true, "num_nulls": true, "num_nonnulls": true,
	"cardinality": true, "array_length": true, "array_upper": true, "array_lower": true, "array_ndims": true,
	"array_dims": true, "array_position": true, "array_positions": true,
}

// UsesOfLabels tells how the stored plan of a materialized view or sink depends on the names in a type.
func UsesOfLabels(o *catalog.Object, ref uint32) (LabelUses, error) {
	uses := LabelUses(0)
	plans := []json.RawMessage{o.Plan}
	if o.Replacement != nil {
		plans = append(plans, o.Replacement.Plan)
	}
	for _, p := range plans {
		if len(p) == 0 {
			continue
		}
		var tree any
		d := json.NewDecoder(strings.NewReader(string(p)))
		d.UseNumber()
		if err := d.Decode(&tree); err != nil {
			return 0, fmt.Errorf("plan of %s: %w", o.QualifiedName(), err)
		}
		w := labelWalk{ref: ref, whole: mentionsRef(string(p), ref)}
		if err := w.visit(tree); err != nil {
			return 0, fmt.Errorf("plan of %s: %w", o.QualifiedName(), err)
		}
		uses |= w.uses
	}
	return uses, nil
}

// mentionsRef tells whether a plan has the type, or one that is made of it, anywhere.
func mentionsRef(plan string, ref uint32) bool {
	found := false
	for rest := plan; !found; {
		_, after, ok := strings.Cut(rest, `"ref":`)
		if !ok {
			return false
		}
		rest = after
		var n uint32
		if _, err := fmt.Sscanf(rest, "%d", &n); err == nil {
			found = hasRef(types.Type{ID: types.Record, Ref: n}, ref)
		}
	}
	return found
}

func hasRef(t types.Type, ref uint32) bool {
	found := false
	t.Refs(func(r uint32) { found = found || r == ref })
	return found
}

// labelWalk looks for expressions, aggregates and table functions in the JSON of a plan.
type labelWalk struct {
	ref   uint32
	whole bool // the plan mentions the type
	uses  LabelUses
}

func (w *labelWalk) visit(v any) error {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if err := w.visit(x); err != nil {
				return err
			}
		}
	case map[string]any:
		_, kind := v["k"].(string)
		_, typed := v["t"].(map[string]any)
		if kind && typed {
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			var e expr.Expr
			if err := json.Unmarshal(text, &e); err != nil {
				return err
			}
			expr.Walk(&e, func(e *expr.Expr) bool { w.expression(e); return true })
			return nil
		}
		w.function(v)
		for _, x := range v {
			if err := w.visit(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// function looks at an aggregate or window function ("name") or a table function ("func"). What columns
// they get is not told here: in a plan with the type, those that make or read JSON may do it with it.
func (w *labelWalk) function(v map[string]any) {
	if !w.whole || v["argtypes"] == nil {
		return
	}
	if name, ok := v["name"].(string); ok && strings.HasPrefix(name, "json") {
		w.uses |= WritesLabels
	}
	if name, ok := v["func"].(string); ok && strings.HasPrefix(name, "json") {
		w.uses |= ReadsLabels | WritesLabels
	}
}

func (w *labelWalk) expression(e *expr.Expr) {
	has := hasRef(e.Type, w.ref)
	given := false
	for _, a := range e.Args {
		given = given || hasRef(a.Type, w.ref)
	}
	switch e.Kind {
	case expr.Cast:
		switch {
		case has && !given:
			w.uses |= ReadsLabels
		case given && !has:
			w.uses |= WritesLabels
		}
	case expr.Call:
		switch {
		case strings.HasPrefix(e.Name, "enum_"), has && strings.HasPrefix(e.Name, "json"), has && !given:
			w.uses |= ReadsLabels
		case given && !has && !keepsValues[e.Name]:
			w.uses |= WritesLabels
		}
	}
}

package json

import (
	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Columns of a composite type take an object, whose keys are the type's fields, or its text form as a
// string. Keys that are missing give NULL; keys that the type has not are passed.

// newComposite returns what reads the fields of a composite type, nil for other types.
func newComposite(f *format.Field, cfg *format.Config, stamp format.Stamp) *element {
	fields := f.Type.Fields()
	if fields == nil {
		return nil
	}
	e := &element{field: f, names: map[string]int{}}
	for i, x := range fields {
		sub := format.NewField(types.Field{Name: f.Name, Type: x.Type}, 0, cfg.Env, stamp)
		e.names[x.Name] = i
		e.fields = append(e.fields, target{field: sub, elem: newElement(sub, cfg, stamp)})
	}
	return e
}

// composite reads the object at s[i] into col.
func (d *decoder) composite(e *element, col *rows.VecBuilder, s []byte, i int) int {
	values := make([]types.Datum, len(e.fields))
	for k := range values {
		values[k] = types.NullOf(e.fields[k].field.Type)
	}
	i = space(s, i+1)
	for first := true; ; first = false {
		switch {
		case i < len(s) && s[i] == '}' && first:
			col.CommitScratch(types.AppendRecord(col.Scratch(), values))
			return i + 1
		case i >= len(s) || s[i] != '"':
			return d.fail(e.field, i, "expected a key, found "+found(s, i))
		}
		end, escaped, bad := stringEnd(s, i+1)
		if end < 0 {
			return d.fail(e.field, bad, stringFault(s, bad))
		}
		name := s[i+1 : end]
		if escaped {
			var lone int
			if name, lone = unescape(nil, name); lone >= 0 {
				return d.fail(e.field, i+1+lone, "half of a surrogate pair")
			}
		}
		if i = space(s, end+1); i >= len(s) || s[i] != ':' {
			return d.fail(e.field, i, "expected ':', found "+found(s, i))
		}
		i = space(s, i+1)
		if k, ok := e.names[string(name)]; ok {
			one := rows.NewVecBuilder(e.fields[k].field.Type, 1)
			if i = d.value(e.fields[k].field, e.fields[k].elem, one, s, i); i >= 0 {
				values[k] = one.Finish().Datum(0)
			}
		} else {
			i = d.pass(s, i)
		}
		if i < 0 {
			return -1
		}
		switch i = space(s, i); {
		case i < len(s) && s[i] == ',':
			i = space(s, i+1)
		case i < len(s) && s[i] == '}':
			col.CommitScratch(types.AppendRecord(col.Scratch(), values))
			return i + 1
		default:
			return d.fail(e.field, i, "expected ',' or '}', found "+found(s, i))
		}
	}
}

package json

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// slot is a key seen in earlier records and the field it fills: an index, or -1 to skip the value.
type slot struct {
	key    string // with the closing quote and the colon
	target int
	exact  bool // the column has exactly this name
}

const (
	maxSlots   = 128
	maxSlotKey = 256
)

// target is a column to fill.
type target struct {
	field *format.Field
	elem  *element // of an array
	seen  uint32   // number of the record in which the field was last filled
	named uint32   // the same, by a key of exactly the column's name
}

type decoder struct {
	fields []target
	exact  map[string]int
	folded map[string]int

	slots   []slot
	record  uint32
	scratch []byte
	plain   bool // this record has no escapes and no control characters
	bad     format.Bad
}

func newDecoder(cfg *format.Config) *decoder {
	d := &decoder{exact: map[string]int{}, folded: map[string]int{}}
	stamp := format.Stamps[cfg.Options.Get(optStamp)]
	for _, f := range cfg.Schema {
		d.exact[f.Name] = -1
		d.folded[strings.ToLower(f.Name)] = -1
	}
	for i, f := range format.Fields(cfg, stamp) {
		d.exact[f.Name] = i
		d.folded[strings.ToLower(f.Name)] = i
		d.fields = append(d.fields, target{field: f, elem: newElement(f, cfg, stamp)})
	}
	return d
}

// Decode implements format.Decoder.
func (d *decoder) Decode(rec []byte, out *rows.Builder) error {
	if len(rec) > format.MaxRecordBytes {
		return &format.Bad{Pos: -1, Reason: fmt.Sprintf("the record has %d bytes, more than %d", len(rec), format.MaxRecordBytes)}
	}
	var ascii bool
	if d.plain, ascii = survey(rec); !ascii && !utf8.Valid(rec) {
		return &format.Bad{Pos: invalidAt(rec), Reason: "invalid UTF-8"}
	}
	d.record++
	if d.record == 0 { // wrapped: forget the old numbers
		for k := range d.fields {
			d.fields[k].seen, d.fields[k].named = 0, 0
		}
		d.record = 1
	}
	if !d.object(rec, out) {
		out.AbortRow()
		bad := d.bad
		return &bad
	}
	out.EndRow(1)
	return nil
}

func invalidAt(s []byte) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// fail notes why the record is bad and returns -1.
func (d *decoder) fail(f *format.Field, pos int, reason string) int {
	d.bad = format.Bad{Pos: pos, Reason: reason}
	if f != nil {
		d.bad.Column = f.Name
	}
	return -1
}

// object reads the whole record.
func (d *decoder) object(s []byte, out *rows.Builder) bool {
	i := space(s, 0)
	if i >= len(s) {
		return d.fail(nil, -1, "the record is empty") > 0
	}
	if s[i] != '{' {
		return d.fail(nil, i, "expected an object, found "+found(s, i)) > 0
	}
	filled := 0
	i = space(s, i+1)
	if i < len(s) && s[i] == '}' {
		i++
	} else if i = d.members(s, i, out, &filled); i < 0 {
		return false
	}
	if i = space(s, i); i < len(s) {
		return d.fail(nil, i, "more bytes after the object") > 0
	}
	if filled == len(d.fields) {
		return true
	}
	for k := range d.fields {
		if d.fields[k].seen == d.record {
			continue
		}
		f := d.fields[k].field
		if err := f.Null(out.Cols[f.Out]); err != nil {
			return d.fail(f, -1, "the key is missing and the column is NOT NULL") > 0
		}
	}
	return true
}

// members reads from the first key to the closing brace and returns the position after it.
func (d *decoder) members(s []byte, i int, out *rows.Builder, filled *int) int {
	next := 0
	for {
		if i >= len(s) || s[i] != '"' {
			return d.fail(nil, i, "expected a key, found "+found(s, i))
		}
		at := i + 1
		var sl *slot
		if next < len(d.slots) && has(s, at, d.slots[next].key) {
			sl, i = &d.slots[next], at+len(d.slots[next].key)
			next++
		} else if sl, i, next = d.key(s, at, next); sl == nil {
			return -1
		}
		if i = d.member(s, space(s, i), sl, out, filled); i < 0 {
			return -1
		}
		i = space(s, i)
		if i >= len(s) {
			return d.fail(nil, i, errEnd)
		}
		if s[i] == '}' {
			return i + 1
		}
		if s[i] != ',' {
			return d.fail(nil, i, "expected ',' or '}', found "+found(s, i))
		}
		i = space(s, i+1)
	}
}

// member reads the value of a key into its column, or passes it.
func (d *decoder) member(s []byte, i int, sl *slot, out *rows.Builder, filled *int) int {
	if sl.target < 0 {
		return d.pass(s, i)
	}
	t := &d.fields[sl.target]
	if !sl.exact && t.named == d.record {
		return d.pass(s, i)
	}
	f := t.field
	col := out.Cols[f.Out]
	if t.seen == d.record {
		col.Truncate(out.Len()) // the key again: the last one wins
	} else {
		t.seen = d.record
		*filled++
	}
	if sl.exact {
		t.named = d.record
	}
	if f.Kind == format.KindText && d.plain && i < len(s) && s[i] == '"' {
		if n := bytes.IndexByte(s[i+1:], '"'); n >= 0 {
			col.AppendBytes(s[i+1 : i+1+n])
			return i + n + 2
		}
	}
	return d.value(f, t.elem, col, s, i)
}

// pass returns the position after a value that nobody reads.
func (d *decoder) pass(s []byte, i int) int {
	if i < len(s) {
		switch c := s[i]; {
		case c == '"' && d.plain:
			if n := bytes.IndexByte(s[i+1:], '"'); n >= 0 {
				return i + n + 2
			}
		case c-'1' <= 8:
			j := i + 1
			for j < len(s) && s[j]-'0' <= 9 {
				j++
			}
			if j < len(s) && (s[j] == ',' || s[j] == '}') {
				return j
			}
		}
	}
	end, bad, reason := skip(s, i, 1)
	if end < 0 {
		return d.fail(nil, bad, reason)
	}
	return end
}

// key finds what the key at s[i] means when it is not the expected one. It returns the position after
// the colon and where in slots the next key is expected.
func (d *decoder) key(s []byte, i, expect int) (*slot, int, int) {
	for k := range d.slots {
		if has(s, i, d.slots[k].key) {
			return &d.slots[k], i + len(d.slots[k].key), k + 1
		}
	}
	end, escaped, bad := stringEnd(s, i)
	if end < 0 {
		d.fail(nil, bad, stringFault(s, bad))
		return nil, -1, 0
	}
	after := space(s, end+1)
	if after >= len(s) || s[after] != ':' {
		d.fail(nil, after, "expected ':', found "+found(s, after))
		return nil, -1, 0
	}
	name := s[i:end]
	if escaped {
		var lone int
		if d.scratch, lone = unescape(d.scratch[:0], name); lone >= 0 {
			d.fail(nil, i+lone, "half of a surrogate pair")
			return nil, -1, 0
		}
		name = d.scratch
	}
	sl := d.find(string(name))
	if escaped || len(d.slots) >= maxSlots || len(name) > maxSlotKey {
		return &sl, after + 1, expect
	}
	sl.key = string(s[i:end+1]) + string(s[end+1:after+1])
	d.slots = append(d.slots, sl)
	return &d.slots[len(d.slots)-1], after + 1, len(d.slots)
}

// find resolves a name: a column of exactly this name, else one that differs in case only.
func (d *decoder) find(name string) slot {
	if k, ok := d.exact[name]; ok {
		return slot{target: k, exact: true}
	}
	if k, ok := d.folded[strings.ToLower(name)]; ok {
		return slot{target: k}
	}
	return slot{target: -1}
}

// element reads what is inside a column's values: the elements of an array, the fields of a composite
// type.
type element struct {
	field *format.Field // of an element, or of the composite column itself
	inner *element      // what is inside the elements
	col   *rows.VecBuilder
	data  []types.Datum

	fields []target
	names  map[string]int
}

// newElement returns nil for types with nothing inside.
func newElement(f *format.Field, cfg *format.Config, stamp format.Stamp) *element {
	if f.Kind != format.KindArray || f.Type.Elem == nil {
		return newComposite(f, cfg, stamp)
	}
	elem := types.Field{Name: f.Name, Type: *f.Type.Elem}
	sub := format.NewField(elem, 0, cfg.Env, stamp)
	return &element{field: sub, inner: newElement(sub, cfg, stamp), col: rows.NewVecBuilder(elem.Type, 8)}
}

// array reads the array at s[i] into col.
func (d *decoder) array(e *element, col *rows.VecBuilder, s []byte, i int) int {
	if e.field.Kind == format.KindArray {
		return d.fail(e.field, i, "an array of arrays")
	}
	e.col = rows.NewVecBuilder(e.field.Type, 8)
	i = space(s, i+1)
	if i < len(s) && s[i] == ']' {
		col.CommitScratch(types.AppendArray(col.Scratch(), nil))
		return i + 1
	}
	for {
		if i < len(s) && s[i] == '[' && e.field.Kind != format.KindJSON && e.field.Kind != format.KindJSONB {
			return d.fail(e.field, i, "an array inside an array")
		}
		if i = d.value(e.field, e.inner, e.col, s, i); i < 0 {
			return -1
		}
		i = space(s, i)
		if i >= len(s) {
			return d.fail(e.field, i, errEnd)
		}
		if s[i] == ']' {
			break
		}
		if s[i] != ',' {
			return d.fail(e.field, i, "expected ',' or ']', found "+found(s, i))
		}
		i = space(s, i+1)
	}
	v := e.col.Finish()
	e.data = e.data[:0]
	for k := range v.Len() {
		e.data = append(e.data, v.Datum(k))
	}
	col.CommitScratch(types.AppendArray(col.Scratch(), e.data))
	return i + 1
}

package json

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"tidemill/connector/format"
	"tidemill/sql/rows"
)

// value reads the value at s[i] into col and returns the position after it.
func (d *decoder) value(f *format.Field, e *element, col *rows.VecBuilder, s []byte, i int) int {
	if i >= len(s) {
		return d.fail(f, i, errEnd)
	}
	switch c := s[i]; {
	case c == '"':
		return d.str(f, col, s, i)
	case c == '-' || c-'0' <= 9:
		return d.number(f, col, s, i)
	case c == '{' || c == '[':
		return d.nested(f, e, col, s, i)
	default:
		return d.word(f, col, s, i)
	}
}

// number has a fast way for integers of up to 18 digits.
func (d *decoder) number(f *format.Field, col *rows.VecBuilder, s []byte, i int) int {
	if f.Kind == format.KindInt && f.Type.IsInteger() && s[i] != '0' && s[i] != '-' {
		v, j := int64(0), i
		for j < len(s) && s[j]-'0' <= 9 && j-i < 18 {
			v = v*10 + int64(s[j]-'0')
			j++
		}
		if j < len(s) && (s[j] == ',' || s[j] == '}') && f.InRange(v) {
			col.AppendInt(v)
			return j
		}
	}
	end := format.NumberEnd(s, i)
	if end < 0 {
		return d.fail(f, i, "not a number of JSON")
	}
	if err := f.Number(col, s[i:end]); err != nil {
		return d.fail(f, i, err.Error())
	}
	return end
}

func (d *decoder) str(f *format.Field, col *rows.VecBuilder, s []byte, i int) int {
	end, escaped, bad := d.stringEnd(s, i+1)
	if end < 0 {
		return d.fail(f, bad, stringFault(s, bad))
	}
	text := s[i+1 : end]
	switch {
	case f.Kind == format.KindText && !escaped:
		col.AppendBytes(text)
		return end + 1
	case f.Kind == format.KindJSON:
		col.AppendBytes(s[i : end+1])
		return end + 1
	case f.Kind == format.KindJSONB:
		text = s[i : end+1]
	case escaped:
		var lone int
		if d.scratch, lone = unescape(d.scratch[:0], text); lone >= 0 {
			return d.fail(f, i+1+lone, "half of a surrogate pair")
		}
		text = d.scratch
	}
	var err error
	if f.Kind == format.KindBytea {
		err = d.bytes(col, text)
	} else {
		err = f.Text(col, text)
	}
	if err != nil {
		return d.fail(f, i, err.Error())
	}
	return end + 1
}

// bytes reads bytea: \x and hex digits, or base64.
func (d *decoder) bytes(col *rows.VecBuilder, text []byte) error {
	var err error
	buf := col.Scratch()
	if len(text) >= 2 && text[0] == '\\' && text[1] == 'x' {
		buf, err = hex.AppendDecode(buf, text[2:])
	} else {
		for len(text) > 0 && text[len(text)-1] == '=' {
			text = text[:len(text)-1]
		}
		buf, err = base64.RawStdEncoding.AppendDecode(buf, text)
	}
	if err != nil {
		return errBytes
	}
	col.CommitScratch(buf)
	return nil
}

// nested gives JSON and text columns the text of an object or array, arrays their elements, and composite
// columns their fields.
func (d *decoder) nested(f *format.Field, e *element, col *rows.VecBuilder, s []byte, i int) int {
	switch {
	case e != nil && e.fields == nil && s[i] == '[':
		return d.array(e, col, s, i)
	case e != nil && e.fields != nil && s[i] == '{':
		return d.composite(e, col, s, i)
	}
	end, bad, reason := skip(s, i, 1)
	if end < 0 {
		return d.fail(f, bad, reason)
	}
	raw := s[i:end]
	switch {
	case f.Kind == format.KindJSON || f.Kind == format.KindText:
		col.AppendBytes(raw)
	case f.Kind == format.KindJSONB || f.Type.IsString():
		if err := f.Text(col, raw); err != nil {
			return d.fail(f, i, err.Error())
		}
	default:
		return d.fail(f, i, found(s, i)+" is not a value of type "+f.Type.String())
	}
	return end
}

// word reads true, false or null.
func (d *decoder) word(f *format.Field, col *rows.VecBuilder, s []byte, i int) int {
	n := literal(s, i)
	switch {
	case n == 0:
		return d.fail(f, i, "expected a value, found "+found(s, i))
	case s[i] == 'n':
		if err := f.Null(col); err != nil {
			return d.fail(f, i, "null, and the column is NOT NULL")
		}
	case f.Kind == format.KindBool:
		col.AppendBool(s[i] == 't')
	case f.Kind == format.KindJSON || f.Kind == format.KindText:
		col.AppendBytes(s[i : i+n])
	case f.Kind == format.KindJSONB || f.Type.IsString():
		if err := f.Text(col, s[i:i+n]); err != nil {
			return d.fail(f, i, err.Error())
		}
	default:
		return d.fail(f, i, "a boolean is not a value of type "+f.Type.String())
	}
	return i + n
}

var errBytes = errors.New(`neither base64 nor \x and hex digits`)

// stringEnd is the function of that name, faster where the survey allows it.
func (d *decoder) stringEnd(s []byte, i int) (end int, escaped bool, bad int) {
	if !d.plain {
		return stringEnd(s, i)
	}
	if n := bytes.IndexByte(s[i:], '"'); n >= 0 {
		return i + n, false, 0
	}
	return -1, false, len(s)
}

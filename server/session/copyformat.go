package session

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"tidemill/server/pgwire"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// copyFormat are the options of COPY.
type copyFormat struct {
	csv           bool
	delim         byte
	null          string
	header        bool
	quote, escape byte
	forceQuote    bool
}

// recordMax bounds one line of COPY, in bytes.
const recordMax = 64 << 20

func copyOptions(x *ast.Copy) (*copyFormat, error) {
	f := &copyFormat{delim: '\t', null: `\N`, quote: '"'}
	for _, o := range x.Options {
		if lower(o.Name) == "format" {
			switch lower(o.Value) {
			case "text":
			case "csv":
				f.csv, f.delim, f.null = true, ',', ""
			default:
				return nil, sqlerr.Unsupported("COPY format %q is not supported", o.Value).At(o.Position())
			}
		}
	}
	for _, o := range x.Options {
		if err := f.option(lower(o.Name), o); err != nil {
			return nil, err
		}
	}
	if f.escape == 0 {
		f.escape = f.quote
	}
	return f, nil
}

func (f *copyFormat) option(name string, o ast.Option) error {
	one := func(dst *byte) error {
		if len(o.Value) != 1 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "COPY %s must be a single one-byte character", name).At(o.Position())
		}
		*dst = o.Value[0]
		return nil
	}
	csvOnly := func() error {
		if !f.csv {
			return sqlerr.New(sqlerr.InvalidParameterValue, "COPY %s available only in CSV mode", name).At(o.Position())
		}
		return nil
	}
	switch name {
	case "format", "freeze", "oids":
	case "delimiter":
		return one(&f.delim)
	case "null":
		f.null = o.Value
	case "header":
		f.header = lower(o.Value) != "false" && lower(o.Value) != "off" && o.Value != "0"
	case "quote":
		return errors.Join(csvOnly(), one(&f.quote))
	case "escape":
		return errors.Join(csvOnly(), one(&f.escape))
	case "encoding":
		_, err := checkEncoding(parameters["client_encoding"], o.Value)
		return err
	case "force_quote":
		f.forceQuote = o.Value == "*"
		return csvOnly()
	case "force_null", "force_not_null":
		return sqlerr.Unsupported("COPY %s is not supported", name).At(o.Position())
	default:
		return sqlerr.New(sqlerr.SyntaxError, "option %q not recognized", o.Name).At(o.Position())
	}
	return nil
}

// recordReader cuts COPY data into records. The values of a record are valid until the next; nil is
// NULL.
type recordReader struct {
	in   *bufio.Reader
	f    *copyFormat
	line []byte
	rec  [][]byte
	buf  []byte
}

func newRecordReader(in io.Reader, f *copyFormat) *recordReader {
	return &recordReader{in: bufio.NewReaderSize(in, 64<<10), f: f}
}

// readLine appends a line without its end to r.line; io.EOF comes alone.
func (r *recordReader) readLine() error {
	got := false
	for {
		part, err := r.in.ReadSlice('\n')
		r.line = append(r.line, part...)
		got = got || len(part) > 0
		switch {
		case len(r.line) > recordMax:
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "COPY line is longer than %d MiB", recordMax>>20)
		case err == nil:
			r.line = r.line[:len(r.line)-1]
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && got:
			return nil
		default:
			return err
		}
	}
}

func (r *recordReader) next() ([][]byte, error) {
	r.line, r.rec, r.buf = r.line[:0], r.rec[:0], r.buf[:0]
	if err := r.readLine(); err != nil {
		return nil, err
	}
	if string(trimCR(r.line)) == `\.` {
		io.Copy(io.Discard, r.in) //nolint:errcheck // whatever follows the end mark
		return nil, io.EOF
	}
	if r.f.csv {
		return r.csvRecord()
	}
	r.line = trimCR(r.line)
	for start := 0; ; {
		i := start
		for i < len(r.line) && r.line[i] != r.f.delim {
			if r.line[i] == '\\' {
				i++
			}
			i++
		}
		i = min(i, len(r.line))
		r.rec = append(r.rec, r.textValue(r.line[start:i]))
		if i >= len(r.line) {
			return r.rec, nil
		}
		start = i + 1
	}
}

// textValue undoes the backslash escapes of the text format.
func (r *recordReader) textValue(raw []byte) []byte {
	if string(raw) == r.f.null {
		return nil
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' || i+1 == len(raw) {
			out = append(out, c)
			continue
		}
		i++
		switch c = raw[i]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'v':
			c = '\v'
		case 'x':
			if n, v := digits(raw[i+1:], 16, 2); n > 0 {
				c = v
				i += n
			}
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n, v := digits(raw[i:], 8, 3)
			c = v
			i += n - 1
		}
		out = append(out, c)
	}
	return out
}

// digits reads at most n digits.
func digits(b []byte, base, n int) (used int, v byte) {
	for used < n && used < len(b) {
		d := int(b[used]) - '0'
		if l := b[used] | 0x20; base == 16 && l >= 'a' && l <= 'f' {
			d = int(l-'a') + 10
		}
		if d < 0 || d >= base || d > 9 && base != 16 {
			break
		}
		v = v*byte(base) + byte(d)
		used++
	}
	return used, v
}

// csvRecord reads the values of the line, and more lines while a quote is open.
func (r *recordReader) csvRecord() ([][]byte, error) {
	f := r.f
	pos := 0
	for {
		var val []byte
		quoted, open := false, false
	value:
		for {
			if pos >= len(r.line) {
				if !open {
					break
				}
				r.line = append(r.line, '\n')
				if err := r.readLine(); err != nil {
					return nil, sqlerr.New("22P04", "unterminated CSV quoted field")
				}
				continue
			}
			c := r.line[pos]
			pos++
			switch {
			case open && c == f.escape && pos < len(r.line) && (r.line[pos] == f.quote || r.line[pos] == f.escape):
				val = append(val, r.line[pos])
				pos++
			case c == f.quote:
				open, quoted = !open, true
			case !open && c == f.delim:
				pos--
				break value
			default:
				val = append(val, c)
			}
		}
		last := pos >= len(r.line)
		if last && !quoted {
			val = trimCR(val)
		}
		switch {
		case !quoted && string(val) == f.null:
			r.rec = append(r.rec, nil)
		case val == nil:
			r.rec = append(r.rec, []byte{})
		default:
			r.rec = append(r.rec, val)
		}
		if last {
			return r.rec, nil
		}
		pos++
	}
}

// recordWriter makes COPY data of rows.
type recordWriter struct {
	f   *copyFormat
	env types.Env
	buf []byte
	val []byte
}

func (w *recordWriter) headerLine(cols []pgwire.Column) []byte {
	w.buf = w.buf[:0]
	for i, c := range cols {
		if i > 0 {
			w.buf = append(w.buf, w.f.delim)
		}
		w.value([]byte(c.Name))
	}
	w.buf = append(w.buf, '\n')
	return w.buf
}

func (w *recordWriter) record(b *rows.Batch, i int) []byte {
	w.buf = w.buf[:0]
	for k, v := range b.Cols {
		if k > 0 {
			w.buf = append(w.buf, w.f.delim)
		}
		if v.IsNull(i) {
			w.buf = append(w.buf, w.f.null...)
			continue
		}
		w.val = types.AppendText(w.val[:0], v.Datum(i), &w.env)
		w.value(w.val)
	}
	w.buf = append(w.buf, '\n')
	return w.buf
}

func (w *recordWriter) value(v []byte) {
	f := w.f
	if !f.csv {
		for _, c := range v {
			if e, ok := textEscapes[c]; ok {
				w.buf = append(w.buf, '\\', e)
			} else if c == f.delim {
				w.buf = append(w.buf, '\\', c)
			} else {
				w.buf = append(w.buf, c)
			}
		}
		return
	}
	if !f.forceQuote && string(v) != f.null && string(v) != `\.` &&
		bytes.IndexFunc(v, func(r rune) bool {
			return r == rune(f.delim) || r == rune(f.quote) || r == '\n' || r == '\r'
		}) < 0 {
		w.buf = append(w.buf, v...)
		return
	}
	w.buf = append(w.buf, f.quote)
	for _, c := range v {
		if c == f.quote || c == f.escape {
			w.buf = append(w.buf, f.escape)
		}
		w.buf = append(w.buf, c)
	}
	w.buf = append(w.buf, f.quote)
}

var textEscapes = map[byte]byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't', '\v': 'v', '\\': '\\'}

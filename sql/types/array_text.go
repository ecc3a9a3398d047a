package types

import (
	"strconv"
	"strings"

	"tidemill/sql/sqlerr"
)

func appendArrayText(dst []byte, d Datum, env *Env) []byte {
	dims, _, _, err := ArrayHead(d.S)
	if err != nil || len(dims) == 0 {
		return append(dst, "{}"...)
	}
	elems, err := ArrayElems(d.Type, d.S)
	if err != nil {
		return append(dst, "{}"...)
	}
	for _, dim := range dims {
		if dim.Lower != 1 {
			dst = append(AppendArrayBounds(dst, dims), '=')
			break
		}
	}
	dst, _ = appendArrayLevel(dst, dims, elems, env)
	return dst
}

// AppendArrayBounds appends [lower:upper] of each dimension.
func AppendArrayBounds(dst []byte, dims []ArrayDim) []byte {
	for _, dim := range dims {
		dst = strconv.AppendInt(append(dst, '['), int64(dim.Lower), 10)
		dst = strconv.AppendInt(append(dst, ':'), int64(dim.Lower+dim.Len-1), 10)
		dst = append(dst, ']')
	}
	return dst
}

func appendArrayLevel(dst []byte, dims []ArrayDim, elems []Datum, env *Env) ([]byte, []Datum) {
	dst = append(dst, '{')
	for i := range dims[0].Len {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(dims) > 1 {
			dst, elems = appendArrayLevel(dst, dims[1:], elems, env)
			continue
		}
		dst = appendArrayElem(dst, elems[0], env)
		elems = elems[1:]
	}
	return append(dst, '}'), elems
}

func appendArrayElem(dst []byte, d Datum, env *Env) []byte {
	if d.Null {
		return append(dst, "NULL"...)
	}
	start := len(dst)
	dst = AppendText(dst, d, env)
	if !needsArrayQuotes(dst[start:]) {
		return dst
	}
	text := string(dst[start:])
	dst = append(dst[:start], '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}

func needsArrayQuotes(b []byte) bool {
	if len(b) == 0 || len(b) == 4 && strings.EqualFold(string(b), "null") {
		return true
	}
	for _, c := range b {
		switch c {
		case '"', '\\', '{', '}', ',', ' ', '\t', '\n', '\r', '\v', '\f':
			return true
		}
	}
	return false
}

// arrayParser reads an array literal: [l:u]…={…}.
type arrayParser struct {
	src, s string
	elem   Type
	env    *Env
	dims   []ArrayDim
	counts []int // dimension lengths found so far; -1 = not yet known
	elems  []Datum
}

func (p *arrayParser) fail(detail string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "malformed array literal: \"%s\"", p.src).WithDetail(detail, args...)
}

func (p *arrayParser) space() { p.s = strings.TrimLeft(p.s, " \t\n\r\v\f") }

func parseArray(t Type, s string, env *Env) (Datum, error) {
	if t.Elem == nil {
		return Datum{}, sqlerr.New(sqlerr.FeatureNotSupported, "cannot accept a value of type anyarray")
	}
	p := &arrayParser{src: s, s: s, elem: *t.Elem, env: env}
	p.space()
	if err := p.bounds(); err != nil {
		return Datum{}, err
	}
	if !strings.HasPrefix(p.s, "{") {
		return Datum{}, p.fail("Array value must start with \"{\" or dimension information.")
	}
	if err := p.level(0); err != nil {
		return Datum{}, err
	}
	p.space()
	if p.s != "" {
		return Datum{}, p.fail("Junk after closing right brace.")
	}
	if len(p.elems) == 0 {
		return Datum{Type: t, S: []byte{0}}, nil
	}
	dims := make([]ArrayDim, len(p.counts))
	for i, n := range p.counts {
		dims[i] = ArrayDim{Len: n, Lower: 1}
	}
	if p.dims != nil {
		if len(p.dims) != len(dims) {
			return Datum{}, p.fail("Specified array dimensions do not match array contents.")
		}
		for i, d := range p.dims {
			if d.Len != dims[i].Len {
				return Datum{}, p.fail("Specified array dimensions do not match array contents.")
			}
		}
		dims = p.dims
	}
	return Datum{Type: t, S: AppendArrayDims(nil, dims, p.elems)}, nil
}

// bounds reads the optional [1:3][0:1]= prefix.
func (p *arrayParser) bounds() error {
	for strings.HasPrefix(p.s, "[") {
		end := strings.IndexByte(p.s, ']')
		if end < 0 {
			return p.fail("Missing \"]\" after array dimensions.")
		}
		lo, hi, found := strings.Cut(p.s[1:end], ":")
		if !found {
			lo, hi = "1", lo
		}
		l, err1 := strconv.ParseInt(strings.TrimSpace(lo), 10, 32)
		h, err2 := strconv.ParseInt(strings.TrimSpace(hi), 10, 32)
		if err1 != nil || err2 != nil {
			return p.fail("\"[\" must introduce explicitly-specified array dimensions.")
		}
		if h < l {
			return sqlerr.New("2202E", "upper bound cannot be less than lower bound")
		}
		if len(p.dims) == ArrayMaxDims {
			return tooManyDims(len(p.dims) + 1)
		}
		p.dims = append(p.dims, ArrayDim{Len: int(h - l + 1), Lower: int(l)})
		p.s = p.s[end+1:]
		p.space()
	}
	if p.dims != nil {
		if !strings.HasPrefix(p.s, "=") {
			return p.fail("Missing \"=\" after array dimensions.")
		}
		p.s = p.s[1:]
		p.space()
	}
	return nil
}

func tooManyDims(n int) error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded,
		"number of array dimensions (%d) exceeds the maximum allowed (%d)", n, ArrayMaxDims)
}

// level reads one {…} at the given depth; p.s starts with the brace.
func (p *arrayParser) level(depth int) error {
	if depth >= ArrayMaxDims {
		return tooManyDims(depth + 1)
	}
	p.s = p.s[1:]
	if len(p.counts) == depth {
		p.counts = append(p.counts, -1)
	}
	n := 0
	p.space()
	if strings.HasPrefix(p.s, "}") {
		if depth > 0 {
			return p.fail("Unexpected \"%c\" character.", '}')
		}
		p.s = p.s[1:]
		return p.close(depth, 0)
	}
	for {
		p.space()
		switch {
		case p.s == "":
			return p.fail("Unexpected end of input.")
		case p.s[0] == '{':
			if len(p.elems) > 0 && depth+1 == len(p.counts) {
				return p.fail("Unexpected \"%c\" character.", p.s[0])
			}
			if err := p.level(depth + 1); err != nil {
				return err
			}
		default:
			if depth+1 != len(p.counts) {
				return p.fail("Unexpected array element.")
			}
			if err := p.element(); err != nil {
				return err
			}
		}
		n++
		p.space()
		switch {
		case p.s == "":
			return p.fail("Unexpected end of input.")
		case p.s[0] == ',':
			p.s = p.s[1:]
		case p.s[0] == '}':
			p.s = p.s[1:]
			return p.close(depth, n)
		default:
			return p.fail("Unexpected array element.")
		}
	}
}

func (p *arrayParser) close(depth, n int) error {
	if p.counts[depth] >= 0 && p.counts[depth] != n {
		return p.fail("Multidimensional arrays must have sub-arrays with matching dimensions.")
	}
	p.counts[depth] = n
	return nil
}

// element reads one quoted or bare element.
func (p *arrayParser) element() error {
	var text []byte
	quoted := false
	if p.s[0] == '"' {
		quoted = true
		i := 1
		for ; i < len(p.s) && p.s[i] != '"'; i++ {
			if p.s[i] == '\\' {
				if i++; i == len(p.s) {
					break
				}
			}
			text = append(text, p.s[i])
		}
		if i >= len(p.s) {
			return p.fail("Unexpected end of input.")
		}
		p.s = p.s[i+1:]
	} else {
		i, keep := 0, 0
	scan:
		for ; i < len(p.s); i++ {
			switch c := p.s[i]; c {
			case ',', '}':
				break scan
			case '"', '{':
				return p.fail("Unexpected array element.")
			case '\\':
				if i++; i == len(p.s) {
					return p.fail("Unexpected end of input.")
				}
				text = append(text, p.s[i])
				keep = len(text)
				quoted = true // an escaped NULL is the word, not the value
			case ' ', '\t', '\n', '\r', '\v', '\f':
				text = append(text, c)
			default:
				text = append(text, c)
				keep = len(text)
			}
		}
		text = text[:keep]
		p.s = p.s[i:]
		if len(text) == 0 {
			if p.s == "" {
				return p.fail("Unexpected end of input.")
			}
			return p.fail("Unexpected \"%c\" character.", p.s[0])
		}
	}
	if !quoted && strings.EqualFold(string(text), "null") {
		p.elems = append(p.elems, NullOf(p.elem))
		return nil
	}
	d, err := ParseText(p.elem, string(text), p.env)
	if err != nil {
		return err
	}
	p.elems = append(p.elems, d)
	return nil
}

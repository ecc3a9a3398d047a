package json

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"tidemill/sql/are"
	"tidemill/sql/sqlerr"
	"tidemill/sql/timefmt"
	"tidemill/sql/types"
)

// jsonPath is a parsed SQL/JSON path.
type jsonPath struct {
	strict bool
	root   *pathNode
}

// pathKind is what a node of a path computes: the first group items, the second a truth value.
type pathKind uint8

const (
	pathRoot    pathKind = iota // $
	pathCurrent                 // @
	pathVar                     // $name
	pathLast
	pathLiteral
	pathArith
	pathSign
	pathParen // an expression with accessors behind it

	pathAnd
	pathOr
	pathNot
	pathCompare
	pathRegex
	pathStarts
	pathExists
	pathUnknown
)

type pathNode struct {
	kind        pathKind
	op          string // operator, or the name of a variable
	lit         types.JSONValue
	left, right *pathNode
	re          *are.Regexp
	steps       []pathStep
}

func (n *pathNode) predicate() bool { return n.kind >= pathAnd && len(n.steps) == 0 }

// pathStep is an accessor: .key, .*, [*], [1, 2 to last], .**{1 to 2}, .method(), ?(filter).
type pathStep struct {
	kind   stepKind
	name   string
	subs   [][2]*pathNode // of an index; the second is nil without TO
	pred   *pathNode
	lo, hi int // levels of .**; −1 = last
	// template is the argument of .datetime(), nil = none.
	template []timefmt.Node
}

type stepKind uint8

const (
	stepKey stepKind = iota
	stepAnyKey
	stepAnyItem
	stepIndex
	stepDeep
	stepMethod
	stepFilter
)

var (
	pathMu    sync.Mutex
	pathCache = map[string]*jsonPath{}
)

// parsePath parses a path, or finds it among those parsed before.
func parsePath(text []byte) (*jsonPath, error) {
	pathMu.Lock()
	p := pathCache[string(text)]
	pathMu.Unlock()
	if p != nil {
		return p, nil
	}
	s := &pathParser{src: string(text)}
	p, err := s.parse()
	if err != nil {
		return nil, err
	}
	pathMu.Lock()
	defer pathMu.Unlock()
	if len(pathCache) >= 256 {
		clear(pathCache)
	}
	pathCache[s.src] = p
	return p, nil
}

// pathParser reads a path by recursive descent; the first error stops it.
type pathParser struct {
	src   string
	at    int
	depth int // of nesting
	in    int // filters around
	subs  int // subscripts around
	err   error
}

const pathDepthMax = 200

func (p *pathParser) parse() (*jsonPath, error) {
	out := &jsonPath{}
	if p.space(); p.at == len(p.src) {
		return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", "jsonpath", p.src)
	}
	if p.word("strict") {
		out.strict = true
	} else {
		p.word("lax")
	}
	out.root = p.or()
	if p.space(); p.err == nil && p.at < len(p.src) {
		p.fail()
	}
	return out, p.err
}

func (p *pathParser) fail() {
	if p.err != nil {
		return
	}
	if p.space(); p.at >= len(p.src) {
		p.err = sqlerr.New(sqlerr.SyntaxError, "syntax error at end of jsonpath input")
		return
	}
	p.err = sqlerr.New(sqlerr.SyntaxError, "syntax error at or near \"%s\" of jsonpath input", p.token())
}

// token is the word or character that is next.
func (p *pathParser) token() string {
	end := p.at
	for end < len(p.src) && pathLetter(p.src[end:]) {
		_, n := utf8.DecodeRuneInString(p.src[end:])
		end += n
	}
	if end == p.at {
		_, n := utf8.DecodeRuneInString(p.src[end:])
		end += n
	}
	return p.src[p.at:end]
}

func pathLetter(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == '_' || r >= utf8.RuneSelf || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func (p *pathParser) space() {
	for p.at < len(p.src) {
		switch {
		case strings.IndexByte(" \t\n\r\f", p.src[p.at]) >= 0:
			p.at++
		case strings.HasPrefix(p.src[p.at:], "/*"):
			end := strings.Index(p.src[p.at+2:], "*/")
			if end < 0 {
				p.at = len(p.src)
				return
			}
			p.at += end + 4
		default:
			return
		}
	}
}

// punct takes the characters if they are next.
func (p *pathParser) punct(s string) bool {
	if p.space(); p.err != nil || !strings.HasPrefix(p.src[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

func (p *pathParser) expect(s string) {
	if !p.punct(s) {
		p.fail()
	}
}

// word takes the keyword if it is next.
func (p *pathParser) word(w string) bool {
	if p.space(); p.err != nil || p.at >= len(p.src) || p.token() != w {
		return false
	}
	p.at += len(w)
	return true
}

func (p *pathParser) or() *pathNode {
	if p.depth++; p.depth > pathDepthMax && p.err == nil {
		p.err = sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded")
	}
	defer func() { p.depth-- }()
	n := p.and()
	for p.punct("||") {
		n = p.logic(pathOr, n, p.and())
	}
	return n
}

func (p *pathParser) and() *pathNode {
	n := p.comparison()
	for p.punct("&&") {
		n = p.logic(pathAnd, n, p.comparison())
	}
	return n
}

func (p *pathParser) logic(k pathKind, l, r *pathNode) *pathNode {
	if p.err == nil && (!l.predicate() || !r.predicate()) {
		p.fail()
	}
	return &pathNode{kind: k, left: l, right: r}
}

var pathComparisons = []string{"==", "!=", "<>", "<=", ">=", "<", ">", "="}

func (p *pathParser) comparison() *pathNode {
	if p.err != nil {
		return &pathNode{}
	}
	if p.space(); strings.HasPrefix(p.src[p.at:], "!") && !strings.HasPrefix(p.src[p.at:], "!=") {
		p.at++
		n := p.primary()
		if p.err == nil && !n.predicate() {
			p.fail()
		}
		return &pathNode{kind: pathNot, left: n}
	}
	l := p.sum()
	for _, op := range pathComparisons {
		if !p.punct(op) {
			continue
		}
		if op == "<>" {
			op = "!="
		}
		if op == "=" {
			op = "=="
		}
		return p.operands(&pathNode{kind: pathCompare, op: op, left: l, right: p.sum()})
	}
	switch {
	case p.word("like_regex"):
		return p.regex(l)
	case p.word("starts"):
		if !p.word("with") {
			p.fail()
		}
		r := p.primary()
		if p.err == nil && r.kind != pathVar && (r.kind != pathLiteral || r.lit.Kind != types.JSONString) {
			p.fail()
		}
		return p.operands(&pathNode{kind: pathStarts, left: l, right: r})
	}
	return l
}

// operands checks that both sides are no conditions.
func (p *pathParser) operands(n *pathNode) *pathNode {
	if p.err == nil && (n.left.predicate() || n.right != nil && n.right.predicate()) {
		p.fail()
	}
	return n
}

func (p *pathParser) regex(l *pathNode) *pathNode {
	p.space()
	pattern, flags := p.str(), ""
	if p.word("flag") {
		p.space()
		flags = p.str()
	}
	if p.err != nil {
		return l
	}
	o := are.Options{Stop: true}
	for _, c := range flags {
		switch c {
		case 'i':
			o.Fold = true
		case 's':
			o.Stop = false
		case 'm':
			o.Anchor = true
		case 'q':
			o.Literal = true
		case 'x':
			p.err = sqlerr.Unsupported("XQuery \"x\" flag (expanded regular expressions) is not implemented")
		default:
			p.err = sqlerr.New(sqlerr.SyntaxError, "invalid input syntax for type %s", "jsonpath").
				WithDetail("Unrecognized flag character \"%c\" in LIKE_REGEX predicate.", c)
		}
	}
	if o.Literal {
		o.Stop, o.Anchor = false, false
	}
	re, err := are.Compile(pattern, o)
	if err != nil && p.err == nil {
		p.err = err
	}
	return p.operands(&pathNode{kind: pathRegex, left: l, re: re})
}

func (p *pathParser) sum() *pathNode {
	n := p.product()
	for p.err == nil {
		switch {
		case p.punct("+"):
			n = p.operands(&pathNode{kind: pathArith, op: "+", left: n, right: p.product()})
		case p.punct("-"):
			n = p.operands(&pathNode{kind: pathArith, op: "-", left: n, right: p.product()})
		default:
			return n
		}
	}
	return n
}

func (p *pathParser) product() *pathNode {
	n := p.signed()
	for p.err == nil {
		op := ""
		for _, o := range []string{"*", "/", "%"} {
			if op == "" && p.punct(o) {
				op = o
			}
		}
		if op == "" {
			return n
		}
		n = p.operands(&pathNode{kind: pathArith, op: op, left: n, right: p.signed()})
	}
	return n
}

func (p *pathParser) signed() *pathNode {
	for _, op := range []string{"+", "-"} {
		if p.punct(op) {
			if p.depth++; p.depth > pathDepthMax {
				p.fail()
				return &pathNode{}
			}
			defer func() { p.depth-- }()
			return p.operands(&pathNode{kind: pathSign, op: op, left: p.signed()})
		}
	}
	return p.primary()
}

// primary reads an operand with its accessors.
func (p *pathParser) primary() *pathNode {
	p.space()
	if p.err != nil || p.at >= len(p.src) {
		p.fail()
		return &pathNode{}
	}
	n := &pathNode{}
	switch c := p.src[p.at]; {
	case c == '(':
		p.at++
		inner := p.or()
		p.expect(")")
		if inner.predicate() && p.word("is") {
			if !p.word("unknown") {
				p.fail()
			}
			return &pathNode{kind: pathUnknown, left: inner}
		}
		steps := p.steps()
		if len(steps) == 0 {
			return inner
		}
		return &pathNode{kind: pathParen, left: inner, steps: steps}
	case c == '$':
		p.at++
		n.kind = pathRoot
		if p.at < len(p.src) && (p.src[p.at] == '"' || pathLetter(p.src[p.at:])) {
			n.kind, n.op = pathVar, p.key()
		}
	case c == '@':
		p.at++
		n.kind = pathCurrent
		if p.in == 0 && p.err == nil {
			p.err = sqlerr.New(sqlerr.SyntaxError, "@ is not allowed in root expressions")
		}
	case c == '"':
		n.kind, n.lit = pathLiteral, types.JSONValue{Kind: types.JSONString, Str: p.str()}
	case c >= '0' && c <= '9', c == '.':
		n.kind, n.lit = pathLiteral, p.number()
	case p.word("null"):
		n.kind = pathLiteral
	case p.word("true"), p.word("false"):
		n.kind, n.lit = pathLiteral, types.JSONValue{Kind: types.JSONBool, Bool: p.src[p.at-4:p.at] == "true"}
	case p.word("last"):
		n.kind = pathLast
		if p.subs == 0 && p.err == nil {
			p.err = sqlerr.New(sqlerr.SyntaxError, "LAST is allowed only in array subscripts")
		}
	case p.word("exists"):
		p.expect("(")
		n.kind, n.left = pathExists, p.or()
		p.expect(")")
		return n
	default:
		p.fail()
		return n
	}
	n.steps = p.steps()
	return n
}

func (p *pathParser) number() types.JSONValue {
	end := p.at
	digits := func() {
		for end < len(p.src) && p.src[end] >= '0' && p.src[end] <= '9' {
			end++
		}
	}
	digits()
	if end < len(p.src) && p.src[end] == '.' {
		end++
		digits()
	}
	if end < len(p.src) && (p.src[end] == 'e' || p.src[end] == 'E') {
		end++
		if end < len(p.src) && (p.src[end] == '+' || p.src[end] == '-') {
			end++
		}
		digits()
	}
	num, err := types.NumericParse(nil, p.src[p.at:end])
	if err != nil || end < len(p.src) && pathLetter(p.src[end:]) {
		p.err = sqlerr.New(sqlerr.SyntaxError, "trailing junk after numeric literal at or near \"%s\" of jsonpath input", p.src[p.at:min(end+1, len(p.src))])
	}
	p.at = end
	return types.JSONValue{Kind: types.JSONNumber, Num: num}
}

// str reads a string in double quotes.
func (p *pathParser) str() string {
	if p.err != nil || p.at >= len(p.src) || p.src[p.at] != '"' {
		p.fail()
		return ""
	}
	end := stringEnd([]byte(p.src), p.at)
	lit := p.src[p.at:end]
	v, err := types.ParseJSON([]byte(lit))
	if err != nil {
		p.err = sqlerr.New(sqlerr.SyntaxError, "unterminated quoted string at or near \"%s\" of jsonpath input", lit)
	}
	p.at = end
	return v.Str
}

// key reads a name, quoted or not.
func (p *pathParser) key() string {
	if p.space(); p.at < len(p.src) && p.src[p.at] == '"' {
		return p.str()
	}
	start := p.at
	for p.at < len(p.src) && (pathLetter(p.src[p.at:]) || p.src[p.at] == '$') {
		_, n := utf8.DecodeRuneInString(p.src[p.at:])
		p.at += n
	}
	if start == p.at {
		p.fail()
	}
	return p.src[start:p.at]
}

var pathMethods = map[string]bool{"type": true, "size": true, "double": true, "ceiling": true, "floor": true, "abs": true, "datetime": true, "keyvalue": true}

// steps reads the accessors behind an operand.
func (p *pathParser) steps() []pathStep {
	var out []pathStep
	for p.err == nil {
		switch {
		case p.punct(".**"):
			s := pathStep{kind: stepDeep, hi: -1}
			if p.punct("{") {
				s.lo = p.level()
				s.hi = s.lo
				if p.word("to") {
					s.hi = p.level()
				}
				p.expect("}")
			}
			out = append(out, s)
		case p.punct(".*"):
			out = append(out, pathStep{kind: stepAnyKey})
		case p.punct("."):
			out = append(out, p.member())
		case p.punct("["):
			if p.punct("*") {
				p.expect("]")
				out = append(out, pathStep{kind: stepAnyItem})
				continue
			}
			out = append(out, p.subscripts())
		case p.punct("?"):
			p.expect("(")
			p.in++
			n := p.or()
			p.in--
			p.expect(")")
			if p.err == nil && !n.predicate() {
				p.fail()
			}
			out = append(out, pathStep{kind: stepFilter, pred: n})
		default:
			return out
		}
	}
	return out
}

// member reads what follows a dot: a key or a method.
func (p *pathParser) member() pathStep {
	p.space()
	quoted := p.at < len(p.src) && p.src[p.at] == '"'
	s := pathStep{kind: stepKey, name: p.key()}
	if quoted || !p.punct("(") {
		return s
	}
	if !pathMethods[s.name] {
		p.fail()
	}
	if p.space(); s.name == "datetime" && p.at < len(p.src) && p.src[p.at] == '"' {
		var err error
		if s.template, err = timefmt.Parse(p.str(), true); err != nil && p.err == nil {
			p.err = err
		}
	}
	p.expect(")")
	s.kind = stepMethod
	return s
}

func (p *pathParser) subscripts() pathStep {
	s := pathStep{kind: stepIndex}
	p.subs++
	for {
		sub := [2]*pathNode{p.sum()}
		if p.word("to") {
			sub[1] = p.sum()
		}
		s.subs = append(s.subs, sub)
		if !p.punct(",") {
			break
		}
	}
	p.subs--
	p.expect("]")
	return s
}

func (p *pathParser) level() int {
	if p.word("last") {
		return -1
	}
	if p.space(); p.at >= len(p.src) {
		p.fail()
		return 0
	}
	t := p.token()
	n, err := strconv.Atoi(t)
	if err != nil || n < 0 {
		p.fail()
		return 0
	}
	p.at += len(t)
	return n
}

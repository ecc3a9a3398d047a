package text

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"tidemill/sql/sqlerr"
)

// Postgres's advanced regular expressions run on Go's regexp package, whose time is linear in the
// text whatever the pattern. What it lacks (back references, lookaround) is refused by name. A
// pattern without lazy quantifiers uses leftmost-longest matching, as POSIX and Postgres do; one with
// lazy quantifiers prefers what Perl would, which differs from Postgres in mixed patterns only.

// regexFlags are the options of a call.
type regexFlags struct {
	fold    bool // i
	newline bool // n: ^ and $ match at lines, . and [^…] do not match newline
	partial bool // p: as n, but ^ and $ as by default
	weird   bool // w: ^ and $ match at lines
	expand  bool // x
	literal bool // q
	global  bool // g
}

func parseFlags(s string, global bool, fname string) (f regexFlags, err error) {
	for _, c := range s {
		switch c {
		case 'i':
			f.fold = true
		case 'c':
			f.fold = false
		case 'n', 'm':
			f.newline = true
		case 's':
			f.newline, f.partial, f.weird = false, false, false
		case 'p':
			f.partial = true
		case 'w':
			f.weird = true
		case 'x':
			f.expand = true
		case 't', 'b', 'e':
		case 'q':
			f.literal = true
		case 'g':
			if !global {
				return f, sqlerr.New(sqlerr.InvalidParameterValue, "%s does not support the \"global\" option", fname).
					WithHint("Use the regexp_matches function instead.")
			}
			f.global = true
		default:
			return f, sqlerr.New(sqlerr.InvalidParameterValue, "invalid regular expression option: \"%c\"", c)
		}
	}
	return f, nil
}

type regexKey struct {
	pattern string
	flags   regexFlags
}

// regexCache keeps compiled patterns of all kernels; patterns that vary by row would flush it, so it
// is simply emptied when full.
var (
	regexMu    sync.Mutex
	regexCache = map[regexKey]*regexp.Regexp{}
)

const regexCacheMax = 256

func compile(pattern string, f regexFlags) (*regexp.Regexp, error) {
	f.global = false
	k := regexKey{pattern, f}
	regexMu.Lock()
	re := regexCache[k]
	regexMu.Unlock()
	if re != nil {
		return re, nil
	}
	re, err := translate(strings.Clone(pattern), f)
	if err != nil {
		return nil, err
	}
	k.pattern = strings.Clone(pattern)
	regexMu.Lock()
	defer regexMu.Unlock()
	if len(regexCache) >= regexCacheMax {
		clear(regexCache)
	}
	regexCache[k] = re
	return re, nil
}

func badRegex(format string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: "+format, args...)
}

// translator turns an ARE into Go's syntax.
type translator struct {
	p     string
	i     int
	out   strings.Builder
	flags regexFlags
	lazy  bool
}

func translate(p string, f regexFlags) (*regexp.Regexp, error) {
	t := &translator{p: p, flags: f}
	t.directives()
	if t.flags.literal {
		t.out.WriteString(regexp.QuoteMeta(t.p[t.i:]))
		t.i = len(t.p)
	}
	if err := t.body(); err != nil {
		return nil, err
	}
	opts := "s"
	if t.flags.newline || t.flags.partial {
		opts = ""
	}
	if t.flags.newline || t.flags.weird {
		opts += "m"
	}
	if t.flags.fold {
		opts += "i"
	}
	src := t.out.String()
	if opts != "" {
		src = "(?" + opts + ")" + src
	}
	re, err := regexp.Compile(src)
	if err != nil {
		return nil, regexError(err)
	}
	if !t.lazy {
		re.Longest()
	}
	return re, nil
}

// regexError names a syntax error as Postgres does.
func regexError(err error) error {
	s := err.Error()
	for _, m := range [][2]string{
		{"missing closing )", "parentheses () not balanced"}, {"unexpected )", "parentheses () not balanced"},
		{"missing closing ]", "brackets [] not balanced"}, {"missing argument to repetition", "quantifier operand invalid"},
		{"invalid repeat count", "invalid repetition count(s)"}, {"invalid character class range", "invalid character range"},
		{"invalid nested repetition", "quantifier operand invalid"}, {"trailing backslash", "invalid escape \\ sequence"},
		{"invalid escape", "invalid escape \\ sequence"}, {"expression nests too deeply", "regular expression is too complex"},
	} {
		if strings.Contains(s, m[0]) {
			return badRegex("%s", m[1])
		}
	}
	return badRegex("%s", strings.TrimPrefix(s, "error parsing regexp: "))
}

// directives reads the prefixes ***: ***= and (?flags).
func (t *translator) directives() {
	switch {
	case strings.HasPrefix(t.p, "***="):
		t.flags.literal, t.i = true, 4
		return
	case strings.HasPrefix(t.p, "***:"):
		t.i = 4
	}
	rest := t.p[t.i:]
	if !strings.HasPrefix(rest, "(?") {
		return
	}
	end := strings.IndexByte(rest, ')')
	if end < 3 {
		return
	}
	f := t.flags
	for _, c := range rest[2:end] {
		one, err := parseFlags(string(c), false, "")
		if err != nil {
			return // (?: and its kin
		}
		f.fold = c == 'i' || f.fold && c != 'c'
		f.newline = one.newline || f.newline && c != 's'
		f.partial, f.weird = f.partial || one.partial, f.weird || one.weird
		f.expand, f.literal = f.expand || one.expand, f.literal || one.literal
	}
	t.flags, t.i = f, t.i+end+1
}

func (t *translator) body() error {
	for t.i < len(t.p) {
		c := t.p[t.i]
		switch {
		case t.flags.expand && strings.IndexByte(" \t\n\r\v\f", c) >= 0:
			t.i++
		case t.flags.expand && c == '#':
			for t.i < len(t.p) && t.p[t.i] != '\n' {
				t.i++
			}
		case c == '\\':
			if err := t.escape(false); err != nil {
				return err
			}
		case c == '[':
			if err := t.bracket(); err != nil {
				return err
			}
		case c == '(':
			if err := t.group(); err != nil {
				return err
			}
		case c == '*' || c == '+' || c == '?' || c == '{':
			if err := t.quantifier(); err != nil {
				return err
			}
		default:
			t.out.WriteByte(c)
			t.i++
		}
	}
	return nil
}

func (t *translator) group() error {
	rest := t.p[t.i:]
	switch {
	case strings.HasPrefix(rest, "(?#"):
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return badRegex("parentheses () not balanced")
		}
		t.i += end + 1
		return nil
	case strings.HasPrefix(rest, "(?="), strings.HasPrefix(rest, "(?!"), strings.HasPrefix(rest, "(?<="), strings.HasPrefix(rest, "(?<!"):
		return sqlerr.Unsupported("regular expressions with lookaround constraints are not supported")
	case strings.HasPrefix(rest, "(?:"):
		t.out.WriteString("(?:")
		t.i += 3
		return nil
	}
	t.out.WriteByte('(')
	t.i++
	return nil
}

func (t *translator) quantifier() error {
	start := t.i
	if t.p[t.i] == '{' {
		end := strings.IndexByte(t.p[t.i:], '}')
		if t.i+1 < len(t.p) && (t.p[t.i+1] < '0' || t.p[t.i+1] > '9') {
			t.out.WriteString(`\{`) // a brace before anything but a digit is itself
			t.i++
			return nil
		}
		if end < 0 {
			return badRegex("braces {} not balanced")
		}
		t.i += end
	}
	t.i++
	if t.i < len(t.p) && t.p[t.i] == '?' {
		t.lazy = true
		t.i++
	}
	t.out.WriteString(t.p[start:t.i])
	return nil
}

// Unicode forms of the shorthand classes, without brackets.
var classes = map[byte]string{'d': `\p{Nd}`, 'w': `\p{L}\p{M}\p{N}_`, 's': `\s\p{Z}\x{85}\v`}

func (t *translator) escape(inBracket bool) error {
	t.i++
	if t.i >= len(t.p) {
		return badRegex("invalid escape \\ sequence")
	}
	c := t.p[t.i]
	t.i++
	if set, ok := classes[c]; ok {
		if inBracket {
			t.out.WriteString(set)
		} else {
			t.out.WriteString("[" + set + "]")
		}
		return nil
	}
	if set, ok := classes[c|0x20]; ok && c >= 'A' && c <= 'Z' {
		if inBracket {
			return badRegex("invalid escape \\ sequence")
		}
		t.out.WriteString("[^" + set + "]")
		return nil
	}
	switch c {
	case 'y', 'm', 'M':
		t.out.WriteString(`\b`)
	case 'Y':
		t.out.WriteString(`\B`)
	case 'A':
		t.out.WriteString(`\A`)
	case 'Z':
		t.out.WriteString(`\z`)
	case 'B':
		t.out.WriteString(`\\`)
	case 'a', 'f', 'n', 'r', 't', 'v':
		t.out.WriteString(`\` + string(c))
	case 'b':
		t.out.WriteString(`\x08`)
	case 'e':
		t.out.WriteString(`\x1b`)
	case 'u', 'U', 'x':
		return t.codePoint(c)
	case '0':
		t.out.WriteString(`\x00`)
	default:
		if c >= '1' && c <= '9' {
			return sqlerr.Unsupported("regular expressions with back references are not supported")
		}
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return badRegex("invalid escape \\ sequence")
		}
		if c >= 0x80 {
			t.out.WriteByte(c)
			return nil
		}
		t.out.WriteString(regexp.QuoteMeta(string(rune(c))))
	}
	return nil
}

func (t *translator) codePoint(c byte) error {
	n := map[byte]int{'u': 4, 'U': 8, 'x': 0}[c]
	if n == 0 {
		for n < 8 && t.i+n < len(t.p) && strings.IndexByte("0123456789abcdefABCDEF", t.p[t.i+n]) >= 0 {
			n++
		}
	}
	if n == 0 || t.i+n > len(t.p) {
		return badRegex("invalid escape \\ sequence")
	}
	v, err := strconv.ParseUint(t.p[t.i:t.i+n], 16, 32)
	if err != nil || v > 0x10ffff {
		return badRegex("invalid escape \\ sequence")
	}
	t.i += n
	t.out.WriteString(`\x{` + strconv.FormatUint(v, 16) + `}`)
	return nil
}

var posixClasses = map[string]string{
	"alpha": `\p{L}`, "digit": `\p{Nd}`, "alnum": `\p{L}\p{N}`, "upper": `\p{Lu}`, "lower": `\p{Ll}`,
	"space": `\s\p{Z}\v`, "blank": ` \t`, "punct": `[:punct:]`, "cntrl": `\p{Cc}`, "xdigit": `0-9A-Fa-f`,
	"print": `\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}`, "graph": `\p{L}\p{M}\p{N}\p{P}\p{S}`, "word": `\p{L}\p{M}\p{N}_`,
}

// bracket copies a […] expression, whose grammar is POSIX's.
func (t *translator) bracket() error {
	rest := t.p[t.i:]
	for _, w := range []string{"[[:<:]]", "[[:>:]]"} {
		if strings.HasPrefix(rest, w) {
			t.out.WriteString(`\b`)
			t.i += len(w)
			return nil
		}
	}
	t.out.WriteByte('[')
	t.i++
	negated := false
	if t.i < len(t.p) && t.p[t.i] == '^' {
		negated = true
		t.out.WriteByte('^')
		t.i++
	}
	if negated && (t.flags.newline || t.flags.partial) {
		t.out.WriteString(`\n`)
	}
	for first := true; t.i < len(t.p); first = false {
		c := t.p[t.i]
		switch {
		case c == ']' && !first:
			t.out.WriteByte(']')
			t.i++
			return nil
		case c == '[' && t.i+1 < len(t.p) && strings.IndexByte(":.=", t.p[t.i+1]) >= 0:
			if err := t.bracketItem(t.p[t.i+1]); err != nil {
				return err
			}
		case c == '\\':
			if err := t.escape(true); err != nil {
				return err
			}
		case c == '[' || c == ']' || c == '&' || c == '~' || c == '^':
			t.out.WriteString(`\` + string(c))
			t.i++
		default:
			t.out.WriteByte(c)
			t.i++
		}
	}
	return badRegex("brackets [] not balanced")
}

// bracketItem reads [:class:], [.c.] or [=c=].
func (t *translator) bracketItem(kind byte) error {
	end := strings.Index(t.p[t.i+2:], string(kind)+"]")
	if end < 0 {
		return badRegex("brackets [] not balanced")
	}
	name := t.p[t.i+2 : t.i+2+end]
	t.i += end + 4
	if kind != ':' {
		t.out.WriteString(regexp.QuoteMeta(name))
		return nil
	}
	set, ok := posixClasses[name]
	if !ok {
		return badRegex("invalid character class")
	}
	t.out.WriteString(set)
	return nil
}

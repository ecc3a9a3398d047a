package are

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Character classes are those of a UTF-8 locale of the C library, which differ from Unicode's
// properties in places: only ASCII digits are digits, and a mark that is no letter is punctuation.

func isAlpha(r rune) bool {
	if r < 0x80 {
		return r|0x20 >= 'a' && r|0x20 <= 'z'
	}
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Nd, unicode.Other_Alphabetic)
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isWord(r rune) bool { return isAlpha(r) || isDigit(r) || r == '_' }

func isSpace(r rune) bool {
	if r < 0x80 {
		return r == ' ' || r >= '\t' && r <= '\r'
	}
	return unicode.In(r, unicode.Z) && r != 0xa0 && r != 0x2007 && r != 0x202f
}

func isControl(r rune) bool { return unicode.Is(unicode.Cc, r) || r == 0x2028 || r == 0x2029 }

func isGraph(r rune) bool {
	return !isControl(r) && !isSpace(r) && (unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf, unicode.Co))
}

func isUpper(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Lt, unicode.Other_Uppercase) }

func isLower(r rune) bool { return unicode.In(r, unicode.Ll, unicode.Lt, unicode.Other_Lowercase) }

var classes = map[string]func(rune) bool{
	"alpha": isAlpha, "digit": isDigit, "word": isWord, "space": isSpace, "cntrl": isControl, "graph": isGraph,
	"upper": isUpper, "lower": isLower,
	"alnum": func(r rune) bool { return isAlpha(r) || isDigit(r) },
	"ascii": func(r rune) bool { return r < 0x80 },
	"blank": func(r rune) bool {
		return r == ' ' || r == '\t' || r >= 0x80 && isSpace(r) && r != 0x2028 && r != 0x2029
	},
	"print":  func(r rune) bool { return r == ' ' || isGraph(r) || r >= 0x80 && isSpace(r) && !isControl(r) },
	"punct":  func(r rune) bool { return isGraph(r) && !isAlpha(r) && !isDigit(r) },
	"xdigit": func(r rune) bool { return isDigit(r) || r|0x20 >= 'a' && r|0x20 <= 'f' && r < 0x80 },
}

// item is a part of a set: a range of characters or a class.
type item struct {
	lo, hi rune
	class  string // instead of a range
	not    bool   // the class's complement
}

// set is a set of characters: one of "[…]", a class, or a single character.
type set struct {
	items []item
	not   bool // the complement
	stop  bool // never contains newline
	fold  bool
	ascii [2]uint64 // what it says of ASCII
}

// seal computes the table of ASCII characters.
func (s *set) seal() *set {
	for r := range rune(128) {
		if s.decide(r) {
			s.ascii[r>>6] |= 1 << (r & 63)
		}
	}
	return s
}

func (s *set) has(r rune) bool {
	if r < 0x80 {
		return s.ascii[r>>6]>>(r&63)&1 == 1
	}
	return s.decide(r)
}

func (s *set) decide(r rune) bool {
	if s.stop && r == '\n' {
		return false
	}
	in := s.listed(r)
	if !in && s.fold {
		l, u := unicode.ToLower(r), unicode.ToUpper(r)
		in = l != r && s.listed(l) || u != r && s.listed(u)
	}
	return in != s.not
}

func (s *set) listed(r rune) bool {
	for _, it := range s.items {
		if it.class != "" {
			if classes[it.class](r) != it.not {
				return true
			}
		} else if r >= it.lo && r <= it.hi {
			return true
		}
	}
	return false
}

// goClasses are the classes as ranges in the syntax of Go's package, made when first asked for.
var (
	goClassMu sync.Mutex
	goClasses = map[string]string{}
)

func goClass(name string, not bool) string {
	key := name + strconv.FormatBool(not)
	goClassMu.Lock()
	defer goClassMu.Unlock()
	if s, ok := goClasses[key]; ok {
		return s
	}
	is := classes[name]
	var b strings.Builder
	start := rune(-1)
	for r := rune(0); r <= unicode.MaxRune+1; r++ {
		in := r <= unicode.MaxRune && is(r) != not
		switch {
		case in && start < 0:
			start = r
		case !in && start >= 0:
			goRange(&b, start, r-1)
			start = -1
		}
	}
	goClasses[key] = b.String()
	return goClasses[key]
}

func goRange(b *strings.Builder, lo, hi rune) {
	b.WriteString(`\x{` + strconv.FormatInt(int64(lo), 16) + `}`)
	if hi > lo {
		b.WriteString(`-\x{` + strconv.FormatInt(int64(hi), 16) + `}`)
	}
}

// goSet writes the set in the syntax of Go's package.
func (s *set) goSet(b *strings.Builder) {
	if len(s.items) == 0 { // "." is the complement of nothing
		if s.stop {
			b.WriteString(`[^\n]`)
		} else {
			b.WriteString(`(?s:.)`)
		}
		return
	}
	b.WriteByte('[')
	if s.not {
		b.WriteByte('^')
		if s.stop {
			b.WriteString(`\n`)
		}
	}
	for _, it := range s.items {
		if it.class != "" {
			b.WriteString(goClass(it.class, it.not))
		} else {
			goRange(b, it.lo, min(it.hi, unicode.MaxRune))
		}
	}
	b.WriteByte(']')
}

// elements are the names that "[.name.]" may hold, besides single characters.
var elements = map[string]rune{
	"NUL": 0, "BEL": 7, "alert": 7, "BS": 8, "backspace": 8, "HT": 9, "tab": 9, "LF": 10, "newline": 10, "VT": 11,
	"vertical-tab": 11, "FF": 12, "form-feed": 12, "CR": 13, "carriage-return": 13, "ESC": 27, "DEL": 127,
	"space": ' ', "exclamation-mark": '!', "quotation-mark": '"', "number-sign": '#', "dollar-sign": '$',
	"percent-sign": '%', "ampersand": '&', "apostrophe": '\'', "left-parenthesis": '(', "right-parenthesis": ')',
	"asterisk": '*', "plus-sign": '+', "comma": ',', "hyphen": '-', "hyphen-minus": '-', "period": '.', "full-stop": '.',
	"slash": '/', "solidus": '/', "zero": '0', "one": '1', "two": '2', "three": '3', "four": '4', "five": '5', "six": '6',
	"seven": '7', "eight": '8', "nine": '9', "colon": ':', "semicolon": ';', "less-than-sign": '<', "equals-sign": '=',
	"greater-than-sign": '>', "question-mark": '?', "commercial-at": '@', "left-square-bracket": '[', "backslash": '\\',
	"reverse-solidus": '\\', "right-square-bracket": ']', "circumflex": '^', "circumflex-accent": '^', "underscore": '_',
	"low-line": '_', "grave-accent": '`', "left-brace": '{', "left-curly-bracket": '{', "vertical-line": '|',
	"right-brace": '}', "right-curly-bracket": '}', "tilde": '~',
}

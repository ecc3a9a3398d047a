package when

import (
	"math"
	"strconv"
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func init() {
	for _, t := range []types.Type{int4T, int8T, numericT, floatT, types.T(types.Float4)} {
		lit := map[types.ID]string{types.Int4: "125", types.Int8: "125::bigint", types.Numeric: "125.0", types.Float8: "125.0::float8", types.Float4: "125.0::real"}[t.ID]
		defIn(familyFormat, "to_char", sig(t, textT), textT, textRows(func(_ *fn.Ctx, dst []byte, a []*rows.Vec, i int) ([]byte, error) {
			f, err := numberTemplates.Get(a[1].Bytes(i), parseNumberTemplate)
			if err != nil {
				return dst, err
			}
			return f.format(dst, numberText(a[0], i, f))
		}), "Writes a number by a template.", "select to_char("+lit+", '999')", " 125")
	}
	defIn(familyFormat, "to_number", sig(textT, textT), numericT, fn.Rowwise(numericT, true, func(_ *fn.Ctx, a []*rows.Vec, i int, out *rows.VecBuilder) error {
		if len(a[1].Bytes(i)) == 0 {
			return nil
		}
		f, err := numberTemplates.Get(a[1].Bytes(i), parseNumberTemplate)
		if err != nil {
			return err
		}
		b, err := f.parse(out.Scratch(), string(a[0].Bytes(i)))
		if err == nil {
			out.CommitScratch(b)
		}
		return err
	}), "Reads a number by a template.", "select to_number('12,454.8-', '99G999D9S')", "-12454.8")
}

// numberNode is one piece of a number template.
type numberNode struct {
	kind byte // '0' '9' ',' '.' 'S' 'M' (MI) 'P' (PL) 'G' (SG) 'L' 'T' (TH) 't' (th) 'V' or 0 for text
	lit  string
}

// numberTemplate is a parsed template of to_char(number).
type numberTemplate struct {
	nodes           []numberNode
	pre, post       int // digit places before and behind the point
	zeroStart       int // place of the first 0 before the point; -1 none
	zeroEnd         int // number of fractional places that are always shown, by the last 0 behind it
	scale           int // digits behind V
	fill, blank     bool
	point, v        bool
	sign            byte // 0 default, 'S' leading, 's' trailing, 'M' a node prints it, 'R' PR brackets
	roman, romanLow bool
	eeee            bool
	signNode        bool
}

var numberWords = []string{"FM", "fm", "EEEE", "eeee", "PR", "pr", "MI", "mi", "PL", "pl", "SG", "sg", "TH", "th", "RN", "rn"}

func badTemplate(msg string) error { return sqlerr.New(sqlerr.SyntaxError, "%s", msg) }

var numberTemplates fn.Memo[*numberTemplate]

func parseNumberTemplate(s string) (*numberTemplate, error) {
	f := &numberTemplate{zeroStart: -1}
	for s != "" {
		word := ""
		for _, w := range numberWords {
			if strings.HasPrefix(s, w) {
				word = w
				break
			}
		}
		if f.eeee && (word != "" || strings.IndexByte("0123456789", s[0]) < 0 && word == "") && s[0] != '"' && strings.IndexByte("09.,DdGgSsVvLl", s[0]) >= 0 {
			return nil, badTemplate("\"EEEE\" must be the last pattern used")
		}
		if word != "" {
			if err := f.word(word); err != nil {
				return nil, err
			}
			s = s[len(word):]
			continue
		}
		c := s[0]
		switch c {
		case '"':
			body, rest, _ := strings.Cut(s[1:], `"`)
			f.nodes = append(f.nodes, numberNode{lit: body})
			s = rest
			continue
		case '\\':
			if len(s) > 1 && s[1] == '"' {
				f.nodes = append(f.nodes, numberNode{lit: `"`})
				s = s[2:]
				continue
			}
			f.nodes = append(f.nodes, numberNode{lit: `\`})
		default:
			if err := f.char(c); err != nil {
				return nil, err
			}
		}
		s = s[1:]
	}
	return f, nil
}

func (f *numberTemplate) word(w string) error {
	add := func(kind byte) { f.nodes = append(f.nodes, numberNode{kind: kind}) }
	switch strings.ToUpper(w) {
	case "FM":
		f.fill = true
	case "EEEE":
		f.eeee = true
	case "PR":
		f.sign = 'R'
	case "MI":
		f.signNode = true
		add('M')
	case "PL":
		add('P')
	case "SG":
		f.signNode = true
		add('G')
	case "TH":
		if w == "TH" {
			add('T')
		} else {
			add('t')
		}
	case "RN":
		f.roman, f.romanLow = true, w == "rn"
	}
	return nil
}

func (f *numberTemplate) char(c byte) error {
	add := func(kind byte) { f.nodes = append(f.nodes, numberNode{kind: kind}) }
	switch c {
	case '9', '0':
		if f.sign == 'R' {
			return badTemplate("\"9\" must be ahead of \"PR\"")
		}
		switch {
		case f.v:
			f.scale++
			f.pre++
		case f.point:
			f.post++
			if c == '0' {
				f.zeroEnd = f.post
			}
		default:
			if c == '0' && f.zeroStart < 0 {
				f.zeroStart = f.pre
			}
			f.pre++
		}
		add(c)
	case '.', 'D', 'd':
		if f.point {
			return badTemplate("multiple decimal points")
		}
		if f.v {
			return badTemplate("cannot use \"V\" and decimal point together")
		}
		f.point = true
		add('.')
	case ',', 'G', 'g':
		add(',')
	case 'V', 'v':
		if f.point {
			return badTemplate("cannot use \"V\" and decimal point together")
		}
		f.v = true
	case 'S', 's':
		if f.sign == 'S' || f.sign == 's' {
			return badTemplate("cannot use \"S\" twice")
		}
		if f.sign = 's'; f.pre == 0 && f.post == 0 {
			f.sign = 'S'
		}
		add('S')
	case 'B', 'b':
		f.blank = true
	case 'L', 'l':
		add('L')
	case 'C', 'c':
	default:
		f.nodes = append(f.nodes, numberNode{lit: string([]byte{c})})
	}
	return nil
}

// numberText returns the number rounded to the template's places.
func numberText(v *rows.Vec, i int, f *numberTemplate) string {
	var num []byte
	switch v.Type.ID {
	case types.Numeric:
		num = v.Bytes(i)
	case types.Int4, types.Int8:
		num = types.NumericFromInt64(nil, v.I[i])
	default:
		if f.roman && !(math.Abs(v.F[i]) <= math.MaxInt32) {
			return "0" // which has no Roman form either
		}
		if math.IsNaN(v.F[i]) || math.IsInf(v.F[i], 0) {
			return strconv.FormatFloat(v.F[i], 'f', -1, 64)
		}
		x := v.F[i]
		if f.scale > 0 {
			x *= math.Pow10(f.scale)
		}
		if !f.eeee {
			// No more digits than a float has.
			whole := len(strconv.FormatFloat(math.Abs(x), 'f', 0, 64))
			return strconv.FormatFloat(x, 'f', max(min(f.post, 15-whole), 0), 64)
		}
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	if f.eeee || types.NumericIsNaN(num) || types.NumericIsInf(num) {
		return string(types.NumericAppendText(nil, num))
	}
	if f.scale > 0 {
		ten, _ := types.NumericParse(nil, "1e"+strconv.Itoa(f.scale))
		if up, err := types.NumericMul(nil, num, ten); err == nil {
			num = up
		}
	}
	return string(types.NumericAppendText(nil, types.NumericRound(nil, num, f.post)))
}

func (f *numberTemplate) format(dst []byte, num string) ([]byte, error) {
	if f.eeee {
		return f.scientific(dst, num), nil
	}
	neg := strings.HasPrefix(num, "-")
	num = strings.TrimPrefix(num, "-")
	if f.roman {
		return f.appendRoman(dst, num, neg)
	}
	whole, frac, _ := strings.Cut(num, ".")
	special := whole == "NaN" || strings.HasPrefix(whole, "Inf")
	if special {
		for _, n := range f.nodes {
			if n.kind == 'T' || n.kind == 't' {
				return dst, sqlerr.New(sqlerr.InvalidTextRepresentation, "\"%s\" is not a number", whole)
			}
		}
		if len(whole) > f.pre {
			frac = strings.Repeat("#", f.post)
		}
	}
	zero := strings.Trim(whole+frac, "0") == ""
	if len(whole) > f.pre {
		whole, frac = strings.Repeat("#", f.pre), strings.Repeat("#", len(frac))
	} else if whole == "0" && frac != "" && !(zero && f.fill && f.zeroEnd == 0) {
		whole = "" // 0.5 is .5 unless the template has a 0 there
	}
	return append(dst, f.render(whole, frac, neg)...), nil
}

// render walks the template; digits of whole are right-aligned in its places.
func (f *numberTemplate) render(whole, frac string, neg bool) string {
	var b strings.Builder
	signAt := -1 // default sign is written before the first shown digit
	started := false
	place, fplace := 0, 0
	sign := func() {
		if started {
			return
		}
		started = true
		if f.signNode || f.sign == 's' {
			return
		}
		signAt = b.Len()
	}
	fracDone := false
	last := f.zeroEnd
	for k := range len(frac) {
		if frac[k] != '0' {
			last = max(last, k+1)
		}
	}
	for _, n := range f.nodes {
		switch n.kind {
		case '9', '0':
			if fracDone {
				if fplace < len(frac) && (!f.fill || fplace < last) {
					b.WriteByte(frac[fplace])
				}
				fplace++
				continue
			}
			at := place - (f.pre - len(whole))
			place++
			switch {
			case at >= 0:
				sign()
				b.WriteByte(whole[at])
			case f.zeroStart >= 0 && place > f.zeroStart:
				sign()
				b.WriteByte('0')
			case !f.fill:
				b.WriteByte(' ')
			}
		case ',':
			switch {
			case started || place > 0 && place-(f.pre-len(whole)) > 0:
				b.WriteByte(',')
			case !f.fill:
				b.WriteByte(' ')
			}
		case '.':
			sign()
			if fracDone = true; frac != "" || f.post == 0 && whole != "NaN" {
				b.WriteByte('.')
			}
		case 'S':
			if f.sign == 's' {
				b.WriteByte(map[bool]byte{false: '+', true: '-'}[neg])
			}
		case 'M':
			if neg {
				b.WriteByte('-')
			} else if !f.fill {
				b.WriteByte(' ')
			}
		case 'P':
			if !neg {
				b.WriteByte('+')
			} else if !f.fill {
				b.WriteByte(' ')
			}
		case 'G':
			b.WriteByte(map[bool]byte{false: '+', true: '-'}[neg])
		case 'L':
			if !f.fill {
				b.WriteByte(' ')
			}
		case 'T', 't':
			if !neg && whole != "" && whole[0] != '#' && f.post == 0 {
				suffix := map[byte]string{'T': "TH", 't': "th"}[n.kind]
				b.WriteString(ordinal(whole, suffix))
			}
		default:
			b.WriteString(n.lit)
		}
	}
	return f.signed(b.String(), signAt, neg)
}

// signed inserts the default sign, S or the brackets of PR.
func (f *numberTemplate) signed(s string, at int, neg bool) string {
	if f.pre+f.post == 0 && f.sign == 0 {
		return s // nothing to sign
	}
	if at < 0 {
		at = 0
		if f.signNode || f.sign == 's' {
			return s
		}
	}
	mark, tail := " ", ""
	switch {
	case f.sign == 'S' && neg, f.sign == 0 && neg:
		mark = "-"
	case f.sign == 'S':
		mark = "+"
	case f.sign == 'R' && neg:
		mark, tail = "<", ">"
	case f.sign == 'R':
		tail = " "
		if f.fill {
			tail = ""
		}
	}
	if mark == " " && f.fill {
		mark = ""
	}
	return s[:at] + mark + s[at:] + tail
}

func (f *numberTemplate) scientific(dst []byte, num string) []byte {
	v, err := strconv.ParseFloat(num, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return append(append(dst, ' '), strings.Repeat("#", f.pre)+"."+strings.Repeat("#", f.post+4)...)
	}
	if v >= 0 && !(v == 0 && strings.HasPrefix(num, "-")) {
		dst = append(dst, ' ')
	}
	return strconv.AppendFloat(dst, v, 'e', f.post, 64)
}

var romanDigits = []struct {
	v int
	s string
}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}}

func (f *numberTemplate) appendRoman(dst []byte, num string, neg bool) ([]byte, error) {
	if num == "NaN" || strings.HasPrefix(num, "Inf") {
		return dst, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert %s to integer",
			map[bool]string{true: "NaN", false: "infinity"}[num == "NaN"])
	}
	n, err := strconv.Atoi(strings.SplitN(num, ".", 2)[0])
	if err != nil || n > math.MaxInt32 {
		return dst, sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range")
	}
	out := ""
	if err != nil || neg || n < 1 || n > 3999 {
		out = strings.Repeat("#", 15)
	} else {
		for _, d := range romanDigits {
			for n >= d.v {
				out += d.s
				n -= d.v
			}
		}
	}
	if f.romanLow {
		out = strings.ToLower(out)
	}
	if !f.fill {
		out = strings.Repeat(" ", max(15-len(out), 0)) + out
	}
	return append(dst, out...), nil
}

// parse reads a number: digits at digit places, the sign wherever the template has or lacks one.
func (f *numberTemplate) parse(dst []byte, s string) ([]byte, error) {
	var digits strings.Builder
	neg, point, taken := false, false, 0
	s = strings.TrimLeft(s, " ")
	places := f.pre
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			if !point && taken < places || point && f.point {
				digits.WriteByte(c)
				if !point {
					taken++
				}
			}
		case c == '.' && f.point && !point:
			point = true
			digits.WriteByte('.')
		case c == '-' || c == '<':
			neg = true
		}
	}
	text := digits.String()
	if strings.Trim(text, ".") == "" {
		return dst, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type numeric: \"%s\"", " ")
	}
	if neg {
		text = "-" + text
	}
	num, err := types.NumericParse(nil, strings.TrimSuffix(text, "."))
	if err != nil || f.scale == 0 {
		return append(dst, num...), err
	}
	ten, _ := types.NumericParse(nil, "1e"+strconv.Itoa(f.scale))
	return types.NumericDiv(dst, num, ten)
}

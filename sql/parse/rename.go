package parse

import "tidemill/sql/parse/lex"

// NameSpan finds the possibly qualified name that begins at the 1-based character position pos of text
// and returns its byte range; ok is false when there is none.
func NameSpan(text string, pos int) (start, end int, ok bool) {
	toks, err := lex.Scan(text, DefaultLimits)
	if err != nil {
		return 0, 0, false
	}
	for i := range toks {
		if toks[i].Pos == pos && isName(&toks[i]) {
			return toks[i].Start, nameEnd(toks, i), true
		}
	}
	return 0, 0, false
}

// Retitle gives the object that a CREATE statement makes another name: for showing the statement after
// ALTER … RENAME. A text that is no such statement is returned as it is.
func Retitle(text, name string) string {
	toks, err := lex.Scan(text, DefaultLimits)
	if err != nil {
		return text
	}
	for i := range toks {
		t := &toks[i]
		if t.Kind == lex.EOF {
			break
		}
		if !t.Is("table") && !t.Is("view") && !t.Is("source") && !t.Is("sink") && !t.Is("index") && !t.Is("type") {
			continue
		}
		for i++; toks[i].Is("if") || toks[i].Is("not") || toks[i].Is("exists") || toks[i].Is("concurrently"); {
			i++
		}
		if !isName(&toks[i]) || toks[i].Is("on") {
			return text
		}
		return text[:toks[i].Start] + name + text[nameEnd(toks, i):]
	}
	return text
}

// Relist gives the view that a CREATE statement makes another list of column names. A text that is no such
// statement is returned as it is.
func Relist(text, list string) string {
	toks, err := lex.Scan(text, DefaultLimits)
	if err != nil {
		return text
	}
	for i := range toks {
		if toks[i].Kind == lex.EOF {
			break
		}
		if !toks[i].Is("view") {
			continue
		}
		for i++; toks[i].Is("if") || toks[i].Is("not") || toks[i].Is("exists"); {
			i++
		}
		if !isName(&toks[i]) {
			return text
		}
		end := nameEnd(toks, i)
		for i < len(toks) && toks[i].End <= end {
			i++
		}
		if toks[i].IsPunct("(") && toks[i].Match > 0 {
			return text[:toks[i].Start] + list + text[toks[toks[i].Match].End:]
		}
		return text[:end] + " " + list + text[end:]
	}
	return text
}

func isName(t *lex.Token) bool { return t.Kind == lex.Word || t.Kind == lex.Quoted }

// nameEnd is the end of the qualified name that begins with token i.
func nameEnd(toks []lex.Token, i int) int {
	for i+2 < len(toks) && toks[i+1].IsPunct(".") && isName(&toks[i+2]) {
		i += 2
	}
	return toks[i].End
}

package pgquery

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"tidemill/sql/ast"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
)

// Verdict is what the comparison of one statement found.
type Verdict int

// Verdicts. Same, BothRefuse, Refused, Extension and NotCompared are fine; the others are defects.
const (
	Same Verdict = iota
	BothRefuse
	Refused     // PostgreSQL accepts it, we do not
	Extension   // only we accept it, as a streaming extension
	NotCompared // both accept it, but the tree of one is not known here
	Different   // both accept it with different meanings
	Accepted    // only we accept it
)

// Outcome is a verdict and what there is to say about it.
type Outcome struct {
	Verdict Verdict
	Reason  string // of a refusal, without names and numbers
	Detail  string
}

// knownOfTheirs are refusals of the library that PostgreSQL itself does not know.
var knownOfTheirs = map[string]bool{
	// (SELECT … OFFSET 1) LIMIT 1: the library tells "no limit" from "limit" only in its output.
	"multiple limit options not allowed": true,
}

// Compare reads one statement with both parsers.
func Compare(text string) Outcome {
	list, ourErr := parse.Parse(text)
	tree, theirErr := pg.ParseToJSON(text)
	switch {
	case ourErr != nil && theirErr != nil:
		return Outcome{Verdict: BothRefuse}
	case ourErr != nil:
		return Outcome{Refused, reason(ourErr), ourErr.Error()}
	case theirErr != nil && knownOfTheirs[theirErr.Error()]:
		return Outcome{Verdict: NotCompared, Reason: theirErr.Error()}
	case theirErr != nil:
		for _, one := range list {
			o := &ours{}
			if o.statement(one.Stmt); o.extension {
				return Outcome{Verdict: Extension}
			}
		}
		return Outcome{Accepted, "", theirErr.Error()}
	}
	var result struct {
		Stmts []struct{ Stmt any }
	}
	if err := json.Unmarshal([]byte(tree), &result); err != nil {
		return Outcome{Different, "", err.Error()}
	}
	if len(result.Stmts) != len(list) {
		return Outcome{Different, "", fmt.Sprintf("%d statements, PostgreSQL reads %d", len(list), len(result.Stmts))}
	}
	for i, one := range list {
		if out := same(one.Stmt, result.Stmts[i].Stmt); out.Verdict != Same {
			return out
		}
	}
	return Outcome{Verdict: Same}
}

func same(our ast.Statement, their any) Outcome {
	o, t := &ours{}, &theirs{}
	a, b := o.statement(our), t.statement(their)
	switch {
	case a == b:
		return Outcome{Verdict: Same}
	case t.unknown != "":
		return Outcome{Verdict: NotCompared, Reason: t.unknown}
	case o.extension:
		return Outcome{Verdict: Extension}
	}
	from := 0
	for from < min(len(a), len(b)) && a[from] == b[from] {
		from++
	}
	return Outcome{Different, "", "ours   " + around(a, from) + "\ntheirs " + around(b, from)}
}

// around cuts a long form to the place where two differ.
func around(text string, at int) string {
	const before, after = 60, 200
	out := text[max(0, at-before):min(len(text), at+after)]
	if at > before {
		out = "… " + out
	}
	return strings.ToValidUTF8(out, "")
}

var variable = regexp.MustCompile(`"[^"]*"|'[^']*'|\$?\d+`)

func reason(err error) string {
	e := sqlerr.As(err)
	return string(e.Code) + " " + variable.ReplaceAllString(e.Message, "…")
}

package main

import (
	"fmt"
	"slices"
	"strings"

	"tidemill/sql/fn"
	_ "tidemill/sql/fn/all"
	"tidemill/sql/types"
)

// entry is a line of the reference: the overloads of a function that do the same.
type entry struct {
	name, summary string
	overloads     []overload
	examples      []fn.Example
}

type overload struct {
	args     []string
	variadic bool
	ret      string
}

// special are the functions whose calls have a syntax of their own.
var special = map[string]string{
	"extract":         "EXTRACT(field FROM %[2]s)",
	"position":        "POSITION(%[2]s IN %[1]s)",
	"array_subscript": "%[1]s[%[2]s]",
	"array_slice":     "%[1]s[%[2]s:%[3]s]",
}

// bare are the functions that are called without parentheses.
var bare = map[string]bool{
	"current_date": true, "current_timestamp": true, "localtime": true, "localtimestamp": true, "current_user": true,
	"session_user": true, "user": true, "current_catalog": true, "current_role": true, "current_schema": true,
}

func functions() string {
	families := map[string]map[string]*entry{}
	add := func(family, name string, args []types.Type, variadic bool, ret, summary string, ex []fn.Example) {
		if family == "" {
			return // an overload that its aggregate's entry takes in below, or internal
		}
		if families[family] == nil {
			families[family] = map[string]*entry{}
		}
		e := families[family][name+"\x00"+summary]
		if e == nil {
			e = &entry{name: name, summary: summary}
			families[family][name+"\x00"+summary] = e
		}
		o := overload{variadic: variadic, ret: ret}
		for _, a := range args {
			o.args = append(o.args, typeName(a))
		}
		e.overloads = append(e.overloads, o)
		for _, x := range ex {
			if !slices.Contains(e.examples, x) {
				e.examples = append(e.examples, x)
			}
		}
	}
	for _, s := range fn.Scalars() {
		add(s.Family, s.Name, s.Args, s.Variadic, typeName(s.Ret), s.Summary, s.Examples)
	}
	documented := map[string]*fn.Aggregate{}
	for _, a := range fn.Aggregates() {
		if a.Family != "" && (documented[a.Name] == nil || len(a.Args) > 0) {
			documented[a.Name] = a
		}
	}
	for _, a := range fn.Aggregates() {
		of := a
		if d := documented[a.Name]; a.Family == "" && d != nil {
			of = d
		}
		add(of.Family, a.Name, a.Args, false, typeName(a.Ret), of.Summary, of.Examples)
	}
	for _, t := range fn.Tables() {
		add(t.Family, t.Name, t.Args, t.Variadic, "setof "+columnsOf(t), t.Summary, t.Examples)
	}
	var b strings.Builder
	b.WriteString("# Functions and operators\n\n" + generated)
	b.WriteString("They are PostgreSQL's, with its rules for NULL, rounding and errors. Arguments in [ ] may be left out; … repeats. Every example runs as a test.\n\n")
	for _, f := range append(keys(families), "Casts") {
		fmt.Fprintf(&b, "- [%s](#%s)\n", f, anchor(f))
	}
	for _, f := range keys(families) {
		fmt.Fprintf(&b, "\n## %s\n\n| call | what it does | example |\n| --- | --- | --- |\n", f)
		for _, k := range keys(families[f]) {
			e := families[f][k]
			fmt.Fprintf(&b, "| %s | %s | %s |\n", escape(e.signatures()), escape(e.summary), escape(e.example()))
		}
	}
	b.WriteString(casts())
	return b.String()
}

// casts lists what converts to what, and where a cast need not be written.
func casts() string {
	var order []string
	to := map[string]*[3][]string{} // by source, per context
	for _, c := range fn.Casts() {
		from, target := typeName(c.From), typeName(c.To)
		if from == target {
			continue // enforces the type's modifier
		}
		if to[from] == nil {
			order = append(order, from)
			to[from] = new([3][]string)
		}
		to[from][c.Context] = append(to[from][c.Context], target)
	}
	var b strings.Builder
	b.WriteString("\n## Casts\n\nBetween arrays, elements are cast. Every type casts to and from text.\n\n| from | anywhere, unwritten | also when stored into a column | written: `x::type` |\n| --- | --- | --- | --- |\n")
	for _, from := range order {
		fmt.Fprintf(&b, "| %s", from)
		for _, c := range []fn.CastContext{fn.Implicit, fn.Assignment, fn.Explicit} {
			fmt.Fprintf(&b, " | %s", strings.Join(to[from][c], ", "))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func anchor(title string) string {
	return strings.ReplaceAll(strings.NewReplacer("/", "", ",", "").Replace(strings.ToLower(title)), " ", "-")
}

// signatures writes the calls, a line each. An operator whose operands have the same type in each
// overload is written once, and arguments that only further overloads take are put in brackets.
func (e *entry) signatures() string {
	if list, ok := e.uniform(); ok {
		return list
	}
	var calls []string
	for i := 0; i < len(e.overloads); i++ {
		o := e.overloads[i]
		optional := 0
		for i+1 < len(e.overloads) && !o.variadic && extends(o, e.overloads[i+1]) {
			i++
			optional++
			o.args = e.overloads[i].args
		}
		calls = append(calls, code(e.call(o, optional)))
	}
	return strings.Join(calls, "<br>")
}

// extends tells whether next is o with one argument more.
func extends(o, next overload) bool {
	n := len(o.args)
	return len(next.args) == n+1 && next.ret == o.ret && slices.Equal(next.args[:n], o.args) && !next.variadic
}

// uniform writes operators and functions that are alike for many types once: "a < b", and the types.
func (e *entry) uniform() (string, bool) {
	if len(e.overloads) < 4 {
		return "", false
	}
	var names []string
	same := 0
	for _, o := range e.overloads {
		switch {
		case symbol(e.name) && len(o.args) == 2 && o.args[0] == o.args[1] && o.ret == e.overloads[0].ret:
		case !symbol(e.name) && len(o.args) == 1 && o.ret == o.args[0]:
			same++
		default:
			return "", false
		}
		names = append(names, o.args[0])
	}
	call := "a " + e.name + " b → " + e.overloads[0].ret
	if same > 0 {
		call = e.name + "(a) → a"
	}
	return code(call) + " for " + strings.Join(names, ", "), true
}

func symbol(name string) bool { return strings.Trim(name, "+-*/<>=~!@#%^&|`?") == "" }

func (e *entry) call(o overload, optional int) string {
	ret := " → " + o.ret
	switch {
	case symbol(e.name) && len(o.args) == 2:
		return o.args[0] + " " + e.name + " " + o.args[1] + ret
	case symbol(e.name) && len(o.args) == 1:
		return e.name + " " + o.args[0] + ret
	case special[e.name] != "":
		args := make([]any, len(o.args))
		for i, a := range o.args {
			args[i] = a
		}
		form := special[e.name]
		if e.name == "array_subscript" && len(o.args) == 3 {
			form = "%[1]s[%[2]s][%[3]s]"
		}
		return fmt.Sprintf(form, args...) + ret
	case len(o.args) == 0 && e.name == "count":
		return "count(*)" + ret
	case len(o.args) == 0 && optional == 0 && bare[e.name]:
		return e.name + ret
	}
	args, end := "", ""
	for i, a := range o.args {
		comma := ""
		if i > 0 {
			comma = ", "
		}
		if i >= len(o.args)-optional {
			comma, end = strings.TrimLeft(" ["+comma, map[bool]string{true: " "}[i == 0]), end+"]"
		}
		args += comma + a
	}
	if o.variadic {
		args += ", …"
	}
	return e.name + "(" + args + end + ")" + ret
}

func (e *entry) example() string {
	if len(e.examples) == 0 {
		return ""
	}
	x := e.examples[0]
	rows := strings.Split(x.Result, "\n")
	for i, r := range rows {
		rows[i] = code(r)
		if r == "" {
			rows[i] = "NULL"
		}
	}
	return code(x.SQL) + " → " + strings.Join(rows, ", ")
}

// code writes text as code, in as many backticks as it needs.
func code(text string) string {
	if text == "" {
		return ""
	}
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	if strings.HasPrefix(text, " ") || strings.HasSuffix(text, " ") { // Markdown would strip one blank of each end
		return "` " + text + " `"
	}
	return "`" + text + "`"
}

func columnsOf(t *fn.Table) string {
	cols := t.Columns
	switch {
	case len(cols) == 1:
		return typeName(cols[0].Type)
	case len(cols) == 0 && len(t.Args) > 0 && t.Args[0].ID == fn.AnyArray.ID:
		return "anyelement"
	case len(cols) == 0:
		return "record"
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name + " " + typeName(c.Type)
	}
	return "(" + strings.Join(names, ", ") + ")"
}

func typeName(t types.Type) string {
	switch t.ID {
	case fn.AnyElement.ID, types.Invalid:
		return "anyelement"
	case fn.AnyArray.ID:
		return "anyarray"
	case fn.Any.ID:
		return "any"
	}
	return strings.NewReplacer("timestamp with time zone", "timestamptz", "timestamp without time zone", "timestamp",
		"time without time zone", "time").Replace(t.String())
}

// Package ast is the syntax tree of Tidemill's SQL: what the text says, before any name or type is
// looked up. sql/parse makes it, planner/bind reads it. Identifiers are already folded as Postgres
// folds them; positions are 1-based character offsets into the statement text (0 = unknown).
package ast

// Expr is any expression.
type Expr interface{ Position() int }

// Pos is embedded in every node and gives its position.
type Pos int

// Position returns the 1-based character offset of the node in the statement text.
func (p Pos) Position() int { return int(p) }

type (
	// ColumnRef is a name such as x, t.x, s.t.x (Parts in order).
	ColumnRef struct {
		Pos
		Parts []string
	}
	// Star is * or t.* (Table holds the qualifiers), in a select list or as a whole-row argument.
	Star struct {
		Pos
		Table []string
	}
	// Literal is a constant. Kind says how Text is to be read.
	Literal struct {
		Pos
		Kind LiteralKind
		Text string // digits as written; string content after unescaping; "true"/"false"
	}
	// Param is $n.
	Param struct {
		Pos
		N int
	}
	// Unary is a prefix operator: - + ~ @ |/ ||/ !! or "not".
	Unary struct {
		Pos
		Op   string
		Expr Expr
	}
	// Binary is an infix operator with its Postgres spelling in lower case: + - * / % ^ || = <> < <=
	// > >= ~ ~* !~ !~* -> ->> #> #>> @> <@ ? ?| ?& & | # << >> && … and the words "and", "or".
	// != is spelled <>. Schema-qualified OPERATOR(pg_catalog.x) drops the schema.
	Binary struct {
		Pos
		Op          string
		Left, Right Expr
	}
	// Is is IS [NOT] NULL / TRUE / FALSE / UNKNOWN (Test in lower case).
	Is struct {
		Pos
		Expr Expr
		Not  bool
		Test string
	}
	// IsDistinct is IS [NOT] DISTINCT FROM.
	IsDistinct struct {
		Pos
		Left, Right Expr
		Not         bool
	}
	// Like is [NOT] LIKE / ILIKE / SIMILAR TO (Kind in lower case: "like", "ilike", "similar").
	Like struct {
		Pos
		Kind          string
		Expr, Pattern Expr
		Escape        Expr // nil = backslash
		Not           bool
	}
	// Between is [NOT] BETWEEN [SYMMETRIC].
	Between struct {
		Pos
		Expr, Low, High Expr
		Not, Symmetric  bool
	}
	// In is [NOT] IN over a list (List) or a query (Query); one of them is set.
	In struct {
		Pos
		Expr  Expr
		List  []Expr
		Query *Select
		Not   bool
	}
	// Quantified is expr op ANY/ALL over an array expression (Array) or a query (Query).
	Quantified struct {
		Pos
		Op    string
		Left  Expr
		All   bool
		Array Expr
		Query *Select
	}
	// Exists is EXISTS (query).
	Exists struct {
		Pos
		Query *Select
	}
	// Subquery is a scalar (query).
	Subquery struct {
		Pos
		Query *Select
	}
	// ArrayQuery is ARRAY(query).
	ArrayQuery struct {
		Pos
		Query *Select
	}
	// Call is a function call of any kind: scalar, aggregate, window, table function.
	Call struct {
		Pos
		Name        []string // schema-qualified when written so; last part is the function
		Args        []Expr
		ArgNames    []string // named notation, "" where positional; nil when none is named
		Star        bool     // f(*)
		Distinct    bool
		OrderBy     []OrderItem
		WithinGroup []OrderItem
		Filter      Expr
		Over        *Window // nil = no OVER
		Variadic    bool
		// Partition are the columns of SESSION(relation PARTITION BY …, …).
		Partition []*ColumnRef
		// Rows is "running" or "final" before a call in MATCH_RECOGNIZE, else "".
		Rows string
	}
	// Cast is expr::type or CAST(expr AS type), also typed literals such as DATE '2020-01-01'.
	Cast struct {
		Pos
		Expr Expr
		Type TypeName
	}
	// Case is CASE [operand] WHEN … THEN … ELSE … END.
	Case struct {
		Pos
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// ArrayLit is ARRAY[…].
	ArrayLit struct {
		Pos
		Elems []Expr
	}
	// Row is ROW(…) or (a, b).
	Row struct {
		Pos
		Elems []Expr
	}
	// Index is x[i] or the slice x[lo:hi] (Slice set; a missing bound is nil).
	Index struct {
		Pos
		Expr   Expr
		Lo, Hi Expr
		Slice  bool
	}
	// FieldOf is (expr).name; Name "*" expands the row.
	FieldOf struct {
		Pos
		Expr Expr
		Name string
	}
	// AtTimeZone is expr AT TIME ZONE zone.
	AtTimeZone struct {
		Pos
		Expr, Zone Expr
	}
	// Collate is expr COLLATE name.
	Collate struct {
		Pos
		Expr Expr
		Name []string
	}
	// Default is the keyword DEFAULT in VALUES or SET.
	Default struct{ Pos }
)

// LiteralKind tells what a Literal's text is.
type LiteralKind uint8

// The kinds of literals.
const (
	LitNull LiteralKind = iota
	LitBool
	LitInt     // digits only
	LitNumeric // with point or exponent
	LitString
	LitBit // B'…' and X'…'; Text keeps the prefix letter
)

// When is one WHEN … THEN … arm.
type When struct{ Cond, Then Expr }

// TypeName is a type as written: parts of a possibly qualified name, modifiers, array dimensions.
// Multi-word names arrive in their one-word Postgres spelling (float8, timestamptz, varchar …).
// Interval fields (INTERVAL DAY TO SECOND) are in Fields, lower case.
type TypeName struct {
	Pos
	Name   []string
	Mods   []int
	Dims   int
	Fields string
}

// OrderItem is one ORDER BY item.
type OrderItem struct {
	Expr       Expr
	Desc       bool
	NullsFirst *bool // nil = Postgres's default (NULLs are the largest)
}

// Window is an OVER clause or a named window definition.
type Window struct {
	Pos
	Name        string // reference to a named window (OVER w, or the base of a definition)
	Copies      bool   // the named window is the base of a definition in brackets
	PartitionBy []Expr
	OrderBy     []OrderItem
	Frame       *Frame
}

// Frame is a window frame; Exclude is "", "current row", "group" or "ties".
type Frame struct {
	Unit       string // "rows", "range", "groups"
	Start, End Bound
	Exclude    string
}

// Bound is a frame bound: Kind "unbounded preceding", "preceding", "current row", "following",
// "unbounded following"; Offset is set for "preceding" and "following".
type Bound struct {
	Kind   string
	Offset Expr
}

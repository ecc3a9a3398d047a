package ast

// Select is a query expression: a SELECT block, VALUES, or a set operation over two queries, with
// the clauses that surround it.
type Select struct {
	Pos
	With      []CTE
	Recursive bool

	// Exactly one of the three forms is set: a set operation (SetOp != ""), VALUES (Values != nil), or
	// a SELECT block.
	SetOp       string // "union", "intersect", "except"
	SetAll      bool
	Left, Right *Select

	Values [][]Expr

	Distinct   bool
	DistinctOn []Expr
	Items      []SelectItem // may be empty: SELECT FROM t
	From       []TableExpr  // comma-separated; empty = no FROM
	Where      Expr
	GroupBy    []GroupItem
	// GroupDistinct keeps one of equal grouping sets.
	GroupDistinct bool
	GroupAll      bool // GROUP BY () alone or an empty grouping set list
	Having        Expr
	Windows       map[string]*Window

	OrderBy  []OrderItem
	Limit    Expr // nil = none (LIMIT ALL too)
	Offset   Expr
	WithTies bool
	Locking  string // FOR UPDATE … as written, in small letters

	EmitOnWindowClose bool // EMIT ON WINDOW CLOSE, streaming only
}

// CTE is one WITH item.
type CTE struct {
	Pos
	Name    string
	Columns []string
	Query   *Select
	Write   Statement // *Insert, *Update or *Delete instead of Query
	// Materialized is nil when unsaid.
	Materialized *bool
}

// SelectItem is one output column: an expression with an optional alias, or a Star.
type SelectItem struct {
	Expr  Expr
	Alias string
}

// GroupItem is one GROUP BY element: Expr, or grouping sets when Kind is not "".
type GroupItem struct {
	Expr Expr
	Kind string // "", "rollup", "cube", "sets"
	Sets [][]Expr
}

// TableExpr is anything in FROM.
type TableExpr interface{ Position() int }

type (
	// TableName is a relation by name.
	TableName struct {
		Pos
		Name    []string
		Alias   string
		Columns []string // alias column list
		// AsOf is FOR SYSTEM_TIME AS OF; nil when absent.
		AsOf Expr
	}
	// Derived is (query) AS alias.
	Derived struct {
		Pos
		Query   *Select
		Lateral bool
		Alias   string
		Columns []string
	}
	// TableFunc is a function in FROM: generate_series(…), TUMBLE(t, ts, INTERVAL …), unnest(…).
	// A relation given as an argument (TUMBLE(bid, …)) is a ColumnRef in Call.Args.
	TableFunc struct {
		Pos
		Calls      []*Call // several under ROWS FROM (…)
		Lateral    bool
		Ordinality bool
		Alias      string
		Columns    []string
		ColumnDefs []ColumnDef   // AS t(a int, b text)
		CallDefs   [][]ColumnDef // per call, AS (a int, b text) inside ROWS FROM
	}
	// Join joins two table expressions.
	Join struct {
		Pos
		Kind        string // "inner", "left", "right", "full", "cross", "asof", "asof left"
		Left, Right TableExpr
		On          Expr
		// Match is the MATCH_CONDITION of an ASOF join; nil when the comparison stands in On or Using.
		Match   Expr
		Using   []string
		Natural bool
	}
	// MatchRecognize is relation MATCH_RECOGNIZE (…) [AS alias]: row pattern recognition.
	MatchRecognize struct {
		Pos
		Input       TableExpr
		PartitionBy []Expr
		OrderBy     []OrderItem
		Measures    []SelectItem // each has an alias
		AllRows     bool         // ALL ROWS PER MATCH
		Empty       string       // with AllRows: "show", "omit" (empty matches) or "unmatched" (rows)
		Skip        string       // AFTER MATCH SKIP: "past", "next", "first", "last"
		SkipTo      string       // the variable of "first" and "last"
		SkipPos     Pos
		Pattern     *Pattern
		Within      Expr
		Subsets     []PatternSubset
		Defines     []PatternDefine
		Alias       string
		Columns     []string
	}
)

// Pattern is a row pattern. Kind is "var" (Name), "seq", "alt" or "permute" (Parts), "repeat" (one
// part, Min to Max times, Max < 0 without end), "exclude" (one part), "start", "end" (anchors) or
// "empty".
type Pattern struct {
	Pos
	Kind      string
	Name      string
	Parts     []*Pattern
	Min, Max  int
	Reluctant bool
}

// PatternSubset is an item of SUBSET: a name for the rows of several variables.
type PatternSubset struct {
	Pos
	Name string
	Vars []string
}

// PatternDefine is an item of DEFINE.
type PatternDefine struct {
	Pos
	Name string
	Cond Expr
}

// IsWindowFunction tells whether the name, in lower case, is that of a function in FROM that cuts a
// relation into windows of time.
func IsWindowFunction(name string) bool {
	switch name {
	case "tumble", "hop", "cumulate", "session":
		return true
	}
	return false
}

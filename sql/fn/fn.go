// Package fn is the contract of scalar, aggregate and table functions, operators and casts, and
// their registry. A family package (sql/fn/text, sql/fn/math …) registers its specs from init;
// sql/fn/all imports every family. Everything that is known about a function stands in its spec:
// binder, reference docs, example tests and fuzz targets are derived from it.
package fn

import (
	"time"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Volatility says what a function's result depends on.
type Volatility uint8

// The volatilities, as Postgres defines them.
const (
	Immutable Volatility = iota // arguments only
	Stable                      // arguments, session settings and the statement's snapshot
	Volatile                    // anything: random(), clock_timestamp()
)

// Ctx is what a kernel may know beside its arguments. One goroutine uses a Ctx at a time.
type Ctx struct {
	Env     types.Env
	Now     int64 // transaction time, µs since 1970 UTC: now(), current_date …
	Session Session
	// Errs collects the rows that failed since the caller last cleared it. A kernel reports with Fail
	// and leaves any value in the failed row's place.
	Errs []RowError
	// Direct are the direct arguments of the ordered-set aggregate that is being computed.
	Direct []types.Datum

	scratch *Scratch
}

// RowError is the failure of one row of the batch that is being evaluated.
type RowError struct {
	Row int32
	Err *sqlerr.Error
}

// Fail records that physical row failed with err; the first failure of a row counts.
func (c *Ctx) Fail(row int32, err error) {
	c.Errs = append(c.Errs, RowError{Row: row, Err: sqlerr.As(err)})
}

// Time returns Now as a time in the session's zone.
func (c *Ctx) Time() time.Time { return time.UnixMicro(c.Now).In(c.Env.Location()) }

// Session answers the session-dependent functions (current_user, current_setting, pg_get_viewdef,
// pg_table_is_visible …). Nil inside materialized views, where the binder refuses such functions.
type Session interface {
	// Setting returns a run-time parameter; ok is false when there is none of that name.
	Setting(name string) (value string, ok bool)
	// SetSetting is set_config(); local limits it to the transaction.
	SetSetting(name, value string, local bool) error
	// Info returns a fact by name: "user", "session_user", "database", "schema", "version",
	// "backend_pid", "search_path" (comma-separated, effective).
	Info(what string) string
	// Catalog answers catalogue functions: name is the function (pg_get_viewdef, obj_description,
	// pg_table_is_visible, format_type, …); the result has the type that the function's spec declares.
	Catalog(name string, args []types.Datum) (types.Datum, error)
}

// Kernel computes a function for the rows of a batch: args hold n values each; only the rows in
// sel matter (nil = all n). The result has n values; those outside sel are unspecified. Strict
// functions are called with NULL rows still present and must give NULL for them: the helpers in
// this package do that. A kernel must not modify or keep its arguments, but may return one.
type Kernel func(c *Ctx, args []*rows.Vec, sel []int32, n int) *rows.Vec

// Example is a call with its result as psql prints it; each runs as a test and stands in the docs.
type Example struct{ SQL, Result string }

// Scalar is one overload of a scalar function or operator.
type Scalar struct {
	// Name is the function's name, or an operator's symbol ("+", "||", "~~*"). Unary operators are
	// one-argument overloads.
	Name     string
	Args     []types.Type // AnyElement/AnyArray/Any/AnyEnum for polymorphic arguments
	Variadic bool         // the last argument repeats
	Ret      types.Type
	// RetFunc overrides Ret from the actual argument types (polymorphic functions, numeric modifiers).
	RetFunc    func(args []types.Type) types.Type
	Strict     bool // NULL in, NULL out (the kernel still does it itself; the planner uses the fact)
	Volatility Volatility
	Kernel     Kernel

	Family   string // section of the reference page; "" hides internal functions
	Summary  string // one sentence
	Examples []Example
}

// Pseudo types for polymorphic arguments, valid in specs only.
var (
	AnyElement = types.Type{ID: 250, Mod: -1}
	AnyArray   = types.Type{ID: 251, Mod: -1}
	Any        = types.Type{ID: 252, Mod: -1}
	AnyEnum    = types.Type{ID: 253, Mod: -1}
)

// CastContext says where a cast may happen without being written.
type CastContext uint8

// The cast contexts, as in pg_cast.castcontext.
const (
	Explicit   CastContext = iota // only x::t
	Assignment                    // also when stored into a column
	Implicit                      // anywhere
)

// Cast converts From to To. The kernel gets one argument and must honour to.Mod itself through
// KernelFor when the target has modifiers.
type Cast struct {
	From, To  types.Type
	Context   CastContext
	KernelFor func(from, to types.Type) Kernel
	// Volatility is Stable where the session's zone or catalogue matters.
	Volatility Volatility
}

// AggKind says what state an aggregate keeps.
type AggKind uint8

// The kinds of aggregates.
const (
	// Linear aggregates fold weighted rows into an accumulator and can take them out again.
	Linear AggKind = iota
	// Ordered aggregates are computed from the group's ordered multiset of argument values.
	Ordered
	// Ranked aggregates look up places in the group's ordered multiset, which is kept with counts.
	Ranked
	// Modal aggregates give the most frequent value; the multiset is kept by frequency too.
	Modal
	// Hypothetical aggregates tell where their direct arguments would stand among the group's rows.
	Hypothetical
)

// Aggregate is one overload of an aggregate function.
type Aggregate struct {
	Name     string
	Args     []types.Type
	Variadic bool // the last argument repeats
	Ret      types.Type
	RetFunc  func(args []types.Type) types.Type
	Kind     AggKind
	// Within tells that the call needs WITHIN GROUP (ORDER BY …): the first Direct of Args are then
	// direct arguments, constant for the group, and the others are the sorted columns. Of
	// Hypothetical aggregates half of the arguments are direct.
	Within bool
	Direct int
	// NeedsOrder tells that the result means nothing without ORDER BY inside the call.
	NeedsOrder bool
	// Derive replaces the arguments by one column whose distinct values are folded, each once.
	Derive func(args []*rows.Vec, sel []int32, n int) *rows.Vec

	// Size is the accumulator's length in bytes; all zero is the empty accumulator. 0 means that the
	// accumulator varies in length (nil is the empty one) and StepVar is used.
	Size int
	// Step folds rows into fixed accumulators: row rws[k] with weight w[k] into st[k]. NULL arguments
	// are skipped as the function's semantics ask.
	Step func(c *Ctx, args []*rows.Vec, rws []int32, w []int64, st [][]byte)
	// StepVar folds one row into a varying accumulator and returns it, grown or not.
	StepVar func(c *Ctx, st []byte, args []*rows.Vec, row int32, w int64) []byte
	// Merge adds accumulator b to a and returns it (two-phase aggregation). Nil = not mergeable.
	Merge func(a, b []byte) []byte
	// Final appends the result of a Linear accumulator.
	Final func(c *Ctx, st []byte, out *rows.VecBuilder) error

	// Descending makes an Ordered aggregate read its multiset from the end (max, last).
	Descending bool
	// FinalOrdered appends the result of an Ordered aggregate: next gives the group's values in order
	// with their weights (> 0) until ok is false. NULL arguments are not in the multiset unless
	// KeepNulls. total is the sum of weights.
	FinalOrdered func(c *Ctx, total int64, next func() (v []types.Datum, w int64, ok bool), out *rows.VecBuilder) error
	KeepNulls    bool
	// Single tells that FinalOrdered reads the first value only.
	Single bool
	// FinalRanked appends the result of a Ranked aggregate over total > 0 values: at gives the value at
	// a place, 0 to total−1.
	FinalRanked func(c *Ctx, total int64, at func(place int64) (types.Datum, error), out *rows.VecBuilder) error
	// FinalPlace appends the result of a Hypothetical aggregate: less of total rows sort before the
	// direct arguments, upTo before or with them. CountsValues makes these numbers of different rows.
	FinalPlace   func(less, upTo, total int64, out *rows.VecBuilder)
	CountsValues bool

	Family   string
	Summary  string
	Examples []Example
}

// Table is a set-returning function for FROM: evaluated per row of its arguments, it appends its
// output rows.
type Table struct {
	Name       string
	Args       []types.Type
	Variadic   bool
	Columns    []types.Field // one column named like the function for scalar results
	ColumnFunc func(args []types.Type) []types.Field
	// Record tells that the call says the columns, in a column definition list: Rows gets their names
	// in a last argument of type text[], and finds their types in out.
	Record     bool
	Volatility Volatility
	// Rows appends the function's rows for one row of arguments.
	Rows func(c *Ctx, args []types.Datum, out *rows.Builder) error

	Family   string
	Summary  string
	Examples []Example
}

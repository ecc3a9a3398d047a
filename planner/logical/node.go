package logical

import (
	"tidemill/sql/expr"
	"tidemill/sql/types"
)

// Op is the kind of a Node.
type Op string

// The operations.
const (
	Scan      Op = "scan"
	Values    Op = "values"
	Filter    Op = "filter"
	Project   Op = "project"
	Join      Op = "join"
	Agg       Op = "agg"
	Distinct  Op = "distinct"
	Union     Op = "union" // UNION ALL
	SetOp     Op = "setop" // INTERSECT, EXCEPT
	Window    Op = "window"
	Session   Op = "session"
	Temporal  Op = "temporal"
	TableFunc Op = "tablefunc"
	Expand    Op = "expand" // repeats rows per grouping set
	Sort      Op = "sort"
	Limit     Op = "limit"
	TopN      Op = "topn"
	Over      Op = "over"
	Apply     Op = "apply"
	MaxOne    Op = "maxone"
	AsOf      Op = "asof"      // Kind, Preds: equalities, AsOf: the order
	Probe     Op = "probe"     // Kind, Preds: the right side as it stands when a left row comes
	Recursive Op = "recursive" // In: the base and the recursive term
	WorkTable Op = "worktable" // the recursive query itself, inside its term
	Match     Op = "match"     // MATCH_RECOGNIZE: Keys, Order and Match
)

// Col is a column that a node makes.
type Col struct {
	ID int
	types.Field
}

// JoinKind is the kind of a Join.
type JoinKind string

// The join kinds; Semi and Anti give the left input's columns only.
const (
	Inner JoinKind = "inner"
	Left  JoinKind = "left"
	Right JoinKind = "right"
	Full  JoinKind = "full"
	Semi  JoinKind = "semi"
	Anti  JoinKind = "anti"
)

// Node is one operation of the tree. Which fields count depends on Op.
type Node struct {
	Op Op
	In []*Node
	// Out are the columns that the node itself makes: all columns of a Scan, Values, Project, Union or
	// SetOp, the calls of an Agg or Over, the two bounds of a Window or Session, the result columns of a TableFunc
	// or Apply. Cols gives the whole output.
	Out []Col

	Scan  *ScanInfo
	Rows  [][]*expr.Expr // Values
	Exprs []*expr.Expr   // Project: one per Out
	// Unique are keys of a Project's output that do not follow from its input's keys.
	Unique [][]int

	// Preds are the conjuncts of a Filter, or of a Join's condition, or a Temporal's only condition, in
	// the form of TemporalConds.
	Preds     []*expr.Expr
	Kind      JoinKind
	NullAware bool // Anti join of NOT IN: the first predicate is the compared pair

	Keys  []int   // Agg: group columns; TopN, Over, Session, Match: partition columns; Expand: columns that a set may leave out (input ids)
	Sets  [][]int // Expand: per grouping set the positions in Keys that it keeps; Out are copies of Keys, then the set's number
	Aggs  []AggCall
	Phase Phase
	// Count is the Merge Agg's input column with the partial count of rows.
	Count int

	Map   [][]int // Union, SetOp, Recursive: per input, the columns that feed Out
	SetOp string  // "intersect", "except"
	All   bool
	Work  []int // Recursive: the columns of its WorkTable
	// Grows tells of a WorkTable that its rows are never taken back.
	Grows bool

	Win   *WindowInfo
	Func  *FuncInfo
	Order []SortKey
	// Limit and Offset are constants or parameters of type bigint; nil = none.
	Limit, Offset *expr.Expr
	WithTies      bool
	// Dense makes the Limit of a TopN count groups of rows that are equal in order.
	Dense bool
	Over  []OverCall
	Sub   *ApplyInfo
	AsOf  *AsOfInfo
	Match *MatchInfo
}

// AsOfInfo is the condition "Left Cmp Right" of an AsOf, whose closest right row is the match.
type AsOfInfo struct {
	Left, Right *expr.Expr // over the columns of In[0] and In[1]
	Cmp         string     // ">=", ">", "<=", "<"
}

// ScanInfo names what a Scan reads.
type ScanInfo struct {
	Object     uint32
	Name       string
	System     bool
	Cols       []int   // the object's column of each Out
	Keys       [][]int // unique keys as positions in the object's columns
	AppendOnly bool
	// StorageKey are the object's columns that lead its storage key, Indexes what else it can be read by.
	StorageKey []int
	Indexes    []IndexInfo
	Access     *Access // of a batch query; nil = all rows are read
}

// IndexInfo is an index of a relation.
type IndexInfo struct {
	Object uint32
	Name   string
	Order  []SortKey // Col is the object's column
}

// Access narrows a Scan to ranges of its storage key or of an index, as plan.Access does. The values
// are constants and parameters.
type Access struct {
	Index             uint32
	Eq                [][]*expr.Expr
	Low, High         *expr.Expr
	LowOpen, HighOpen bool // the bound itself is left out
	Reverse           bool
	Limit             int64
}

// Phase says which part of a two-phase aggregation an Agg is.
type Phase string

// The phases of aggregation.
const (
	Whole   Phase = ""
	Partial Phase = "partial" // Out are accumulators
	Merge   Phase = "merge"   // arguments are accumulators
)

// AggCall is one aggregate function; the column is the Agg's Out at the same position.
type AggCall struct {
	Name     string
	ArgTypes []types.Type // of the chosen overload
	Args     []*expr.Expr
	Distinct bool
	Filter   *expr.Expr // nil = none
	Order    []OrderExpr
	// Direct are the direct arguments of an ordered-set aggregate, constants or parameters; Args are then
	// what it sorts.
	Direct []*expr.Expr
	Ret    types.Type
	// Merges tells that partial accumulators can be merged.
	Merges bool
	// Ordered tells that the aggregate is computed from the ordered multiset of its values.
	Ordered bool
}

// OrderExpr is a sort key that is an expression.
type OrderExpr struct {
	Expr             *expr.Expr
	Desc, NullsFirst bool
}

// SortKey is a sort key that is a column.
type SortKey struct {
	Col              int
	Desc, NullsFirst bool
}

// WindowInfo is how a Window or Session cuts time. Slide is the distance of HOP windows, the step of
// CUMULATE; Size is the gap of a Session, whose Keys are the columns that have sessions of their own.
type WindowInfo struct {
	Kind                string // "tumble", "hop", "cumulate", "session"
	Time                int    // column id
	Size, Slide, Offset int64  // in microseconds, or in months
	Months              bool
	// Zone is the time zone in whose civil time windows of days or months are cut; "" = UTC.
	Zone string
}

// FuncInfo is a table function over the input's columns.
type FuncInfo struct {
	Name       string
	Args       []*expr.Expr
	ArgTypes   []types.Type
	Ordinality bool
	Outer      bool // a row without results is kept, padded with NULLs
	Volatile   bool
	// More are functions in lock-step with this one.
	More []FuncInfo
	// Columns is the number of columns that the function gives, of those in More.
	Columns int
}

// OverCall is one window function; the column is the Over's Out at the same position.
type OverCall struct {
	Name     string
	ArgTypes []types.Type
	Args     []*expr.Expr
	Filter   *expr.Expr
	Ret      types.Type
	Agg      bool // an aggregate used as window function
	Frame    *FrameInfo
}

// FrameInfo is a window frame; nil is the default frame.
type FrameInfo struct {
	Unit       string // "rows", "range", "groups"
	Start, End FrameBound
	Exclude    string
}

// FrameBound is an end of a frame; Offset is set for "preceding" and "following".
type FrameBound struct {
	Kind   string
	Offset *expr.Expr
	End    bool
}

// ApplyInfo is a subquery that is run per row of In[0]; In[1] is the subquery.
type ApplyInfo struct {
	Kind string // "scalar", "exists", "in", "any", "all", "array", "lateral", "lateral left"
	// Left Op (column of the subquery), for in, any and all.
	Left     *expr.Expr
	Cmp      string
	CmpTypes []types.Type
	// NullFalse tells that NULL and false are the same to whoever uses the result.
	NullFalse bool
}

// Subquery is what an expr.Subquery node's Sub holds until it becomes an Apply or a join.
type Subquery struct {
	ApplyInfo
	Node *Node
	// Lefts and Ops are the operands of a row comparison with several columns, (a, b) IN (…).
	Lefts []*expr.Expr
}

// Cols returns the columns of the node's output in order.
func (n *Node) Cols() []Col {
	switch n.Op {
	case Scan, Values, Project, Union, SetOp, Recursive, WorkTable:
		return n.Out
	case Filter, Temporal, Distinct, Sort, Limit, MaxOne:
		return n.In[0].Cols()
	case Agg:
		return concat(n.partition(), n.Out)
	case Window, Session, TableFunc, Expand, Over, TopN: // a TopN's own column is the position
		return concat(n.In[0].Cols(), n.Out)
	case Match:
		if n.Match.Rows == MatchOne {
			return concat(n.partition(), n.Out)
		}
		return concat(n.In[0].Cols(), n.Out)
	case Join, AsOf, Probe:
		return n.joinCols()
	case Apply:
		out := concat(n.In[0].Cols(), n.Out)
		switch n.Sub.Kind {
		case "lateral":
			out = append(out, n.In[1].Cols()...)
		case "lateral left":
			out = append(out, nullable(n.In[1].Cols())...)
		}
		return out
	}
	panic("logical: unknown op " + string(n.Op))
}

// partition returns the columns in Keys.
func (n *Node) partition() []Col {
	in := n.In[0].Cols()
	out := make([]Col, 0, len(n.Keys))
	for _, k := range n.Keys {
		out = append(out, find(in, k))
	}
	return out
}

func (n *Node) joinCols() []Col {
	l := n.In[0].Cols()
	if n.Kind == Semi || n.Kind == Anti {
		return l
	}
	r := n.In[1].Cols()
	if n.Kind == Left || n.Kind == Full {
		r = nullable(r)
	}
	if n.Kind == Right || n.Kind == Full {
		l = nullable(l)
	}
	return concat(l, r)
}

func concat(a, b []Col) []Col {
	out := make([]Col, 0, len(a)+len(b))
	return append(append(out, a...), b...)
}

func nullable(cols []Col) []Col {
	out := append([]Col(nil), cols...)
	for i := range out {
		out[i].NotNull = false
	}
	return out
}

func find(cols []Col, id int) Col {
	for _, c := range cols {
		if c.ID == id {
			return c
		}
	}
	return Col{ID: id}
}

// Col returns the output column with the id.
func (n *Node) Col(id int) (Col, bool) {
	for _, c := range n.Cols() {
		if c.ID == id {
			return c, true
		}
	}
	return Col{}, false
}

// Has tells whether the node outputs the column.
func (n *Node) Has(id int) bool { _, ok := n.Col(id); return ok }

// Ref returns an expression for a column.
func Ref(c Col) *expr.Expr { return expr.Col(c.ID, c.Type) }

// NewFilter puts conjuncts above n; n itself when there are none. A filter below is merged.
func NewFilter(n *Node, preds []*expr.Expr) *Node {
	if len(preds) == 0 {
		return n
	}
	if n.Op == Filter {
		return &Node{Op: Filter, In: n.In, Preds: append(append([]*expr.Expr(nil), n.Preds...), preds...)}
	}
	return &Node{Op: Filter, In: []*Node{n}, Preds: preds}
}

// NewJoin joins two nodes.
func NewJoin(kind JoinKind, l, r *Node, preds []*expr.Expr) *Node {
	return &Node{Op: Join, Kind: kind, In: []*Node{l, r}, Preds: preds}
}

// OneRow returns the relation of one row without columns.
func OneRow() *Node { return &Node{Op: Values, Rows: [][]*expr.Expr{{}}} }

// IsOneRow tells whether n is one row without columns.
func (n *Node) IsOneRow() bool { return n.Op == Values && len(n.Rows) == 1 && len(n.Out) == 0 }

// Keep returns a projection of n to the given columns; n itself when it has just these.
func Keep(n *Node, cols []Col) *Node {
	have := n.Cols()
	same := len(have) == len(cols)
	for i := 0; same && i < len(have); i++ {
		same = have[i].ID == cols[i].ID
	}
	if same {
		return n
	}
	p := &Node{Op: Project, In: []*Node{n}, Out: append([]Col(nil), cols...)}
	for _, c := range cols {
		p.Exprs = append(p.Exprs, Ref(c))
	}
	return p
}

// With returns a shallow copy of n over other inputs.
func (n *Node) With(in ...*Node) *Node {
	c := *n
	c.In = in
	return &c
}

package bind

import (
	"slices"
	"strings"

	"tidemill/planner/logical"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// windowUsage is how the window functions are written.
var windowUsage = map[string]string{
	"tumble":   "TUMBLE(relation, time column, size [, offset] [, time zone])",
	"hop":      "HOP(relation, time column, slide, size [, offset] [, time zone])",
	"cumulate": "CUMULATE(relation, time column, step, size [, offset] [, time zone])",
	"session":  "SESSION(relation [PARTITION BY column | (columns)], time column [, key column …], gap)",
}

// windowCall is a window function in FROM that is being bound.
type windowCall struct {
	b    *Binder
	call *ast.Call
	word string
	src  *source
	info *logical.WindowInfo
	keys []int
}

// bindWindow binds a window function of windowUsage: the relation's columns, and the bounds of the
// window that the row is in.
func (b *Binder) bindWindow(t *ast.TableFunc, kind string, s *scope, left *source) (*source, error) {
	w := &windowCall{b: b, call: t.Calls[0], word: strings.ToUpper(kind), info: &logical.WindowInfo{Kind: kind}}
	low := map[string]int{"tumble": 3, "hop": 4, "cumulate": 4, "session": 3}[kind]
	if len(w.call.Args) < low || len(w.call.Args) > low+2 && kind != "session" {
		return nil, sqlerr.New(sqlerr.SyntaxError, "%s needs %d arguments", w.word, low).
			WithHint("Write %s.", windowUsage[kind]).At(w.call.Position())
	}
	if w.call.ArgNames != nil {
		return nil, sqlerr.Unsupported("named arguments are not supported for function %s", kind).
			WithHint("Write %s.", windowUsage[kind]).At(w.call.Position())
	}
	if len(w.call.Partition) > 0 && kind != "session" {
		return nil, sqlerr.New(sqlerr.SyntaxError, "%s takes no PARTITION BY", w.word).
			WithHint("Its windows are the same for all rows. Group by the column beside the window.").At(w.call.Partition[0].Position())
	}
	var err error
	if w.src, err = b.windowInput(w.call.Args[0], w.word, s, left); err != nil {
		return nil, err
	}
	col, err := w.time(w.call.Args[1])
	if err != nil {
		return nil, err
	}
	w.info.Time = col.ID
	n := &logical.Node{Op: logical.Window, In: []*logical.Node{w.src.node}, Win: w.info}
	if kind == "session" {
		n.Op, err = logical.Session, w.session()
	} else {
		err = w.lengths(col.Type)
	}
	if err != nil {
		return nil, err
	}
	n.Keys = w.keys
	n.Out = []logical.Col{b.NewCol("window_start", col.Type, true), b.NewCol("window_end", col.Type, true)}
	return w.name(t, kind, n)
}

// name names the columns of the result.
func (w *windowCall) name(t *ast.TableFunc, kind string, n *logical.Node) (*source, error) {
	r := &relation{name: t.Alias, original: "\x00"}
	if r.name == "" {
		r.name = kind
		if len(w.src.rels) == 1 {
			r.name = w.src.rels[0].name
		}
	}
	r.cols = append(slices.Clone(w.src.cols), column{Col: n.Out[0]}, column{Col: n.Out[1]})
	if len(t.Columns) > len(r.cols) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "table %q has %d columns available but %d columns specified",
			r.name, len(r.cols), len(t.Columns)).At(t.Position())
	}
	for i, name := range t.Columns {
		r.cols[i].Name = name
	}
	return &source{node: n, part: part{rels: []*relation{r}, cols: r.cols}}, nil
}

// windowInput binds the relation that a window function cuts: a name or a subquery.
func (b *Binder) windowInput(e ast.Expr, word string, s *scope, left *source) (*source, error) {
	switch e := e.(type) {
	case *ast.ColumnRef:
		src, err := b.bindTable(&ast.TableName{Pos: e.Pos, Name: e.Parts}, s, left)
		if n := len(b.Refs); n > 0 && b.Refs[n-1].Pos == e.Position() {
			b.Refs[n-1].Alias = true // there is no place for one
		}
		return src, err
	case *ast.Subquery:
		return b.bindTable(&ast.Derived{Pos: e.Pos, Query: e.Query, Alias: "_"}, s, left)
	}
	return nil, sqlerr.New(sqlerr.DatatypeMismatch, "the first argument of %s must be a relation", word).At(e.Position())
}

// column binds an argument that must be a column of the relation; what names the argument.
func (w *windowCall) column(e ast.Expr, what string) (logical.Col, error) {
	c := &exprCtx{b: w.b, s: &scope{part: w.src.part}, clause: w.word}
	x, err := c.bind(e)
	if err != nil {
		return logical.Col{}, err
	}
	if x.Kind != expr.Column {
		return logical.Col{}, sqlerr.New(sqlerr.InvalidColumnReference, "%s of %s must be a column", what, w.word).
			WithHint("Compute the column in a subquery first.").At(e.Position())
	}
	col, _ := w.src.node.Col(x.Index)
	return col, nil
}

func (w *windowCall) time(e ast.Expr) (logical.Col, error) {
	col, err := w.column(e, "the second argument")
	if err == nil && !col.Type.IsTime() {
		err = sqlerr.New(sqlerr.DatatypeMismatch, "the time column of %s must be of type timestamp or timestamp with time zone, not %s", w.word, col.Type).At(e.Position())
	}
	return col, err
}

// session binds the keys and the gap of SESSION. Keys stand behind PARTITION BY, or among the
// arguments before or behind the gap.
func (w *windowCall) session() error {
	var gap ast.Expr
	var keys []ast.Expr
	for _, k := range w.call.Partition {
		keys = append(keys, k)
	}
	for _, a := range w.call.Args[2:] {
		_, isColumn := a.(*ast.ColumnRef)
		switch {
		case isColumn:
			keys = append(keys, a)
		case gap == nil:
			gap = a
		default:
			return sqlerr.New(sqlerr.SyntaxError, "SESSION takes key columns and one gap").WithHint("Write %s.", windowUsage["session"]).At(a.Position())
		}
	}
	if gap == nil {
		return sqlerr.New(sqlerr.SyntaxError, "SESSION needs a gap").WithHint("Write %s.", windowUsage["session"]).At(w.call.Position())
	}
	for _, k := range keys {
		col, err := w.column(k, "a key")
		if err != nil {
			return err
		}
		if !slices.Contains(w.keys, col.ID) {
			w.keys = append(w.keys, col.ID)
		}
	}
	v, err := w.interval(gap, "SESSION gap")
	if err != nil {
		return err
	}
	if v.Months != 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "SESSION gap must not contain months or years").
			WithHint("Their length varies. Use days.").At(gap.Position())
	}
	if w.info.Size = microsOf(v); w.info.Size <= 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "SESSION gap must be positive").At(gap.Position())
	}
	return nil
}

// lengths binds size, slide or step, offset and time zone of the windows of fixed sizes.
func (w *windowCall) lengths(at types.Type) error {
	i := w.info
	names, into := []string{"window size"}, []*int64{&i.Size}
	switch i.Kind {
	case "hop":
		names, into = []string{"window slide", "window size"}, []*int64{&i.Slide, &i.Size}
	case "cumulate":
		names, into = []string{"window step", "window size"}, []*int64{&i.Slide, &i.Size}
	}
	args := w.call.Args[2:]
	for k, p := range into {
		v, err := w.interval(args[k], w.word+" "+names[k])
		if err != nil {
			return err
		}
		if err := w.length(p, v, w.word+" "+names[k], args[k].Position(), k == 0); err != nil {
			return err
		}
		if *p <= 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s %s must be positive", w.word, names[k]).At(args[k].Position())
		}
	}
	if i.Kind == "cumulate" && i.Size%i.Slide != 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "CUMULATE window size must be a multiple of its step").At(w.call.Position())
	}
	if i.Kind == "tumble" {
		i.Slide = i.Size
	}
	return w.grid(args[len(into):], at)
}

// grid binds what may follow the lengths: an offset and a time zone.
func (w *windowCall) grid(args []ast.Expr, at types.Type) error {
	for k, a := range args {
		x, err := w.constant(a)
		if err != nil {
			return err
		}
		text := x.Type.ID == types.Text || x.Type.ID == types.Unknown && w.isZone(x)
		switch {
		case text && w.info.Zone == "":
			if err := w.zone(x, at, a.Position()); err != nil {
				return err
			}
		case k == 0:
			v, err := w.interval(a, w.word+" window offset")
			if err != nil {
				return err
			}
			if err := w.length(&w.info.Offset, v, w.word+" window offset", a.Position(), false); err != nil {
				return err
			}
		default:
			return sqlerr.New(sqlerr.SyntaxError, "%s has too many arguments", w.word).
				WithHint("Write %s.", windowUsage[w.info.Kind]).At(a.Position())
		}
	}
	return nil
}

// isZone tells whether an untyped literal is meant as a time zone, since it is no interval.
func (w *windowCall) isZone(x *expr.Expr) bool {
	if x.Kind != expr.Literal || x.Lit.Null {
		return false
	}
	_, err := w.b.implicit(x, types.T(types.Interval))
	return err != nil
}

func (w *windowCall) zone(x *expr.Expr, at types.Type, pos int) error {
	bad := func(text string) error {
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s", text).At(pos)
	}
	switch x, err := w.b.implicit(x, types.T(types.Text)); {
	case err != nil || x.Kind != expr.Literal || x.Lit.Null:
		return bad(w.word + " time zone must be a constant")
	default:
		w.info.Zone = string(x.Lit.S)
	}
	const day = 24 * 60 * 60 * 1_000_000
	if _, err := types.ParseZone(w.info.Zone); err != nil {
		return sqlerr.New(sqlerr.InvalidTimeZone, "time zone %q not recognized", w.info.Zone).At(pos)
	}
	switch {
	case at.ID != types.Timestamptz:
		return bad(w.word + " has a time zone, but its time column has none")
	case !w.info.Months && (w.info.Size%day != 0 || w.info.Slide%day != 0):
		return bad(w.word + " windows in a time zone must be whole days, months or years long")
	}
	return nil
}

// constant binds an argument that reads no columns.
func (w *windowCall) constant(e ast.Expr) (*expr.Expr, error) {
	c := &exprCtx{b: w.b, s: &scope{}, clause: "window functions"}
	x, err := c.bind(e)
	if err != nil {
		return nil, err
	}
	return Fold(x, &w.b.Env), nil
}

// interval binds a constant interval.
func (w *windowCall) interval(e ast.Expr, what string) (types.IntervalValue, error) {
	x, err := w.constant(e)
	if err != nil {
		return types.IntervalValue{}, err
	}
	if x, err = w.b.implicit(x, types.T(types.Interval)); err != nil {
		return types.IntervalValue{}, sqlerr.New(sqlerr.DatatypeMismatch, "%s must be an interval", what).At(e.Position())
	}
	x = Fold(x, &w.b.Env)
	if x.Kind != expr.Literal || x.Lit.Null {
		return types.IntervalValue{}, sqlerr.New(sqlerr.InvalidParameterValue, "%s must be a constant", what).At(e.Position())
	}
	return types.IntervalOf(x.Lit.S), nil
}

// length stores an interval in the windows' unit, months or microseconds; the first length decides
// which it is.
func (w *windowCall) length(into *int64, v types.IntervalValue, what string, pos int, first bool) error {
	rest := microsOf(v)
	if first {
		w.info.Months = v.Months != 0
	}
	switch {
	case v.Months != 0 && rest != 0:
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s must not mix months with days or shorter units", what).At(pos)
	case w.info.Months && rest != 0 || !w.info.Months && v.Months != 0:
		return sqlerr.New(sqlerr.InvalidParameterValue, "the lengths of %s must all be months and years, or all days and shorter units", w.word).At(pos)
	case w.info.Months:
		*into = int64(v.Months)
	default:
		*into = rest
	}
	return nil
}

// microsOf is an interval's length apart from its months; a day has 24 hours.
func microsOf(v types.IntervalValue) int64 {
	const day = 24 * 60 * 60 * 1_000_000
	return int64(v.Days)*day + v.Micros
}

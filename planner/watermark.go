package planner

import (
	"slices"

	"tidemill/catalog"
	"tidemill/planner/bind"
	"tidemill/sql/ast"
	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Options of CREATE SOURCE and CREATE TABLE that belong to the watermark.
const (
	OptIdle     = "watermark_idle_timeout"
	OptLateness = "allowed_lateness"
	OptMaxAhead = "watermark_max_ahead"
)

// WatermarkFromAST resolves WATERMARK FOR column AS column [- interval] of a relation with the given
// columns, and the options that go with it, which it takes out of the list. Without the clause the
// watermark is nil.
func WatermarkFromAST(c *Context, cols []catalog.Column, ws []ast.Watermark, options []ast.Option) (*catalog.Watermark, []ast.Option, error) {
	var w *catalog.Watermark
	for i := range ws {
		if w != nil {
			return nil, nil, sqlerr.New(sqlerr.InvalidTableDefinition, "more than one WATERMARK clause").At(ws[i].Position())
		}
		var err error
		if w, err = watermark(c, cols, &ws[i]); err != nil {
			return nil, nil, err
		}
	}
	var rest []ast.Option
	for _, o := range options {
		if o.Name != OptIdle && o.Name != OptLateness && o.Name != OptMaxAhead {
			rest = append(rest, o)
			continue
		}
		if w == nil {
			return nil, nil, sqlerr.New(sqlerr.InvalidParameterValue, "option %q needs a WATERMARK clause", o.Name).At(o.Position()).
				WithHint("Write WATERMARK FOR column AS column - INTERVAL '5 seconds' in the column list.")
		}
		v, err := types.ParseInterval(o.Value, -1, &types.Env{})
		d, ok := length(v)
		if err != nil || !ok {
			return nil, nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %q", o.Name, o.Value).
				At(o.Position()).WithHint("Write a length of time without months, such as '30 seconds'.")
		}
		switch o.Name {
		case OptIdle:
			w.Idle = d
		case OptLateness:
			w.Lateness = d
		default:
			w.MaxAhead = &d
		}
	}
	return w, rest, nil
}

// length is an interval's length in µs; ok is false when it is negative or varies.
func length(v types.IntervalValue) (micros int64, ok bool) {
	const longest = 1 << 60
	micros = int64(v.Days)*types.MicrosPerDay + v.Micros
	return micros, v.Months == 0 && micros >= 0 && micros < longest && v.Days < 1<<20 && v.Micros < longest
}

func watermark(c *Context, cols []catalog.Column, w *ast.Watermark) (*catalog.Watermark, error) {
	at := slices.IndexFunc(cols, func(c catalog.Column) bool { return c.Name == w.Column })
	if at < 0 {
		return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q named in WATERMARK does not exist", w.Column).At(w.Position())
	}
	if t := cols[at].Type; !t.IsTime() {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "the watermark column %q must be a timestamp, but is of type %s", w.Column, t).At(w.Position())
	}
	malformed := sqlerr.Unsupported("this watermark expression is not supported").At(w.Expr.Position()).
		WithHint("Write WATERMARK FOR %s AS %s - INTERVAL '5 seconds'.", w.Column, w.Column)
	out := &catalog.Watermark{Column: at}
	e := w.Expr
	if minus, ok := e.(*ast.Binary); ok && minus.Op == "-" {
		delay, err := constant(c, minus.Right)
		if err != nil {
			return nil, err
		}
		if out.Delay, ok = length(delay); !ok {
			return nil, malformed
		}
		e = minus.Left
	}
	if ref, ok := e.(*ast.ColumnRef); !ok || len(ref.Parts) != 1 || ref.Parts[0] != w.Column {
		return nil, malformed
	}
	return out, nil
}

// constant computes an interval that is written without columns.
func constant(c *Context, e ast.Expr) (types.IntervalValue, error) {
	x, err := bind.New(c).Default(e, types.T(types.Interval), "watermark")
	if err != nil {
		return types.IntervalValue{}, err
	}
	if !expr.IsConst(x) {
		return types.IntervalValue{}, sqlerr.Unsupported("the delay of a watermark must be a constant").At(e.Position())
	}
	d, err := expr.EvalScalar(&fn.Ctx{}, x)
	if err == nil && d.Null {
		err = sqlerr.New(sqlerr.NullValueNotAllowed, "the delay of a watermark must not be null").At(e.Position())
	}
	return types.IntervalOf(d.S), err
}

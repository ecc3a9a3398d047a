package expr_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tidemill/sql/expr"
	"tidemill/sql/fn"
	_ "tidemill/sql/fn/cast"
	_ "tidemill/sql/fn/cmp"
	_ "tidemill/sql/fn/math"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var (
	boolT  = types.T(types.Bool)
	int4T  = types.T(types.Int4)
	int8T  = types.T(types.Int8)
	floatT = types.T(types.Float8)
	numT   = types.T(types.Numeric)
	textT  = types.T(types.Text)
	arrT   = types.ArrayOf(types.T(types.Int4))

	schema = types.Schema{{Name: "i", Type: int4T}, {Name: "j", Type: int4T}, {Name: "l", Type: int8T},
		{Name: "f", Type: floatT}, {Name: "n", Type: numT}, {Name: "s", Type: textT}, {Name: "b", Type: boolT},
		{Name: "a", Type: arrT}}
)

func lit(t types.Type, s string) *expr.Expr {
	d, err := types.ParseText(t, s, nil)
	if err != nil {
		panic(err)
	}
	return expr.Lit(d)
}

func call(name string, args ...*expr.Expr) *expr.Expr {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type
	}
	s, want, err := fn.ResolveScalar(name, ts)
	if err != nil {
		panic(err)
	}
	args = append([]*expr.Expr(nil), args...)
	for i, a := range args {
		if !a.Type.Equal(want[i]) {
			args[i] = &expr.Expr{Kind: expr.Cast, Type: want[i], Args: []*expr.Expr{a}}
		}
	}
	return &expr.Expr{Kind: expr.Call, Name: name, ArgTypes: s.Args, Type: s.ReturnType(want), Args: args}
}

func kind(k expr.Kind, t types.Type, args ...*expr.Expr) *expr.Expr {
	return &expr.Expr{Kind: k, Type: t, Args: args}
}

var literals = map[types.ID][]string{
	types.Bool: {"t", "f"}, types.Int4: {"0", "1", "-1", "2", "2147483647"}, types.Int8: {"0", "1", "3", "9223372036854775807"},
	types.Float8: {"0", "-0", "1.5", "NaN", "-1", "Infinity"}, types.Numeric: {"0", "1.0", "1.00", "-2.5"}, types.Text: {"", "a", "b", "12"},
	types.Array: {"{}", "{1,2}", "{NULL,1}", "{0}"},
}

func genDatum(t *rapid.T, ty types.Type) types.Datum {
	if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
		return types.NullOf(ty)
	}
	d, err := types.ParseText(ty, rapid.SampledFrom(literals[ty.ID]).Draw(t, "v"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// genExpr draws an expression of type ty.
func genExpr(t *rapid.T, ty types.Type, depth int) *expr.Expr {
	if depth == 0 || rapid.IntRange(0, 5).Draw(t, "leaf") == 0 {
		if rapid.Bool().Draw(t, "column") {
			var cols []int
			for i, f := range schema {
				if f.Type.Same(ty) {
					cols = append(cols, i)
				}
			}
			return expr.Col(rapid.SampledFrom(cols).Draw(t, "col"), ty)
		}
		return expr.Lit(genDatum(t, ty))
	}
	sub := func(ty types.Type) *expr.Expr { return genExpr(t, ty, depth-1) }
	anyType := func() types.Type {
		return rapid.SampledFrom([]types.Type{int4T, int8T, floatT, numT, textT}).Draw(t, "type")
	}
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		e := kind(expr.Case, ty)
		for range rapid.IntRange(1, 2).Draw(t, "arms") {
			e.Args = append(e.Args, sub(boolT), sub(ty))
		}
		e.Args = append(e.Args, sub(ty))
		return e
	case 1:
		return kind(expr.Coalesce, ty, sub(ty), sub(ty))
	}
	switch ty.ID {
	case types.Int4, types.Int8, types.Float8, types.Numeric:
		op := rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "op")
		return call(op, sub(ty), sub(ty))
	case types.Text:
		return kind(expr.Cast, textT, sub(int4T))
	case types.Array:
		return kind(expr.Array, arrT, sub(int4T), sub(int4T))
	}
	return genBool(t, sub, anyType)
}

func genBool(t *rapid.T, sub func(types.Type) *expr.Expr, anyType func() types.Type) *expr.Expr {
	switch rapid.IntRange(0, 8).Draw(t, "bool") {
	case 0:
		return kind(expr.And, boolT, sub(boolT), sub(boolT), sub(boolT))
	case 1:
		return kind(expr.Or, boolT, sub(boolT), sub(boolT))
	case 2:
		return kind(expr.Not, boolT, sub(boolT))
	case 3:
		return kind(expr.IsNull, boolT, sub(anyType()))
	case 4:
		return kind(expr.IsTrue, boolT, sub(boolT))
	case 5:
		ty := anyType()
		return kind(expr.Distinct, boolT, sub(ty), sub(ty))
	case 6:
		ty := anyType()
		e := kind(expr.In, boolT, sub(ty))
		for range rapid.IntRange(1, 7).Draw(t, "list") {
			if rapid.IntRange(0, 9).Draw(t, "const") > 0 {
				e.Args = append(e.Args, expr.Lit(genDatum(t, ty)))
			} else {
				e.Args = append(e.Args, sub(ty))
			}
		}
		return e
	case 7:
		e := kind(rapid.SampledFrom([]expr.Kind{expr.Any, expr.All}).Draw(t, "q"), boolT, sub(int4T), sub(arrT))
		e.Name = rapid.SampledFrom([]string{"=", "<", "<>"}).Draw(t, "op")
		e.ArgTypes = []types.Type{int4T, int4T}
		return e
	}
	ty := anyType()
	return call(rapid.SampledFrom([]string{"=", "<>", "<", "<=", ">", ">="}).Draw(t, "op"), sub(ty), sub(ty))
}

func genBatch(t *rapid.T) (*rows.Batch, [][]types.Datum) {
	n := rapid.IntRange(0, 9).Draw(t, "n")
	b := rows.NewBuilder(schema, n)
	values := make([][]types.Datum, n)
	for i := range n {
		for c, f := range schema {
			d := genDatum(t, f.Type)
			values[i] = append(values[i], d)
			b.Cols[c].AppendDatum(d)
		}
		b.EndRow(1)
	}
	out := b.Finish()
	if rapid.Bool().Draw(t, "sel") {
		out.Sel = []int32{}
		for i := range n {
			if rapid.Bool().Draw(t, "keep") {
				out.Sel = append(out.Sel, int32(i))
			}
		}
	}
	return out, values
}

// The program agrees with row-by-row evaluation in value and in which rows fail, over several
// batches with the same scratch memory.
func TestEvalAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var exprs []*expr.Expr
		for range rapid.IntRange(1, 3).Draw(t, "exprs") {
			ty := rapid.SampledFrom([]types.Type{boolT, int4T, int8T, floatT, numT, textT, arrT}).Draw(t, "type")
			exprs = append(exprs, genExpr(t, ty, 3))
		}
		p, err := expr.Compile(exprs)
		if err != nil {
			t.Fatal(err)
		}
		type kept struct {
			v    *rows.Vec
			want []types.Datum
			sel  []int32
		}
		var keep []kept
		for range 3 {
			b, values := genBatch(t)
			c := &fn.Ctx{}
			got, err := p.Eval(c, b)
			if err != nil {
				t.Fatal(err)
			}
			failed := map[int32]bool{}
			for _, e := range c.Errs {
				failed[e.Row] = true
			}
			wantFail := map[int32]bool{}
			for x, e := range exprs {
				k := kept{v: got[x], want: make([]types.Datum, b.N)}
				if got[x].Len() != b.N || !got[x].Type.Equal(e.Type) {
					t.Fatalf("%s: %d values of type %s", e, got[x].Len(), got[x].Type)
				}
				for r := range b.Len() {
					i := b.Row(r)
					want, err := naive(e, values[i])
					if err != nil {
						wantFail[int32(i)] = true
						continue
					}
					k.want[i] = want
					k.sel = append(k.sel, int32(i))
				}
				keep = append(keep, k)
			}
			if fmt.Sprint(failed) != fmt.Sprint(wantFail) {
				t.Fatalf("failed rows %v, want %v: %v", failed, wantFail, exprs)
			}
		}
		// Checked at the end: results must survive later evaluations.
		for k, r := range keep {
			for _, i := range r.sel {
				got := r.v.Datum(int(i))
				if got.Null != r.want[i].Null || !got.Null && rows.CompareDatum(got, r.want[i]) != 0 {
					t.Fatalf("%s row %d: %+v, want %+v", exprs[k%len(exprs)], i, got, r.want[i])
				}
			}
		}
	})
}

func TestEvalPredAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genExpr(t, boolT, 3)
		p, err := expr.Compile([]*expr.Expr{e})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b, values := genBatch(t)
			c := &fn.Ctx{}
			sel, err := p.EvalPred(c, b)
			if err != nil {
				t.Fatal(err)
			}
			failed := map[int32]bool{}
			for _, e := range c.Errs {
				failed[e.Row] = true
			}
			in := map[int32]bool{}
			for k, i := range sel {
				in[i] = true
				if k > 0 && sel[k-1] >= i {
					t.Fatal("not ascending")
				}
			}
			for r := range b.Len() {
				i := int32(b.Row(r))
				want, err := naive(e, values[i])
				// A filter may raise an error that an earlier NULL conjunct would hide nowhere but here:
				// conjuncts are only evaluated for rows that are still in.
				switch {
				case err != nil:
					if !failed[i] && in[i] {
						t.Fatalf("%s row %d: kept, want error", e, i)
					}
				case in[i] != (!want.Null && want.B) && !failed[i]:
					t.Fatalf("%s row %d: in %v, want %+v", e, i, in[i], want)
				}
				delete(in, i)
			}
			if len(in) > 0 {
				t.Fatal("rows that were not selected came out")
			}
		}
	})
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genExpr(t, boolT, 3)
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back expr.Expr
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if !expr.Equal(e, &back) || expr.Fingerprint(e) != expr.Fingerprint(&back) {
			t.Fatalf("%s came back as %s", e, &back)
		}
		if e.String() != back.String() {
			t.Fatal("printed differently")
		}
	})
}

func TestPrintAndRewrite(t *testing.T) {
	e := kind(expr.And, boolT, call(">", call("+", col(0), lit(int4T, "1")), lit(int4T, "5")),
		kind(expr.Not, boolT, kind(expr.IsNull, boolT, col(5))),
		kind(expr.In, boolT, col(5), lit(textT, "a"), lit(textT, "it's")),
		call("=", kind(expr.Cast, numT, col(0)), lit(numT, "1.50")))
	want := `(((i + 1) > 5) AND (NOT (s IS NULL)) AND (s IN ('a'::text, 'it''s'::text)) AND ((i)::numeric = 1.50))`
	if got := e.Format(schema); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := expr.Remap(e, []int{3, 0, 0, 0, 0, 7}); fmt.Sprint(expr.Columns(got)) != "[3 7]" || fmt.Sprint(expr.Columns(e)) != "[0 5]" {
		t.Errorf("columns %v of %s", expr.Columns(got), got)
	}
	p := &expr.Expr{Kind: expr.Param, Index: 0, Type: int4T}
	o := &expr.Expr{Kind: expr.Outer, Index: 1, Level: 1, Type: int4T}
	bound := expr.BindOuter(expr.BindParams(call("-", p, o), []types.Datum{types.IntDatum(types.Int4, 9)}), 1,
		[]types.Datum{{}, types.IntDatum(types.Int4, 4)})
	d, err := expr.EvalScalar(&fn.Ctx{}, bound)
	if err != nil || d.I != 5 {
		t.Errorf("%s: %v %v", bound, d, err)
	}
	if _, err := expr.EvalScalar(&fn.Ctx{}, call("/", lit(int4T, "1"), lit(int4T, "0"))); err == nil || err.Error() != "division by zero (SQLSTATE 22012)" {
		t.Errorf("1/0: %v", err)
	}
	if _, err := expr.Compile([]*expr.Expr{p}); err == nil {
		t.Error("a parameter compiles")
	}
}

// Volatile calls are made once per occurrence and row, stable and constant ones are shared.
func TestVolatility(t *testing.T) {
	random := call("random")
	prog, err := expr.Compile([]*expr.Expr{random, random})
	if err != nil {
		t.Fatal(err)
	}
	out, err := prog.Eval(&fn.Ctx{}, &rows.Batch{N: 3})
	if err != nil {
		t.Fatal(err)
	}
	if out[0].F[0] == out[0].F[1] || out[0].F[0] == out[1].F[0] {
		t.Errorf("random() repeats: %v %v", out[0].F, out[1].F)
	}
	// A timestamp is compared with a timestamptz in the session's zone, once for the whole batch.
	ts, tz := types.T(types.Timestamp), types.T(types.Timestamptz)
	e := call("=", lit(ts, "2024-01-01 12:00"), lit(tz, "2024-01-01 11:00+00"))
	prog, err = expr.Compile([]*expr.Expr{e})
	if err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[int]bool{3600: true, 0: false} {
		c := &fn.Ctx{Env: types.Env{Zone: time.FixedZone("x", offset)}}
		out, err := prog.Eval(c, &rows.Batch{N: 3})
		if err != nil || out[0].B[2] != want || out[0].Len() != 3 {
			t.Errorf("offset %d: %v %v", offset, out[0].B, err)
		}
	}
}

// TestEvalWhereAgreesWithBoth compares with EvalPred and, for the rows it keeps, Eval.
func TestEvalWhereAgreesWithBoth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		where, column := genExpr(t, boolT, 3), genExpr(t, boolT, 2)
		compile := func(es ...*expr.Expr) *expr.Program {
			p, err := expr.Compile(es)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		both, pred, all := compile(where, column, where), compile(where), compile(column)
		for range 2 {
			b, _ := genBatch(t)
			c, cp, ca := &fn.Ctx{}, &fn.Ctx{}, &fn.Ctx{}
			sel, cols, err := both.EvalWhere(c, b)
			kept, err2 := pred.EvalPred(cp, b)
			values, err3 := all.Eval(ca, b)
			if err != nil || err2 != nil || err3 != nil {
				t.Fatal(err, err2, err3)
			}
			if !slices.Equal(sel, kept) {
				t.Fatalf("%s: keeps %v, EvalPred %v", where, sel, kept)
			}
			failed := map[int32]bool{}
			for _, e := range append(cp.Errs, ca.Errs...) {
				failed[e.Row] = true
			}
			for _, i := range sel {
				got, want := cols[0].Datum(int(i)), values[0].Datum(int(i))
				if !failed[i] && (got.Null != want.Null || !got.Null && got.B != want.B) {
					t.Fatalf("%s where %s row %d: %+v, want %+v", column, where, i, got, want)
				}
			}
			for _, e := range c.Errs {
				if !failed[e.Row] {
					t.Fatalf("row %d failed: %v", e.Row, e.Err)
				}
			}
		}
	})
}

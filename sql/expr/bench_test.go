package expr_test

import (
	"fmt"
	"testing"

	"tidemill/sql/expr"
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func benchBatch(n int) *rows.Batch {
	b := rows.NewBuilder(schema, n)
	for i := range n {
		b.Cols[0].AppendInt(int64(i * 7919 % 1000))
		b.Cols[1].AppendInt(int64(i % 100))
		b.Cols[2].AppendInt(int64(i))
		b.Cols[3].AppendFloat(float64(i) / 3)
		b.Cols[4].AppendBytes(types.NumericFromInt64(nil, int64(i)))
		b.Cols[5].AppendString(fmt.Sprint("name-", i%50))
		b.Cols[6].AppendBool(i%2 == 0)
		b.Cols[7].AppendNull()
		b.EndRow(1)
	}
	return b.Finish()
}

func col(i int) *expr.Expr { return expr.Col(i, schema[i].Type) }

func BenchmarkFilter(b *testing.B) {
	preds := []struct {
		name string
		e    *expr.Expr
	}{
		{"int-const", call("<", col(0), lit(int4T, "500"))},
		{"and-of-two", kind(expr.And, boolT, call(">", col(0), lit(int4T, "100")), call("<", col(1), lit(int4T, "50")))},
		{"text-eq", call("=", col(5), lit(textT, "name-7"))},
		{"in-10", in10()},
		{"arith", call("=", call("%", col(2), lit(int8T, "7")), lit(int8T, "3"))},
	}
	for _, p := range preds {
		for _, n := range []int{256, 65536} {
			b.Run(fmt.Sprint(p.name, "/", n), func(b *testing.B) {
				batch := benchBatch(n)
				prog, err := expr.Compile([]*expr.Expr{p.e})
				if err != nil {
					b.Fatal(err)
				}
				c := &fn.Ctx{}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := prog.EvalPred(c, batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
			})
		}
	}
}

func in10() *expr.Expr {
	e := kind(expr.In, boolT, col(0))
	for i := range 10 {
		e.Args = append(e.Args, lit(int4T, fmt.Sprint(i*37)))
	}
	return e
}

func BenchmarkEval(b *testing.B) {
	exprs := []struct {
		name string
		e    *expr.Expr
	}{
		{"int-add", call("+", col(2), lit(int8T, "5"))},
		{"int-poly", call("+", call("*", col(2), col(2)), call("*", col(2), col(2)))},
		{"float-mul", call("*", col(3), lit(floatT, "1.5"))},
		{"numeric-mul", call("*", col(4), lit(numT, "0.908"))},
		{"case", kind(expr.Case, int4T, call("<", col(0), lit(int4T, "500")), col(0), col(1))},
	}
	for _, x := range exprs {
		for _, n := range []int{256, 65536} {
			b.Run(fmt.Sprint(x.name, "/", n), func(b *testing.B) {
				batch := benchBatch(n)
				prog, err := expr.Compile([]*expr.Expr{x.e})
				if err != nil {
					b.Fatal(err)
				}
				c := &fn.Ctx{}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := prog.Eval(c, batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
			})
		}
	}
}

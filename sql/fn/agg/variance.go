package agg

import (
	"math/big"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// forVariances calls f for each name of the variance family. result is that of 1, 2, 4 as integers.
func forVariances(f func(name string, sample, root bool, summary, result string)) {
	const (
		sampVar, popVar = "2.3333333333333333", "1.5555555555555556"
		sampDev, popDev = "1.5275252316519467", "1.2472191289246471"
	)
	f("var_samp", true, false, "Sample variance.", sampVar)
	f("variance", true, false, "Sample variance.", sampVar)
	f("var_pop", false, false, "Population variance.", popVar)
	f("stddev_samp", true, true, "Sample standard deviation.", sampDev)
	f("stddev", true, true, "Sample standard deviation.", sampDev)
	f("stddev_pop", false, true, "Population standard deviation.", popDev)
}

// appendVariance appends the variance or deviation of n numbers from their exact sum (in units of
// 10^-scale) and sum of squares (10^-2scale), with Postgres's scale.
func appendVariance(out *rows.VecBuilder, n int64, sum, squares *big.Int, scale int, sample, root bool) error {
	if n <= 0 || sample && n == 1 {
		out.AppendNull()
		return nil
	}
	count := big.NewInt(n)
	num := new(big.Int).Mul(count, squares)
	if num.Sub(num, new(big.Int).Mul(sum, sum)); num.Sign() <= 0 {
		out.CommitScratch(types.NumericFromInt64(out.Scratch(), 0))
		return nil
	}
	den := new(big.Int).Set(count)
	if sample {
		den.Sub(den, big.NewInt(1))
	}
	den.Mul(den, count)
	v, err := types.NumericDiv(nil, types.NumericFromBig(nil, num, 2*scale), types.NumericFromBig(nil, den, 0))
	if err != nil {
		return err
	}
	if root {
		v = sqrtSameScale(v)
	}
	out.AppendBytes(v)
	return nil
}

// sqrtSameScale returns the square root of a numeric ≥ 0, rounded to the numeric's own scale.
func sqrtSameScale(v []byte) []byte {
	coef, scale, _ := types.NumericBig(v)
	x := new(big.Int).Mul(coef, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	q := new(big.Int).Sqrt(x)
	rest := new(big.Int).Sub(x, new(big.Int).Mul(q, q))
	if rest.Cmp(q) > 0 { // the root is beyond q + 1/2
		q.Add(q, big.NewInt(1))
	}
	return types.NumericFromBig(nil, q, scale)
}

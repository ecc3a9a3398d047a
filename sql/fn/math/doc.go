// Package math holds the arithmetic operators, the mathematical functions, bit operators and
// generate_series. Integer overflow, division by zero and float over- and underflow are errors of
// the row, with Postgres's codes.
package math

// Package cmp holds the comparison operators and the functions that are defined by them: greatest,
// least, nullif, num_nonnulls. Order and equality are those of rows.Compare and of the key
// encoding; the kernels here are their fast forms.
package cmp

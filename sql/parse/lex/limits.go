package lex

import "tidemill/sql/sqlerr"

// Limits bound what one message of SQL may hold. They are checked before any recursion starts,
// because Go cannot recover from a stack overflow.
type Limits struct {
	TextBytes int // statement text
	Depth     int // nesting of brackets, CASE, NOT, unary operators and sub-queries together
	ListItems int // elements of one list: IN, VALUES rows, arguments, AND/OR chains, select items
	Chain     int // operators of one run between AND and OR
	SetArms   int // arms of one UNION/INTERSECT/EXCEPT chain
	Joins     int // joins in one FROM clause
	Columns   int // columns of one table definition
	Params    int // highest $n
}

// DefaultLimits are the limits of reliability.md 6.2.
var DefaultLimits = Limits{
	TextBytes: 1 << 20,
	Depth:     200,
	ListItems: 10_000,
	Chain:     1_000,
	SetArms:   200,
	Joins:     128,
	Columns:   1_600,
	Params:    65_535,
}

// TooLong is the error for statement text above the limit.
func (l Limits) TooLong(size int) *sqlerr.Error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "statement text of %d bytes is too long", size).
		WithHint("A statement may have at most %d bytes.", l.TextBytes)
}

// TooDeep is the error for nesting above the limit.
func (l Limits) TooDeep(pos int) *sqlerr.Error {
	return sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").
		WithHint("Brackets, CASE, NOT and sub-queries may nest at most %d deep; split the statement or use a WITH query.", l.Depth).
		At(pos)
}

// TooMany is the error for a list above its limit.
func TooMany(what string, limit, pos int) *sqlerr.Error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "too many %s", what).
		WithHint("At most %d are allowed.", limit).At(pos)
}

// Package are matches PostgreSQL's advanced regular expressions: with lookahead and lookbehind, back
// references, word boundaries, and the rules by which an expression prefers the longest or the shortest
// match.
//
// A pattern becomes a tree (tree.go). Each node has a program, a nondeterministic automaton that knows
// everything but what back references say (program.go), and a preference, longest or shortest. A match
// is found in two steps (match.go): the automaton of the whole pattern gives the ends that are
// possible from a start, and the tree is then divided over the text, each node taking the longest or
// shortest piece that it prefers and that lets its neighbours match. The second step alone tells what
// groups have matched, and whether back references hold; where there are neither it is not needed.
//
// Patterns that Go's regexp can match just as well go there, since its time is linear in the text
// (simple.go). All others are bounded by a number of steps per text.
package are

// Package rewrite turns logical trees into better ones. A rule is a function from tree to tree that
// keeps the result the same; Rules lists them in the order in which they run, and each can be
// switched off by name, which tests do to compare results. Rules that are not optional (a plan
// cannot be made without them) say so.
package rewrite

// Package arch keeps the structure: which package may import which, who alone may import a wrapped
// dependency, how long files and functions may be, what every package must have.
package arch

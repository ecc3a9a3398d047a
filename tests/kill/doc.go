// Package kill tests that kill -9 at any moment loses nothing and repeats nothing.
package kill

// Package examples runs the example of every registered function through a server: what the reference
// pages show is what a client gets.
package examples

// Package kit holds what the tests share: a server in this process, the binary as a process that can
// be killed, and small helpers around pgx.
package kit

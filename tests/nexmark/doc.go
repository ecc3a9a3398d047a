// Package nexmark compares the queries of the Nexmark benchmark, as connector/nexmark holds them,
// with PostgreSQL's answers over the same events.
package nexmark

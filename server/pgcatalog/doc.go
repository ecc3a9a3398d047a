// Package pgcatalog is what the database tells about itself: pg_catalog and information_schema as
// PostgreSQL 15 has them, and tidemill_catalog, as virtual relations that ordinary queries read.
//
// Words: a relation is described in relations.txt with the complete columns of PostgreSQL, because
// clients ask for t.*; its rows come from a function of this package, or there are none. An
// object's OID is its catalog id; what the system has by itself has fixed ids below 16384.
//
// How things appear: tables and sources have relkind r, views v, materialized views m; a primary
// key appears as an index and a constraint with ids derived from the table's; sinks do not appear.
//
// Invariant: rows are a function of the reader's snapshot and the session alone, so that a query over
// several relations sees one state. The package reads and never changes anything.
package pgcatalog

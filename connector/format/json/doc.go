// Package json is the JSON format: a scanner that knows the schema and writes straight into column
// builders, and an encoder for sinks.
//
// The decoder takes one object per record and reads only the columns that it was asked for; the other
// values are checked for JSON's grammar, not for their column's type. Keys are expected in the order
// of earlier records and found by name otherwise. Everything unusual (escapes, exponents, keys twice,
// nesting) takes an exact slower way.
package json

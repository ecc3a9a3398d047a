//go:build services

package functions

// lacking tells, by patterns of their names, which functions of PostgreSQL 15 that SQL can call are not
// there, and why. A name that is neither registered nor listed fails the test.
var lacking = []struct{ names, reason string }{
	{`ts_.*|.*tsvector.*|.*tsquery.*|numnode|querytree|setweight|strip|get_current_ts_config`, "text search is not supported"},
	{`.*xml.*|xpath.*`, "XML is not supported"},
	{`.*range.*|isempty|(lower|upper)_inc|(lower|upper)_inf`, "ranges are not supported"},
	{`area|bound_box|box|broadcast|center|circle|diagonal|diameter|height|is(closed|horizontal|open|parallel|perp|vertical)|line|lseg|npoints|path|pclose|point|polygon|popen|radius|slope|width|spg_poly.*|.*_send`, "geometry is not supported; binary forms are the protocol's"},
	{`abbrev|broadcast|cidr|family|host|hostmask|inet.*|macaddr.*|masklen|netmask|network.*|set_masklen|hash(inet|macaddr).*`, "network addresses are not supported"},
	{`bit|varbit.*|bitcmp|money|cash.*|timetz.*`, "a type that is not there"},
	{`enum_.*|hashenum.*`, "enums"},
	{`json(b)?_populate_record(set)?`, "composite types"},
	{`lo_.*|loread|lowrite`, "large objects"},
	{`acl.*|makeaclitem|hash_aclitem.*`, "there are no privileges yet"},
	{`lag|lead|nth_value|ntile|row_number`, "window functions, which the binder knows"},
	{`bool|char|date|float[48]|int[248]|interval|name|numeric|oid|regclass|text|time|timestamp|timestamptz|xml`, "a cast by the name of its type, which the binder knows"},
	{`.*send|.*typmodin|.*validator|binary_upgrade.*|brin_.*|gin_.*|amvalidate|fmgr_.*`, "support of PostgreSQL's own server"},
	{`.*_(larger|smaller|cmp|accum|accum_inv|avg_combine|combine|statefunc|hash|hash_extended|sum|avg|avg_accum|avg_accum_inv|inc|extended|cmp_.*)|.*(larger|smaller)|bt.*|.*cmp|int8(inc|dec).*|int4inc|float8_(corr|covar.*|regr.*|stddev.*|var.*)`, "a support function of an operator class or aggregate"},
	{`hash.*`, "hashes are for partitioning inside of PostgreSQL, and may change with its versions"},
	{`dexp|dlog1|dlog10|dround|dtrunc|numeric_.*|like|notlike|textlen|nameconcatoid|jsonb_(cmp|hash)|in_range|booland_statefunc|boolor_statefunc|satisfies_hash_partition`, "another name for an operator or function that is there"},
	{`pg_.*|txid_.*|currtid2|getpgusername`, "administration of PostgreSQL's storage, replication and statistics"},
	{`convert|to_ascii|setseed|timeofday|similar_escape|current_query|to_reg.*`, "rarely used, and bound to PostgreSQL's encodings, random generator or catalogs"},
	{`tidcmp|xid`, "system columns"},
}

package system

import (
	"math/big"
	"strconv"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func init() {
	define(familyCatalog, fn.Stable, catalogFunctions)
	define(familyCatalog, fn.Volatile, sequenceFunctions)
	define(familyCatalog, fn.Stable, visibility())
	define(familyCatalog, fn.Stable, privileges())
	fn.RegisterTable(fn.Table{
		Name: "pg_partition_ancestors", Args: sig(regclassT), Columns: []types.Field{{Name: "relid", Type: regclassT}},
		Volatility: fn.Stable, Family: familyCatalog, Summary: "No rows: nothing is partitioned.",
		Rows: func(*fn.Ctx, []types.Datum, *rows.Builder) error { return nil },
	})
	fn.RegisterTable(fn.Table{
		Name: "pg_listening_channels", Columns: []types.Field{{Name: "pg_listening_channels", Type: textT}},
		Volatility: fn.Stable, Family: familyCatalog, Summary: "No rows; LISTEN is kept by the connection.",
		Rows: func(*fn.Ctx, []types.Datum, *rows.Builder) error { return nil },
	})
	fn.RegisterTable(fn.Table{
		Name: "pg_get_keywords",
		Columns: []types.Field{{Name: "word", Type: textT}, {Name: "catcode", Type: types.T(types.InternalChar)},
			{Name: "barelabel", Type: boolT}, {Name: "catdesc", Type: textT}, {Name: "baredesc", Type: textT}},
		Family: familyCatalog, Summary: "Words that are reserved in SQL.", Rows: keywordRows,
	})
}

var catalogFunctions = []spec{
	{name: "format_type", args: "oi", ret: textT, f: ask("format_type"), summary: "Name of a type with its modifier."},
	{name: "pg_get_userbyid", args: "o", ret: nameT, f: ask("pg_get_userbyid"), strict: true, summary: "Name of a role."},
	{name: "pg_get_expr", args: "xo xob to tob", ret: textT, f: first, strict: true, summary: "Text of a stored expression."},
	{name: "pg_get_indexdef", args: "o oib", ret: textT, f: ask("pg_get_indexdef"), strict: true, summary: "Definition of an index or one of its columns."},
	{name: "pg_get_constraintdef", args: "o ob", ret: textT, f: ask("pg_get_constraintdef"), strict: true, summary: "Definition of a constraint."},
	{name: "pg_get_viewdef", args: "o ob oi t tb", ret: textT, f: ask("pg_get_viewdef"), strict: true, summary: "Query of a view."},
	{name: "pg_get_ruledef", args: "o ob", ret: textT, f: null, summary: "Always NULL: there are no rules."},
	{name: "pg_get_triggerdef", args: "o ob", ret: textT, f: null, summary: "Always NULL: there are no triggers."},
	{name: "pg_get_functiondef", args: "o", ret: textT, f: null, summary: "Always NULL: functions are built in."},
	{name: "pg_get_function_result", args: "o", ret: textT, f: ask("pg_get_function_result"), strict: true, summary: "Result type of a function."},
	{name: "pg_get_function_arguments", args: "o", ret: textT, f: ask("pg_get_function_arguments"), strict: true, summary: "Argument types of a function."},
	{name: "pg_get_function_identity_arguments", args: "o", ret: textT, f: ask("pg_get_function_arguments"), strict: true, summary: "Argument types of a function."},
	{name: "pg_get_function_sqlbody", args: "o", ret: textT, f: null, summary: "Always NULL: functions are built in."},
	{name: "pg_get_partkeydef", args: "o", ret: textT, f: null, summary: "Always NULL: nothing is partitioned."},
	{name: "pg_get_partition_constraintdef", args: "o", ret: textT, f: null, summary: "Always NULL: nothing is partitioned."},
	{name: "pg_get_statisticsobjdef", args: "o", ret: textT, f: null, summary: "Always NULL."},
	{name: "pg_get_statisticsobjdef_columns", args: "o", ret: textT, f: null, summary: "Always NULL."},
	{name: "pg_get_serial_sequence", args: "tt", ret: textT, f: ask("pg_get_serial_sequence"), strict: true, summary: "Name of the sequence of a serial or identity column."},
	{name: "obj_description", args: "on o", ret: textT, f: ask("obj_description"), strict: true, summary: "Comment of an object."},
	{name: "col_description", args: "oi", ret: textT, f: ask("col_description"), strict: true, summary: "Comment of a column."},
	{name: "shobj_description", args: "on", ret: textT, f: null, summary: "Always NULL: shared objects have no comments."},
	{name: "pg_encoding_to_char", args: "i", ret: nameT, f: encodingName, strict: true, summary: "Name of an encoding."},
	{name: "pg_char_to_encoding", args: "n", ret: int4T, f: encodingNumber, strict: true, summary: "Number of an encoding."},
	{name: "pg_encoding_max_length", args: "i", ret: int4T, f: always(types.Datum{I: 4}), strict: true, summary: "Longest character in bytes."},
	{name: "pg_relation_is_publishable", args: "c", ret: boolT, f: no, strict: true, summary: "Always false: there are no publications."},
	{name: "pg_relation_is_updatable", args: "cb", ret: int4T, f: zero, strict: true, summary: "Always 0: views cannot be written."},
	{name: "pg_column_is_updatable", args: "csb", ret: boolT, f: no, strict: true, summary: "Always false: views cannot be written."},
	{name: "pg_tablespace_location", args: "o", ret: textT, f: empty, strict: true, summary: "Always empty."},
	{name: "pg_relation_filenode", args: "c", ret: oidT, f: null, summary: "Always NULL: relations have no files of their own."},
	{name: "pg_relation_filepath", args: "c", ret: textT, f: null, summary: "Always NULL: relations have no files of their own."},
	{name: "pg_filenode_relation", args: "oo", ret: regclassT, f: null, summary: "Always NULL: relations have no files of their own."},
	{name: "pg_relation_size", args: "c ct", ret: int8T, f: ask("relation_size"), strict: true, summary: "Bytes of a relation's rows; 0 where unknown."},
	{name: "pg_table_size", args: "c", ret: int8T, f: ask("relation_size"), strict: true, summary: "Bytes of a relation's rows; 0 where unknown."},
	{name: "pg_total_relation_size", args: "c", ret: int8T, f: ask("relation_size"), strict: true, summary: "Bytes of a relation's rows; 0 where unknown."},
	{name: "pg_indexes_size", args: "c", ret: int8T, f: zero, strict: true, summary: "Always 0."},
	{name: "pg_database_size", args: "o n", ret: int8T, f: zero, strict: true, summary: "Always 0: not known."},
	{name: "pg_tablespace_size", args: "o n", ret: int8T, f: zero, strict: true, summary: "Always 0: not known."},
	{name: "pg_size_pretty", args: "l", ret: textT, f: prettySize, strict: true, summary: "A number of bytes for people to read."},
	{name: "pg_size_pretty", args: "d", ret: textT, f: prettyNumeric, strict: true, summary: "A number of bytes for people to read."},
	{name: "pg_stat_get_numscans", args: "o", ret: int8T, f: zero, strict: true, summary: "Always 0."},
	{name: "pg_stat_get_live_tuples", args: "o", ret: int8T, f: zero, strict: true, summary: "Always 0."},
	{name: "pg_index_column_has_property", args: "cit", ret: boolT, f: null, summary: "Always NULL."},
	{name: "pg_index_has_property", args: "ct", ret: boolT, f: null, summary: "Always NULL."},
	{name: "pg_indexam_has_property", args: "ot", ret: boolT, f: null, summary: "Always NULL."},
	{name: "to_regclass", args: "t", ret: regclassT, f: toReg(types.Regclass), strict: true, summary: "The relation of a name, NULL if there is none."},
	{name: "to_regtype", args: "t", ret: types.T(types.Regtype), f: toReg(types.Regtype), strict: true, summary: "The type of a name, NULL if there is none."},
	{name: "to_regproc", args: "t", ret: types.T(types.Regproc), f: toReg(types.Regproc), strict: true, summary: "The function of a name, NULL if there is none."},
	{name: "to_regnamespace", args: "t", ret: types.T(types.Regnamespace), f: toReg(types.Regnamespace), strict: true, summary: "The schema of a name, NULL if there is none."},
	{name: "to_regrole", args: "t", ret: types.T(types.Regrole), f: toReg(types.Regrole), strict: true, summary: "The role of a name, NULL if there is none."},
	{name: "pg_typeof", args: "a", ret: types.T(types.Regtype), f: typeOf, summary: "Type of an expression."},
	{name: "oidvectortypes", args: "v", ret: textT, f: vectorTypes, strict: true, summary: "Names of the types in a list."},
	{name: "pg_collation_actual_version", args: "o", ret: textT, f: null, summary: "Always NULL."},
	{name: "pg_extension_config_dump", args: "ct", ret: voidT, f: doNone, summary: "Does nothing."},
	{name: "mxid_age", args: "h", ret: int4T, f: zero, strict: true, summary: "Always 0."},
}

var sequenceFunctions = []spec{
	{name: "nextval", args: "t", ret: int8T, f: ask("nextval"), strict: true, summary: "Takes the next number of a sequence."},
	{name: "currval", args: "t", ret: int8T, f: ask("currval"), strict: true, summary: "The number that nextval gave this session last."},
	{name: "lastval", args: "", ret: int8T, f: ask("lastval"), strict: true, summary: "The number that nextval gave this session last, of any sequence."},
	{name: "setval", args: "tl tlb", ret: int8T, f: ask("setval"), strict: true, summary: "Sets the number that a sequence gave last."},
}

// visibility are the pg_…_is_visible functions. Only relations can be hidden by others.
func visibility() []spec {
	out := []spec{{name: "pg_table_is_visible", args: "o", ret: boolT, f: ask("pg_table_is_visible"), strict: true,
		summary: "Whether the name without a schema finds the relation."}}
	for _, what := range []string{"type", "function", "operator", "opclass", "opfamily", "collation", "conversion",
		"statistics_obj", "ts_config", "ts_dict", "ts_parser", "ts_template"} {
		out = append(out, spec{name: "pg_" + what + "_is_visible", args: "o", ret: boolT, f: yes, strict: true,
			summary: "Always true."})
	}
	return out
}

// privileges are the has_…_privilege functions: whoever is logged in may do everything.
func privileges() []spec {
	var out []spec
	for name, args := range map[string]string{
		"has_table_privilege":                "tt ot ntt not ott oot",
		"has_any_column_privilege":           "tt ot ntt not",
		"has_column_privilege":               "ttt tst ott ost nttt",
		"has_schema_privilege":               "tt ot ntt not ott oot",
		"has_database_privilege":             "tt ot ntt not ott oot",
		"has_function_privilege":             "tt ot ntt not",
		"has_language_privilege":             "tt ot ntt not",
		"has_sequence_privilege":             "tt ot ntt not",
		"has_tablespace_privilege":           "tt ot ntt not",
		"has_type_privilege":                 "tt ot ntt not",
		"has_server_privilege":               "tt ot ntt not",
		"has_foreign_data_wrapper_privilege": "tt ot ntt not",
		"has_parameter_privilege":            "tt ntt",
		"pg_has_role":                        "nt ot nnt not ont oot",
		"row_security_active":                "t o",
	} {
		f, summary := yes, "Always true: roles are not restricted yet."
		if name == "row_security_active" {
			f, summary = no, "Always false."
		}
		out = append(out, spec{name: name, args: args, ret: boolT, f: f, strict: true, summary: summary})
	}
	return out
}

func first(_ *fn.Ctx, args []types.Datum) (types.Datum, error) { return args[0], nil }

func toReg(id types.ID) body {
	return func(c *fn.Ctx, args []types.Datum) (types.Datum, error) {
		return ask("to_reg")(c, []types.Datum{args[0], types.IntDatum(types.OID, int64(types.T(id).OID()))})
	}
}

func typeOf(_ *fn.Ctx, args []types.Datum) (types.Datum, error) {
	return types.Datum{I: int64(args[0].Type.OID())}, nil
}

func encodingName(_ *fn.Ctx, args []types.Datum) (types.Datum, error) {
	switch args[0].I {
	case 0:
		return types.TextDatum("SQL_ASCII"), nil
	case 6:
		return types.TextDatum("UTF8"), nil
	}
	return types.TextDatum(""), nil
}

func encodingNumber(_ *fn.Ctx, args []types.Datum) (types.Datum, error) {
	switch string(args[0].S) {
	case "UTF8", "utf8", "UTF-8", "utf-8", "unicode":
		return types.Datum{I: 6}, nil
	case "SQL_ASCII":
		return types.Datum{I: 0}, nil
	}
	return types.Datum{I: -1}, nil
}

func vectorTypes(_ *fn.Ctx, args []types.Datum) (types.Datum, error) {
	out := ""
	elems, err := types.ArrayElems(oidT, args[0].S)
	if err != nil {
		return types.Datum{}, err
	}
	for i, e := range elems {
		if i > 0 {
			out += ", "
		}
		if t, ok := types.FromOID(uint32(e.I), -1); ok {
			out += t.String()
		} else {
			out += strconv.FormatInt(e.I, 10)
		}
	}
	return types.TextDatum(out), nil
}

func prettySize(_ *fn.Ctx, args []types.Datum) (types.Datum, error) {
	return types.TextDatum(pretty(big.NewInt(args[0].I))), nil
}

func prettyNumeric(_ *fn.Ctx, args []types.Datum) (types.Datum, error) {
	r, ok := new(big.Rat).SetString(types.TextOf(args[0], nil))
	if !ok {
		return types.Datum{Null: true}, nil
	}
	return types.TextDatum(pretty(new(big.Int).Quo(r.Num(), r.Denom()))), nil
}

// pretty does as Postgres: below ten thousand of a unit, half a unit rounds up.
func pretty(n *big.Int) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	limit := big.NewInt(10 * 1024)
	neg := n.Sign() < 0
	a := new(big.Int).Abs(n)
	i := 0
	for a.Cmp(limit) >= 0 && i < len(units)-1 {
		if i == 0 {
			a.Rsh(a, 9)
			limit = big.NewInt(20*1024 - 1)
		} else {
			a.Rsh(a, 10)
		}
		i++
	}
	if i > 0 {
		a.Add(a, big.NewInt(1))
		a.Rsh(a, 1)
	}
	if neg {
		a.Neg(a)
	}
	return a.String() + " " + units[i]
}

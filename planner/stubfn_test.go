package planner_test

import (
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// catalogue functions that psql calls, for as long as sql/fn does not have them: name, argument
// types, result type.
var stubFunctions = `
pg_get_userbyid oid name
format_type oid,int4 text
pg_table_is_visible oid bool
pg_type_is_visible oid bool
pg_function_is_visible oid bool
pg_opfamily_is_visible oid bool
pg_opclass_is_visible oid bool
pg_operator_is_visible oid bool
pg_collation_is_visible oid bool
pg_conversion_is_visible oid bool
pg_statistics_obj_is_visible oid bool
pg_ts_config_is_visible oid bool
pg_ts_dict_is_visible oid bool
pg_ts_parser_is_visible oid bool
pg_ts_template_is_visible oid bool
pg_get_expr pg_node_tree,oid text
pg_get_expr pg_node_tree,oid,bool text
pg_get_statisticsobjdef_columns oid text
obj_description oid,name text
shobj_description oid,name text
col_description oid,int4 text
pg_relation_is_publishable regclass bool
pg_get_viewdef oid,bool text
pg_get_ruledef oid,bool text
pg_get_indexdef oid,int4,bool text
pg_get_indexdef oid text
pg_get_function_result oid text
pg_get_function_arguments oid text
pg_get_function_sqlbody oid text
pg_get_constraintdef oid,bool text
pg_get_triggerdef oid,bool text
pg_get_functiondef oid text
pg_encoding_to_char int4 name
pg_char_to_encoding name int4
pg_describe_object oid,oid,int4 text
getdatabaseencoding  name
current_setting text text
pg_get_partkeydef oid text
pg_table_size regclass int8
pg_size_pretty int8 text
pg_database_size name int8
pg_database_size oid int8
pg_tablespace_size oid int8
pg_tablespace_location oid text
pg_partition_ancestors oid regclass
pg_has_role name,text bool
has_database_privilege name,text bool
has_database_privilege oid,text bool
`

func init() {
	for _, line := range strings.Split(strings.TrimSpace(stubFunctions), "\n") {
		w := strings.Split(line, " ")
		s := fn.Scalar{Name: w[0], Strict: true, Volatility: fn.Stable}
		for _, a := range strings.Split(w[1], ",") {
			if a != "" {
				s.Args = append(s.Args, typeNamed(a))
			}
		}
		s.Ret = typeNamed(w[2])
		s.Kernel = func(_ *fn.Ctx, _ []*rows.Vec, _ []int32, n int) *rows.Vec { return rows.Const(types.NullOf(s.Ret), n) }
		register(s)
	}
}

func typeNamed(name string) types.Type {
	t, err := types.ByName(name, nil, 0)
	if err != nil {
		panic(err)
	}
	return t
}

// register adds a function unless the library has it.
func register(s fn.Scalar) {
	defer func() { _ = recover() }()
	fn.RegisterScalar(s)
}

// stubLookup resolves every name of a catalogue object.
type stubLookup struct{}

func (stubLookup) OIDByName(types.ID, string) (int64, error) { return 1, nil }
func (stubLookup) NameByOID(types.ID, int64) string          { return "x" }

func init() {
	defer func() { _ = recover() }()
	fn.RegisterTable(fn.Table{Name: "_pg_expandarray", Args: []types.Type{fn.AnyArray},
		Columns: []types.Field{{Name: "x", Type: fn.AnyElement}, {Name: "n", Type: types.T(types.Int4)}},
		Rows:    func(*fn.Ctx, []types.Datum, *rows.Builder) error { return nil }})
}

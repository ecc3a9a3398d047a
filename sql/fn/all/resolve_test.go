package all

import (
	"strings"
	"testing"

	"tidemill/sql/fn"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// parseTypes reads a list such as "integer, unknown, text[]".
func parseTypes(t *testing.T, s string) (out []types.Type) {
	t.Helper()
	for _, name := range strings.Split(s, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		base, array := strings.CutSuffix(name, "[]")
		ty := types.T(types.Unknown)
		if base != "unknown" {
			var err error
			if ty, err = types.ByName(base, nil, 0); err != nil {
				t.Fatal(err)
			}
		}
		if array {
			ty = types.ArrayOf(ty)
		}
		out = append(out, ty)
	}
	return out
}

func names(ts []types.Type) string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = fn.TypeName(t)
	}
	return strings.Join(out, ", ")
}

// The choices below are PostgreSQL 15's, read from pg_typeof of the result or its error.
func TestResolveScalar(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"+", "int4, int4", "integer, integer -> integer"},
		{"+", "int2, int8", "smallint, bigint -> bigint"},
		{"+", "int4, numeric", "numeric, numeric -> numeric"},
		{"+", "int4, float4", "double precision, real -> double precision"},
		{"+", "numeric, float8", "double precision, double precision -> double precision"},
		{"+", "int4, unknown", "integer, integer -> integer"},
		{"+", "unknown, numeric", "numeric, numeric -> numeric"},
		{"=", "text, unknown", "text, text -> boolean"},
		{"=", "varchar, varchar", "text, text -> boolean"},
		{"=", "varchar, text", "text, text -> boolean"},
		{"=", "unknown, unknown", "text, text -> boolean"},
		{"<", "date, timestamp", "date, timestamp without time zone -> boolean"},
		{"<", "date, unknown", "date, date -> boolean"},
		{"=", "int4[], int4[]", "integer[], integer[] -> boolean"},
		{"=", "oid, int4", "oid, oid -> boolean"},
		{"abs", "int2", "smallint -> smallint"},
		{"abs", "unknown", "double precision -> double precision"},
		{"sqrt", "int4", "double precision -> double precision"},
		{"round", "int4", "double precision -> double precision"},
		{"round", "numeric, int4", "numeric, integer -> numeric"},
		{"power", "int4, int4", "double precision, double precision -> double precision"},
		{"power", "numeric, int4", "numeric, numeric -> numeric"},
		{"^", "numeric, int4", "numeric, numeric -> numeric"},
		{"mod", "int4, int8", "bigint, bigint -> bigint"},
		{"greatest", "int4, numeric, unknown", "numeric, numeric, numeric -> numeric"},
		{"num_nulls", "int4, text, unknown", "integer, text, text -> integer"},
		{"%", "float8, float8", "42883 operator does not exist: double precision % double precision"},
		{"+", "int4, text", "42883 operator does not exist: integer + text"},
		{"nosuch", "int4, text", "42883 function nosuch(integer, text) does not exist"},
		{"nosuch", "", "42883 function nosuch() does not exist"},
		{"=", "int4, text", "42883 operator does not exist: integer = text"},
		{"=", "json, json", "42883 operator does not exist: json = json"},
		{"=", "timestamp, int4", "42883 operator does not exist: timestamp without time zone = integer"},
		{"round", "float8, int4", "42883 function round(double precision, integer) does not exist"},
		{"<<", "unknown, unknown", "42725 operator is not unique: unknown << unknown"},
	} {
		s, coerced, err := fn.ResolveScalar(c.name, parseTypes(t, c.args))
		got := ""
		if err != nil {
			e := sqlerr.As(err)
			got = string(e.Code) + " " + e.Message
			if e.Hint == "" {
				t.Errorf("%s(%s): no hint", c.name, c.args)
			}
		} else {
			got = names(coerced) + " -> " + fn.TypeName(s.ReturnType(coerced))
			if again, ok := fn.FindScalar(c.name, s.Args); !ok || again != s {
				t.Errorf("%s(%s): not found again by its declared types", c.name, c.args)
			}
		}
		if got != c.want {
			t.Errorf("%s(%s)\n got %s\nwant %s", c.name, c.args, got, c.want)
		}
	}
}

func TestResolveAggregate(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"count", "", " -> bigint"},
		{"count", "text", "text -> bigint"},
		{"sum", "int2", "smallint -> bigint"},
		{"sum", "int8", "bigint -> numeric"},
		{"sum", "float4", "real -> real"},
		{"avg", "int4", "integer -> numeric"},
		{"min", "varchar", "text -> text"},
		{"max", "text[]", "text[] -> text[]"},
		{"array_agg", "date", "date -> date[]"},
		{"string_agg", "varchar, unknown", "text, text -> text"},
		{"stddev", "float4", "real -> double precision"},
		{"sum", "text", "42883 function sum(text) does not exist"},
		{"sum", "int4, int4", "42883 function sum(integer, integer) does not exist"},
	} {
		a, coerced, err := fn.ResolveAggregate(c.name, parseTypes(t, c.args))
		got := ""
		if err != nil {
			e := sqlerr.As(err)
			got = string(e.Code) + " " + e.Message
		} else {
			got = names(coerced) + " -> " + fn.TypeName(a.ReturnType(coerced))
		}
		if got != c.want {
			t.Errorf("%s(%s)\n got %s\nwant %s", c.name, c.args, got, c.want)
		}
	}
	if !fn.IsAggregate("sum") || fn.IsAggregate("abs") {
		t.Error("IsAggregate")
	}
	tab, coerced, err := fn.ResolveTable("generate_series", parseTypes(t, "int4, int8"))
	if err != nil || names(coerced) != "bigint, bigint" || tab.OutputColumns(coerced)[0].Type.ID != types.Int8 {
		t.Errorf("generate_series: %v %v", coerced, err)
	}
}

func TestCommonType(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"int4, int8", "bigint"},
		{"int4, numeric, float8", "double precision"},
		{"int4, unknown", "integer"},
		{"unknown, unknown", "text"},
		{"varchar, text", "character varying"},
		{"text, varchar", "text"},
		{"date, timestamptz", "timestamp with time zone"},
		{"timestamp, date", "timestamp without time zone"},
		{"int4[], int4[]", "integer[]"},
		{"int4, text", "42804 UNION types integer and text cannot be matched"},
		{"bool, int4", "42804 UNION types boolean and integer cannot be matched"},
		{"interval, int4", "42804 UNION types interval and integer cannot be matched"},
	} {
		ty, err := fn.CommonTypeFor("UNION", parseTypes(t, c.args))
		got := fn.TypeName(ty)
		if err != nil {
			e := sqlerr.As(err)
			got = string(e.Code) + " " + e.Message
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.args, got, c.want)
		}
	}
	v10, v20 := types.Type{ID: types.Varchar, Mod: 10}, types.Type{ID: types.Varchar, Mod: 20}
	if ty, _ := fn.CommonType([]types.Type{v10, v10}); ty.Mod != 10 {
		t.Errorf("varchar(10) with itself: %s", ty)
	}
	if ty, _ := fn.CommonType([]types.Type{v10, v20}); ty.Mod != -1 {
		t.Errorf("varchar(10) with varchar(20): %s", ty)
	}
}

func TestFindCast(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ctx      fn.CastContext
		want     bool
	}{
		{"int4", "int8", fn.Implicit, true}, {"int8", "int4", fn.Implicit, false}, {"int8", "int4", fn.Assignment, true},
		{"int4", "text", fn.Implicit, false}, {"int4", "text", fn.Assignment, true}, {"text", "int4", fn.Assignment, false},
		{"text", "int4", fn.Explicit, true}, {"unknown", "int4", fn.Implicit, true}, {"varchar", "text", fn.Implicit, true},
		{"int4[]", "int8[]", fn.Implicit, true}, {"int8[]", "int4[]", fn.Implicit, false}, {"uuid", "int4", fn.Explicit, false},
		{"bool", "int4", fn.Implicit, false}, {"bool", "int4", fn.Explicit, true},
	} {
		_, got := fn.FindCast(parseTypes(t, c.from)[0], parseTypes(t, c.to)[0], c.ctx)
		if got != c.want {
			t.Errorf("%s to %s in context %d: %v", c.from, c.to, c.ctx, got)
		}
	}
}

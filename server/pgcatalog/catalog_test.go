package pgcatalog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"tidemill/server"
	"tidemill/server/config"
	"tidemill/server/pgcatalog"

	_ "tidemill/connector/all"
	_ "tidemill/exec/op/all"
	_ "tidemill/sql/fn/all"
)

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Listen, cfg.HTTP, cfg.LogLevel = t.TempDir()+"/data", "127.0.0.1:0", "", "error"
	s, err := server.StartWith(cfg, server.Hooks{Check: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(context.Background(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close(context.Background())
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	for _, sql := range []string{
		"create table t (id int primary key, name varchar(20) default 'x', v numeric(10,2) not null)",
		"create view vw as select id from t", "create materialized view mv as select count(*) as c from t",
		"comment on table t is 'a table'", "create schema s", "create table s.t2 (a int)",
	} {
		if _, err := c.Exec(context.Background(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return c
}

// Every relation can be read whole, as text and as binary, and has the columns that it declares.
func TestEveryRelationIsReadable(t *testing.T) {
	c := connect(t)
	for _, r := range pgcatalog.Relations() {
		for _, format := range []int16{0, 1} {
			res := c.PgConn().ExecParams(context.Background(), "select * from "+r.Schema+"."+r.Name, nil, nil, nil, []int16{format}).Read()
			if res.Err != nil {
				t.Errorf("%s.%s: %v", r.Schema, r.Name, res.Err)
			} else if len(res.Rows) > 0 && len(res.FieldDescriptions) != len(r.Columns) {
				t.Errorf("%s.%s: %d columns", r.Schema, r.Name, len(res.FieldDescriptions))
			}
		}
	}
}

func TestLookups(t *testing.T) {
	c := connect(t)
	for sql, want := range map[string]string{
		"select 't'::regclass::text":                          "t",
		"select 's.t2'::regclass::text":                       "s.t2",
		"select 'pg_class'::regclass::oid":                    "1259",
		"select to_regclass('nope') is null":                  "true",
		"select 'int4'::regtype::text":                        "integer",
		"select 'public'::regnamespace::text":                 "public",
		"select pg_table_is_visible('s.t2'::regclass)":        "false",
		"select format_type(1043, 24)":                        "character varying(20)",
		"select format_type(1007, -1)":                        "integer[]",
		"select obj_description('t'::regclass, 'pg_class')":   "a table",
		"select pg_get_viewdef('vw'::regclass)":               " select id from t;",
		"select pg_get_indexdef(indexrelid) from pg_index":    "CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)",
		"select pg_get_constraintdef(oid) from pg_constraint": "PRIMARY KEY (id)",
		"select relkind from pg_class where relname = 'mv'":   "109",
		"select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = 's'":                    "1",
		"select column_default from information_schema.columns where table_name = 't' and column_name = 'name'":                "'x'::character varying",
		"select count(*) from pg_attribute a left join pg_type y on y.oid = a.atttypid where y.oid is null":                    "0",
		"select count(*) from pg_type y left join pg_proc p on p.oid = y.typreceive where p.oid is null and y.typreceive <> 0": "0",
		"select count(*) - count(distinct oid) from pg_proc":                                                                   "0",
		"select count(*) - count(distinct oid) from pg_class":                                                                  "0",
		"select count(*) - count(distinct oid) from pg_operator":                                                               "0",
		"select string_agg(matviewname, ',') from pg_matviews":                                                                 "mv",
		"select typreceive::text from pg_type where typname = 'int4'":                                                          "int4recv",
		"select count(*) from tidemill_catalog.views":                                                                          "2",
		"select depends_on_name from tidemill_catalog.dependencies limit 1":                                                    "public.t",
		"select setting from pg_settings where name = 'max_index_keys'":                                                        "32",
		"select current_schemas(true)::text":                                                                                   "{pg_catalog,public}",
		"select pg_size_pretty(123456789::int8)":                                                                               "118 MB",
		"select pg_size_pretty(10239::int8)":                                                                                   "10239 bytes",
		"select current_setting('nope', true) is null":                                                                         "true",
	} {
		var v any
		if err := c.QueryRow(context.Background(), sql).Scan(&v); err != nil {
			t.Errorf("%s: %v", sql, err)
		} else if got := fmt.Sprint(v); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
}

package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/server"
	"tidemill/server/config"

	_ "tidemill/connector/all"
	_ "tidemill/exec/op/all"
	_ "tidemill/sql/fn/all"
)

// start runs a server for the test and returns its URL.
func start(t testing.TB, change ...func(*config.Config)) string {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.Listen, cfg.HTTP = t.TempDir()+"/data", "127.0.0.1:0", ""
	cfg.Workers, cfg.LogLevel, cfg.ShutdownGrace = 2, "error", time.Second
	for _, f := range change {
		f(cfg)
	}
	s, err := server.StartWith(cfg, server.Hooks{Check: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return s.URL()
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func exec(t testing.TB, c *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	tag, err := c.Exec(context.Background(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tag.String()
}

// one returns the only value of a query as text.
func one(t testing.TB, c *pgx.Conn, sql string, args ...any) string {
	t.Helper()
	var v any
	if err := c.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return fmt.Sprint(v)
}

// code returns the SQLSTATE that a statement fails with.
func code(c *pgx.Conn, sql string, args ...any) string {
	_, err := c.Exec(context.Background(), sql, args...)
	return codeOf(err)
}

func codeOf(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// values are literals of every type with the type to use.
var values = []struct{ typ, text string }{
	{"bool", "t"}, {"bool", "f"}, {"int2", "-32768"}, {"int4", "2147483647"}, {"int8", "-9223372036854775808"},
	{"float4", "1.5"}, {"float4", "NaN"}, {"float8", "-0.1"}, {"float8", "Infinity"}, {"numeric", "12345678901234567890.123456789"},
	{"numeric", "-0.00001"}, {"numeric", "NaN"}, {"numeric(10,2)", "1.50"}, {"text", "häß'\"\\"}, {"text", ""},
	{"varchar(10)", "abc"}, {"char(5)", "ab   "}, {"name", "n"}, {"bytea", `\x00ff41`}, {"date", "2024-02-29"},
	{"date", "infinity"}, {"time", "23:59:59.999999"}, {"timestamp", "1999-12-31 23:59:59.5"}, {"timestamp", "-infinity"},
	{"timestamptz", "2024-07-01 12:00:00+00"}, {"interval", "1 mon 2 days 03:04:05.000006"}, {"interval", "-1 days"},
	{"uuid", "00112233-4455-6677-8899-aabbccddeeff"}, {"json", `{"a": [1, null]}`}, {"jsonb", `{"a": [1, null]}`},
	{"int4[]", "{1,NULL,3}"}, {"text[]", `{a,"b c",NULL,""}`}, {"numeric[]", "{1.5,2}"}, {"int4[]", "{}"},
	{"int4[]", "{{1,2},{3,4}}"}, {"oid", "4294967295"}, {"timestamptz[]", `{"2024-07-01 12:00:00+00"}`}, {"bool[]", "{t,f}"},
	{"bytea[]", `{"\\x00"}`}, {"uuid[]", "{00112233-4455-6677-8899-aabbccddeeff}"}, {"date[]", "{2024-02-29}"},
}

// Every type goes in and out, as text and as binary, through every way there is.
func TestTypesRoundTrip(t *testing.T) {
	c := connect(t, start(t)).PgConn()
	ctx := context.Background()
	for _, v := range values {
		sql := "select $1::" + v.typ
		text := c.ExecParams(ctx, sql, [][]byte{[]byte(v.text)}, nil, nil, nil).Read()
		if text.Err != nil {
			t.Errorf("%s %s: %v", v.typ, v.text, text.Err)
			continue
		}
		if got := string(text.Rows[0][0]); got != v.text {
			t.Errorf("%s: text %q became %q", v.typ, v.text, got)
		}
		bin := c.ExecParams(ctx, sql, [][]byte{[]byte(v.text)}, nil, nil, []int16{1}).Read()
		if bin.Err != nil {
			t.Errorf("%s %s as binary: %v", v.typ, v.text, bin.Err)
			continue
		}
		back := c.ExecParams(ctx, sql, bin.Rows[0], nil, []int16{1}, []int16{0}).Read()
		if back.Err != nil {
			t.Errorf("%s %s from binary: %v", v.typ, v.text, back.Err)
			continue
		}
		if got := string(back.Rows[0][0]); got != v.text {
			t.Errorf("%s: binary %x of %q became %q", v.typ, bin.Rows[0][0], v.text, got)
		}
		null := c.ExecParams(ctx, sql, [][]byte{nil}, nil, nil, []int16{1}).Read()
		if null.Err != nil || null.Rows[0][0] != nil {
			t.Errorf("%s: NULL became %v, %v", v.typ, null.Rows, null.Err)
		}
		want := text.FieldDescriptions[0]
		if want.DataTypeOID == 0 || want.DataTypeOID != bin.FieldDescriptions[0].DataTypeOID {
			t.Errorf("%s: OIDs %d and %d", v.typ, want.DataTypeOID, bin.FieldDescriptions[0].DataTypeOID)
		}
	}
}

// pgx decodes our binary forms into Go values by itself: a second opinion.
func TestPgxReadsBinary(t *testing.T) {
	c := connect(t, start(t))
	for sql, want := range map[string]string{
		"select 1.50::numeric": "{150 -2 false finite true}",
		"select 42::int8":      "42",
		"select true":          "true",
		"select 'x'::text":     "x",
		"select timestamp '2024-02-29 12:34:56.789'":          "2024-02-29 12:34:56.789 +0000 UTC",
		"select date '2024-02-29'":                            "2024-02-29 00:00:00 +0000 UTC",
		"select interval '1 month 2 days 3 seconds'":          "{3000000 2 1 true}",
		"select array[1,2,3]":                                 "[1 2 3]",
		"select '{\"a\":1}'::jsonb":                           "map[a:1]",
		"select 1.5::float4":                                  "1.5",
		"select '00112233-4455-6677-8899-aabbccddeeff'::uuid": "[0 17 34 51 68 85 102 119 136 153 170 187 204 221 238 255]",
	} {
		if got := one(t, c, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
}

func TestRowDescription(t *testing.T) {
	c := connect(t, start(t))
	exec(t, c, "create table t (a varchar(7), b numeric(8,3), c timestamp(3))")
	sd, err := c.PgConn().Prepare(context.Background(), "", "select a, b, c, a || 'x' as d, 1 as e from t", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		name  string
		table bool
		att   uint16
		oid   uint32
		mod   int32
		size  int16
	}{{"a", true, 1, 1043, 11, -1}, {"b", true, 2, 1700, 8<<16 | 3 + 4, -1}, {"c", true, 3, 1114, 3, 8},
		{"d", false, 0, 25, -1, -1}, {"e", false, 0, 23, -1, 4}}
	for i, w := range want {
		f := sd.Fields[i]
		if f.Name != w.name || (f.TableOID != 0) != w.table || f.TableAttributeNumber != w.att || f.DataTypeOID != w.oid ||
			f.TypeModifier != w.mod || f.DataTypeSize != w.size {
			t.Errorf("%+v, want %+v", f, w)
		}
	}
}

func TestDescribeParameters(t *testing.T) {
	c := connect(t, start(t))
	exec(t, c, "create table t (a int primary key, b text)")
	for sql, want := range map[string]string{
		"select $1":                         "[25]",
		"select $1::int8":                   "[20]",
		"select * from t where a = $1":      "[23]",
		"select * from t limit $1":          "[20]",
		"insert into t values ($1, $2)":     "[23 25]",
		"select * from t where a = any($1)": "[1007]",
		"update t set b = $1 where a = $2":  "[25 23]",
		"select $1 || 'x'":                  "[25]",
		"delete from t where b like $1":     "[25]",
	} {
		sd, err := c.PgConn().Prepare(context.Background(), "", sql, nil)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
		} else if got := fmt.Sprint(sd.ParamOIDs); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	c := connect(t, start(t))
	exec(t, c, "create table t (a int primary key, b text not null)")
	exec(t, c, "insert into t values (1, 'x')")
	for sql, want := range map[string]string{
		"selec 1": "42601", "select * from nope": "42P01", "select nope from t": "42703", "select nope(1)": "42883",
		"select 1/0": "22012", "select 'x'::int": "22P02", "insert into t values (1,'y')": "23505",
		"insert into t values (2,null)": "23502", "create table t (a int)": "42P07", "drop table nope": "42P01",
		"set nope = 1": "42704", "show nope": "42704", "set work_mem = '5XB'": "22023", "set timezone = 'Mars/X'": "22023",
		"execute nope": "26000", "deallocate nope": "26000", "fetch 1 from nope": "34000", "close nope": "34000",
		"savepoint x": "25P01", "set server_version = '1'": "55P02", "select 2147483648::int4": "22003",
		"create table x.y (a int)": "3F000", "declare c cursor for select 1": "25P01",
	} {
		if got := code(c, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	_, err := c.PgConn().Prepare(context.Background(), "", "select 1; select 2", nil)
	if codeOf(err) != "42601" {
		t.Error("two statements in one prepared statement: ", err)
	}
	_, err = c.Exec(context.Background(), "select 1,\n nope from t", pgx.QueryExecModeSimpleProtocol)
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Position != 12 {
		t.Errorf("position: %+v", e)
	}
	_, err = c.Exec(context.Background(), "select 1; select nope", pgx.QueryExecModeSimpleProtocol)
	if !errors.As(err, &e) || e.Position != 18 {
		t.Errorf("position in the second statement: %+v", e)
	}
	if got := one(t, c, "select 1"); got != "1" {
		t.Error("the connection is not usable any more")
	}
}

func TestTags(t *testing.T) {
	c := connect(t, start(t))
	for _, s := range []struct{ sql, tag string }{
		{"create table t (a int primary key, b int)", "CREATE TABLE"},
		{"insert into t values (1,1),(2,2),(3,3)", "INSERT 0 3"},
		{"update t set b = 5 where a < 3", "UPDATE 2"},
		{"delete from t where a = 3", "DELETE 1"},
		{"select * from t", "SELECT 2"},
		{"create view v as select a from t", "CREATE VIEW"},
		{"create materialized view m as select a from t", "SELECT 2"},
		{"begin", "BEGIN"}, {"commit", "COMMIT"}, {"start transaction read only", "START TRANSACTION"}, {"rollback", "ROLLBACK"},
		{"set datestyle = 'ISO, DMY'", "SET"}, {"reset all", "RESET"}, {"reset datestyle", "RESET"}, {"show datestyle", "SHOW"},
		{"discard all", "DISCARD ALL"}, {"listen c", "LISTEN"}, {"notify c", "NOTIFY"}, {"unlisten *", "UNLISTEN"},
		{"comment on table t is 'x'", "COMMENT"}, {"truncate t", "TRUNCATE TABLE"}, {"explain select 1", "EXPLAIN"},
		{"drop materialized view m", "DROP MATERIALIZED VIEW"}, {"drop view v", "DROP VIEW"}, {"drop table t", "DROP TABLE"},
		{"create schema s", "CREATE SCHEMA"}, {"drop schema s", "DROP SCHEMA"}, {"vacuum", "VACUUM"}, {"analyze", "ANALYZE"},
		{"deallocate all", "DEALLOCATE ALL"}, {"prepare p as select 1", "PREPARE"}, {"execute p", "SELECT 1"},
		{"deallocate p", "DEALLOCATE"}, {"create role r login", "CREATE ROLE"}, {"alter role r nologin", "ALTER ROLE"},
		{"drop role r", "DROP ROLE"}, {"", ""}, {" ; -- nothing", ""},
	} {
		tag, err := c.Exec(context.Background(), s.sql, pgx.QueryExecModeSimpleProtocol)
		if err != nil || tag.String() != s.tag {
			t.Errorf("%s: %q, %v, want %q", s.sql, tag, err, s.tag)
		}
	}
}

func TestTransactions(t *testing.T) {
	url := start(t)
	c, other := connect(t, url), connect(t, url)
	exec(t, c, "create table t (a int primary key)")
	simple := pgx.QueryExecModeSimpleProtocol
	exec(t, c, "begin")
	exec(t, c, "insert into t values (1)")
	exec(t, c, "insert into t values (2),(3)")
	if got := one(t, other, "select count(*) from t"); got != "0" {
		t.Error("uncommitted rows are visible: ", got)
	}
	if got := one(t, c, "select count(*) from t"); got != "3" {
		t.Error("reading one's own writes: ", got)
	}
	if got := code(c, "insert into t values (1)"); got != "23505" {
		t.Error("a key that the block has written: ", got)
	}
	if got := code(c, "select 1"); got != "25P02" {
		t.Error("in a failed block: ", got)
	}
	if got := exec(t, c, "commit"); got != "ROLLBACK" {
		t.Error("COMMIT of a failed block: ", got)
	}
	exec(t, c, "begin")
	exec(t, c, "insert into t values (1)")
	exec(t, c, "savepoint s")
	exec(t, c, "insert into t values (2)")
	exec(t, c, "rollback to s")
	exec(t, c, "insert into t values (3)")
	exec(t, c, "commit")
	if got := one(t, other, "select string_agg(a::text, ',' order by a) from t"); got != "1,3" {
		t.Error("after COMMIT: ", got)
	}
	exec(t, c, "begin")
	if got := one(t, c, "select count(*) from t"); got != "2" {
		t.Error(got)
	}
	exec(t, other, "insert into t values (10)")
	if got := one(t, c, "select count(*) from t"); got != "2" {
		t.Error("a block must see one epoch: ", got)
	}
	if before := one(t, c, "select now()"); before != one(t, c, "select now()") {
		t.Error("now() moved in a block")
	}
	exec(t, c, "rollback")
	exec(t, c, "begin read only")
	if got := code(c, "insert into t values (77)"); got != "25006" {
		t.Error("read only: ", got)
	}
	exec(t, c, "rollback")
	// A message of several statements is one transaction.
	if got := code(c, "insert into t values (50); insert into t values ('x')", simple); got != "22P02" {
		t.Error(got)
	}
	if got := one(t, c, "select count(*) from t where a = 50"); got != "0" {
		t.Error("half of a message was applied")
	}
	if got := code(c, "insert into t values (60); select count(*) from t; insert into t values (61)", simple); got != "" {
		t.Error(got)
	}
	if got := one(t, c, "select count(*) from t where a in (60,61)"); got != "2" {
		t.Error("message: ", got)
	}
}

func TestCursors(t *testing.T) {
	c := connect(t, start(t))
	exec(t, c, "begin")
	exec(t, c, "declare c cursor for select * from generate_series(1, 10) g order by 1")
	exec(t, c, "declare h cursor with hold for select * from generate_series(1, 3) g order by 1")
	for _, s := range []struct{ sql, tag string }{
		{"fetch 3 from c", "FETCH 3"}, {"fetch next from c", "FETCH 1"}, {"move 2 from c", "MOVE 2"}, {"fetch 0 from c", "FETCH 0"},
		{"fetch all from c", "FETCH 4"}, {"fetch all from c", "FETCH 0"}, {"fetch 1 from h", "FETCH 1"},
		{"close c", "CLOSE CURSOR"}, {"commit", "COMMIT"}, {"fetch all from h", "FETCH 2"}, {"close all", "CLOSE CURSOR ALL"},
	} {
		if got := exec(t, c, s.sql); got != s.tag {
			t.Errorf("%s: %s, want %s", s.sql, got, s.tag)
		}
	}
}

func TestCopy(t *testing.T) {
	c := connect(t, start(t))
	ctx := context.Background()
	exec(t, c, "create table t (a int primary key, b text, c numeric)")
	in := "1\ta\\tb\\\\\t1.5\n2\t\\N\t\\N\n3\t\t0\n"
	tag, err := c.PgConn().CopyFrom(ctx, strings.NewReader(in), "copy t from stdin")
	if err != nil || tag.String() != "COPY 3" {
		t.Fatal(tag, err)
	}
	var out strings.Builder
	if _, err = c.PgConn().CopyTo(ctx, &out, "copy (select * from t order by a) to stdout"); err != nil || out.String() != in {
		t.Errorf("%q, %v", out.String(), err)
	}
	csv := "a,b,c\n4,\"x,\"\"y\"\"\nz\",2\r\n5,,\n6,\"\",1\n"
	if tag, err = c.PgConn().CopyFrom(ctx, strings.NewReader(csv), "copy t(a,b,c) from stdin with (format csv, header)"); err != nil || tag.String() != "COPY 3" {
		t.Fatal(tag, err)
	}
	out.Reset()
	_, err = c.PgConn().CopyTo(ctx, &out, "copy (select a,b,c from t where a > 3 order by a) to stdout csv header")
	if want := strings.ReplaceAll(csv, "\r", ""); err != nil || out.String() != want {
		t.Errorf("%q, want %q, %v", out.String(), want, err)
	}
	for in, want := range map[string]string{"7\n": "22P04", "x\ty\tz\n": "22P02", "8\ta\t1\textra\n": "22P04"} {
		_, err := c.PgConn().CopyFrom(ctx, strings.NewReader(in), "copy t from stdin")
		if codeOf(err) != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	if got := one(t, c, "select count(*) from t"); got != "6" {
		t.Error(got)
	}
}

func TestCancelAndTimeout(t *testing.T) {
	c := connect(t, start(t))
	slow := "select pg_sleep(20)"
	ctx, cancel := context.WithCancel(context.Background())
	go func() { time.Sleep(100 * time.Millisecond); c.PgConn().CancelRequest(context.Background()); cancel() }()
	begin := time.Now()
	if got := code(c, slow); got != "57014" || time.Since(begin) > 5*time.Second {
		t.Error("cancel: ", got, time.Since(begin))
	}
	<-ctx.Done()
	exec(t, c, "set statement_timeout = '50ms'")
	begin = time.Now()
	if got := code(c, slow); got != "57014" || time.Since(begin) > 5*time.Second {
		t.Error("timeout: ", got, time.Since(begin))
	}
	if got := code(c, "select pg_sleep(5)"); got != "57014" {
		t.Error("pg_sleep: ", got)
	}
	exec(t, c, "reset statement_timeout")
	if got := one(t, c, "show statement_timeout"); got != "1min" {
		t.Error(got)
	}
}

func TestPreparedSurvivesCatalogChanges(t *testing.T) {
	url := start(t)
	c, other := connect(t, url), connect(t, url)
	ctx := context.Background()
	exec(t, c, "create table t (a int primary key, b text)")
	exec(t, c, "insert into t values (1,'x')")
	if _, err := c.PgConn().Prepare(ctx, "p", "select * from t where a = $1", nil); err != nil {
		t.Fatal(err)
	}
	run := func() *pgconn.Result {
		return c.PgConn().ExecPrepared(ctx, "p", [][]byte{[]byte("1")}, nil, nil).Read()
	}
	if r := run(); r.Err != nil || len(r.Rows) != 1 {
		t.Fatal(r.Err)
	}
	exec(t, other, "create table unrelated (a int)")
	if r := run(); r.Err != nil || len(r.Rows) != 1 {
		t.Error(r.Err)
	}
	exec(t, other, "drop table t")
	exec(t, other, "create table t (a int primary key, b int)")
	if got := codeOf(run().Err); got != "0A000" {
		t.Error("another result type: ", got)
	}
}

func TestPortalLimit(t *testing.T) {
	c := connect(t, start(t))
	rows, err := c.Query(context.Background(), "select g from generate_series(1, 100000) g")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() != nil || n != 100000 {
		t.Error(n, rows.Err())
	}
}

func TestNotify(t *testing.T) {
	url := start(t)
	a, b := connect(t, url), connect(t, url)
	exec(t, a, "listen ch")
	exec(t, b, "notify ch, 'hello'")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n, err := a.WaitForNotification(ctx)
	if err != nil || n.Channel != "ch" || n.Payload != "hello" {
		t.Error(n, err)
	}
}

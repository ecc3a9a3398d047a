package planner_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"tidemill/planner"
	"tidemill/sql/parse"
	"tidemill/sql/sqlerr"
	"tidemill/sql/ast"
)

func TestPGDiff(t *testing.T) {
	dir := os.Getenv("TIDEMILL_TEST_PG")
	if dir == "" {
		t.Skip()
	}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, "host="+dir+" user=postgres database=postgres")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.sys = stubSystem{}
	ddl := `CREATE TABLE t (id int PRIMARY KEY, a int, b text NOT NULL, v numeric(10,2), ts timestamptz);
CREATE TABLE u (k bigint PRIMARY KEY, t_id int, name varchar(20));
create table ty (i2 smallint, i4 int, i8 bigint, f4 real, f8 float8, n numeric, n2 numeric(10,2), tx text, vc varchar(5), bc char(3), d date, ti time, tt timestamp, tz timestamptz, iv interval, j json, jb jsonb, ba bytea, bo bool, uu uuid, ia int[], ta text[], o oid, nm name, ch "char", rc regclass)`
	stmts, err := parse.Parse(ddl)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stmts {
		if err := w.create(s.Stmt); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := os.ReadFile(os.Getenv("PGDIFF"))
	for _, sql := range strings.Split(string(text), ";\n") {
		sql = strings.TrimSpace(sql)
		if sql == "" {
			continue
		}
		pg := ""
		d, err := conn.Prepare(ctx, "", sql, nil)
		if err != nil {
			var e *pgconn.PgError
			errors.As(err, &e)
			pg = fmt.Sprintf("ERROR %s at %d: %s", e.Code, e.Position, e.Message)
		} else {
			for _, o := range d.ParamOIDs {
				pg += fmt.Sprintf("$%d ", o)
			}
			for _, f := range d.Fields {
				pg += fmt.Sprintf("%s:%d:%d ", f.Name, f.DataTypeOID, f.TypeModifier)
			}
		}
		ours := mine(w, sql)
		if strings.TrimSpace(ours) != strings.TrimSpace(pg) {
			fmt.Printf("%s\n   pg   %s\n   ours %s\n", sql, pg, ours)
		}
	}
}

func mine(w *world, sql string) (out string) {
	defer func() {
		if r := recover(); r != nil {
			out = fmt.Sprint("PANIC ", r)
		}
	}()
	bad := func(err error) string {
		e := sqlerr.As(err)
		return fmt.Sprintf("ERROR %s at %d: %s", e.Code, e.Position, e.Message)
	}
	stmts, err := parse.Parse(sql)
	if err != nil {
		return bad(err)
	}
	var cols []planner.Column
	var q *planner.Query
	switch st := stmts[0].Stmt.(type) {
	case *ast.Query:
		if q, err = planner.PlanQuery(w.context(), st.Select); err == nil {
			cols = q.Columns
		}
	case *ast.Insert:
		var d *planner.DML
		if d, err = planner.PlanInsert(w.context(), st); err == nil {
			q, cols = d.Query, d.ReturningCols
		}
	case *ast.Update:
		var d *planner.DML
		if d, err = planner.PlanUpdate(w.context(), st); err == nil {
			q, cols = d.Query, d.ReturningCols
		}
	case *ast.Delete:
		var d *planner.DML
		if d, err = planner.PlanDelete(w.context(), st); err == nil {
			q, cols = d.Query, d.ReturningCols
		}
	}
	if err != nil {
		return bad(err)
	}
	for _, p := range q.Params {
		out += fmt.Sprintf("$%d ", p.OID())
	}
	for _, c := range cols {
		out += fmt.Sprintf("%s:%d:%d ", c.Name, c.Type.OID(), c.Type.WireMod())
	}
	return out
}

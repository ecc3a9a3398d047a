package session_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The round trip of a statement as a client sees it.
func BenchmarkStatement(b *testing.B) {
	c := connect(b, start(b))
	exec(b, c, "create table t (a int primary key, b text)")
	for i := range 100 {
		exec(b, c, fmt.Sprintf("insert into t values (%d, 'x')", i))
	}
	exec(b, c, "create materialized view m as select b, count(*) n from t group by b")
	ctx := context.Background()
	for _, s := range []struct {
		name, sql string
		mode      pgx.QueryExecMode
		args      []any
	}{
		{"select1/prepared", "select 1", pgx.QueryExecModeCacheStatement, nil},
		{"point/prepared", "select * from t where a = $1", pgx.QueryExecModeCacheStatement, []any{7}},
		{"view/prepared", "select * from m", pgx.QueryExecModeCacheStatement, nil},
		{"select1/simple", "select 1", pgx.QueryExecModeSimpleProtocol, nil},
		{"point/simple", "select * from t where a = 7", pgx.QueryExecModeSimpleProtocol, nil},
	} {
		b.Run(s.name, func(b *testing.B) {
			for b.Loop() {
				rows, err := c.Query(ctx, s.sql, append([]any{s.mode}, s.args...)...)
				if err != nil {
					b.Fatal(err)
				}
				rows.Close()
				if rows.Err() != nil {
					b.Fatal(rows.Err())
				}
			}
		})
	}
	n := 1000
	b.Run("insert/prepared", func(b *testing.B) {
		for b.Loop() {
			n++
			exec(b, c, "insert into t values ($1, $2)", n, "y")
		}
	})
}

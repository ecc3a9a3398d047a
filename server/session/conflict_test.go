package session_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestConflicts lets two transactions change the same rows: the first to commit wins.
func TestConflicts(t *testing.T) {
	url := start(t)
	a, b := connect(t, url), connect(t, url)
	exec(t, a, "create table t (id int primary key, v int, u int unique)")
	exec(t, a, "create table bag (x int)")
	exec(t, a, "insert into t values (1, 10, 100), (2, 20, 200)")
	exec(t, a, "insert into bag values (1), (2)")
	for _, c := range []struct{ name, mine, other, want string }{
		{"update of the same row", "update t set v = v + 1 where id = 1", "update t set v = v + 1 where id = 1", "40001"},
		{"update of another row", "update t set v = v + 1 where id = 1", "update t set v = v + 1 where id = 2", ""},
		{"insert of the same key", "insert into t values (3, 0, 300)", "insert into t values (3, 0, 301)", "23505"},
		{"insert of the same unique value", "insert into t values (4, 0, 400)", "insert into t values (5, 0, 400)", "23505"},
		{"delete of a deleted row", "delete from t where id = 2", "delete from t where id = 2", "40001"},
		{"delete of a row of a bag", "delete from bag where x = 1", "delete from bag where x = 1", "40001"},
		{"two rows into a bag", "insert into bag values (7)", "insert into bag values (7)", ""},
		{"a row that the other has changed after it was locked", "select v from t where id = 1 for update; insert into bag values (9)", "update t set v = v where id = 1; update t set v = v + 1 where id = 1", "40001"},
		{"a row beside the locked one", "select v from t where id = 1 for no key update of t; insert into bag values (9)", "update t set v = 7 where id = 3", ""},
		{"a locked row of a join", "select v from t as x join bag on x = v - 4 order by v limit 1 for share of x; insert into bag values (9)", "delete from t where id = 5", ""},
		{"a locked table", "lock table t; insert into bag values (9)", "update t set v = 8 where id = 3", "40001"},
		{"a table locked for reading", "lock table t in row share mode; insert into bag values (9)", "update t set v = 0 where id = 3", ""},
		{"locked rows without a key", "select * from bag for update; update t set v = v where id = 3", "insert into bag values (11)", "40001"},
		{"locked and nothing written", "select * from t for update", "update t set v = v + 1 where id = 1", ""},
		{"the table goes", "insert into bag values (8)", "drop table bag", "40001"},
	} {
		exec(t, a, "begin")
		exec(t, a, c.mine)
		exec(t, b, c.other)
		if got := code(a, "commit"); got != c.want {
			t.Errorf("%s: COMMIT gives %q, want %q", c.name, got, c.want)
		}
	}
	if got := one(t, b, "select string_agg(format('%s:%s', id, v), ' ' order by id) from t"); got != "1:14 3:0" {
		t.Error("in the end: ", got)
	}
}

// TestConcurrentCounters adds one from many sessions, by single statements, which never conflict, and by
// blocks that are run again when they do.
func TestConcurrentCounters(t *testing.T) {
	url := start(t)
	exec(t, connect(t, url), "create table n (id int primary key, single int, block int)")
	exec(t, connect(t, url), "insert into n values (1, 0, 0)")
	const sessions, rounds = 4, 25
	var wg sync.WaitGroup
	for range sessions {
		c := connect(t, url)
		wg.Go(func() {
			ctx := context.Background()
			for range rounds {
				if _, err := c.Exec(ctx, "insert into n values (1, 0, 0) on conflict (id) do update set single = n.single + 1"); err != nil {
					t.Error(err)
				}
				for {
					err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
						_, err := tx.Exec(ctx, "update n set block = block + 1 where id = 1")
						return err
					})
					if err == nil {
						break
					}
					if got := codeOf(err); got != "40001" {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if got := one(t, connect(t, url), "select single::text || ' ' || block::text from n"); got != "100 100" {
		t.Error("counted ", got)
	}
}

// TestWatermarkPasses lets the watermark pass a block's rows before it commits. Run again, they are late.
func TestWatermarkPasses(t *testing.T) {
	url := start(t)
	a, b := connect(t, url), connect(t, url)
	exec(t, a, "create table r (id int primary key, at timestamp, watermark for at as at)")
	exec(t, a, "insert into r values (1, '2024-01-01 10:00')")
	exec(t, a, "begin")
	exec(t, a, "insert into r values (2, '2024-01-01 11:00')")
	exec(t, b, "insert into r values (3, '2024-01-01 12:00')")
	if got := code(a, "commit"); got != "40001" {
		t.Errorf("COMMIT gives %q, want 40001", got)
	}
	exec(t, a, "begin")
	exec(t, a, "insert into r values (2, '2024-01-01 11:00')")
	if got := one(t, a, "select count(*) from r_late"); got != "1" {
		t.Error("late in the block: ", got)
	}
	if got := code(a, "commit"); got != "" {
		t.Errorf("COMMIT of the second try gives %q", got)
	}
	if got := one(t, b, "select string_agg(id::text, ' ' order by id) from r") + "; " + one(t, b, "select string_agg(id || _op, ' ') from r_late"); got != "1 3; 2insert" {
		t.Error("in the end: ", got)
	}
}

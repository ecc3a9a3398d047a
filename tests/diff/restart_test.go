package diff

import (
	"fmt"
	"testing"

	"tidemill/tests/kit"
)

// TestRestartOfRepeatedKeys restarts several workers over a join whose rows are spread by one column
// twice: its state must come back on the workers that the rows go to.
func TestRestartOfRepeatedKeys(t *testing.T) {
	s := kit.Start(t, "--workers", "4")
	c := s.Conn()
	kit.Exec(t, c,
		"CREATE TABLE t (id int PRIMARY KEY, a int, s text)", "CREATE TABLE u (id int PRIMARY KEY, a int, k int, s text)",
		"CREATE MATERIALIZED VIEW v AS SELECT t.id FROM t WHERE t.a IN (SELECT DISTINCT u.k FROM u WHERE u.a IS NOT DISTINCT FROM t.a AND u.s < t.s)",
		"INSERT INTO t SELECT g, g % 7, chr(97 + g % 5) FROM generate_series(1, 40) AS g",
		"INSERT INTO u SELECT g, g % 7, g % 7, chr(97 + g % 4) FROM generate_series(1, 20) AS g")
	for i := range 3 {
		s.RestartWith("--workers", fmt.Sprint(4-i))
		c = s.Conn()
		kit.Exec(t, c, fmt.Sprintf("DELETE FROM t WHERE id %% 9 = %d", i), fmt.Sprintf("UPDATE u SET k = k + 1, a = a + 1 WHERE id %% 5 = %d", i))
		if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW v"); len(diff) > 0 {
			t.Fatalf("after restart %d: %v", i+1, diff)
		}
	}
}

//go:build services

package diff

import (
	"fmt"
	"os"
	"testing"
	"time"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// TestViewsEqualPostgres compares with a real PostgreSQL for a few seconds.
func TestViewsEqualPostgres(t *testing.T) {
	against(t, 20*time.Second)
}

// TestSoakDiff is the same for as long as TIDEMILL_SOAK says.
func TestSoakDiff(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("TIDEMILL_SOAK"))
	if err != nil {
		t.Skip("set TIDEMILL_SOAK to a duration, or run make soak")
	}
	against(t, d)
}

func against(t *testing.T, length time.Duration) {
	pg := services.StartPostgres(t)
	s := seed(t)
	end := time.Now().Add(length)
	rounds, queries := 0, 0
	features := map[string]int{}
	for i := uint64(0); rounds < 2 || time.Now().Before(end); i++ {
		g := newGen(s + i)
		t.Run(fmt.Sprint(s+i), func(t *testing.T) {
			conn := kit.Connect(t, pg.ConnString())
			kit.Exec(t, conn, "DROP TABLE IF EXISTS t, u, bag", "DROP TYPE IF EXISTS spot, mood", "SET datestyle = 'ISO, MDY'", "SET timezone = 'UTC'")
			run(t, g, conn, 15, 6, "--workers", g.pick("1", "2", "4"))
		})
		if t.Failed() {
			return
		}
		rounds++
		queries += 15
		for f, n := range g.features {
			features[f] += n
		}
	}
	t.Logf("%d rounds, %d views, features %v", rounds, queries, features)
}

//go:build services

package kill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tidemill/tests/kit"
)

// TestKillLoop kills the server again and again at random moments while a bounded source streams and
// a session inserts. In the end every view equals the batch answer over all events, and every insert
// that was acknowledged is there once.
func TestKillLoop(t *testing.T) { killLoop(t) }

// TestSoakKill repeats that for as long as TIDEMILL_SOAK says.
func TestSoakKill(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("TIDEMILL_SOAK"))
	if err != nil {
		t.Skip("set TIDEMILL_SOAK to a duration, or run make soak")
	}
	for end := time.Now().Add(d); time.Now().Before(end) && !t.Failed(); {
		t.Run("loop", killLoop)
	}
}

func killLoop(t *testing.T) {
	cycles := 12
	if s := os.Getenv("TIDEMILL_KILLS"); s != "" {
		var err error
		if cycles, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, cycles)
	r := rand.New(rand.NewPCG(seed, 1))

	const events = 3_000_000
	p := kit.StartProcess(t)
	c := p.Conn()
	kit.Exec(t, c,
		fmt.Sprintf("CREATE SOURCE bid WITH (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.event.num = '%d', rate = '400000')", events),
		fmt.Sprintf("CREATE SOURCE auction WITH (connector = 'nexmark', nexmark.table.type = 'Auction', nexmark.event.num = '%d', rate = '400000')", events),
		"CREATE TABLE acked (id bigint PRIMARY KEY)",
		"CREATE MATERIALIZED VIEW per_auction AS SELECT auction, count(*) AS n, max(price) AS top, sum(price) AS total FROM bid GROUP BY auction",
		"CREATE MATERIALIZED VIEW per_window AS SELECT window_start, count(*) AS n, count(DISTINCT bidder) AS bidders FROM TUMBLE(bid, date_time, INTERVAL '1 second') GROUP BY window_start",
		"CREATE MATERIALIZED VIEW cheap AS SELECT auction, bidder, price FROM bid WHERE price < 200",
		"CREATE MATERIALIZED VIEW joined AS SELECT a.category, count(*) AS n, sum(b.price) AS total FROM auction a JOIN bid b ON a.id = b.auction GROUP BY a.category",
		"CREATE MATERIALIZED VIEW top AS SELECT auction, n FROM per_auction ORDER BY n DESC, auction LIMIT 5",
		"CREATE MATERIALIZED VIEW acks AS SELECT count(*) AS n, min(id) AS lo, max(id) AS hi FROM acked")
	acked := int64(0)
	for k := range cycles {
		acked = insertFor(t, p.DSN(), acked, time.Duration(100+r.IntN(500))*time.Millisecond, p.Kill)
		p.Start()
		c = p.Conn()
		got := kit.Rows(t, c, "SELECT count(*), count(DISTINCT id), coalesce(max(id), 0) FROM acked")[0]
		var n, d, hi int64
		if _, err := fmt.Sscanf(got, "%d|%d|%d", &n, &d, &hi); err != nil {
			t.Fatal(err)
		}
		// One insert may have become durable without its answer getting through.
		if n != d || n != hi || n < acked || n > acked+1 {
			t.Fatalf("kill %d: the table holds %s, acknowledged were %d", k, got, acked)
		}
		acked = n
		if top, acks := kit.Rows(t, c, "SELECT n, hi FROM acks")[0], fmt.Sprintf("%d|%d", n, hi); n > 0 && top != acks {
			t.Fatalf("kill %d: view says %s, table %s", k, top, acks)
		}
	}
	const bids = events / 50 * 46
	kit.Eventually(t, 2*time.Minute, func() error {
		rows, err := kit.TryRows(c, "SELECT sum(n) FROM per_auction")
		if err != nil {
			return err
		}
		if rows[0] != fmt.Sprint(bids) {
			return fmt.Errorf("%s of %d bids", rows[0], bids)
		}
		return nil
	})
	for _, v := range []string{"per_auction", "per_window", "cheap", "joined", "top", "acks"} {
		if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW "+v); len(diff) > 0 {
			t.Errorf("VERIFY of %s: %v", v, diff)
		}
	}
}

// insertFor inserts consecutive ids until the time is over, then kills the server in the middle of an
// insert. It returns the last id that was acknowledged.
func insertFor(t *testing.T, dsn string, last int64, length time.Duration, kill func()) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	killed := make(chan struct{})
	time.AfterFunc(length, func() {
		kill()
		close(killed)
	})
	for {
		if _, err := c.Exec(ctx, "INSERT INTO acked VALUES ($1)", last+1); err != nil {
			<-killed
			return last
		}
		last++
	}
}

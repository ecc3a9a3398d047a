//go:build services

package kill

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// TestKillSinks kills the server while it delivers to a real broker. A consumer that reads committed
// records only must in the end find each row of the append sink once, and in the upsert sink as the
// last value of each key what the view holds.
func TestKillSinks(t *testing.T) {
	kafka := services.StartKafka(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	p := kit.StartProcess(t)
	c := p.Conn()
	to := func(topic, typ string) string {
		return fmt.Sprintf("WITH (connector = 'kafka', topic = '%s', properties.bootstrap.server = '%s', topic.create = 'true', type = '%s')",
			topic, strings.Join(kafka.Brokers(), ","), typ)
	}
	kit.Exec(t, c,
		"CREATE SOURCE bid WITH (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.event.num = '400000', rate = '100000')",
		"CREATE MATERIALIZED VIEW chosen AS SELECT auction, bidder, price, date_time FROM bid WHERE auction % 7 = 0",
		"CREATE MATERIALIZED VIEW totals AS SELECT auction % 100 AS slot, count(*) AS n, sum(price) AS total FROM bid GROUP BY auction % 100",
		"CREATE SINK chosen_out FROM chosen "+to("chosen", "append-only")+" FORMAT PLAIN ENCODE JSON",
		"CREATE SINK totals_out FROM totals "+to("totals", "upsert")+" FORMAT UPSERT ENCODE JSON")
	for range 5 {
		time.Sleep(time.Duration(300+r.IntN(900)) * time.Millisecond)
		p.Kill()
		p.Start()
	}
	c = p.Conn()
	kit.Eventually(t, time.Minute, func() error {
		rows, err := kit.TryRows(c, "SELECT coalesce(sum(n), 0) FROM totals")
		if err != nil || rows[0] != "368000" {
			return fmt.Errorf("%v of 368000 bids: %w", rows, err)
		}
		return nil
	})
	chosen := sorted(kit.Rows(t, c, "SELECT auction, bidder, price, date_time FROM chosen"))
	kit.Eventually(t, time.Minute, func() error {
		got := sorted(consume(t, kafka.Brokers(), "chosen", func(_, v []byte) string {
			var x struct {
				Auction, Bidder, Price int64
				Time                   string `json:"date_time"`
			}
			if err := json.Unmarshal(v, &x); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf("%d|%d|%d|%s", x.Auction, x.Bidder, x.Price, strings.TrimSuffix(strings.Replace(x.Time, "T", " ", 1), "Z"))
		}))
		if !slices.Equal(got, chosen) {
			return fmt.Errorf("the topic has %d rows, the view %d; first: %v and %v", len(got), len(chosen), first(got), first(chosen))
		}
		return nil
	})
	totals := kit.Rows(t, c, "SELECT slot, n, total FROM totals")
	kit.Eventually(t, time.Minute, func() error {
		last := map[string]string{}
		consume(t, kafka.Brokers(), "totals", func(k, v []byte) string {
			last[string(k)] = string(v)
			return ""
		})
		var got []string
		for _, v := range last {
			if v == "" {
				continue // deleted
			}
			var x struct {
				Slot, N int64
				Total   json.Number
			}
			if err := json.Unmarshal([]byte(v), &x); err != nil {
				return fmt.Errorf("%w in %s", err, v)
			}
			got = append(got, fmt.Sprintf("%d|%d|%s", x.Slot, x.N, x.Total))
		}
		if !slices.Equal(sorted(got), sorted(totals)) {
			return fmt.Errorf("the topic ends with %d keys, the view has %d", len(got), len(totals))
		}
		return nil
	})
}

func sorted(rows []string) []string { slices.Sort(rows); return rows }

func first(rows []string) []string { return rows[:min(2, len(rows))] }

// consume reads a topic to its end, committed records only.
func consume(t *testing.T, brokers []string, topic string, row func(k, v []byte) string) []string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var out []string
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		f := client.PollFetches(ctx)
		cancel()
		if f.NumRecords() == 0 {
			return out
		}
		f.EachRecord(func(r *kgo.Record) { out = append(out, row(r.Key, r.Value)) })
	}
}

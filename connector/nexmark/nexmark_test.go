package nexmark

import (
	"context"
	"testing"
	"time"

	"tidemill/connector"
	"tidemill/connector/conform"
	"tidemill/sql/types"
)

func config(t testing.TB, raw map[string]string, names ...string) *connector.ReaderConfig {
	t.Helper()
	spec, err := connector.Lookup("nexmark")
	if err != nil {
		t.Fatal(err)
	}
	vals, err := spec.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &connector.ReaderConfig{Options: &connector.Options{Values: vals}}
	if cfg.Schema, err = spec.Columns(cfg.Options); err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		cfg.Cols = append(cfg.Cols, cfg.Schema.Index(n))
	}
	if names == nil {
		for i := range cfg.Schema {
			cfg.Cols = append(cfg.Cols, i)
		}
	}
	return cfg
}

func TestConform(t *testing.T) {
	spec, _ := connector.Lookup("nexmark")
	for _, table := range []string{"Person", "Auction", "Bid"} {
		t.Run(table, func(t *testing.T) {
			conform.Source(t, conform.SourceCase{Spec: spec, Rows: 100, Config: func() *connector.ReaderConfig {
				return config(t, map[string]string{optTable: table, optEvents: "20000"})
			}})
		})
	}
	t.Run("rate", func(t *testing.T) {
		conform.Source(t, conform.SourceCase{Spec: spec, Rows: 100, Blocks: true, Config: func() *connector.ReaderConfig {
			return config(t, map[string]string{optShort: "bid", optRate: "20000"})
		}})
	})
}

// The first rows are part of what users build on: they must not change between releases.
func TestFirstRows(t *testing.T) {
	for table, want := range map[string]string{
		"bid":     firstBid,
		"auction": firstAuction,
		"person":  firstPerson,
	} {
		r, err := open(config(t, map[string]string{optTable: table}))
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.Poll(context.Background(), 1)
		if err != nil || len(c.Batches) != 1 {
			t.Fatal(err)
		}
		b := c.Batches[0]
		order := make([]int, len(b.Cols))
		for i := range order {
			order[i] = i
		}
		if got := conform.Lines(b, order)[0]; got != want {
			t.Errorf("%s:\n got %s\nwant %s", table, got, want)
		}
	}
}

func TestShape(t *testing.T) {
	cfg := config(t, map[string]string{optTable: "Bid", optEvents: "100000"}, "auction", "bidder", "price", "date_time")
	r, err := open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rows, hot := 0, map[int64]int{}
	lo, hi := int64(1<<62), int64(0)
	for {
		c, err := r.Poll(context.Background(), 10_000)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range c.Batches {
			rows += b.N
			for i := range b.N {
				hot[b.Cols[0].I[i]/hotStride]++
				lo, hi = min(lo, b.Cols[2].I[i]), max(hi, b.Cols[2].I[i])
				if a := b.Cols[0].I[i]; a < firstAuctionID || a > firstAuctionID+6000+auctionLead {
					t.Fatalf("auction %d", a)
				}
			}
			if last := b.Cols[3].I[b.N-1]; last >= cfgBase+100_000*100 {
				t.Fatalf("date_time %d", last)
			}
		}
		if c.Done {
			break
		}
	}
	if rows != 92_000 {
		t.Errorf("%d bids in 100,000 events", rows)
	}
	if lo < 100 || lo > 200 || hi > 100_000_000 || hi < 50_000_000 {
		t.Errorf("prices from %d to %d", lo, hi)
	}
}

const cfgBase = 1436918400000000

func TestNowStaysInTheOffset(t *testing.T) {
	cfg := config(t, map[string]string{optTable: "Bid", optBase: "now"}, "date_time")
	r, _ := open(cfg)
	a, _ := r.Poll(context.Background(), 10)
	b, _ := r.Poll(context.Background(), 10)
	time.Sleep(2 * time.Millisecond)
	cfg.From = a.Next
	again, _ := open(cfg)
	c, _ := again.Poll(context.Background(), 10)
	if x, y := b.Batches[0].Cols[0].I[0], c.Batches[0].Cols[0].I[0]; x != y {
		t.Errorf("date_time %d, at first %d", y, x)
	}
}

func TestRefusals(t *testing.T) {
	spec, _ := connector.Lookup("nexmark")
	if _, err := spec.Validate(map[string]string{optTable: "Bids"}); err == nil {
		t.Error("took table Bids")
	}
	for _, schema := range []types.Schema{
		{{Name: "nope", Type: types.T(types.Int8)}},
		{{Name: "price", Type: types.T(types.Int4)}},
	} {
		if err := spec.Check(&connector.Options{Values: map[string]string{optTable: "Bid"}}, schema); err == nil {
			t.Errorf("took %v", schema)
		}
	}
	if err := spec.Check(&connector.Options{}, nil); err == nil {
		t.Error("took no table")
	}
}

func bench(b *testing.B, names ...string) {
	cfg := config(b, map[string]string{optTable: "Bid"}, names...)
	r, err := open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	rows := 0
	b.ReportAllocs()
	for b.Loop() {
		c, err := r.Poll(context.Background(), 16<<10)
		if err != nil {
			b.Fatal(err)
		}
		rows += c.Batches[0].N
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkBidInts(b *testing.B) { bench(b, "auction", "bidder", "price", "date_time") }
func BenchmarkBidAll(b *testing.B) {
	bench(b, "auction", "bidder", "price", "channel", "url", "date_time", "extra")
}

const (
	firstBid     = `+1 "1008" "1001" "93500438" "Facebook" "https://www.nexmark.com/nlnxy/ughow/bdbns/item.htm?query=1" "2015-07-15 00:00:00.0004" "zwknvaqevxuagsklslkbwbghlhkvwkntkjmpqqslxykqyuqyretjhwcdkxp"`
	firstAuction = `+1 "1000" "dtjyanrgyiqlzipfqwq" "sljmyjicuibxuoxloqivtrthcwybdpppbbbndslvehdgzlevtwaiure" "2491" "1396665" "2015-07-15 00:00:00.0001" "2015-07-15 00:00:00.0681" "1000" "14" "oiwuuukfvwfrhqufrohqhhhhsitgiyznoxwszzlstoalfxxeqpjjcuxgifnvdtwdljrtrrykgpuvhabppaspxatuteemhrlbfqjrmvwvkqzubmfnyhzobscwjiproijzneirbvksveouunaucmcjwvcmlrdbhkzhocskltfztkpltiddkfoqvsytkjbdcyembwoyqxatpdubcuwnezgsfjfnyorfxdoakisjeyjlwnioxygjkfdnsxauiowgpxtxszwhcjsgerdmhuxsjqfiuufhlxptawcxmfloqaufdtqyzwpsfytxvxiuxkntasjweodavaumibkoqwsimskbyhtzwstcwutvgymcpdloujwegvtuonyoiprwpcdmcymesvgggdufultcreunwlzettntckgxkfgvhibhowk"`
	firstPerson  = `+1 "1000" "Walter Walton" "jdn@elo.com" "8762 6208 6796 6545" "Los Angeles" "AZ" "2015-07-15 00:00:00" "aixtovcvznaxpxktldekhmbdwcfegmpddqhayfubmhdafeuvuatyjrofjuwmstfesoieqbzmkxzymjpbjgbjfpbgnrhvbtupxjdtkagtwsqiwevktyjmgweyjfqswzvuctzdqifbae"`
)

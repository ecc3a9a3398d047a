//go:build services

package kill

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// TestKillPartitions reads a topic of three partitions whose event times are apart. The watermark is that
// of the partition that is behind all others, over a kill too, until it has been idle for too long.
func TestKillPartitions(t *testing.T) {
	kafka := services.StartKafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 3, 1, nil, "readings"); err != nil {
		t.Fatal(err)
	}
	id := 0
	send := func(partition int32, times ...string) {
		t.Helper()
		for _, at := range times {
			id++
			r := &kgo.Record{Topic: "readings", Partition: partition, Value: fmt.Appendf(nil, `{"id": %d, "ts": "2024-03-01 %s"}`, id, at)}
			if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := kit.StartProcess(t)
	c := p.Conn()
	source := func(name, more string) string {
		return fmt.Sprintf("CREATE SOURCE %s (id int, ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '1 minute') WITH (connector = 'kafka', topic = 'readings', properties.bootstrap.server = '%s', scan.startup.mode = 'earliest'%s) FORMAT PLAIN ENCODE JSON",
			name, strings.Join(kafka.Brokers(), ","), more)
	}
	kit.Exec(t, c, source("patient", ""), source("hasty", ", watermark_idle_timeout = '3 seconds'"))
	for _, s := range []string{"patient", "hasty"} {
		kit.Exec(t, c, "CREATE MATERIALIZED VIEW "+s+"_closed AS SELECT window_end, count(*) AS n FROM TUMBLE("+s+", ts, INTERVAL '10 minutes') GROUP BY window_end EMIT ON WINDOW CLOSE")
	}
	is := func(query, want string) {
		t.Helper()
		kit.Eventually(t, time.Minute, func() error {
			got, err := kit.TryRows(c, query)
			if err != nil || strings.Join(got, " ") != want {
				return fmt.Errorf("%s gives %v, want %s: %w", query, got, want, err)
			}
			return nil
		})
	}
	watermark := func(source string) string {
		return "SELECT watermark FROM tidemill_catalog.sources WHERE name = '" + source + "'"
	}
	send(0, "10:00:00", "10:59:00")
	send(1, "10:01:00", "10:25:00")
	send(2, "10:02:00", "10:12:00")
	is(watermark("patient"), "2024-03-01 10:11:00")
	is("SELECT n FROM patient_closed", "3")
	p.Kill()
	p.Start()
	c = p.Conn()
	is(watermark("patient"), "2024-03-01 10:11:00")
	send(2, "10:31:00")
	is(watermark("patient"), "2024-03-01 10:24:00")
	is("SELECT window_end, n FROM patient_closed ORDER BY 1", "2024-03-01 10:10:00|3 2024-03-01 10:20:00|1")
	// Partition 1 says nothing: with a timeout it no longer holds the others back, without one it does.
	kit.Eventually(t, time.Minute, func() error {
		send(0, "11:00:00")
		send(2, "10:45:00")
		got, err := kit.TryRows(c, watermark("hasty"))
		if err != nil || got[0] != "2024-03-01 10:44:00" {
			return fmt.Errorf("the watermark is %v: %w", got, err)
		}
		return nil
	})
	is("SELECT max(window_end) FROM hasty_closed", "2024-03-01 10:40:00")
	is(watermark("patient"), "2024-03-01 10:24:00")
	// What it brings then is late for the one and not for the other.
	send(1, "10:26:00")
	is("SELECT count(*) FROM hasty_late", "1")
	is(watermark("patient"), "2024-03-01 10:25:00")
	is("SELECT count(*) FROM patient_late", "0")
	for _, s := range []string{"patient", "hasty"} {
		if diff := kit.Rows(t, c, "VERIFY MATERIALIZED VIEW "+s+"_closed"); len(diff) > 0 {
			t.Errorf("VERIFY of %s: %v", s, diff)
		}
	}
}

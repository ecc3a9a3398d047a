//go:build services

package badinput

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/tests/kit"
	"tidemill/tests/services"
)

// A real broker that is down, restarted, has not got the topic yet, or gets another one under the same
// name: the source says so, its views keep what they have and go on afterwards, everything else moves.
func TestBrokerTrouble(t *testing.T) {
	k := services.StartKafka(t)
	k.Stop()
	w := newWorld(t)
	source := func(name, topic string) string {
		return fmt.Sprintf("CREATE SOURCE %s (k text, i int) WITH (connector = 'kafka', topic = %s, properties.bootstrap.server = %s) FORMAT PLAIN ENCODE JSON",
			name, literal(topic), literal(k.Brokers()[0]))
	}
	view := "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n, sum(i) AS total FROM s"
	says := func(what string) {
		t.Helper()
		w.slow(fmt.Sprintf("SELECT coalesce(message, '') LIKE '%%%s%%' FROM tidemill_catalog.sources WHERE name = 's'", what), "t")
		w.beat(t)
	}
	start := time.Now()
	w.exec(source("s", "t"))
	w.fails("SELECT count(*) FROM s", "08006", "cannot reach Kafka at "+k.Brokers()[0])
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("a SELECT waited %v for a broker that is down", took)
	}
	w.exec(view)
	says("cannot reach Kafka")

	k.Restart()
	says(`topic "t" does not exist`)
	client := brokerClient(t, k)
	defer client.Close()
	admin := kadm.NewClient(client)
	createTopic(t, admin, "t")
	send := func(records ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		client := brokerClient(t, k) // one of its own: it must not remember the topic that was deleted
		defer client.Close()
		for i, r := range records {
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: "t", Partition: int32(i % 3), Value: []byte(r)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(`{"k":"a","i":1}`, `not json`, `{"k":"a","i":"x"}`, `{"k":"a","i":1e10}`, `{}`, ``, `{"i":2}`)
	w.slow("SELECT n, total FROM v", "3|3")
	w.slow("SELECT count(*), count(DISTINCT (partition, position)), bool_and(length(reason) > 0) FROM tidemill_catalog.source_errors", "4|4|t")

	k.Kill()
	says("connection refused")
	w.want("SELECT n, total FROM v", "3|3")
	w.Restart() // the server starts without its broker
	w.c = w.Conn()
	w.want("SELECT n, total FROM v", "3|3")
	says("cannot reach Kafka")
	k.Restart()
	send(`{"k":"b","i":10}`)
	w.slow("SELECT n, total FROM v", "4|13")
	w.want("SELECT count(*) FROM tidemill_catalog.source_errors", "4")
	w.want("VERIFY MATERIALIZED VIEW v", "")

	// Another topic of the same name has other rows under the old offsets: reading on would mix them.
	if _, err := admin.DeleteTopics(context.Background(), "t"); err != nil {
		t.Fatal(err)
	}
	kit.Eventually(t, time.Minute, func() error {
		topics, err := admin.ListTopics(context.Background(), "t")
		if err == nil && topics.Has("t") {
			err = fmt.Errorf("the topic is still there")
		}
		return err
	})
	createTopic(t, admin, "t")
	says("was deleted and created again")
	w.want("SELECT n, total FROM v", "4|13")
	send(`{"i":7}`)
	w.exec("DROP SOURCE s CASCADE", source("s", "t"), view)
	w.slow("SELECT n, total FROM v", "1|7")
}

func brokerClient(t *testing.T, k *services.Kafka) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func createTopic(t *testing.T, admin *kadm.Client, name string) {
	t.Helper()
	kit.Eventually(t, time.Minute, func() error {
		_, err := admin.CreateTopic(context.Background(), 3, 1, nil, name)
		return err
	})
}

// slow is soon for what a broker takes its time over.
func (w *world) slow(query, want string) {
	w.t.Helper()
	kit.Eventually(w.t, 90*time.Second, func() error {
		rows, err := kit.TryRows(w.c, query)
		if err != nil {
			return err
		}
		if got := fmt.Sprint(rows); got != "["+want+"]" {
			return fmt.Errorf("%s: got %s, want %s", query, got, want)
		}
		return nil
	})
}

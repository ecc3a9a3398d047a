//go:build services

package services

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A broker keeps acknowledged records, and its address, over a crash and over a shutdown.
func TestKafka(t *testing.T) {
	ctx := testContext(t)
	broker := StartKafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Brokers()...), kgo.ConsumeTopics("greetings"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, "greetings"); err != nil {
		t.Fatal(err)
	}

	restarts := []func(){
		func() {},
		func() { broker.Kill(); broker.Restart() },
		func() { broker.Restart() },
	}
	for i, restart := range restarts {
		restart()
		want := fmt.Sprintf("hello %d", i)
		record := &kgo.Record{Topic: "greetings", Value: []byte(want)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatalf("produce %q: %v", want, err)
		}
	}

	var got []string
	for len(got) < len(restarts) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if fmt.Sprint(got) != "[hello 0 hello 1 hello 2]" {
		t.Errorf("consumed %q", got)
	}
}

// Group members and transactions use internal topics, which must work with one replica.
func TestKafkaGroupsAndTransactions(t *testing.T) {
	ctx := testContext(t)
	broker := StartKafka(t)
	producer, err := kgo.NewClient(kgo.SeedBrokers(broker.Brokers()...), kgo.TransactionalID("t"),
		kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for _, value := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		record := &kgo.Record{Topic: "tx", Value: fmt.Append(nil, value)}
		if err := producer.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(ctx, value); err != nil {
			t.Fatal(err)
		}
	}

	consumer, err := kgo.NewClient(kgo.SeedBrokers(broker.Brokers()...), kgo.ConsumerGroup("g"),
		kgo.ConsumeTopics("tx"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	fetches := consumer.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	records := fetches.Records()
	if len(records) != 1 || string(records[0].Value) != fmt.Sprint(kgo.TryCommit) {
		t.Errorf("consumed %v, want only the committed record", records)
	}
	if err := consumer.CommitRecords(ctx, records...); err != nil {
		t.Error(err)
	}
}

// Every test has a database of its own, with the settings that answers depend on.
func TestPostgres(t *testing.T) {
	ctx := testContext(t)
	for range 2 {
		conn, err := pgx.Connect(ctx, StartPostgres(t).ConnString())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "CREATE TABLE t AS SELECT 'Ä' AS a"); err != nil {
			t.Fatal(err)
		}
		var settings string
		if err := conn.QueryRow(ctx, `
			SELECT concat_ws(' ', current_setting('timezone'), current_setting('server_encoding'), datcollate)
			FROM pg_database, t WHERE datname = current_database() AND a < 'ä' AND a > 'Z'`).Scan(&settings); err != nil {
			t.Fatal(err)
		}
		if settings != "UTC UTF8 C" {
			t.Errorf("settings are %q", settings)
		}
	}
}

func TestFlights(t *testing.T) {
	flights, airlines := Flights(t)
	for path, want := range map[string]int{flights: FlightCount, airlines: 16} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got := len(rows) - 1; got != want {
			t.Errorf("%s has %d rows, want %d", path, got, want)
		}
	}
}

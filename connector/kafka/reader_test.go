package kafka

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemill/connector"
	"tidemill/connector/conform"
)

func TestConform(t *testing.T) {
	b := newBroker(t, 3)
	b.send(3, 0, 60)
	b.sendRecords(&kgo.Record{Partition: 0}, &kgo.Record{Partition: 1, Value: []byte(`{"a":`)},
		&kgo.Record{Partition: 1, Key: []byte{0xff}, Value: []byte(`{}`)})
	b.transaction(true, "t1", &kgo.Record{Partition: 0, Value: []byte(`{"a":100}`)})
	b.transaction(false, "t2", &kgo.Record{Partition: 0, Value: []byte(`{"a":101}`)}, &kgo.Record{Partition: 2, Value: []byte(`{"a":102}`)})
	conform.Source(t, conform.SourceCase{Spec: spec(t), Rows: 64, Blocks: true,
		Config: func() *connector.ReaderConfig { return b.config() }})
}

func TestColumns(t *testing.T) {
	b := newBroker(t, 1)
	b.sendRecords(&kgo.Record{Key: []byte("key"), Value: []byte(`{"b":"x"}`), Timestamp: baseTime,
		Headers: []kgo.RecordHeader{{Key: "t", Value: []byte(`"q"`)}, {Key: "t", Value: []byte{0xff}}, {Key: "n"}}})
	b.sendRecords(&kgo.Record{Value: []byte(`{"a":1}`), Timestamp: baseTime})
	r := open(t, b.config())
	var lines []string
	for len(lines) < 2 {
		c, err := r.Poll(context.Background(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Batches {
			lines = append(lines, conform.Lines(x, []int{0, 1, 2, 3, 4, 5, 6})...)
		}
	}
	for i, want := range []string{
		`+1 NULL "x" "key" "0" "0" "2023-11-14 22:13:20+00" "[{\"key\": \"t\", \"value\": \"\\\"q\\\"\"}, {\"key\": \"t\", \"value\": \"\\\\xff\"}, {\"key\": \"n\", \"value\": null}]"`,
		`+1 "1" NULL NULL "0" "1" "2023-11-14 22:13:20+00" "[]"`,
	} {
		if lines[i] != want {
			t.Errorf("got  %s\nwant %s", lines[i], want)
		}
	}
}

func TestStartModes(t *testing.T) {
	b := newBroker(t, 1)
	b.send(1, 0, 5)
	at := fmt.Sprint(baseTime.Add(3 * time.Second).UnixMilli())
	got, _ := take(t, open(t, b.config(optMode, modeTimestamp, optMillis, at)), 2)
	want(t, got, "3", "4")
	r := open(t, b.config(optMode, modeLatest))
	c, err := r.Poll(context.Background(), 10) // the start itself is given out
	if err != nil || !strings.HasPrefix(c.Next["0"], "5") {
		t.Fatalf("%v, %v", c, err)
	}
	b.send(1, 5, 7)
	got, _ = take(t, r, 2)
	want(t, got, "5", "6")
	cfg := b.config(optMode, modeLatest)
	cfg.From = c.Next
	got, _ = take(t, open(t, cfg), 2)
	want(t, got, "5", "6")
}

func TestNewPartitions(t *testing.T) {
	b := newBroker(t, 1)
	b.send(1, 0, 2)
	r := open(t, b.config(optMode, modeLatest))
	take(t, r, 0)
	if c, err := r.Poll(context.Background(), 10); err != nil || c.Next["0"] == "" {
		t.Fatalf("%v %v", c, err)
	}
	if _, err := b.admin.CreatePartitions(context.Background(), 1, topic); err != nil {
		t.Fatal(err)
	}
	b.client.ForceMetadataRefresh()
	for { // until the test's client knows the partition
		err := b.client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Partition: 1, Value: []byte(`{"a":7}`)}).FirstErr()
		if err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	got, pos := take(t, r, 1)
	want(t, got, "7")
	if pos["1"] == "" {
		t.Errorf("positions %v", pos)
	}
}

func TestTopicComesLater(t *testing.T) {
	b := newBroker(t, 0)
	r := open(t, b.config())
	wantStatus(t, r, `topic "events" does not exist; waiting for it`)
	if err := b.cluster.CreateTopic(topic, 2, nil); err != nil {
		t.Fatal(err)
	}
	b.send(2, 0, 4)
	got, _ := take(t, r, 4)
	want(t, got, "0", "1", "2", "3")
	wantStatus(t, r, "")
}

func TestBrokerComesLaterAndGoes(t *testing.T) {
	port, dir := freePort(t), t.TempDir()
	r := open(t, config(t, fmt.Sprintf("127.0.0.1:%d", port)))
	wantStatus(t, r, "cannot reach Kafka at 127.0.0.1:")
	wantStatus(t, r, "connection refused")
	b := newBroker(t, 1, kfake.Ports(port), kfake.DataDir(dir), kfake.SyncWrites())
	b.send(1, 0, 3)
	got, _ := take(t, r, 3)
	want(t, got, "0", "1", "2")
	wantStatus(t, r, "")

	b.client.Close()
	b.cluster.Close()
	wantStatus(t, r, "connection refused")
	b = newBroker(t, 0, kfake.Ports(port), kfake.DataDir(dir))
	b.send(1, 3, 5)
	got, _ = take(t, r, 2)
	want(t, got, "3", "4")
	wantStatus(t, r, "")
}

func TestFetchErrorsPass(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownServerError, kerr.TopicAuthorizationFailed,
		kerr.KafkaStorageError, kerr.FencedLeaderEpoch, kerr.UnknownTopicOrPartition, kerr.CorruptMessage, kerr.OffsetNotAvailable} {
		b := newBroker(t, 1)
		b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets}, Err: e, Count: 3})
		b.send(1, 0, 3)
		got, _ := take(t, open(t, b.config()), 3)
		if strings.Join(got, " ") != "0 1 2" {
			t.Errorf("%v: %q", e, got)
		}
	}
}

func TestRecordsRemoved(t *testing.T) {
	b := newBroker(t, 1)
	b.send(1, 0, 10)
	_, pos := take(t, open(t, b.config()), 10)
	cfg := b.config()
	cfg.From = connector.Offset{"0": "2"}
	if err := b.cluster.DeleteRecords(topic, 0, 5); err != nil {
		t.Fatal(err)
	}
	wantError(t, open(t, cfg), "records from offset 2 to 4 were removed before they were read")
	cfg.From = connector.Offset{"0": "11"}
	wantError(t, open(t, cfg), "was cut: offset 11 was read, and it ends at 10")
	cfg.From = connector.Offset{"1": "3"}
	wantError(t, open(t, cfg), "has 1 partitions, and partition 1 was read before")

	// While running: the broker says so in a fetch.
	cfg.From = pos
	r := open(t, cfg)
	take(t, r, 0)
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange, Count: -1})
	wantError(t, r, `topic "events" partition 0`)
	wantStatus(t, r, `topic "events" partition 0`)
}

func TestTopicDeletedAndMadeAnew(t *testing.T) {
	defer func(d time.Duration) { missingGrace = d }(missingGrace)
	missingGrace = 300 * time.Millisecond
	b := newBroker(t, 1)
	b.send(1, 0, 3)
	r := open(t, b.config())
	got, pos := take(t, r, 3)
	want(t, got, "0", "1", "2")
	if err := b.cluster.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	wantError(t, r, `topic "events" was deleted`)
	if err := b.cluster.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	b.client.PurgeTopicsFromClient(topic)
	b.send(1, 0, 10)
	cfg := b.config()
	cfg.From = pos
	wantError(t, open(t, cfg), `topic "events" was deleted and created again`)

	// Made anew while a reader runs.
	r = open(t, b.config())
	take(t, r, 10)
	if err := b.cluster.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if err := b.cluster.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	wantError(t, r, `topic "events" was deleted and created again`)
}

// The bound of a backfill may lie behind records that nobody will ever see.
func TestUntilBehindTheLastRecord(t *testing.T) {
	ctx := context.Background()
	b := newBroker(t, 1)
	if err := b.cluster.CreateTopic("other", 1, nil); err != nil {
		t.Fatal(err)
	}
	b.send(1, 0, 3)
	b.transaction(false, "x", &kgo.Record{Value: []byte(`{"a":9}`)}, &kgo.Record{Value: []byte(`{"a":10}`)})
	cfg := b.config()
	var err error
	if cfg.Until, err = end(ctx, cfg); err != nil || !strings.HasPrefix(cfg.Until["0"], "6") {
		t.Fatalf("%v %v", cfg.Until, err)
	}
	b.send(1, 20, 25)
	got, pos := take(t, open(t, cfg), 100)
	want(t, got, "0", "1", "2")
	if !strings.HasPrefix(pos["0"], "6") {
		t.Errorf("position %v", pos)
	}
	// Exactly at each offset, compaction included.
	for until, n := range map[string]int{"0": 0, "1": 1, "3": 3, "4": 3, "6": 3, "7": 4, "11": 8} {
		cfg.Until = connector.Offset{"0": until}
		got, pos := take(t, open(t, cfg), 100)
		if len(got) != n || !strings.HasPrefix(pos["0"], until) {
			t.Errorf("until %s: %q, position %v", until, got, pos)
		}
	}
	cfg.Until = connector.Offset{}
	if got, _ := take(t, open(t, cfg), 1); len(got) != 0 {
		t.Errorf("until nothing: %q", got)
	}
}

func TestUntilAfterCompaction(t *testing.T) {
	b := newBroker(t, 0)
	compact, ms := "compact", "1"
	if _, err := b.admin.CreateTopic(context.Background(), 1, 1, map[string]*string{"cleanup.policy": &compact,
		"segment.ms": &ms, "min.cleanable.dirty.ratio": kadm.StringPtr("0.0"), "delete.retention.ms": kadm.StringPtr("0")}, topic); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		b.sendRecords(&kgo.Record{Key: []byte("same"), Value: fmt.Appendf(nil, `{"a":%d}`, i)})
	}
	b.sendRecords(&kgo.Record{Key: []byte("same")})
	time.Sleep(5 * time.Millisecond)
	b.cluster.Compact()
	cfg := b.config()
	cfg.Until = connector.Offset{"0": "11"}
	got, pos := take(t, open(t, cfg), 100)
	if len(got) > 2 || !strings.HasPrefix(pos["0"], "11") {
		t.Errorf("%q, %v", got, pos)
	}
}

func TestPassword(t *testing.T) {
	b := newBroker(t, 0, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "me", "secret"), kfake.Superuser("PLAIN", "me", "secret"))
	sasl := []string{"properties.security.protocol", "SASL_PLAINTEXT", "properties.sasl.username", "me"}
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256"} {
		with := append([]string{"properties.sasl.mechanism", mechanism}, sasl...)
		wantStatus(t, open(t, b.config(append(with, "properties.sasl.password", "wrong")...)), "cannot reach Kafka")
		wantStatus(t, open(t, b.config(append(with, "properties.sasl.password", "secret")...)), "does not exist; waiting")
	}
}

func TestRefusals(t *testing.T) {
	s := spec(t)
	for _, c := range []struct{ key, value, want string }{
		{"properties.group.id", "x", "does not know the property"},
		{"properties.nope", "x", "does not know the property"},
		{"properties.security.protocol", "TLS", "is not one of PLAINTEXT"},
		{"properties.sasl.username", "x", "need properties.security.protocol"},
		{"properties.ssl.ca.location", "/nope", "no such file"},
		{"properties.fetch.max.bytes", "x", "not a number of bytes"},
		{"topic", "a/b", "is not a topic name"},
		{"scan.startup.mode", "timestamp", "needs option"},
		{"scan.startup.mode", "middle", "is not one of earliest"},
		{"type", "upsert", "is for a sink"},
	} {
		raw := map[string]string{optTopic: topic, optServer: "h:1", c.key: c.value}
		vals, err := s.ValidateFor(connector.SourceRole, raw)
		if err == nil {
			err = s.Check(&connector.Options{Values: vals}, schema)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %s: %v", c.key, c.value, err)
		}
	}
}

func BenchmarkPoll(b *testing.B) {
	br := newBroker(b, 4)
	const n = 200_000
	value := []byte(`{"auction":12345678,"bidder":87654321,"price":1234567,"channel":"channel-4711","url":"https://www.nexmark.com/abcde/fghij/klmno/item.htm?query=1&channel_id=123456789","date_time":"2015-07-15T00:00:01.234Z","b":"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx","a":1}`)
	var recs []*kgo.Record
	for i := range n {
		recs = append(recs, &kgo.Record{Partition: int32(i % 4), Value: value})
	}
	br.sendRecords(recs...)
	b.ReportAllocs()
	for b.Loop() {
		cfg := br.config()
		cfg.Cols = []int{0, 1}
		r := open(b, cfg)
		for rows := 0; rows < n; {
			c, err := r.Poll(context.Background(), 16<<10)
			if err != nil {
				b.Fatal(err)
			}
			for _, x := range c.Batches {
				rows += x.N
			}
		}
		r.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}

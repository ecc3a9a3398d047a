package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemill/connector"
	"tidemill/connector/conform"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var sinkSchema = types.Schema{{Name: "k", Type: types.T(types.Int8)}, {Name: "v", Type: types.T(types.Text)}}

// delta makes a batch of rows "weight k v".
func delta(lines ...string) []*rows.Batch {
	b := rows.NewBuilder(sinkSchema, len(lines))
	for _, l := range lines {
		var w, k int64
		var v string
		if _, err := fmt.Sscan(l, &w, &k, &v); err != nil {
			panic(err)
		}
		b.Cols[0].AppendInt(k)
		b.Cols[1].AppendString(v)
		b.EndRow(w)
	}
	return []*rows.Batch{b.Finish()}
}

func (b *broker) sink(name, envelope string, pairs ...string) *connector.WriterConfig {
	b.t.Helper()
	raw := map[string]string{optTopic: topic, optServer: b.cluster.ListenAddrs()[0]}
	for i := 0; i < len(pairs); i += 2 {
		raw[pairs[i]] = pairs[i+1]
	}
	vals, err := spec(b.t).ValidateFor(connector.SinkRole, raw)
	if err != nil {
		b.t.Fatal(err)
	}
	return &connector.WriterConfig{Name: name, Options: &connector.Options{Values: vals, Envelope: envelope, Encoding: "json"},
		Schema: sinkSchema, Key: []int{0}, AppendOnly: envelope == "plain"}
}

// contents reads the committed messages of the topic, sorted.
func (b *broker) contents() []string {
	b.t.Helper()
	ctx := context.Background()
	detail, err := describe(ctx, b.admin, &settings{}, topic)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for n := range int32(len(detail.Partitions)) {
		for at := int64(0); ; {
			recs, next, _, err := fetchOnce(ctx, b.client, detail, n, at)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, r := range recs {
				value := string(r.Value)
				if r.Value == nil {
					value = "NULL"
				}
				out = append(out, strings.TrimSpace(string(r.Key)+" "+value))
			}
			if next == at {
				break
			}
			at = next
		}
	}
	slices.Sort(out)
	return out
}

func newWriter(t testing.TB, cfg *connector.WriterConfig) *writer {
	t.Helper()
	w, err := openWriter(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w.(*writer)
}

func epochs(n uint64) []*rows.Batch {
	switch n {
	case 1:
		return delta("+1 1 a", "+1 2 b")
	case 2:
		return delta("-1 1 a", "+1 1 c", "+1 3 d")
	default:
		return delta("-1 2 b", "-1 3 d", "+1 3 d", "+1 4 e", "+1 4 e", "-1 4 e")
	}
}

func TestSinkConform(t *testing.T) {
	upsert := []string{`{"k":1} {"k":1,"v":"a"}`, `{"k":1} {"k":1,"v":"c"}`, `{"k":2} NULL`, `{"k":2} {"k":2,"v":"b"}`,
		`{"k":3} {"k":3,"v":"d"}`, `{"k":4} {"k":4,"v":"e"}`}
	for _, delivery := range []string{exactlyOnce, atLeastOnce} {
		t.Run(delivery, func(t *testing.T) {
			b := newBroker(t, 2)
			s := *spec(t)
			if delivery == atLeastOnce {
				s.Guarantee = connector.AtLeastOnce
			}
			conform.Sink(t, conform.SinkCase{Spec: &s, Deltas: epochs, Read: b.contents, Want: upsert,
				Config: func() *connector.WriterConfig {
					return b.sink("s", "upsert", optDelivery, delivery)
				}})
		})
	}
	t.Run("append", func(t *testing.T) {
		b := newBroker(t, 0)
		conform.Sink(t, conform.SinkCase{Spec: spec(t),
			Deltas: func(n uint64) []*rows.Batch { return delta(fmt.Sprintf("+2 %d x", n)) },
			Read:   b.contents, Want: []string{`{"k":1,"v":"x"}`, `{"k":1,"v":"x"}`, `{"k":2,"v":"x"}`, `{"k":2,"v":"x"}`, `{"k":3,"v":"x"}`, `{"k":3,"v":"x"}`},
			Config: func() *connector.WriterConfig { return b.sink("s", "plain", optCreate, "true") }})
	})
}

// Every request of a transaction fails once, before and after it had its effect: each epoch arrives once.
func TestSinkFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("10 s")
	}
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn, kmsg.AddPartitionsToTxn, kmsg.InitProducerID, kmsg.FindCoordinator} {
		for _, e := range []*kerr.Error{kerr.RequestTimedOut, kerr.NotCoordinator, kerr.UnknownServerError, kerr.InvalidProducerEpoch,
			kerr.ConcurrentTransactions, kerr.NotEnoughReplicasAfterAppend, kerr.InvalidTxnState, kerr.TransactionAbortable} {
			t.Run(fmt.Sprint(key, " ", e.Message), func(t *testing.T) {
				t.Parallel()
				b := newBroker(t, 1)
				w := newWriter(t, b.sink("s", "plain"))
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				defer cancel()
				if err := w.Write(ctx, 1, delta("+1 1 a")); err != nil {
					t.Fatal(err)
				}
				b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: e})
				b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: e, TopLevel: true})
				for n := uint64(2); n <= 3; n++ {
					if err := w.Write(ctx, n, delta(fmt.Sprintf("+1 %d a", n))); err != nil {
						t.Fatal(err)
					}
				}
				w.Close()
				again := newWriter(t, b.sink("s", "plain"))
				if n, err := again.Committed(ctx); err != nil || n != 3 {
					t.Errorf("Committed: %d, %v", n, err)
				}
				want(t, b.contents(), `{"k":1,"v":"a"}`, `{"k":2,"v":"a"}`, `{"k":3,"v":"a"}`)
			})
		}
	}
}

// A second writer takes over: the first one cannot write any more, and what it had begun is gone.
func TestSinkFencing(t *testing.T) {
	b := newBroker(t, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	old := newWriter(t, b.sink("s", "plain"))
	if err := old.Write(ctx, 1, delta("+1 1 a")); err != nil {
		t.Fatal(err)
	}
	if err := old.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := old.produce(ctx, []message{{value: []byte("lost")}}, old.progressRecord(2)); err != nil {
		t.Fatal(err)
	}
	next := newWriter(t, b.sink("s", "plain"))
	if n, err := next.Committed(ctx); err != nil || n != 1 {
		t.Fatalf("Committed: %d, %v", n, err)
	}
	if err := old.client.EndTransaction(ctx, kgo.TryCommit); err == nil {
		t.Error("the fenced writer could commit")
	}
	if err := next.Write(ctx, 2, delta("+1 2 b")); err != nil {
		t.Fatal(err)
	}
	want(t, b.contents(), `{"k":1,"v":"a"}`, `{"k":2,"v":"b"}`)
}

// An open transaction of another sink hides what is behind it in the shared progress topic.
func TestSinkProgressBehindOpenTransaction(t *testing.T) {
	b := newBroker(t, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	one, two := newWriter(t, b.sink("one", "plain")), newWriter(t, b.sink("two", "plain"))
	for _, w := range []*writer{one, two} {
		if err := w.Write(ctx, 1, delta("+1 1 a")); err != nil {
			t.Fatal(err)
		}
	}
	if err := two.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := two.produce(ctx, nil, two.progressRecord(2)); err != nil {
		t.Fatal(err)
	}
	if err := one.Write(ctx, 7, delta("+1 1 b")); err != nil {
		t.Fatal(err)
	}
	one.Close()
	time.AfterFunc(300*time.Millisecond, func() { _ = two.client.EndTransaction(ctx, kgo.TryCommit) })
	again := newWriter(t, b.sink("one", "plain"))
	if n, err := again.Committed(ctx); err != nil || n != 7 {
		t.Errorf("Committed: %d, %v", n, err)
	}
}

func TestSinkWaitsForTopic(t *testing.T) {
	b := newBroker(t, 0)
	w := newWriter(t, b.sink("s", "plain"))
	done := make(chan error, 1)
	go func() { done <- w.Write(context.Background(), 1, delta("+1 1 a")) }()
	wantStatus(t, w, `topic "events" does not exist; waiting for it`)
	if err := b.cluster.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wantStatus(t, w, "")
	short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	lost := newWriter(t, b.sink("s2", "plain", optTopic, "nope"))
	if err := lost.Write(short, 1, delta("+1 1 a")); err == nil || !strings.Contains(err.Error(), `"nope" does not exist`) {
		t.Errorf("%v", err)
	}
}

func TestSinkRefusals(t *testing.T) {
	b := newBroker(t, 1)
	for _, c := range []struct {
		envelope string
		pairs    []string
		change   func(*connector.WriterConfig)
		want     string
	}{
		{"plain", nil, func(c *connector.WriterConfig) { c.AppendOnly = false }, "cannot send the updates and deletions"},
		{"upsert", nil, func(c *connector.WriterConfig) { c.Key = nil }, "needs a key"},
		{"upsert", []string{optKey, "v"}, nil, "is not unique in the query"},
		{"upsert", []string{optKey, "x"}, nil, `column "x" of primary_key does not exist`},
		{"upsert", []string{optType, typeAppend}, nil, "goes with FORMAT PLAIN"},
		{"debezium", nil, nil, "FORMAT DEBEZIUM is not available"},
	} {
		cfg := b.sink("s", c.envelope, c.pairs...)
		if c.change != nil {
			c.change(cfg)
		}
		if _, err := openWriter(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v", c.envelope, c.pairs, err)
		}
	}
	w := newWriter(t, b.sink("s", "upsert"))
	if err := w.Write(context.Background(), 1, delta("+1 1 a", "+1 1 b")); err == nil || !strings.Contains(err.Error(), "not unique: there are 2 rows") {
		t.Errorf("%v", err)
	}
	w = newWriter(t, b.sink("s", "plain"))
	if err := w.Write(context.Background(), 1, delta("-1 1 a")); err == nil {
		t.Error("an append-only sink took a deletion")
	}
}

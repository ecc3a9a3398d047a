package kafka

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/connector"
	"tidemill/connector/conform"
	_ "tidemill/connector/format/json"
	_ "tidemill/connector/format/raw"
	"tidemill/sql/types"
)

const topic = "events"

var schema = types.Schema{
	{Name: "a", Type: types.T(types.Int8)},
	{Name: "b", Type: types.T(types.Text)},
	{Name: "k", Type: types.T(types.Text)},
	{Name: "part", Type: types.T(types.Int4)},
	{Name: "off", Type: types.T(types.Int8)},
	{Name: "ts", Type: types.T(types.Timestamptz)},
	{Name: "h", Type: types.T(types.JSONB)},
}

var include = map[int]string{2: "key", 3: "partition", 4: "offset", 5: "timestamp", 6: "headers"}

// broker is a fake cluster and a client to prepare it with.
type broker struct {
	t       testing.TB
	cluster *kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
}

func newBroker(t testing.TB, partitions int32, opts ...kfake.Opt) *broker {
	t.Helper()
	if partitions > 0 {
		opts = append(opts, kfake.SeedTopics(partitions, topic))
	}
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, cluster: c}
	b.client = b.newClient()
	b.admin = kadm.NewClient(b.client)
	t.Cleanup(func() {
		b.client.Close()
		b.cluster.Close()
	})
	return b
}

func (b *broker) newClient(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.cluster.ListenAddrs()...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10 * time.Millisecond)}, opts...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	return cl
}

var baseTime = time.UnixMilli(1700000000000)

// send writes rows from lo to hi-1, row i to partition i%partitions.
func (b *broker) send(partitions, lo, hi int) {
	b.t.Helper()
	var recs []*kgo.Record
	for i := lo; i < hi; i++ {
		recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(i % partitions), Key: []byte("k" + strconv.Itoa(i)),
			Value: fmt.Appendf(nil, `{"a":%d,"b":"row %d"}`, i, i), Timestamp: baseTime.Add(time.Duration(i) * time.Second),
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}})
	}
	b.sendRecords(recs...)
}

func (b *broker) sendRecords(recs ...*kgo.Record) {
	b.t.Helper()
	for _, r := range recs {
		r.Topic = topic
	}
	if err := b.client.ProduceSync(context.Background(), recs...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// transaction writes rows in a transaction of its own.
func (b *broker) transaction(commit bool, id string, recs ...*kgo.Record) {
	b.t.Helper()
	cl := b.newClient(kgo.TransactionalID(id))
	defer cl.Close()
	ctx := context.Background()
	if err := cl.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
	for _, r := range recs {
		r.Topic = topic
	}
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		b.t.Fatal(err)
	}
}

func spec(t testing.TB) *connector.Spec {
	t.Helper()
	s, err := connector.Lookup("kafka")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// config makes a reader's configuration; pairs are options and their values.
func config(t testing.TB, addr string, pairs ...string) *connector.ReaderConfig {
	t.Helper()
	raw := map[string]string{optTopic: topic, optServer: addr, "properties.metadata.max.age.ms": "100", "properties.fetch.max.wait.ms": "100"}
	for i := 0; i < len(pairs); i += 2 {
		raw[pairs[i]] = pairs[i+1]
	}
	vals, err := spec(t).ValidateFor(connector.SourceRole, raw)
	if err != nil {
		t.Fatal(err)
	}
	return &connector.ReaderConfig{Options: &connector.Options{Values: vals, Envelope: "plain", Encoding: "json"},
		Schema: schema, Cols: []int{0, 1, 2, 3, 4, 5, 6}, Include: include}
}

func (b *broker) config(pairs ...string) *connector.ReaderConfig {
	return config(b.t, b.cluster.ListenAddrs()[0], pairs...)
}

func open(t testing.TB, cfg *connector.ReaderConfig) connector.Reader {
	t.Helper()
	r, err := openReader(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// take polls until n rows or bad records have come, the reader ends, or the time is over. It returns
// the values of the first two columns, sorted, and the last positions.
func take(t testing.TB, r connector.Reader, n int) ([]string, connector.Offset) {
	t.Helper()
	pos := connector.Offset{}
	var out []string
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	for len(out) < n && ctx.Err() == nil {
		c, err := r.Poll(ctx, 100)
		if err != nil {
			out = append(out, "error "+err.Error())
			break
		}
		for k, v := range c.Next {
			pos[k] = v
		}
		for _, b := range c.Batches {
			for _, l := range conform.Lines(b, []int{0}) {
				out = append(out, strings.Trim(strings.TrimPrefix(l, "+1 "), `"`))
			}
		}
		for _, b := range c.Bad {
			out = append(out, fmt.Sprintf("bad %s/%s %s", b.Partition, b.Offset, b.Reason))
		}
		if c.Done {
			break
		}
	}
	slices.Sort(out)
	return out, pos
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func wantError(t testing.TB, r connector.Reader, text string) {
	t.Helper()
	got, _ := take(t, r, 1)
	if len(got) != 1 || !strings.Contains(got[0], text) {
		t.Errorf("got %q, want an error with %q", got, text)
	}
}

// wantStatus waits until the status has the text.
func wantStatus(t testing.TB, s any, text string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = s.(connector.Status).Status(); text == "" && got == "" || text != "" && strings.Contains(got, text) {
			return
		}
	}
	t.Errorf("status %q, want %q", got, text)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

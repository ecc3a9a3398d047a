package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/sqlerr"
)

const (
	batchBytes = 32 << 20 // of records per batch
	probeAfter = 100 * time.Millisecond
)

type reader struct {
	cfg     *connector.ReaderConfig
	topic   string
	set     *settings
	from    map[int32]position
	until   map[int32]position // nil = unbounded
	client  *kgo.Client
	admin   *kadm.Client
	decoder format.Decoder
	batcher *format.Batcher
	metas   []meta
	textKey bool

	ctx    context.Context // ends with Close or a final error
	cancel context.CancelFunc
	work   sync.WaitGroup
	look   chan struct{} // asks discover to look now

	mu      sync.Mutex
	closed  bool
	final   error
	health  health
	id      [16]byte
	parts   map[int32]*part
	fresh   []int32 // partitions whose start has not been given out
	wake    func()  // ends the Poll that is waiting
	started bool    // the first look at the topic has succeeded
	missing time.Time
}

// part is a partition that is read.
type part struct {
	pos   position
	until int64
}

func (p *part) done() bool { return p.pos.offset >= p.until }

func openReader(cfg *connector.ReaderConfig) (connector.Reader, error) {
	r := &reader{cfg: cfg, topic: cfg.Options.Get(optTopic), parts: map[int32]*part{}, look: make(chan struct{}, 1)}
	var err error
	if err = check(cfg.Options, cfg.Schema); err != nil {
		return nil, err
	}
	if r.set, err = parseProperties(cfg.Options); err != nil {
		return nil, err
	}
	if r.decoder, err = decoderOf(cfg); err != nil {
		return nil, err
	}
	ms, schema, err := metas(cfg)
	if err != nil {
		return nil, err
	}
	r.metas, r.batcher = ms, format.NewBatcher(schema)
	for _, m := range ms {
		r.textKey = r.textKey || m.textKey
	}
	if r.from, err = parseOffset(cfg.From); err != nil {
		return nil, err
	}
	if r.until, err = parseOffset(cfg.Until); err != nil {
		return nil, err
	}
	isolation := kgo.ReadCommitted()
	if r.set.uncommitted {
		isolation = kgo.ReadUncommitted()
	}
	r.client, err = kgo.NewClient(r.set.clientOptions(
		kgo.FetchIsolationLevel(isolation),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.WithPools(&recordPool{}),
		kgo.WithHooks(&r.health),
	)...)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "Kafka client: %v", err)
	}
	r.admin = kadm.NewClient(r.client)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.work.Add(1)
	go r.discover()
	return r, nil
}

// Poll implements connector.Reader.
func (r *reader) Poll(ctx context.Context, max int) (*connector.Chunk, error) {
	if err := r.over(); err != nil {
		return nil, err
	}
	limit := 24 * time.Hour
	if r.until != nil {
		limit = probeAfter
	}
	wait, stop := context.WithTimeout(ctx, limit)
	defer stop()
	r.mu.Lock()
	r.wake = stop
	r.mu.Unlock()
	out := &connector.Chunk{Next: r.starts()}
	if out.Done = r.finished(); out.Done || len(out.Next) > 0 {
		return out, nil
	}
	unhook := context.AfterFunc(r.ctx, stop)
	defer unhook()
	fetches := r.client.PollRecords(wait, max)
	if err := r.over(); err != nil {
		return nil, err
	}
	if err := r.faults(fetches); err != nil {
		return nil, err
	}
	for k, v := range r.starts() {
		out.Next[k] = v
	}
	r.batcher.Start(min(fetches.NumRecords(), max))
	size := 0
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) > 0 {
			size = r.decodePartition(p.Partition, p.Records, out, size)
		}
	})
	if !r.cfg.ByPartition {
		r.cut(out, "")
	}
	if r.until != nil && fetches.NumRecords() == 0 && ctx.Err() == nil {
		if err := r.probe(ctx); err != nil {
			return nil, err
		}
		for k := range r.starts() {
			out.Next[k] = ""
		}
	}
	r.positions(out.Next)
	out.Done = r.finished()
	return out, nil
}

// over returns why nothing more can be read, or nil.
func (r *reader) over() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.final != nil {
		return r.final
	}
	if r.closed {
		return connector.ErrClosed
	}
	return nil
}

// starts returns the positions of partitions that have been found since the last call.
func (r *reader) starts() connector.Offset {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := connector.Offset{}
	for _, n := range r.fresh {
		out[strconv.Itoa(int(n))] = r.parts[n].pos.String()
	}
	r.fresh = r.fresh[:0]
	return out
}

// positions fills in the positions of the partitions named in next.
func (r *reader) positions(next connector.Offset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range next {
		n, _ := strconv.Atoi(k) // our own keys
		next[k] = r.parts[int32(n)].pos.String()
	}
}

func (r *reader) finished() bool {
	if r.until == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := range r.until {
		if p := r.parts[n]; p == nil || !p.done() {
			return false
		}
	}
	return true
}

// decodePartition decodes the records of one partition and moves its position. It returns the bytes
// in the current batch.
func (r *reader) decodePartition(n int32, recs []*kgo.Record, out *connector.Chunk, size int) int {
	r.mu.Lock()
	p := r.parts[n]
	r.mu.Unlock()
	if p == nil || p.done() {
		return size
	}
	name := strconv.Itoa(int(n))
	pos := p.pos
	for _, rec := range recs {
		if rec.Offset < pos.offset {
			rec.Recycle()
			continue // read before; not expected
		}
		if rec.Offset >= p.until {
			pos.offset = p.until
			break
		}
		if size > batchBytes {
			r.cut(out, name)
			r.batcher.Start(1024)
			size = 0
		}
		if err := r.decode(rec); err != nil {
			out.Bad = append(out.Bad, format.BadRecord(name, strconv.FormatInt(rec.Offset, 10), rec.Value, err))
		}
		size += len(rec.Value) + len(rec.Key)
		out.SizeBytes += len(rec.Value) + len(rec.Key)
		pos.offset, pos.epoch = rec.Offset+1, rec.LeaderEpoch
		rec.Recycle()
	}
	if r.cfg.ByPartition {
		r.cut(out, name)
		r.batcher.Start(1024)
		size = 0
	}
	r.mu.Lock()
	p.pos = pos
	r.mu.Unlock()
	out.Next[name] = ""
	if p.done() {
		r.client.RemoveConsumePartitions(map[string][]int32{r.topic: {n}})
	}
	return size
}

// cut ends the batch, which has rows of the given partition if the reader keeps them apart.
func (r *reader) cut(out *connector.Chunk, partition string) {
	b := r.batcher.Finish()
	if b == nil {
		return
	}
	out.Batches = append(out.Batches, b)
	if r.cfg.ByPartition {
		out.Partitions = append(out.Partitions, partition)
	}
}

var errNullValue = errors.New("NULL value")

// decode appends the rows of one record.
func (r *reader) decode(rec *kgo.Record) error {
	if rec.Value == nil {
		return errNullValue
	}
	if r.textKey && !isText(rec.Key) {
		return errKey
	}
	b := r.batcher.Out
	if err := r.decoder.Decode(rec.Value, b); err != nil {
		return err
	}
	for i := range r.metas {
		m := &r.metas[i]
		for col := b.Cols[m.out]; col.Len() < b.Len(); {
			m.fill(col, rec)
		}
	}
	return nil
}

// faults looks at the errors of a fetch: final ones are returned, the others go to the status.
func (r *reader) faults(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		var loss *kgo.ErrDataLoss
		var large *kgo.ErrDecompressTooLarge
		switch err := e.Err; {
		case errors.Is(err, kgo.ErrClientClosed):
			return connector.ErrClosed
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		case errors.Is(err, kerr.OffsetOutOfRange):
			return r.fail(r.outOfRange(e.Partition))
		case errors.As(err, &loss):
			return r.fail(sqlerr.New(sqlerr.DataCorrupted,
				"topic %q partition %d lost records: %d was read, and the log now ends at %d (an unclean leader election?)",
				r.topic, e.Partition, loss.ConsumedTo, loss.ResetTo))
		case errors.As(err, &large):
			return r.fail(sqlerr.New(sqlerr.ProgramLimitExceeded,
				"topic %q partition %d: a compressed batch is larger than %d MiB", r.topic, e.Partition, batchBytesMax>>20))
		default:
			r.health.fetchFailed(fmt.Sprintf("reading topic %q partition %d: %v", r.topic, e.Partition, err))
			select {
			case r.look <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

// fail makes err the reader's end.
func (r *reader) fail(err error) error {
	r.mu.Lock()
	if r.final == nil {
		r.final = err
	}
	err = r.final
	r.mu.Unlock()
	r.cancel()
	return err
}

// outOfRange says what is wrong with a partition's position.
func (r *reader) outOfRange(n int32) error {
	r.mu.Lock()
	at := int64(-1)
	if p := r.parts[n]; p != nil {
		at = p.pos.offset
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(r.ctx, 3*time.Second)
	defer cancel()
	start, end := int64(-1), int64(math.MaxInt64)
	if s, err := r.admin.ListStartOffsets(ctx, r.topic); err == nil {
		if o, ok := s.Lookup(r.topic, n); ok && o.Err == nil {
			start = o.Offset
		}
	}
	if s, err := r.admin.ListEndOffsets(ctx, r.topic); err == nil {
		if o, ok := s.Lookup(r.topic, n); ok && o.Err == nil {
			end = o.Offset
		}
	}
	return lost(r.topic, n, at, start, end)
}

// lost is the error for a position outside the log.
func lost(topic string, n int32, at, start, end int64) error {
	if at > end {
		return sqlerr.New(sqlerr.DataCorrupted, "topic %q partition %d was cut: offset %d was read, and it ends at %d", topic, n, at, end).
			WithHint("Was the topic deleted and created again? Drop the source and create it again to read from the start.")
	}
	return sqlerr.New(sqlerr.DataCorrupted, "topic %q partition %d: records from offset %d to %d were removed before they were read", topic, n, at, start-1).
		WithHint("The topic's retention is shorter than the source's lag. Drop the source and create it again to read what is left.")
}

// Status implements connector.Status.
func (r *reader) Status() string {
	r.mu.Lock()
	final := r.final
	r.mu.Unlock()
	if final != nil {
		return sqlerr.As(final).Message
	}
	return r.health.String()
}

// Ack implements connector.Reader. Offsets live in the engine's store only.
func (r *reader) Ack(connector.Offset) {}

// Close implements connector.Reader.
func (r *reader) Close() error {
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return nil
	}
	r.cancel()
	r.work.Wait()
	r.client.Close()
	return nil
}

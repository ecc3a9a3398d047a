package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/sql/sqlerr"
)

// The progress record: the key is the sink's name, the value is this as JSON.
type progressValue struct {
	Epoch uint64 `json:"epoch"`
}

func (w *writer) transactionalID() string { return "tidemill-" + w.cfg.Name }

func (w *writer) progressRecord(epoch uint64) *kgo.Record {
	value, _ := json.Marshal(progressValue{epoch}) // a struct of a number always does
	return &kgo.Record{Topic: w.progress, Key: []byte(w.cfg.Name), Value: value}
}

// Committed implements connector.Writer. It fences off older writers of the sink first, so that
// nothing is added behind what it reads.
func (w *writer) Committed(ctx context.Context) (uint64, error) {
	if !w.exact {
		return 0, nil
	}
	ctx, stop := w.bound(ctx)
	defer stop()
	for retry := retryMin; ; retry = min(retry*2, retryMax) {
		err := w.connect(ctx)
		if err == nil {
			w.health.set("")
			return w.committed, nil
		}
		var f final
		if errors.As(err, &f) {
			return 0, f.err
		}
		w.health.set(err.Error())
		w.disconnect()
		select {
		case <-ctx.Done():
			return 0, w.ended(err)
		case <-time.After(retry):
		}
	}
}

// connect makes the client and brings it to the point where it can write.
func (w *writer) connect(ctx context.Context) error {
	if w.client != nil && (w.known || !w.exact) {
		return nil
	}
	w.disconnect()
	opts := w.set.clientOptions(kgo.WithHooks(&w.health))
	if w.exact {
		opts = append(opts, kgo.TransactionalID(w.transactionalID()))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return final{sqlerr.New(sqlerr.InvalidParameterValue, "Kafka client: %v", err)}
	}
	w.client, w.admin = client, kadm.NewClient(client)
	look, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := w.ensure(look, w.topic, w.cfg.Options.Bool(optCreate), int32(w.cfg.Options.Int(optPartitions)), nil); err != nil {
		return err
	}
	if !w.exact {
		return nil
	}
	compact := "compact"
	if err := w.ensure(look, w.progress, true, 1, map[string]*string{"cleanup.policy": &compact}); err != nil {
		return err
	}
	if _, _, err := client.ProducerID(look); err != nil {
		return w.sort(err)
	}
	if w.committed, err = w.readProgress(ctx); err != nil {
		return err
	}
	w.known = true
	return nil
}

// ensure waits for a topic, or creates it.
func (w *writer) ensure(ctx context.Context, topic string, create bool, partitions int32, configs map[string]*string) error {
	_, err := describe(ctx, w.admin, w.set, topic)
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return err
	}
	if !create {
		return fmt.Errorf("topic %q does not exist; waiting for it (%s = 'true' creates it)", topic, optCreate)
	}
	_, err = w.admin.CreateTopic(ctx, partitions, int16(w.cfg.Options.Int(optReplication)), configs, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("creating topic %q: %w", topic, err)
	}
	_, err = describe(ctx, w.admin, w.set, topic)
	return err
}

// readProgress returns the last epoch in the progress topic. It reads up to the end that the log has
// now, and waits for transactions of other sinks that are open before it: behind them may be our own.
func (w *writer) readProgress(ctx context.Context) (uint64, error) {
	detail, err := describe(ctx, w.admin, w.set, w.progress)
	if err != nil {
		return 0, err
	}
	begins, err := w.admin.ListStartOffsets(ctx, w.progress)
	if err != nil {
		return 0, fmt.Errorf("reading topic %q: %w", w.progress, err)
	}
	ends, err := w.admin.ListEndOffsets(ctx, w.progress)
	if err != nil {
		return 0, fmt.Errorf("reading topic %q: %w", w.progress, err)
	}
	last := uint64(0)
	for _, p := range detail.Partitions.Sorted() {
		begin, _ := begins.Lookup(w.progress, p.Partition)
		end, _ := ends.Lookup(w.progress, p.Partition)
		if err := errors.Join(begin.Err, end.Err); err != nil {
			return 0, fmt.Errorf("reading topic %q: %w", w.progress, err)
		}
		epoch, err := w.readProgressOf(ctx, detail, p.Partition, begin.Offset, end.Offset)
		if err != nil {
			return 0, err
		}
		last = max(last, epoch)
	}
	return last, nil
}

func (w *writer) readProgressOf(ctx context.Context, detail kadm.TopicDetail, n int32, at, end int64) (uint64, error) {
	last := uint64(0)
	for at < end {
		recs, next, stable, err := fetchOnce(ctx, w.client, detail, n, at)
		if err != nil {
			return 0, fmt.Errorf("reading topic %q: %w", w.progress, err)
		}
		for _, r := range recs {
			var v progressValue
			if string(r.Key) != w.cfg.Name || r.Value == nil {
				continue
			}
			if err := json.Unmarshal(r.Value, &v); err != nil {
				return 0, final{sqlerr.New(sqlerr.DataCorrupted, "topic %q partition %d offset %d is not a progress record", w.progress, n, r.Offset)}
			}
			last = max(last, v.Epoch)
		}
		if next > at {
			at = next
			continue
		}
		if stable >= end {
			return last, nil // nothing is left but what compaction took
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("reading topic %q: waiting for open transactions: %w", w.progress, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return last, nil
}

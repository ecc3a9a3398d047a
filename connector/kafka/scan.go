package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchOnce asks a partition's leader for committed records from an offset on, outside the client's
// own fetching. next is the offset after what the answer covers, which the client does not tell:
// transaction markers, aborted records and the gaps of compaction included.
func fetchOnce(ctx context.Context, client *kgo.Client, topic kadm.TopicDetail, n int32, from int64) (recs []*kgo.Record, next, stable int64, err error) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 0, 0, 4<<20
	req.IsolationLevel = 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic.Topic, topic.ID
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = n, from, 1<<20, -1
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	leader := topic.Partitions[n].Leader
	if leader < 0 {
		return nil, from, 0, kerr.LeaderNotAvailable
	}
	raw, err := client.Broker(int(leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, from, 0, err
	}
	resp, ok := raw.(*kmsg.FetchResponse)
	if !ok || kerr.ErrorForCode(resp.ErrorCode) != nil {
		return nil, from, 0, fmt.Errorf("fetching: %w", kerr.ErrorForCode(resp.ErrorCode))
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, from, 0, errors.New("fetching: an answer without the partition")
	}
	rp := &resp.Topics[0].Partitions[0]
	opts := kgo.ProcessFetchPartitionOpts{Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: topic.Topic, Partition: n}
	fp, next := kgo.ProcessFetchPartition(opts, rp, kgo.DefaultDecompressor(), nil)
	if fp.Err != nil {
		return nil, from, 0, fp.Err
	}
	return fp.Records, max(next, from), fp.LastStableOffset, nil
}

// probe looks past the end of what the client delivers: when no committed record is left before a
// partition's bound, the partition is done. A failure leaves it for the next time.
func (r *reader) probe(ctx context.Context) error {
	todo := map[int32]part{}
	r.mu.Lock()
	for n, p := range r.parts {
		if !p.done() {
			todo[n] = *p
		}
	}
	r.mu.Unlock()
	if len(todo) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	detail, err := describe(ctx, r.admin, r.set, r.topic)
	if err != nil {
		return nil // discover reports it
	}
	for n, p := range todo {
		if r.barren(ctx, detail, n, p) {
			r.mu.Lock()
			r.parts[n].pos.offset = p.until
			r.fresh = append(r.fresh, n)
			r.mu.Unlock()
			r.client.RemoveConsumePartitions(map[string][]int32{r.topic: {n}})
		}
	}
	return nil
}

// barren tells whether there is no committed record from p's position to its bound.
func (r *reader) barren(ctx context.Context, detail kadm.TopicDetail, n int32, p part) bool {
	for at := p.pos.offset; at < p.until; {
		recs, next, stable, err := fetchOnce(ctx, r.client, detail, n, at)
		if err != nil || stable < p.until {
			return false
		}
		if len(recs) > 0 {
			return recs[0].Offset >= p.until
		}
		if next == at {
			return true // the log has nothing from here on, and all of it is decided
		}
		at = next
	}
	return true
}

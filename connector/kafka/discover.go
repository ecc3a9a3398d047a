package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/connector"
	"tidemill/sql/sqlerr"
)

var (
	// missingGrace is how long a known topic may be unknown to the brokers before it counts as deleted; a
	// broker that has just started may not know its topics yet.
	missingGrace = 30 * time.Second
	retryMin     = 100 * time.Millisecond
	retryMax     = 5 * time.Second
	lookTimeout  = 8 * time.Second
)

// final marks errors that end the reader.
type final struct{ err error }

func (f final) Error() string { return f.err.Error() }

// discover looks for partitions again and again until the reader is closed.
func (r *reader) discover() {
	defer r.work.Done()
	retry := retryMin
	for {
		ctx, cancel := context.WithTimeout(r.ctx, lookTimeout)
		err := r.lookOnce(ctx)
		cancel()
		if r.ctx.Err() != nil {
			return
		}
		pause := r.set.metadataAge
		var f final
		switch {
		case err == nil:
			r.health.set("")
			retry = retryMin
		case errors.As(err, &f):
			r.fail(f.err)
			return
		default:
			r.health.set(err.Error())
			pause, retry = retry, min(retry*2, retryMax)
		}
		timer := time.NewTimer(pause)
		select {
		case <-r.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-r.look:
			timer.Stop()
			select { // not more than once per retryMin
			case <-r.ctx.Done():
			case <-time.After(retryMin):
			}
		}
	}
}

// lookOnce asks for the topic, checks that it is still the same, and starts reading new partitions.
func (r *reader) lookOnce(ctx context.Context) error {
	detail, err := r.describe(ctx)
	if err != nil {
		return err
	}
	if err := r.checkIdentity(detail); err != nil {
		return err
	}
	fresh := r.unread(detail)
	if len(fresh) > 0 {
		if err := r.start(ctx, fresh); err != nil {
			return err
		}
	}
	for _, p := range detail.Partitions.Sorted() {
		if p.Err != nil && !errors.Is(p.Err, kerr.ReplicaNotAvailable) {
			return fmt.Errorf("topic %q partition %d: %w", r.topic, p.Partition, p.Err)
		}
	}
	return nil
}

// describe returns the topic's metadata; an unknown topic is an error.
func (r *reader) describe(ctx context.Context) (kadm.TopicDetail, error) {
	detail, err := describe(ctx, r.admin, r.set, r.topic)
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		r.missing = time.Time{}
		return detail, err
	}
	r.mu.Lock()
	known := r.started || len(r.from)+len(r.until) > 0
	r.mu.Unlock()
	if !known {
		return detail, fmt.Errorf("topic %q does not exist; waiting for it", r.topic)
	}
	if r.missing.IsZero() {
		r.missing = time.Now()
	}
	if time.Since(r.missing) >= missingGrace {
		return detail, final{sqlerr.New(sqlerr.UndefinedObject, "topic %q was deleted", r.topic).
			WithHint("Drop the source, or create it again when there is a new topic.")}
	}
	return detail, fmt.Errorf("topic %q does not exist any more", r.topic)
}

func describe(ctx context.Context, admin *kadm.Client, set *settings, topic string) (kadm.TopicDetail, error) {
	md, err := admin.Metadata(ctx, topic)
	if err != nil {
		return kadm.TopicDetail{}, errors.New(unreachable(set.servers, err))
	}
	detail, ok := md.Topics[topic]
	if !ok {
		return detail, kerr.UnknownTopicOrPartition
	}
	if detail.Err != nil && !errors.Is(detail.Err, kerr.UnknownTopicOrPartition) {
		return detail, fmt.Errorf("topic %q: %w", topic, detail.Err)
	}
	return detail, detail.Err
}

// checkIdentity refuses a topic that was made anew.
func (r *reader) checkIdentity(d kadm.TopicDetail) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := [16]byte(d.ID)
	known := r.id
	for _, ps := range []map[int32]position{r.from, r.until} {
		for _, p := range ps {
			if known == ([16]byte{}) {
				known = p.id
			}
		}
	}
	if known != ([16]byte{}) && id != ([16]byte{}) && id != known {
		return final{sqlerr.New(sqlerr.DataCorrupted, "topic %q was deleted and created again", r.topic).
			WithHint("Its offsets mean other records now. Drop the source and create it again to read the new topic.")}
	}
	r.id = id
	for _, ps := range []map[int32]position{r.from, r.until} {
		for n := range ps {
			if int(n) >= len(d.Partitions) {
				return final{sqlerr.New(sqlerr.DataCorrupted, "topic %q has %d partitions, and partition %d was read before", r.topic, len(d.Partitions), n).
					WithHint("It was probably deleted and created again. Drop the source and create it again.")}
			}
		}
	}
	return nil
}

// unread returns the partitions that are available and not read yet.
func (r *reader) unread(d kadm.TopicDetail) []int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []int32
	for _, p := range d.Partitions.Sorted() {
		_, bound := r.until[p.Partition]
		if r.parts[p.Partition] == nil && p.Leader >= 0 && (r.until == nil || bound) {
			out = append(out, p.Partition)
		}
	}
	return out
}

// start resolves the positions of partitions and begins to read them.
func (r *reader) start(ctx context.Context, fresh []int32) error {
	begins, err := r.admin.ListStartOffsets(ctx, r.topic)
	if err != nil {
		return fmt.Errorf("listing the offsets of topic %q: %w", r.topic, err)
	}
	ends, err := r.admin.ListEndOffsets(ctx, r.topic)
	if err != nil {
		return fmt.Errorf("listing the offsets of topic %q: %w", r.topic, err)
	}
	starts, err := r.configured(ctx, begins)
	if err != nil {
		return fmt.Errorf("listing the offsets of topic %q: %w", r.topic, err)
	}
	add := map[int32]kgo.Offset{}
	var waiting error
	r.mu.Lock()
	for _, n := range fresh {
		begin, ok1 := begins.Lookup(r.topic, n)
		end, ok2 := ends.Lookup(r.topic, n)
		at, ok3 := starts.Lookup(r.topic, n)
		if err := errors.Join(begin.Err, end.Err, at.Err); err != nil || !ok1 || !ok2 || !ok3 {
			waiting = fmt.Errorf("listing the offsets of topic %q partition %d: %w", r.topic, n, err)
			continue
		}
		p := &part{pos: position{offset: at.Offset, epoch: -1, id: r.id}, until: 1<<63 - 1}
		if from, ok := r.from[n]; ok {
			p.pos.offset, p.pos.epoch = from.offset, from.epoch
			if from.offset < begin.Offset || from.offset > end.Offset {
				r.mu.Unlock()
				return final{lost(r.topic, n, from.offset, begin.Offset, end.Offset)}
			}
		}
		if until, ok := r.until[n]; ok {
			p.until = until.offset
		}
		r.parts[n] = p
		r.fresh = append(r.fresh, n)
		if !p.done() {
			add[n] = kgo.NewOffset().At(p.pos.offset).WithEpoch(p.pos.epoch)
		}
	}
	r.started = true
	if r.wake != nil && len(r.fresh) > 0 {
		r.wake()
	}
	r.mu.Unlock()
	if len(add) > 0 {
		r.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: add})
	}
	return waiting
}

// configured returns the offsets at which partitions without a position start. Partitions that
// appear while the source exists are read from their beginning even with latest: their records were
// written after it.
func (r *reader) configured(ctx context.Context, begins kadm.ListedOffsets) (kadm.ListedOffsets, error) {
	switch r.cfg.Options.Get(optMode) {
	case modeTimestamp:
		return r.admin.ListOffsetsAfterMilli(ctx, r.cfg.Options.Int(optMillis), r.topic)
	case modeLatest:
		if !r.started && len(r.from) == 0 {
			return r.admin.ListCommittedOffsets(ctx, r.topic)
		}
	}
	return begins, nil
}

// end returns the positions after the last committed records. It waits until the brokers answer; a
// topic that does not exist has no positions.
func end(ctx context.Context, cfg *connector.ReaderConfig) (connector.Offset, error) {
	set, err := parseProperties(cfg.Options)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(set.clientOptions()...)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "Kafka client: %v", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topic := cfg.Options.Get(optTopic)
	for retry := retryMin; ; retry = min(retry*2, retryMax) {
		out, err := endOnce(ctx, admin, set, topic)
		if err == nil {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, sqlerr.New(sqlerr.ConnectionFailure, "%v", err)
		case <-time.After(retry):
		}
	}
}

func endOnce(ctx context.Context, admin *kadm.Client, set *settings, topic string) (connector.Offset, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	detail, err := describe(ctx, admin, set, topic)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return connector.Offset{}, nil
	}
	if err != nil {
		return nil, err
	}
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("listing the offsets of topic %q: %w", topic, err)
	}
	out := connector.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		out[strconv.Itoa(int(o.Partition))] = position{offset: o.Offset, epoch: -1, id: detail.ID}.String()
	})
	return out, nil
}

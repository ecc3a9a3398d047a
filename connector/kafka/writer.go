package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

type writer struct {
	cfg      *connector.WriterConfig
	set      *settings
	topic    string
	progress string
	exact    bool
	folder   folder

	client    *kgo.Client
	admin     *kadm.Client
	health    health
	committed uint64
	known     bool // committed has been read and older writers are fenced off

	closeOnce sync.Once
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
}

func openWriter(cfg *connector.WriterConfig) (connector.Writer, error) {
	o := cfg.Options
	if err := check(o, cfg.Schema); err != nil {
		return nil, err
	}
	w := &writer{cfg: cfg, topic: o.Get(optTopic), progress: o.Get(optProgress), exact: o.Get(optDelivery) != atLeastOnce}
	var err error
	if w.set, err = parseProperties(o); err != nil {
		return nil, err
	}
	upsert, err := upsertOf(o)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(cfg, upsert)
	if err != nil {
		return nil, err
	}
	force := o.Bool(optForce)
	if !upsert && !cfg.AppendOnly && !force {
		return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "an append-only sink cannot send the updates and deletions of its query").
			WithHint("Use type = 'upsert' with a primary_key, EMIT ON WINDOW CLOSE in the query, or %s = 'true' to drop them.", optForce)
	}
	enc, err := format.ForSink(o, &format.EncoderConfig{Schema: cfg.Schema, Key: key, Options: o, Env: cfg.Env})
	if err != nil {
		return nil, err
	}
	w.folder = folder{enc: enc, upsert: upsert, keyed: len(key) > 0, force: force}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w, nil
}

// upsertOf reads type and FORMAT, which must not contradict each other.
func upsertOf(o *connector.Options) (bool, error) {
	kind := o.Get(optType)
	switch env := strings.ToLower(o.Envelope); env {
	case "":
		return kind == typeUpsert, nil
	case "plain":
		if kind == typeUpsert {
			return false, sqlerr.New(sqlerr.InvalidParameterValue, "type = 'upsert' goes with FORMAT UPSERT")
		}
		return false, nil
	case "upsert":
		if kind == typeAppend {
			return false, sqlerr.New(sqlerr.InvalidParameterValue, "type = 'append-only' goes with FORMAT PLAIN")
		}
		return true, nil
	default:
		return false, sqlerr.Unsupported("FORMAT %s is not available for sinks of connector \"kafka\"", strings.ToUpper(env)).
			WithHint("It has FORMAT PLAIN and FORMAT UPSERT.")
	}
}

// keyOf returns the columns of the message key.
func keyOf(cfg *connector.WriterConfig, upsert bool) ([]int, error) {
	var key []int
	for _, name := range strings.Split(cfg.Options.Get(optKey), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		i := cfg.Schema.Index(name)
		if i < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %q of %s does not exist", name, optKey)
		}
		key = append(key, i)
	}
	if !upsert {
		return key, nil
	}
	if len(key) == 0 {
		key = cfg.Key
	}
	if len(key) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "an upsert sink needs a key").
			WithHint("Name the columns that are unique in the query: %s = 'a, b'.", optKey)
	}
	for _, k := range cfg.Key {
		if !slices.Contains(key, k) {
			return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "%s is not unique in the query: it lacks column %q", optKey, cfg.Schema[k].Name).
				WithHint("Messages of one key would overwrite each other.")
		}
	}
	return key, nil
}

// Write implements connector.Writer.
func (w *writer) Write(ctx context.Context, epoch uint64, deltas []*rows.Batch) error {
	ctx, stop := w.bound(ctx)
	defer stop()
	msgs, err := w.folder.fold(deltas)
	if err != nil || len(msgs) == 0 {
		return err
	}
	for retry := retryMin; ; retry = min(retry*2, retryMax) {
		if err = w.once(ctx, epoch, msgs); err == nil {
			w.health.set("")
			return nil
		}
		var f final
		if errors.As(err, &f) {
			return f.err
		}
		w.health.set(err.Error())
		w.disconnect()
		select {
		case <-ctx.Done():
			return w.ended(err)
		case <-time.After(retry):
		}
	}
}

// ended is the error of a call whose context is over, err being what went wrong before.
func (w *writer) ended(err error) error {
	if w.ctx.Err() != nil {
		return connector.ErrClosed
	}
	return sqlerr.New(sqlerr.ConnectionFailure, "sink to topic %q: %v", w.topic, err)
}

// bound ends ctx with the writer.
func (w *writer) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(w.ctx, cancel)
	return ctx, func() { unhook(); cancel() }
}

// once tries to deliver an epoch.
func (w *writer) once(ctx context.Context, epoch uint64, msgs []message) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	if !w.exact {
		return w.produce(ctx, msgs, nil)
	}
	if epoch <= w.committed {
		return nil // an earlier try whose outcome was not known
	}
	if err := w.client.BeginTransaction(); err != nil {
		return w.sort(err)
	}
	if err := w.produce(ctx, msgs, w.progressRecord(epoch)); err != nil {
		abort, cancel := context.WithTimeout(w.ctx, lookTimeout)
		defer cancel()
		_ = w.client.AbortBufferedRecords(abort)         // the client is thrown away after this
		_ = w.client.EndTransaction(abort, kgo.TryAbort) // and a new one aborts the transaction
		return err
	}
	if err := w.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return w.sort(err)
	}
	w.committed = epoch
	return nil
}

// produce sends messages and waits for all of them.
func (w *writer) produce(ctx context.Context, msgs []message, last *kgo.Record) error {
	var mu sync.Mutex
	var first error
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			mu.Lock()
			if first == nil {
				first = err
			}
			mu.Unlock()
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, m := range msgs {
		w.client.Produce(ctx, &kgo.Record{Topic: w.topic, Key: m.key, Value: m.value}, done)
	}
	if last != nil {
		w.client.Produce(ctx, last, done)
	}
	err := w.client.Flush(ctx)
	mu.Lock()
	defer mu.Unlock()
	if first != nil {
		err = first
	}
	return w.sort(err)
}

// sort makes the errors that no retry mends final.
func (w *writer) sort(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.ProducerFenced):
		return final{sqlerr.New(sqlerr.ObjectInUse, "another writer took over the sink (transactional id %q)", w.transactionalID())}
	case errors.Is(err, kerr.MessageTooLarge):
		return final{sqlerr.New(sqlerr.ProgramLimitExceeded, "a message is larger than topic %q or %s allows", w.topic, "properties.max.request.size")}
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("topic %q does not exist; waiting for it", w.topic)
	case errors.Is(err, kerr.InvalidRecord):
		return final{sqlerr.New(sqlerr.InvalidParameterValue, "topic %q refuses the messages: %v", w.topic, err).
			WithHint("A compacted topic needs messages with keys.")}
	}
	return fmt.Errorf("writing to topic %q: %w", w.topic, err)
}

// Status implements connector.Status.
func (w *writer) Status() string { return w.health.String() }

// Close implements connector.Writer.
func (w *writer) Close() error {
	w.closeOnce.Do(func() {
		w.cancel()
		w.disconnect()
	})
	return nil
}

func (w *writer) disconnect() {
	if w.client != nil {
		w.client.Close()
	}
	w.client, w.admin, w.known = nil, nil, false
}

// message is one record to send; a nil value deletes the key.
type message struct{ key, value []byte }

// folder turns the changes of an epoch into messages.
type folder struct {
	enc    format.Encoder
	upsert bool
	keyed  bool
	force  bool
}

func (f *folder) fold(deltas []*rows.Batch) ([]message, error) {
	if f.upsert {
		return f.foldByKey(deltas)
	}
	var out []message
	for _, b := range deltas {
		for k := range b.Len() {
			i := b.Row(k)
			weight := b.Weight(i)
			if weight < 0 && !f.force {
				return nil, sqlerr.New(sqlerr.Internal, "an append-only sink got a deletion")
			}
			if weight <= 0 {
				continue
			}
			var m message
			var err error
			if m.value, err = f.enc.Value(nil, b, i); err == nil && f.keyed {
				m.key, err = f.enc.Key(nil, b, i)
			}
			if err != nil {
				return nil, err
			}
			for range weight {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// change is what the epoch does to one key: the net weight of each value.
type change struct {
	key    []byte
	values []valueWeight
}

type valueWeight struct {
	value  []byte
	weight int64
}

// foldByKey sends at most one message per key: the row that is there after the epoch, or its absence.
func (f *folder) foldByKey(deltas []*rows.Batch) ([]message, error) {
	index := map[string]int{}
	var changes []change
	var key []byte
	for _, b := range deltas {
		for k := range b.Len() {
			i := b.Row(k)
			value, err := f.enc.Value(nil, b, i)
			if err == nil {
				key, err = f.enc.Key(key[:0], b, i)
			}
			if err != nil {
				return nil, err
			}
			at, ok := index[string(key)]
			if !ok {
				at = len(changes)
				index[string(key)] = at
				changes = append(changes, change{key: slices.Clone(key)})
			}
			changes[at].add(value, b.Weight(i))
		}
	}
	var out []message
	for _, c := range changes {
		m, send, err := c.message()
		if err != nil {
			return nil, err
		}
		if send {
			out = append(out, m)
		}
	}
	return out, nil
}

func (c *change) add(value []byte, weight int64) {
	for i := range c.values {
		if string(c.values[i].value) == string(value) {
			c.values[i].weight += weight
			return
		}
	}
	c.values = append(c.values, valueWeight{value, weight})
}

func (c *change) message() (m message, send bool, err error) {
	m.key = c.key
	rowsLeft := int64(0)
	for _, v := range c.values {
		if v.weight > 0 {
			rowsLeft += v.weight
			m.value = v.value
		}
		send = send || v.weight != 0
	}
	if rowsLeft > 1 {
		return m, false, sqlerr.New(sqlerr.UniqueViolation, "the key of the sink is not unique: there are %d rows for %s", rowsLeft, c.key)
	}
	return m, send, nil
}

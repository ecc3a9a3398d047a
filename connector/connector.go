// Package connector is the contract of sources and sinks and their registry. Each external system
// has a folder of its own below this one; connector/all imports them. The core knows only this
// package.
//
// A source is pulled: a reader goroutine of the engine calls Poll, and decoded batches wait in a
// queue bounded in bytes; when the queue is full nobody calls Poll, which is the backpressure. Every
// source is replayable: from an Offset that it has given out it delivers the same records again.
// Offsets are committed in the engine's store together with the state that they produced.
package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"sync"
	"time"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Offset is a source's position: partition name → opaque text, the position of the next record to
// read. A missing partition is read from the configured start. It is stored as JSON.
type Offset map[string]string

// Clone returns a copy.
func (o Offset) Clone() Offset {
	out := make(Offset, len(o))
	for k, v := range o {
		out[k] = v
	}
	return out
}

// Options are the WITH (…) options of a statement after validation against the Spec, plus the
// statement's FORMAT clause. Secrets are resolved already.
type Options struct {
	Values   map[string]string
	Envelope string // plain, upsert, …; "" when the statement has no FORMAT clause
	Encoding string // json, csv, …
	Format   map[string]string
}

// Get returns an option's value or its default.
func (o *Options) Get(name string) string { return o.Values[name] }

// Option describes one WITH option.
type Option struct {
	Name     string
	Doc      string
	Default  string
	Required bool
	Secret   bool
	// Prefix makes Name a prefix: "properties." accepts properties.anything. An exact option that
	// stands before it in the list wins.
	Prefix bool
	// Moment makes the value 'now' mean the time of the CREATE statement, so that a replay finds the
	// same value.
	Moment bool
	// For limits the option to one side of a connector that is both source and sink.
	For Role
	// Check refuses bad values with an error that says what is accepted.
	Check func(value string) error
}

// Guarantee is what a connector promises about delivery.
type Guarantee string

// The guarantees.
const (
	ExactlyOnce Guarantee = "exactly once"
	AtLeastOnce Guarantee = "at least once"
)

// Chunk is what one Poll returns: decoded rows, bad records, and the position after them.
type Chunk struct {
	// Batches hold the rows in the column order that Reader was opened with. Weights are +1 for plain
	// streams and ±1 for changelogs with before-images.
	Batches []*rows.Batch
	// Partitions names the partition that each batch comes from, when the reader was opened
	// ByPartition; nil = the source is of one partition.
	Partitions []string
	// Bad are the records that could not be decoded; they go to the source's error relation.
	Bad []BadRecord
	// Next is the position after this chunk, for the partitions that moved.
	Next Offset
	// Done tells that a bounded source has delivered everything.
	Done bool
	// SizeBytes is the raw size of the records, for metrics and queue accounting.
	SizeBytes int
}

// BadRecord is a record that could not be decoded.
type BadRecord struct {
	Partition string    `json:"partition"`
	Offset    string    `json:"offset"`
	Raw       []byte    `json:"raw"` // at most MaxRawBytes
	Reason    string    `json:"reason"`
	Time      time.Time `json:"time"`
}

// MaxRawBytes bounds the raw bytes kept of a bad record.
const MaxRawBytes = 64 << 10

// ReaderConfig is what a reader is opened with.
type ReaderConfig struct {
	Options *Options
	// Schema are all columns of the source; Cols the ones to deliver, in this order (only what some view
	// needs). The reader's batches have len(Cols) columns. Metadata columns (INCLUDE) are named in
	// Include: column index → "key", "partition", "offset", "timestamp", "headers".
	Schema  types.Schema
	Cols    []int
	Include map[int]string
	// From is the position to start at; nil or a missing partition means the configured start.
	From Offset
	// Until bounds a backfill: deliver records before these positions only, then Done. A partition that
	// it does not name is not read. Nil = unbounded.
	Until Offset
	// ByPartition asks for batches that hold rows of one partition each, with its name in
	// Chunk.Partitions. A source whose order holds within partitions only should heed it. Partitions are
	// announced in Chunk.Next as soon as they are known, with or without rows.
	ByPartition bool
	// Env holds time zone and other settings for decoding.
	Env types.Env
}

// Reader pulls records. One goroutine uses it.
type Reader interface {
	// Poll waits for records until ctx ends and returns at most about max rows. An empty chunk is
	// allowed. A temporary failure (broker down) is retried inside; it is reported through Status. An
	// error is final for the reader.
	Poll(ctx context.Context, max int) (*Chunk, error)
	// Ack tells that everything before the position is durable here; may be called late or never.
	Ack(Offset)
	// Close releases everything. It may be called during a Poll, which then returns.
	Close() error
}

// Status is implemented by readers and writers that can be degraded without failing.
type Status interface {
	// Status returns "" when healthy, else what is wrong in words for people.
	Status() string
}

// Writer delivers a sink's changes. One goroutine uses it. The engine keeps a durable log per sink
// and hands over whole epochs in order; after a crash it starts again after the last epoch that
// Committed reports, so that a Writer with ExactlyOnce must store the epoch with the data.
type Writer interface {
	// Write delivers the consolidated changes of one or more epochs up to and including epoch and
	// returns when they are safe at the destination.
	Write(ctx context.Context, epoch uint64, deltas []*rows.Batch) error
	// Committed returns the last epoch that the destination holds, 0 for none.
	Committed(ctx context.Context) (uint64, error)
	Close() error
}

// WriterConfig is what a writer is opened with.
type WriterConfig struct {
	// Name is a stable identity of the sink, for transactional ids and progress records.
	Name    string
	Options *Options
	Schema  types.Schema
	// Key lists the columns that are unique in the sink's relation; nil = unknown.
	Key        []int
	AppendOnly bool
	Env        types.Env
}

// Spec describes a connector; options, docs and validation come from it.
type Spec struct {
	Name    string // connector = 'name'
	Summary string
	Doc     string
	Options []Option
	Example string // SQL
	// Encodings lists the FORMAT … ENCODE … pairs that fit, "plain json"; empty = no FORMAT clause.
	// SinkEncodings does so for the sink side where it differs.
	Encodings     []string
	SinkEncodings []string
	Guarantee     Guarantee

	// Columns gives the fixed columns of sources that need no column list (nexmark); nil = the statement
	// must declare them.
	Columns func(o *Options) (types.Schema, error)
	// Check validates options at CREATE time beyond each option's own Check. It may contact the system
	// but must not require it to be up.
	Check func(o *Options, schema types.Schema) error
	// Partitioned tells that readers heed ReaderConfig.ByPartition.
	Partitioned bool
	// NamedPartitions tells that INCLUDE partition is text and no number.
	NamedPartitions bool
	// FromStart tells whether a reader without a position delivers the same records whenever it is
	// opened; nil = always. A source that starts at "latest" does not.
	FromStart func(o *Options) bool
	// OpenReader makes a reader; nil = not a source. It must not block on the network.
	OpenReader func(cfg *ReaderConfig) (Reader, error)
	// End returns the positions after the last record now, to bound a backfill; nil = unbounded source
	// without an end (generators): the engine uses the main reader's position instead.
	End func(ctx context.Context, cfg *ReaderConfig) (Offset, error)
	// OpenWriter makes a writer; nil = not a sink.
	OpenWriter func(cfg *WriterConfig) (Writer, error)
}

var (
	mu       sync.Mutex
	registry = map[string]*Spec{}
)

// Register adds a connector; a second one of the same name panics.
func Register(s Spec) {
	mu.Lock()
	defer mu.Unlock()
	if _, dup := registry[s.Name]; dup {
		panic("connector: duplicate connector " + s.Name)
	}
	registry[s.Name] = &s
}

// Lookup finds a connector by name; the error names the known ones.
func Lookup(name string) (*Spec, error) {
	mu.Lock()
	s := registry[name]
	mu.Unlock()
	if s == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "connector %q does not exist", name).
			WithHint("Known connectors: %s.", names())
	}
	return s, nil
}

func names() string {
	out := ""
	for i, s := range All() {
		if i > 0 {
			out += ", "
		}
		out += s.Name
	}
	return out
}

// All returns the connectors sorted by name.
func All() []*Spec {
	mu.Lock()
	defer mu.Unlock()
	out := make([]*Spec, 0, len(registry))
	for _, s := range registry {
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// MarshalOffset returns the stored form of an offset.
func MarshalOffset(o Offset) []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("connector: offset does not marshal: %v", err)) // a map of strings always does
	}
	return b
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"tidemill/connector"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// feed is a source under a test's control. Its columns are part text, i bigint, k bigint, v bigint,
// at timestamp, and for badSource poison bigint; row i of a partition is always the same.
type feed struct {
	mu    sync.Mutex
	moved chan struct{}    // closed and replaced at each change
	have  map[string]int64 // rows per partition so far
	ended bool
	fail  error // of all reads from now on
	chunk int64 // rows of a poll; 0 = nothing comes
	opens int
	reads int64 // rows handed out
	// unread makes opening fail.
	unread error
}

var feeds sync.Map

// newFeed registers a feed with one partition "0" of n rows.
func newFeed(name string, n int64) *feed {
	f := &feed{moved: make(chan struct{}), have: map[string]int64{"0": n}, chunk: 100}
	feeds.Store(name, f)
	return f
}

// set changes the feed and wakes its readers.
func (f *feed) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.moved)
	f.moved = make(chan struct{})
}

const feedColumns = "(part text, i bigint, k bigint, v bigint, at timestamp)"

func source(name, feed string) string {
	return fmt.Sprintf("CREATE SOURCE %s %s WITH (connector = 'testfeed', feed = '%s')", name, feedColumns, feed)
}

// badSource is a source that has a column poison too.
func badSource(name, feed string) string {
	return strings.Replace(source(name, feed), ")", ", poison bigint)", 1)
}

func init() {
	connector.Register(connector.Spec{
		Name: "testfeed", Partitioned: true, Options: []connector.Option{{Name: "feed", Required: true}},
		OpenReader: func(c *connector.ReaderConfig) (connector.Reader, error) {
			v, ok := feeds.Load(c.Options.Get("feed"))
			if !ok {
				return nil, errors.New("no such feed")
			}
			f := v.(*feed)
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.opens++; f.unread != nil {
				return nil, f.unread
			}
			r := &feedReader{feed: f, cfg: c, pos: map[string]int64{}, closed: make(chan struct{})}
			for p, s := range c.From {
				r.pos[p], _ = strconv.ParseInt(s, 10, 64)
			}
			return r, nil
		},
	})
}

type feedReader struct {
	feed   *feed
	cfg    *connector.ReaderConfig
	pos    map[string]int64
	once   sync.Once
	closed chan struct{}
}

func (r *feedReader) Ack(connector.Offset) {}

func (r *feedReader) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}

func (r *feedReader) Poll(ctx context.Context, max int) (*connector.Chunk, error) {
	for {
		c, wait, err := r.next(int64(max))
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return &connector.Chunk{}, nil
		case <-r.closed:
			return nil, connector.ErrClosed
		}
	}
}

// next returns a chunk if there is one, else what to wait for.
func (r *feedReader) next(max int64) (*connector.Chunk, chan struct{}, error) {
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, nil, f.fail
	}
	if f.chunk == 0 {
		return nil, f.moved, nil
	}
	limit := f.have
	if r.cfg.Until != nil {
		limit = map[string]int64{}
		for p, s := range r.cfg.Until {
			limit[p], _ = strconv.ParseInt(s, 10, 64)
		}
	}
	done := f.ended || r.cfg.Until != nil
	for p, to := range limit {
		if from := r.pos[p]; from < to {
			to = min(to, from+min(max, f.chunk))
			c := &connector.Chunk{Next: connector.Offset{p: fmt.Sprint(to)}}
			r.decode(c, p, from, to)
			r.pos[p] = to
			f.reads += to - from
			return c, nil, nil
		}
	}
	if done {
		return &connector.Chunk{Done: true}, nil, nil
	}
	return nil, f.moved, nil
}

// decode makes rows [from, to) of a partition. Column poison cannot be decoded in every hundredth row.
func (r *feedReader) decode(c *connector.Chunk, part string, from, to int64) {
	var schema types.Schema
	bad := false
	for _, i := range r.cfg.Cols {
		schema = append(schema, r.cfg.Schema[i])
		bad = bad || r.cfg.Schema[i].Name == "poison"
	}
	b := rows.NewBuilder(schema, int(to-from))
	for i := from; i < to; i++ {
		if bad && i%100 == 99 {
			c.Bad = append(c.Bad, connector.BadRecord{Partition: part, Offset: fmt.Sprint(i), Reason: "bad", Time: time.Unix(0, 0)})
			continue
		}
		for k, col := range r.cfg.Cols {
			switch col {
			case 0:
				b.Cols[k].AppendString(part)
			case 1:
				b.Cols[k].AppendInt(i)
			case 2:
				b.Cols[k].AppendInt(i * 7919 % 101)
			case 3:
				b.Cols[k].AppendInt(i * 104729 % 1009)
			case 4:
				b.Cols[k].AppendInt(1_700_000_000_000_000 + i*10_000)
			default:
				b.Cols[k].AppendInt(i)
			}
		}
		b.EndRow(1)
	}
	c.Batches, c.Partitions = []*rows.Batch{b.Finish()}, []string{part}
}

package nexmark

import (
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"tidemill/connector"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

const (
	optTable    = "nexmark.table.type"
	optShort    = "table"
	optEvents   = "nexmark.event.num"
	optGap      = "nexmark.min.event.gap.in.ns"
	optRate     = "rate"
	optBase     = "nexmark.base.time"
	partition   = "0"
	batchRows   = 16 << 10
	standardGap = 100_000 // ns: 10,000 events per second of event time
)

func init() {
	connector.Register(connector.Spec{
		Name:    "nexmark",
		Summary: "Events of the Nexmark benchmark, made on the fly.",
		Doc: `Persons, auctions and bids of an auction site in the proportion 1 : 3 : 46. The event number is the
offset and every field is a function of it, so a replay gives the same rows, and the three tables of one
configuration fit together. A source needs no column list; a list picks some of the table's columns.

nexmark.event.num and rate count the events of all three tables, as other implementations do: of 50 events
one is a person, three are auctions and 46 are bids.`,
		Options: []connector.Option{
			{Name: optTable, Doc: "Which table: Person, Auction or Bid.", Check: checkTable},
			{Name: optShort, Doc: "Short for " + optTable + ".", Check: checkTable},
			{Name: optEvents, Default: "0", Doc: "Events of all tables before the source ends; 0 = it never does.",
				Check: connector.IntBetween(0, math.MaxInt64/2)},
			{Name: optRate, Default: "0", Doc: "Events of all tables per second; 0 = as fast as they are read.",
				Check: connector.NumberBetween(0, 1e9)},
			{Name: optGap, Doc: "Event time between two events in nanoseconds. Default: what rate makes it, or 100000.",
				Check: connector.IntBetween(0, int64(time.Hour))},
			{Name: optBase, Default: "2015-07-15 00:00:00", Moment: true, Doc: "Event time of the first event (UTC), or 'now'.",
				Check: connector.BaseTime},
		},
		Example:   `CREATE SOURCE bid WITH (connector = 'nexmark', nexmark.table.type = 'Bid', nexmark.event.num = '1000000');`,
		Guarantee: connector.ExactlyOnce,
		Columns: func(o *connector.Options) (types.Schema, error) {
			t, err := tableOf(o)
			if err != nil {
				return nil, err
			}
			return t.schema(), nil
		},
		Check:      check,
		OpenReader: open,
	})
}

func checkTable(v string) error {
	return connector.OneOf("Person", "Auction", "Bid", "person", "auction", "bid")(v)
}

func tableOf(o *connector.Options) (*table, error) {
	name := o.Get(optTable)
	if name == "" {
		name = o.Get(optShort)
	}
	if t := tables[strings.ToLower(name)]; t != nil {
		return t, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidParameterValue, "connector \"nexmark\" needs option %q", optTable).
		WithHint("Write %s = 'Person', 'Auction' or 'Bid'.", optTable)
}

func check(o *connector.Options, schema types.Schema) error {
	t, err := tableOf(o)
	if err != nil {
		return err
	}
	for _, f := range schema {
		c := t.column(f.Name)
		if c == nil {
			return sqlerr.New(sqlerr.UndefinedColumn, "Nexmark's table %s has no column %q", t.name, f.Name)
		}
		fits := f.Type.Same(types.T(c.typ)) || c.typ == types.Varchar && f.Type.ID == types.Text ||
			c.typ == types.Timestamp && f.Type.ID == types.Timestamptz
		if !fits || f.Type.ID == types.Varchar && f.Type.Mod >= 0 {
			return sqlerr.New(sqlerr.DatatypeMismatch, "column %q of Nexmark's table %s has another type", f.Name, t.name).
				WithHint("Leave out the column list to get the standard columns.")
		}
	}
	return nil
}

type reader struct {
	gen    generator
	table  *table
	schema types.Schema
	cols   []*column
	events []int64 // scratch

	pos, until int64
	now        bool // the base time is not in the options, so it is in the offset
	rate       float64
	startPos   int64
	startTime  time.Time

	closeOnce sync.Once
	closed    chan struct{}
}

func open(cfg *connector.ReaderConfig) (connector.Reader, error) {
	o := cfg.Options
	if err := check(o, cfg.Schema); err != nil {
		return nil, err
	}
	t, err := tableOf(o)
	if err != nil {
		return nil, err
	}
	if len(cfg.Include) > 0 {
		return nil, sqlerr.Unsupported("connector \"nexmark\" has no INCLUDE columns")
	}
	base, err := connector.ParseBaseTime(o.Get(optBase))
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %v", optBase, err)
	}
	r := &reader{table: t, until: math.MaxInt64 / 2, rate: o.Float(optRate), now: o.Get(optBase) == "now",
		closed: make(chan struct{}), startTime: time.Now()}
	r.gen = generator{baseMicros: base, gapNanos: gap(o)}
	for _, i := range cfg.Cols {
		r.cols = append(r.cols, t.column(cfg.Schema[i].Name))
		r.schema = append(r.schema, cfg.Schema[i])
	}
	if n := o.Int(optEvents); n > 0 {
		r.until = n
	}
	if cfg.Until != nil {
		n := int64(0)
		if s, ok := cfg.Until[partition]; ok {
			if n, _, err = parseOffset(s); err != nil {
				return nil, err
			}
		}
		r.until = min(r.until, n)
		r.rate = 0 // what is read again was due long ago
	}
	if s, ok := cfg.From[partition]; ok {
		n, at, err := parseOffset(s)
		if err != nil {
			return nil, err
		}
		r.pos = n
		if at != 0 {
			r.gen.baseMicros = at
		}
	}
	r.startPos = r.pos
	return r, nil
}

func gap(o *connector.Options) int64 {
	if o.Get(optGap) != "" {
		return o.Int(optGap)
	}
	if rate := o.Float(optRate); rate > 0 {
		return int64(1e9 / rate)
	}
	return standardGap
}

// parseOffset reads "event" or "event@base micros".
func parseOffset(s string) (n, base int64, err error) {
	num, at, has := strings.Cut(s, "@")
	n, err = strconv.ParseInt(num, 10, 64)
	if err == nil && has {
		base, err = strconv.ParseInt(at, 10, 64)
	}
	if err != nil || n < 0 {
		return 0, 0, sqlerr.New(sqlerr.DataCorrupted, "%q is not an offset of connector \"nexmark\"", s)
	}
	return n, base, nil
}

func (r *reader) offset() connector.Offset {
	s := strconv.FormatInt(r.pos, 10)
	if r.now {
		s += "@" + strconv.FormatInt(r.gen.baseMicros, 10)
	}
	return connector.Offset{partition: s}
}

// Poll implements connector.Reader.
func (r *reader) Poll(ctx context.Context, max int) (*connector.Chunk, error) {
	limit, open := r.wait(ctx)
	if !open {
		return nil, connector.ErrClosed
	}
	r.events, r.pos = r.table.events(r.events[:0], r.pos, limit, min(max, batchRows))
	out := &connector.Chunk{Next: r.offset(), Done: r.pos >= r.until}
	if n := len(r.events); n > 0 {
		b := rows.FromVecs(r.schema, n, make([]*rows.Vec, len(r.cols)))
		for i, c := range r.cols {
			b.Cols[i] = c.fill(&r.gen, r.schema[i].Type, r.events)
		}
		out.Batches = []*rows.Batch{b}
		out.SizeBytes = b.SizeBytes()
	}
	return out, nil
}

// wait returns the event number up to which events are due. With a rate it waits for the table's
// next event; it says false when the reader is closed.
func (r *reader) wait(ctx context.Context) (int64, bool) {
	for {
		select {
		case <-r.closed:
			return 0, false
		default:
		}
		if r.rate == 0 || r.pos >= r.until {
			return r.until, true
		}
		due := min(r.startPos+int64(time.Since(r.startTime).Seconds()*r.rate), r.until)
		next := r.pos
		if one, _ := r.table.events(r.events[:0], r.pos, r.until, 1); len(one) > 0 {
			next = one[0]
		}
		if next < due || due == r.until {
			return due, true
		}
		at := r.startTime.Add(time.Duration(float64(next+1-r.startPos) / r.rate * float64(time.Second)))
		timer := time.NewTimer(max(time.Until(at), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return max(due, r.pos), true
		case <-r.closed:
			timer.Stop()
			return 0, false
		case <-timer.C:
		}
	}
}

// Ack implements connector.Reader; a generator has nothing to forget.
func (r *reader) Ack(connector.Offset) {}

// Close implements connector.Reader.
func (r *reader) Close() error {
	r.closeOnce.Do(func() { close(r.closed) })
	return nil
}

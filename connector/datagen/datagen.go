// Package datagen makes rows for any list of columns, each row a pure function of its number, so that
// a replay is exact.
package datagen

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
	optRate   = "rows.per.second"
	optRows   = "number.of.rows"
	optStart  = "start.time"
	optSeed   = "seed"
	optFields = "fields."
	prefixed  = "datagen." // the other spelling of rows.per.second and number.of.rows
	partition = "0"
	batchRows = 8 << 10
)

func init() {
	rate := connector.NumberBetween(0, 1e9)
	count := connector.IntBetween(0, math.MaxInt64/2)
	connector.Register(connector.Spec{
		Name:    "datagen",
		Summary: "Made-up rows for any columns.",
		Doc: `Each value is a function of the row's number, the column's place and the seed: a replay gives the same
rows. Options of a column are fields.<column>.<option>:

| option | meaning |
| --- | --- |
| kind | sequence, random, constant; default: sequence for timestamps, else random |
| start, end | sequence: first and last value (numbers); after end it starts again. Default: from 0 on |
| min, max | random: the range of numbers and timestamps; default 0 to 1,000,000 |
| length | random: letters or bytes of a text or bytea; default 10 |
| values | random: one of these, separated by commas |
| value | constant: the value |
| null_ratio | share of NULLs, 0 to 1 |
| step | sequence of timestamps: milliseconds from row to row; default: what rows.per.second makes it |

Timestamps of a sequence begin at start.time.`,
		Options: []connector.Option{
			{Name: optRate, Default: "10", Doc: "Rows per second; 0 = as fast as they are read. datagen.rows.per.second is the same.", Check: rate},
			{Name: optRows, Default: "0", Doc: "Rows before the source ends; 0 = it never does.", Check: count},
			{Name: prefixed + optRate, Doc: "The same as " + optRate + ".", Check: rate},
			{Name: prefixed + optRows, Doc: "The same as " + optRows + ".", Check: count},
			{Name: optStart, Default: "2024-01-01 00:00:00", Doc: "The first timestamp (UTC), or 'now'.", Check: connector.BaseTime},
			{Name: optSeed, Default: "0", Doc: "Another number makes other rows.", Check: connector.IntBetween(0, math.MaxInt64)},
			{Name: optFields, Prefix: true, Doc: "Options of columns, see above."},
		},
		Example: `CREATE SOURCE clicks (id bigint, page text, at timestamp)
WITH (connector = 'datagen', fields.id.kind = 'sequence', fields.page.values = 'home,cart,help', rows.per.second = '1000');`,
		Guarantee: connector.ExactlyOnce,
		Check: func(o *connector.Options, schema types.Schema) error {
			_, err := columns(o, schema, &types.Env{})
			return err
		},
		OpenReader: open,
	})
}

type reader struct {
	cols   []*column
	schema types.Schema
	pos    int64
	until  int64
	base   int64 // microseconds
	now    bool

	rate      float64
	startPos  int64
	startTime time.Time
	closeOnce sync.Once
	closed    chan struct{}
}

func open(cfg *connector.ReaderConfig) (connector.Reader, error) {
	o := cfg.Options
	if len(cfg.Include) > 0 {
		return nil, sqlerr.Unsupported("connector \"datagen\" has no INCLUDE columns")
	}
	cols, err := columns(o, cfg.Schema, &cfg.Env)
	if err != nil {
		return nil, err
	}
	r := &reader{until: math.MaxInt64 / 2, rate: o.Float(either(o, optRate)), now: o.Get(optStart) == "now",
		startTime: time.Now(), closed: make(chan struct{})}
	if r.base, err = connector.ParseBaseTime(o.Get(optStart)); err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q: %v", optStart, err)
	}
	for _, c := range cfg.Cols {
		r.cols = append(r.cols, cols[c])
		r.schema = append(r.schema, cfg.Schema[c])
	}
	if n := o.Int(either(o, optRows)); n > 0 {
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
		n, base, err := parseOffset(s)
		if err != nil {
			return nil, err
		}
		r.pos = n
		if base != 0 {
			r.base = base
		}
	}
	r.startPos = r.pos
	return r, nil
}

// either returns the spelling of an option that is used.
func either(o *connector.Options, name string) string {
	if o.Get(prefixed+name) != "" {
		return prefixed + name
	}
	return name
}

// parseOffset reads "row" or "row@base micros".
func parseOffset(s string) (n, base int64, err error) {
	num, at, has := strings.Cut(s, "@")
	n, err = strconv.ParseInt(num, 10, 64)
	if err == nil && has {
		base, err = strconv.ParseInt(at, 10, 64)
	}
	if err != nil || n < 0 {
		return 0, 0, sqlerr.New(sqlerr.DataCorrupted, "%q is not an offset of connector \"datagen\"", s)
	}
	return n, base, nil
}

// Poll implements connector.Reader.
func (r *reader) Poll(ctx context.Context, max int) (*connector.Chunk, error) {
	due, open := r.wait(ctx)
	if !open {
		return nil, connector.ErrClosed
	}
	n := min(due-r.pos, int64(max), batchRows)
	out := &connector.Chunk{}
	if n > 0 {
		b := rows.FromVecs(r.schema, int(n), make([]*rows.Vec, len(r.cols)))
		for i, c := range r.cols {
			b.Cols[i] = c.fill(r.base, r.pos, int(n))
		}
		r.pos += n
		out.Batches = []*rows.Batch{b}
		out.SizeBytes = b.SizeBytes()
	}
	at := strconv.FormatInt(r.pos, 10)
	if r.now {
		at += "@" + strconv.FormatInt(r.base, 10)
	}
	out.Next = connector.Offset{partition: at}
	out.Done = r.pos >= r.until
	return out, nil
}

// wait returns the number of rows that are due by now, after waiting for one more. It says false when
// the reader is closed.
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
		if due > r.pos {
			return due, true
		}
		at := r.startTime.Add(time.Duration(float64(r.pos+1-r.startPos) / r.rate * float64(time.Second)))
		timer := time.NewTimer(max(time.Until(at), time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
			return r.pos, true
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

package nexmark

import (
	"strings"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// column computes one field of a table for many events at once: ints for the integer class, text
// for the others.
type column struct {
	name string
	typ  types.ID
	ints func(g *generator, out, events []int64)
	text func(dst []byte, n int64) []byte
	size int // expected bytes of a text
}

// table is one of the three tables: which event numbers belong to it, and its columns.
type table struct {
	name    string
	lo, hi  int64 // the events n with lo <= n%50 < hi
	columns []column
}

func each(f func(n int64) int64) func(*generator, []int64, []int64) {
	return func(_ *generator, out, events []int64) {
		for i, n := range events {
			out[i] = f(n)
		}
	}
}

func timestamps(g *generator, out, events []int64) {
	for i, n := range events {
		out[i] = g.micros(n)
	}
}

func expiries(g *generator, out, events []int64) {
	for i, n := range events {
		out[i] = g.expires(n)
	}
}

func big(name string, f func(int64) int64) column {
	return column{name: name, typ: types.Int8, ints: each(f)}
}

func text(name string, size int, f func([]byte, int64) []byte) column {
	return column{name: name, typ: types.Varchar, text: f, size: size}
}

func pick(words []string, salt uint64) func([]byte, int64) []byte {
	return func(dst []byte, n int64) []byte {
		return append(dst, words[below(draw(n, salt), int64(len(words)))]...)
	}
}

func filler(size, want int64) func([]byte, int64) []byte {
	return func(dst []byte, n int64) []byte { return padding(dst, n, size, want) }
}

var dateTime = column{name: "date_time", typ: types.Timestamp, ints: timestamps}

var tables = map[string]*table{
	"person": {name: "Person", lo: 0, hi: personShare, columns: []column{
		big("id", personID),
		text("name", 14, appendName),
		text("email_address", 16, appendEmail),
		text("credit_card", 20, appendCard),
		text("city", 10, pick(cities, saltCity)),
		text("state", 2, pick(states, saltState)),
		dateTime,
		text("extra", 150, filler(60, 200)),
	}},
	"auction": {name: "Auction", lo: personShare, hi: personShare + auctionShare, columns: []column{
		big("id", auctionID),
		text("item_name", 14, func(dst []byte, n int64) []byte { return word(dst, draw(n, saltItem), 20) }),
		text("description", 56, func(dst []byte, n int64) []byte { return word(dst, draw(n, saltDescription), 100) }),
		big("initial_bid", initialBid),
		big("reserve", reserve),
		dateTime,
		{name: "expires", typ: types.Timestamp, ints: expiries},
		big("seller", seller),
		big("category", category),
		text("extra", 390, filler(120, 500)),
	}},
	"bid": {name: "Bid", lo: personShare + auctionShare, hi: perEpoch, columns: []column{
		big("auction", bidAuction),
		big("bidder", bidder),
		big("price", bidPrice),
		text("channel", 10, func(dst []byte, n int64) []byte { return append(dst, channelOf(channelTable(), n).name...) }),
		text("url", 70, func(dst []byte, n int64) []byte { return append(dst, channelOf(channelTable(), n).url...) }),
		dateTime,
		text("extra", 70, filler(32, 100)),
	}},
}

func (t *table) schema() types.Schema {
	out := make(types.Schema, len(t.columns))
	for i, c := range t.columns {
		out[i] = types.Field{Name: c.name, Type: types.T(c.typ), NotNull: true}
	}
	return out
}

func (t *table) column(name string) *column {
	for i := range t.columns {
		if strings.EqualFold(t.columns[i].name, name) {
			return &t.columns[i]
		}
	}
	return nil
}

// events appends the table's event numbers from from on and below limit, at most max, and returns
// the position after them: limit when none is left below it.
func (t *table) events(dst []int64, from, limit int64, max int) ([]int64, int64) {
	n := from
	for n < limit && len(dst) < max {
		rem := n % perEpoch
		if rem < t.lo {
			n += t.lo - rem
			continue
		}
		if rem >= t.hi {
			n += perEpoch - rem + t.lo
			continue
		}
		end := min(n-rem+t.hi, limit, n+int64(max-len(dst)))
		for ; n < end; n++ {
			dst = append(dst, n)
		}
	}
	return dst, min(n, limit)
}

// fill computes the column for the events.
func (c *column) fill(g *generator, t types.Type, events []int64) *rows.Vec {
	if c.ints != nil {
		v := &rows.Vec{Type: t, I: make([]int64, len(events))}
		c.ints(g, v.I, events)
		return v
	}
	v := &rows.Vec{Type: t, Off: make([]int32, len(events)+1), Data: make([]byte, 0, len(events)*c.size+longest)}
	for i, n := range events {
		v.Data = c.text(v.Data, n)
		v.Off[i+1] = int32(len(v.Data))
	}
	return v
}

// Package session is the operator session: it assigns rows to session windows, the stretches of event
// time in which the rows of a key follow each other closely.
//
// A row whose time is the gap or more after the row before it (of the same key columns) begins a new
// session. The session's window is [start, end) with the time of its first row and the time of its
// last row plus the gap; so the windows of a key are disjoint and contain just their rows. A row whose
// time is NULL or infinite is in no session and is dropped.
//
// State
//
//	rows      Ordered: key columns as a key, time as 8 bytes, the row's exact bytes, their length as
//	          4 bytes → weight
//	sessions  Ordered: key columns as a key, first time → last time, number, epoch of the last change
//	ends      Ordered: last time, key columns as a key, first time → nothing; only when the time column
//	          has a watermark
//
// Algorithm. Push changes the weights of rows and notes which rows it changed. Finish goes through the
// changed times of a key in order. At a time that has rows, the session that contains it stands; else
// the sessions less than the gap before and after it grow together. At a time that has none left, the
// session around it shrinks, or splits when the rows before and after are the gap or more apart. All
// of that takes a few searches per changed time, whatever the length of a session. Sessions as they
// were before the epoch are noted when they are first changed. What is emitted is the difference: the
// changed rows, and the unchanged rows of sessions that are now another one.
//
// Once the floor of event time is the gap or more after a session's last row, no change reaches the
// session any more: its rows and itself are dropped from the state, found by the table ends.
//
// The output is the input's columns and the bounds of the window. A row at the end of a session moves
// its end and thereby changes the output for all of its rows, which is what the query asks for. A
// query that groups by session need not pay that: with ids the output is, in place of the bounds, a
// number that is unique among the key's sessions. It outlives changes of the bounds, and when
// sessions merge or split the part with more rows keeps it, so that n rows in any order of arrival
// cost O(n·log n) changes. The bounds are then min and max of the group's times.
package session

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"tidemill/exec/op"
	"tidemill/exec/op/place"
	"tidemill/exec/op/touch"
	"tidemill/exec/state"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Name is the operator's name in plans.
const Name = "session"

// Config configures the operator.
type Config struct {
	Col  int   `json:"col"` // the time column, a timestamp or timestamptz
	Gap  int64 `json:"gap"` // in microseconds
	Keys []int `json:"keys,omitempty"`
	// Dist lists the columns that rows are spread by, if not the keys (see exec/op/place).
	Dist []int `json:"dist"`
	// IDs asks for the session's number instead of its bounds.
	IDs bool `json:"ids,omitempty"`
}

const (
	tableRows     = "rows"
	tableSessions = "sessions"
	tableEnds     = "ends"
)

type session struct {
	Config
	in, out  types.Schema
	batch    bool
	codec    *rows.RowCodec
	rows     *state.Ordered
	sessions *state.Ordered
	ends     *state.Ordered // nil without a watermark

	changed touch.Set // changed rows, by their key in the table rows
	delta   []int64   // change of weight
	heads   []int32   // length of the key columns in the changed row's key
	vnodes  []uint16

	keyCols []*rows.Vec
	keys    rows.KeyBuf
	hash    []uint64
	placer  place.Placer
	key     []byte
	lower   []byte
	upper   []byte

	// While Finish runs.
	ctx     *op.Ctx
	changes *rows.Builder
	order   []int32
	made    int64 // sessions numbered in this epoch
	part

	// Keys in the table ends, one behind the other, of the sessions that are being dropped.
	closed     []byte
	closedEnds []int
}

// part is the key whose sessions are being worked on.
type part struct {
	prefix []byte
	vnode  uint16
	before []stretch // its sessions that have changed, as they were
}

// stretch is a session.
type stretch struct {
	first, last int64
	id          int64
	epoch       uint64
}

func init() {
	op.Register(op.Spec{
		Name:    Name,
		Summary: "Assigns rows to session windows, which end where no row follows for the length of the gap.",
		Ports:   1, Format: 1, MinFormat: 1,
		Tables: func(json.RawMessage) ([]string, error) { return []string{tableRows, tableSessions, tableEnds}, nil },
		New:    New,
		Marks:  carry,
		Bound:  bound,
		Explain: func(cfg json.RawMessage, in []types.Schema) string {
			c, err := op.Peek[Config](cfg)
			if err != nil {
				return err.Error()
			}
			return c.explain(op.Port(in, 0))
		},
	})
}

func (c *Config) explain(in types.Schema) string {
	s := fmt.Sprintf("gap %v on %s", time.Duration(c.Gap)*time.Microsecond, op.Col(in, c.Col))
	if len(c.Keys) > 0 {
		s += " per " + op.Cols(in, c.Keys)
	}
	if c.IDs {
		s += ", numbered"
	}
	return s
}

// New makes the operator.
func New(cfg json.RawMessage, env *op.Env) (op.Operator, error) {
	c, err := op.Config[Config](cfg)
	if err != nil {
		return nil, err
	}
	s := &session{
		Config: c, in: env.In[0], out: env.Out, batch: env.Batch, codec: rows.NewRowCodec(env.In[0].Types()),
		rows: env.Tables.Ordered(tableRows), sessions: env.Tables.Ordered(tableSessions),
		keyCols: make([]*rows.Vec, len(c.Keys)),
	}
	if len(env.Marked) > 0 && env.Marked[0].At(c.Col) != op.NoMark {
		s.ends = env.Tables.Ordered(tableEnds)
	}
	width := len(s.in) + 2
	if c.IDs {
		width--
	}
	switch {
	case c.Gap <= 0:
		return nil, fmt.Errorf("session: the gap must be positive")
	case c.Col < 0 || c.Col >= len(s.in) || !s.in[c.Col].Type.IsTime():
		return nil, fmt.Errorf("session: column %d is not a timestamp", c.Col)
	case len(s.out) != width:
		return nil, fmt.Errorf("session: %d output columns, want %d", len(s.out), width)
	}
	for _, k := range c.Keys {
		if k < 0 || k >= len(s.in) {
			return nil, fmt.Errorf("session: key column %d does not exist", k)
		}
	}
	return s, nil
}

// appendTime appends t so that byte order is the order of times.
func appendTime(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

func timeAt(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

// find returns the last session of the part that begins at t or before.
func (s *session) find(t int64) (f stretch, ok bool) {
	s.upper = append(appendTime(append(s.upper[:0], s.prefix...), t), 0)
	s.sessions.Descend(s.prefix, s.upper, func(key, value []byte) bool {
		f, ok = decode(key, value), true
		return false
	})
	return f, ok
}

// after returns the first session of the part that begins after t.
func (s *session) after(t int64) (f stretch, ok bool) {
	s.lower = append(appendTime(append(s.lower[:0], s.prefix...), t), 0)
	s.sessions.Ascend(s.lower, state.PrefixEnd(s.prefix), func(key, value []byte) bool {
		f, ok = decode(key, value), true
		return false
	})
	return f, ok
}

func decode(key, value []byte) stretch {
	le := binary.LittleEndian
	return stretch{
		first: timeAt(key[len(key)-8:]), last: int64(le.Uint64(value)),
		id: int64(le.Uint64(value[8:])), epoch: le.Uint64(value[16:]),
	}
}

// remove takes a session out and notes it if it is one from before the epoch.
func (s *session) remove(f stretch) {
	if f.epoch != s.ctx.Epoch {
		s.before = append(s.before, f)
	}
	s.key = appendTime(append(s.key[:0], s.prefix...), f.first)
	s.sessions.Delete(s.vnode, s.key)
	if s.ends != nil {
		s.ends.Delete(s.vnode, s.endKey(f.first, f.last))
	}
}

// endKey is the key of a session of the part in the table ends.
func (s *session) endKey(first, last int64) []byte {
	s.key = append(appendTime(s.key[:0], last), s.prefix...)
	s.key = appendTime(s.key, first)
	return s.key
}

// put stores a session that this epoch has made.
func (s *session) put(first, last, id int64) {
	var value [24]byte
	le := binary.LittleEndian
	le.PutUint64(value[:], uint64(last))
	le.PutUint64(value[8:], uint64(id))
	le.PutUint64(value[16:], s.ctx.Epoch)
	s.key = appendTime(append(s.key[:0], s.prefix...), first)
	s.sessions.Put(s.vnode, s.key, value[:])
	if s.ends != nil {
		s.ends.Put(s.vnode, s.endKey(first, last), nil)
	}
}

// numbersMax is how many numbers one epoch can give.
const numbersMax = 1 << 24

// number returns a number that no session of the part has had.
func (s *session) number() int64 {
	s.made++
	return int64(s.ctx.Epoch*numbersMax) + s.made
}

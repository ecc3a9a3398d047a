package session

import (
	"encoding/json"
	"math"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// carry bounds the keys, since a change of a row changes sessions of its key only, and the end of the
// window: sessions that ended by t are closed, and those that are open or begin end later. Their first
// rows can be of any age.
func carry(cfg json.RawMessage, _ []types.Schema, out types.Schema) (op.Carry, error) {
	c, err := op.Peek[Config](cfg)
	return func(in []op.Marks) op.Marks {
		if !in[0].Any() {
			return nil
		}
		marks := make(op.Marks, len(out))
		for i := range marks {
			marks[i] = op.NoMark
		}
		for _, k := range c.Keys {
			marks[k] = in[0].At(k)
		}
		if t := in[0].At(c.Col); t != op.NoMark && !c.IDs {
			marks[len(out)-1] = max(t, t+1) // nothing comes after the end of time
		}
		return marks
	}, err
}

// bound says that a watermark limits the state to the sessions that are open.
func bound(cfg json.RawMessage, in []op.Input) op.Bound {
	c, err := op.Peek[Config](cfg)
	switch {
	case err != nil || len(in) == 0:
		return op.Bound{Unbounded: true, Text: "rows of the input"}
	case in[0].Marks.At(c.Col) != op.NoMark:
		return op.Bound{Text: "by watermark(" + op.Col(in[0].Schema, c.Col) + "), the rows of open sessions"}
	case in[0].AppendOnly:
		return op.Bound{Unbounded: true, Text: "rows of an append-only input"}
	}
	return op.Bound{Text: "rows of the input"}
}

// close drops the sessions that no row can reach any more, because none comes below the floor.
func (s *session) close(floor int64) {
	if s.ends == nil || floor == op.NoMark || floor < math.MinInt64+s.Gap {
		return
	}
	upper := appendTime(nil, floor-s.Gap+1)
	s.closed, s.closedEnds = s.closed[:0], s.closedEnds[:0]
	s.ends.Ascend(nil, upper, func(key, _ []byte) bool {
		s.closed = append(s.closed, key...)
		s.closedEnds = append(s.closedEnds, len(s.closed))
		return true
	})
	from := 0
	for _, to := range s.closedEnds {
		key := s.closed[from:to]
		from = to
		last, first := timeAt(key), timeAt(key[len(key)-8:])
		s.prefix = key[8 : len(key)-8 : len(key)-8]
		s.span(first, last)
		s.rows.DeleteRange(s.lower, s.upper)
		s.key = appendTime(append(s.key[:0], s.prefix...), first)
		s.sessions.Delete(0, s.key)
	}
	s.ends.DeleteRange(nil, upper)
}

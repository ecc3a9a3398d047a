package rangejoin

import (
	"tidemill/exec/op"
	"tidemill/exec/op/equi"
	"tidemill/sql/rows"
)

// Finish emits what the epoch changed about rows without a match (semi: with one).
func (j *rangeJoin) Finish(c *op.Ctx) error {
	for _, s := range j.sides {
		if s.watched {
			if err := j.finishSide(c, s); err != nil {
				return err
			}
		}
	}
	j.expire(c)
	return nil
}

// shows is the weight with which a row of weight w and the given degree is output by itself.
func (s *side) shows(w, degree int64) int64 {
	if degree > 0 == s.whenMatched {
		return w
	}
	return 0
}

func (j *rangeJoin) finishSide(c *op.Ctx, s *side) error {
	schema := j.out.Both[:len(j.sides[0].types)]
	if s.port == 1 {
		schema = j.out.Both[len(schema):]
	}
	out := rows.NewBuilder(schema, 64)
	flush := func() error {
		if out.Len() == 0 {
			return nil
		}
		b := out.Finish()
		out = rows.NewBuilder(schema, 64)
		return c.EmitBatch(j.pad(s, b))
	}
	for i := range s.touched.Len() {
		d := s.shows(s.wAfter[i], s.degAfter[i]) - s.shows(s.wBefore[i], s.degBefore[i])
		if d == 0 {
			continue
		}
		if err := s.codec.Decode(equi.RowPart(s.touched.Key(i)), out.Cols); err != nil {
			return err
		}
		out.EndRow(d)
		if out.Len() >= op.ChunkRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	s.touched.Reset()
	s.wBefore, s.wAfter = s.wBefore[:0], s.wAfter[:0]
	s.degBefore, s.degAfter = s.degBefore[:0], s.degAfter[:0]
	return flush()
}

package optest

import (
	"slices"

	"tidemill/exec/op"
	"tidemill/sql/types"
)

// clock is the event time of a run whose case has time columns. Rows come and go at or above their
// port's floor only, and floors rise with every epoch.
type clock struct {
	floors, watermarks []int64
}

// spread is how far rows are ahead of the floor at most.
const spread = 8

func (u *run) timed() bool { return len(u.c.Time) > 0 }

// timeCol is the time column of a port, −1 = none.
func (u *run) timeCol(port int) int {
	if port >= len(u.c.Time) {
		return -1
	}
	return u.c.Time[port]
}

func (u *run) startClock() {
	u.floors, u.watermarks = make([]int64, len(u.c.In)), make([]int64, len(u.c.In))
}

// setTime gives a new row a time that is not late.
func (u *run) setTime(port int, row Row) Row {
	if c := u.timeCol(port); c >= 0 {
		row = slices.Clone(row)
		row[c] = types.Datum{Type: u.c.In[port][c].Type, I: u.floors[port] + int64(u.r.IntN(spread))}
	}
	return row
}

// onTime tells whether a row may still change.
func (u *run) onTime(port int, row Row) bool {
	c := u.timeCol(port)
	return c < 0 || row[c].I >= u.floors[port]
}

// passes moves the floors by up to most, and watermarks ahead of them.
func (u *run) passes(most int) {
	for p := range u.floors {
		u.floors[p] += int64(u.r.IntN(most))
		u.watermarks[p] = max(u.watermarks[p], u.floors[p]+int64(u.r.IntN(3)))
		if u.c.Punctual {
			u.watermarks[p] = u.floors[p]
		}
	}
}

// marks are values as bounds of the time columns.
func (u *run) marks(values []int64) []op.Marks {
	out := make([]op.Marks, len(u.c.In))
	for p, s := range u.c.In {
		if c := u.timeCol(p); c >= 0 {
			for range s {
				out[p] = append(out[p], op.NoMark)
			}
			out[p][c] = values[p]
		}
	}
	return out
}

// tell sets the bounds that the operators see in this epoch.
func (u *run) tell() {
	for _, w := range u.cluster.workers {
		w.ctx.Floors, w.ctx.Watermarks = u.marks(u.floors), u.marks(u.watermarks)
	}
}

// expire lets the time of all rows pass, after enough new ones that a sweep is due, and checks that
// no state stays behind.
func (u *run) expire(epoch uint64) {
	u.t.Helper()
	if u.c.Stateless {
		return
	}
	u.cluster.commit(epoch - 1)
	u.cluster.startWith(1)
	var list []delta
	for port := range u.c.In {
		var rel []Weighted
		for range u.cluster.workers[0].tables.Len() + 1 {
			x := Weighted{u.row(port), 1}
			u.inputs[port].add(x.Row, 1)
			rel = append(rel, x)
		}
		list = append(list, delta{port, u.physical(port, rel)})
	}
	for p := range u.floors {
		u.floors[p] += 1000
		u.watermarks[p] = u.floors[p]
	}
	u.tell()
	u.cluster.epoch(epoch, list)
	u.compare()
	if left := u.cluster.workers[0].tables.Len(); left > u.c.Residue {
		u.fatal("%d entries of state remain after their time", left)
	}
}

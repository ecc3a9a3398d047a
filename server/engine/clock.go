package engine

import (
	"encoding/binary"
	"time"

	"tidemill/exec/state"
)

// tickInterval is how fine the time of views is, if the configuration does not say.
const tickInterval = time.Second

// moveClock moves the epochs' time, which stands still between two multiples of the tick interval and
// never goes back, and tells whether there are dataflows that depend on it: then an epoch is due.
func (e *Engine) moveClock() bool {
	depends := e.circuit.Clocked()
	e.clocked.Store(depends)
	now := e.cfg.Now().UnixMicro()
	now -= now % e.cfg.Tick.Microseconds()
	if now <= e.now {
		return false
	}
	e.now = now
	return depends
}

// nowKey is where the time of the last epoch with such dataflows is stored.
func nowKey() []byte { return metaKey(state.SpacePositions, 0, "now") }

// writeNow records the epoch's time.
func (e *Engine) writeNow(w *state.CommitWriter) {
	if !e.circuit.Clocked() || e.now == e.storedNow {
		return
	}
	e.storedNow = e.now
	w.Set(nowKey(), binary.BigEndian.AppendUint64(nil, uint64(e.now)))
}

// readNow returns the time that views see in a snapshot, 0 when none depends on it.
func readNow(snap *state.Snap) (int64, error) {
	raw, ok, err := snap.Get(nowKey())
	if err != nil || !ok || len(raw) != 8 {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(raw)), nil
}

// runClock wakes the step loop whenever the time moves and dataflows depend on it.
func (e *Engine) runClock() {
	every := e.cfg.Tick
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-e.stop:
			return
		case <-e.stopped:
			return
		case <-timer.C:
			if e.clocked.Load() {
				e.wake()
			}
			rest := every - e.cfg.Now().Sub(time.Time{})%every
			timer.Reset(max(rest, time.Millisecond))
		}
	}
}

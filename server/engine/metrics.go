package engine

import (
	"sync/atomic"
	"time"
)

// Metrics are the engine's counters since start. Reading them costs nothing to the engine.
type Metrics struct {
	Steps      atomic.Uint64
	Rows       atomic.Uint64 // rows fed into the circuit
	Failures   atomic.Uint64 // epochs that could not be committed
	viewRows   atomic.Uint64
	errorRows  atomic.Uint64
	badRecords atomic.Uint64
	steps      histogram
	syncs      histogram
}

// Snapshot is a copy of the counters.
type MetricsSnapshot struct {
	Steps, Rows, Failures, ViewRows, ErrorRows, BadRecords uint64
	// StepBuckets and SyncBuckets count durations up to Bounds[i]; the last one counts the rest.
	StepBuckets, SyncBuckets []uint64
	StepSum, SyncSum         time.Duration
}

// Bounds are the upper bounds of the duration histograms.
var Bounds = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond,
	2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second, 5 * time.Second,
}

type histogram struct {
	counts [14]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) read() []uint64 {
	out := make([]uint64, len(h.counts))
	for i := range h.counts {
		out[i] = h.counts[i].Load()
	}
	return out
}

func (m *Metrics) step(d time.Duration, rows int, err error) {
	m.Steps.Add(1)
	m.Rows.Add(uint64(rows))
	if err != nil {
		m.Failures.Add(1)
	}
	m.steps.observe(d)
}

// Read returns a copy of the counters.
func (m *Metrics) Read() MetricsSnapshot {
	return MetricsSnapshot{
		Steps: m.Steps.Load(), Rows: m.Rows.Load(), Failures: m.Failures.Load(), ViewRows: m.viewRows.Load(),
		ErrorRows: m.errorRows.Load(), BadRecords: m.badRecords.Load(),
		StepBuckets: m.steps.read(), SyncBuckets: m.syncs.read(),
		StepSum: time.Duration(m.steps.sum.Load()), SyncSum: time.Duration(m.syncs.sum.Load()),
	}
}

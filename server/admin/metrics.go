package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tidemill/catalog"
	"tidemill/server/engine"
)

// collector reads the engine's and the wire's counters when Prometheus asks.
type collector struct{ o Options }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tidemill_"+name, help, labels, nil)
}

var (
	epochs       = desc("epochs_total", "Epochs that were run.")
	epochRows    = desc("rows_total", "Rows fed into the circuit.")
	failures     = desc("epoch_failures_total", "Epochs that could not be committed.")
	viewRows     = desc("view_rows_written_total", "Rows written to materialized views.")
	errorRows    = desc("view_error_rows_total", "Rows that failed in a materialized view or sink.")
	badRecords   = desc("source_bad_records_total", "Records that could not be decoded.")
	stepSeconds  = desc("epoch_duration_seconds", "Duration of epochs.")
	syncSeconds  = desc("sync_duration_seconds", "Duration of making epochs durable.")
	sourceRows   = desc("source_rows_total", "Rows read from a source.", "source")
	sourceBytes  = desc("source_bytes_total", "Bytes read from a source.", "source")
	sourceErrors = desc("source_errors_total", "Records of a source that could not be decoded.", "source")
	lateRows     = desc("late_rows_total", "Rows of a source or table that were set aside because the watermark had passed them.", "source")
	stateRows    = desc("state_rows", "Entries of a dataflow's operator state.", "name", "kind")
	stateBytes   = desc("state_bytes", "Memory of a dataflow's operator state.", "name", "kind")
	storedRows   = desc("stored_rows", "Rows of a table or materialized view.", "name", "kind")
	progress     = desc("backfill_progress", "Progress of a backfill from 0 to 1.", "name")
	healthy      = desc("healthy", "1 when nothing is wrong with the object.", "name", "kind")
	connections  = desc("connections", "Clients that are logged in.")
	accepted     = desc("connections_accepted_total", "Connections accepted.")
	refused      = desc("connections_refused_total", "Connections refused by a limit.")
	panics       = desc("connection_panics_total", "Connections that ended by an internal error.")
	wireBytes    = desc("wire_bytes_total", "Bytes of the Postgres protocol.", "direction")
	messages     = desc("wire_messages_total", "Messages of the Postgres protocol from clients.")
	uptime       = desc("uptime_seconds", "Time since the server started.")
)

// Describe implements prometheus.Collector; an empty description makes the collector unchecked.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(uptime, time.Since(c.o.Started).Seconds())
	m := c.o.Engine.Metrics().Read()
	counter(epochs, m.Steps)
	counter(epochRows, m.Rows)
	counter(failures, m.Failures)
	counter(viewRows, m.ViewRows)
	counter(errorRows, m.ErrorRows)
	counter(badRecords, m.BadRecords)
	out <- histogram(stepSeconds, m.StepBuckets, m.StepSum)
	out <- histogram(syncSeconds, m.SyncBuckets, m.SyncSum)
	if w := c.o.Wire; w != nil {
		s := w.Stats()
		gauge(connections, float64(s.Open))
		counter(accepted, s.Accepted)
		counter(refused, s.Refused)
		counter(panics, s.Panics)
		counter(wireBytes, s.BytesIn, "in")
		counter(wireBytes, s.BytesOut, "out")
		counter(messages, s.Messages)
	}
	c.objects(counter, gauge)
}

// objects reports on sources, views and sinks.
func (c *collector) objects(counter func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, float64, ...string)) {
	counts := rowCounts(c.o.Engine)
	for _, s := range c.o.Engine.Statuses() {
		name, kind := s.Object.QualifiedName(), string(s.Object.Kind)
		if s.Object.Connector != "" && s.Object.Kind != catalog.Sink {
			counter(sourceRows, s.Rows, name)
			counter(sourceBytes, s.Bytes, name)
			counter(sourceErrors, uint64(max(s.ErrorRows, 0)), name)
		}
		if s.Object.Watermark != nil {
			counter(lateRows, s.LateRows, name)
		}
		if n, ok := counts[s.Object.ID]; ok {
			gauge(storedRows, float64(n), name, kind)
		}
		if s.Object.Kind == catalog.MaterializedView || s.Object.Kind == catalog.Sink {
			gauge(stateRows, float64(s.StateRows), name, kind)
			gauge(stateBytes, float64(s.StateSize), name, kind)
			gauge(progress, s.Progress, name)
		}
		ok := 1.0
		if s.Message != "" && s.Object.State != catalog.Running {
			ok = 0
		}
		gauge(healthy, ok, name, kind)
	}
}

// rowCounts returns the number of rows of everything that is stored.
func rowCounts(api engine.API) map[uint32]int64 {
	out := map[uint32]int64{}
	r, err := api.Reader()
	if err != nil {
		return out
	}
	defer r.Close()
	for _, o := range r.Catalog.Objects() {
		if o.Storage == nil {
			continue
		}
		if n, err := r.Count(o); err == nil {
			out[o.ID] = n
		}
	}
	return out
}

// histogram turns the engine's buckets, which count apart, into Prometheus's, which add up.
func histogram(d *prometheus.Desc, buckets []uint64, sum time.Duration) prometheus.Metric {
	cumulative := map[float64]uint64{}
	var n uint64
	for i, b := range buckets {
		n += b
		if i < len(engine.Bounds) {
			cumulative[engine.Bounds[i].Seconds()] = n
		}
	}
	return prometheus.MustNewConstHistogram(d, n, sum.Seconds(), cumulative)
}

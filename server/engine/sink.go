package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"

	"tidemill/catalog"
	"tidemill/connector"
	"tidemill/exec/plan"
	"tidemill/exec/state"
	"tidemill/planner"
	"tidemill/sql/ast"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// sink delivers the changes of its dataflow to the outside. Each epoch's changes are written to a log
// in the epoch's commit; a goroutine reads the log behind, once the epochs are durable, hands them to
// the connector and has the delivered part truncated. A destination that is slow or down therefore
// never holds up the circuit, and a crash loses nothing.
type sink struct {
	e      *Engine
	obj    *catalog.Object
	plan   *plan.Plan
	schema types.Schema
	base   uint64 // the epoch at which the delivery began

	cancel context.CancelFunc
	done   chan struct{}

	// The delivering goroutine's own.
	writer       connector.Writer // nil = not open yet
	known        bool             // delivered is what the destination holds
	tried        uint64           // the last epoch that a Write has been called with
	truncated    uint64
	nextTruncate time.Time
	ahead        uint64 // an epoch of the destination that we cannot have delivered

	mu        sync.Mutex // for writing delivered and failure, and for reading them elsewhere
	delivered uint64
	failure   string
}

func (e *Engine) createSink(c *Caller, s *ast.CreateSink) error {
	schema, name, skip, err := e.place(e.catalogNow(), c, s.Name, s.IfNotExists)
	if err != nil || skip {
		return err
	}
	spec, opts, err := e.connectorOptions(connector.SinkRole, s.Options)
	if err != nil {
		return err
	}
	if spec.OpenWriter == nil {
		return sqlerr.New(sqlerr.InvalidParameterValue, "connector %q is not a sink", spec.Name)
	}
	query := s.Query
	if query == nil {
		query = &ast.Select{
			Pos: s.Pos, Items: []ast.SelectItem{{Expr: &ast.Star{Pos: s.Pos}}},
			From: []ast.TableExpr{&ast.TableName{Pos: s.Pos, Name: s.From}},
		}
	}
	q, err := planner.PlanView(e.plannerContext(e.catalogNow(), c), query, nil)
	if err != nil {
		return err
	}
	o := e.newObject(c, catalog.Sink, schema, name)
	o.Query, o.Deps, o.Names, o.Connector, o.Options = s.QueryText, q.Deps, q.Bound, spec.Name, opts
	o.Types = q.UserTypes
	if err := setFormat(o, spec, s.Format); err != nil {
		return err
	}
	if err := e.setOutput(o, q, nil); err != nil {
		return err
	}
	if spec.Check != nil {
		if err := spec.Check(options(o), o.VisibleFields()); err != nil {
			return err
		}
	}
	o.Identity = name + "-" + strings.ToLower(rand.Text()[:12])
	k := e.newSink(o, q.Plan)
	if err := k.open(); err != nil {
		return err
	}
	if _, err := e.startFlow(o, q.Plan); err != nil {
		e.closing.Go(k.release)
		return err
	}
	e.edges.Lock()
	e.sinks[o.ID] = k
	e.edges.Unlock()
	k.start()
	return nil
}

// newSink describes the delivery of a sink, which start begins.
func (e *Engine) newSink(o *catalog.Object, p *plan.Plan) *sink {
	return &sink{
		e: e, obj: o, plan: p, schema: o.VisibleFields(), base: e.store.Epoch(), done: make(chan struct{}),
	}
}

// open opens the writer.
func (s *sink) open() error {
	spec, err := connector.Lookup(s.obj.Connector)
	if err != nil {
		return err
	}
	name := s.obj.Identity
	if name == "" { // made before sinks had one
		name = s.obj.Name
	}
	s.writer, err = spec.OpenWriter(&connector.WriterConfig{
		Name: fmt.Sprintf("%s-%d", name, s.obj.ID), Options: options(s.obj), Schema: s.schema,
		Key: visibleKey(s.plan.Key, s.obj.Visible), AppendOnly: s.plan.AppendOnly,
	})
	return err
}

// start begins the delivery.
func (s *sink) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go s.run(ctx)
}

// startSinks begins the delivery of the sinks that recover has found.
func (e *Engine) startSinks() {
	for _, s := range e.sinks {
		s.start()
	}
}

// visibleKey is the plan's key if the destination sees all of it, else nil.
func visibleKey(key []int, visible int) []int {
	for _, k := range key {
		if k >= visible {
			return nil
		}
	}
	return key
}

// log appends an epoch's changes to the sink's log.
func (s *sink) log(w *state.CommitWriter, epoch uint64, deltas []*rows.Batch) {
	for i, d := range deltas {
		d = d.Compact()
		visible := &rows.Batch{Schema: s.schema, N: d.N, W: d.W, Cols: d.Cols[:len(s.schema)]}
		k := binary.BigEndian.AppendUint32(s.logKey(epoch), uint32(i))
		w.Set(k, rows.AppendBatch(nil, visible))
	}
}

func (s *sink) logKey(epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(metaKey(state.SpaceSinkLog, s.obj.ID, ""), epoch)
}

// truncateEvery bounds how often a sink that keeps up has the delivered part of its log deleted.
const truncateEvery = 250 * time.Millisecond

// run delivers until close. Failures are retried with growing pauses and shown in the sink's status.
func (s *sink) run(ctx context.Context) {
	defer close(s.done)
	defer s.release()
	pause := 100 * time.Millisecond
	for {
		_, moved := s.e.syncer.durableAfter()
		err := s.deliver(ctx)
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.failure = ""
		if err != nil {
			s.failure = err.Error()
		}
		s.mu.Unlock()
		if err == nil {
			pause = 100 * time.Millisecond
			var due <-chan time.Time
			if s.delivered > s.truncated {
				due = time.After(time.Until(s.nextTruncate))
			}
			select {
			case <-ctx.Done():
				return
			case <-moved:
			case <-due:
				s.truncate(ctx)
			}
			continue
		}
		s.e.log.Warn("sink cannot deliver", "sink", s.obj.QualifiedName(), "error", err)
		s.known = false // the destination may hold what the failed call was to deliver
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, 10*time.Second)
		}
	}
}

// sinkBytes bounds the part of the log that one Write carries.
const sinkBytes = 16 << 20

// deliver hands over the durable part of the log, in pieces of whole epochs.
func (s *sink) deliver(ctx context.Context) error {
	if s.writer == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	if !s.known {
		if err := s.ask(ctx); err != nil {
			return err
		}
	}
	for {
		durable, _ := s.e.syncer.durableAfter()
		deltas, upTo, err := s.readLog(durable)
		if err != nil || upTo == 0 {
			return err
		}
		if len(deltas) > 0 {
			s.tried = upTo
			if err := s.writer.Write(ctx, upTo, deltas); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.delivered = upTo
		s.mu.Unlock()
	}
}

// ask learns from the destination which epoch it holds.
func (s *sink) ask(ctx context.Context) error {
	epoch, err := s.writer.Committed(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if epoch > max(s.base, s.tried) {
		s.ahead = max(s.ahead, epoch)
	}
	if s.ahead > 0 {
		return sqlerr.New(sqlerr.DataCorrupted, "the destination holds epoch %d, which this database had not reached", s.ahead).
			WithHint("The data directory is older than what was delivered. Drop the sink, and create it again.")
	}
	s.delivered, s.known = max(s.delivered, epoch), true
	return nil
}

// readLog returns the changes of the next epochs after the delivered one, up to durable, and the last
// epoch among them; 0 when there is nothing.
func (s *sink) readLog(durable uint64) (deltas []*rows.Batch, upTo uint64, err error) {
	snap := s.e.store.Snapshot()
	defer snap.Close()
	from := s.delivered + 1
	size := 0
	prefix := len(s.logKey(0)) - 8
	err = snap.Scan(s.logKey(from), s.logKey(durable+1), false, func(k, v []byte) (bool, error) {
		epoch := binary.BigEndian.Uint64(k[prefix:])
		if size > sinkBytes && epoch != upTo {
			return false, nil
		}
		b, err := rows.DecodeBatch(s.schema, v)
		if err != nil {
			return false, err
		}
		size += len(v)
		upTo = epoch
		deltas = append(deltas, b)
		return true, nil
	})
	return deltas, upTo, err
}

// truncate has the delivered part of the log deleted in one of the next epochs.
func (s *sink) truncate(ctx context.Context) {
	upTo := s.delivered
	s.truncated, s.nextTruncate = upTo, time.Now().Add(truncateEvery)
	r := &request{done: make(chan error, 1), do: func() error {
		s.e.pending.writes = append(s.e.pending.writes, func(c *state.Commit) error {
			c.Writer(0).DeleteRange(s.logKey(0), s.logKey(upTo+1))
			return nil
		})
		return nil
	}}
	select {
	case s.e.requests <- r:
	case <-ctx.Done():
	}
}

// close ends the delivery. A writer that hangs must not hang the engine.
func (s *sink) close() {
	s.cancel()
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
	}
}

// release closes the writer.
func (s *sink) release() {
	if s.writer == nil {
		return
	}
	if err := s.writer.Close(); err != nil {
		s.e.log.Warn("closing sink", "sink", s.obj.QualifiedName(), "error", err)
	}
}

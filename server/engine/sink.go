package engine

import (
	"context"
	"encoding/binary"
	"fmt"
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
	schema types.Schema
	writer connector.Writer

	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{}

	mu        sync.Mutex
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
	o.Query, o.Deps, o.Connector, o.Options = s.QueryText, q.Deps, spec.Name, opts
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
	k, err := e.openSink(o, q.Plan)
	if err != nil {
		return err
	}
	if _, err := e.startFlow(o, q.Plan); err != nil {
		go k.close()
		return err
	}
	e.edges.Lock()
	e.sinks[o.ID] = k
	e.edges.Unlock()
	return nil
}

// openSink opens the writer and starts delivery.
func (e *Engine) openSink(o *catalog.Object, p *plan.Plan) (*sink, error) {
	spec, err := connector.Lookup(o.Connector)
	if err != nil {
		return nil, err
	}
	w, err := spec.OpenWriter(&connector.WriterConfig{
		Name: fmt.Sprintf("%s-%d", o.Name, o.ID), Options: options(o), Schema: o.VisibleFields(),
		Key: visibleKey(p.Key, o.Visible), AppendOnly: p.AppendOnly,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &sink{
		e: e, obj: o, schema: o.VisibleFields(), writer: w, cancel: cancel,
		done: make(chan struct{}), kick: make(chan struct{}, 1),
	}
	go s.run(ctx)
	return s, nil
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

// poke tells the delivery goroutine that the log has grown.
func (s *sink) poke() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run delivers until close. Failures are retried with growing pauses and shown in the sink's status.
func (s *sink) run(ctx context.Context) {
	defer close(s.done)
	pause := 100 * time.Millisecond
	started := false
	for ctx.Err() == nil {
		err := s.deliver(ctx, &started)
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
			_, moved := s.e.syncer.durableAfter()
			select {
			case <-ctx.Done():
			case <-moved:
			}
			continue
		}
		s.e.log.Warn("sink cannot deliver", "sink", s.obj.QualifiedName(), "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, 10*time.Second)
		}
	}
}

// sinkBytes bounds the part of the log that one Write carries.
const sinkBytes = 16 << 20

// deliver hands over the durable part of the log, in pieces of whole epochs.
func (s *sink) deliver(ctx context.Context, started *bool) error {
	if !*started {
		epoch, err := s.writer.Committed(ctx)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.delivered = max(s.delivered, epoch)
		s.mu.Unlock()
		*started = true
	}
	for {
		durable, _ := s.e.syncer.durableAfter()
		deltas, upTo, err := s.readLog(durable)
		if err != nil || upTo == 0 {
			return err
		}
		if len(deltas) > 0 {
			if err := s.writer.Write(ctx, upTo, deltas); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.delivered = upTo
		s.mu.Unlock()
		s.truncate(ctx, upTo)
	}
}

// readLog returns the changes of the next epochs after the delivered one, up to durable, and the last
// epoch among them; 0 when there is nothing.
func (s *sink) readLog(durable uint64) (deltas []*rows.Batch, upTo uint64, err error) {
	snap := s.e.store.Snapshot()
	defer snap.Close()
	s.mu.Lock()
	from := s.delivered + 1
	s.mu.Unlock()
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
func (s *sink) truncate(ctx context.Context, upTo uint64) {
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

func (s *sink) close() {
	s.cancel()
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
	}
	if err := s.writer.Close(); err != nil {
		s.e.log.Warn("closing sink", "sink", s.obj.QualifiedName(), "error", err)
	}
}

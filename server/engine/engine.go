package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"tidemill/catalog"
	"tidemill/exec/flow"
	"tidemill/exec/mem"
	"tidemill/exec/state"
	"tidemill/exec/view"
	"tidemill/sql/rows"
)

// Config configures an engine.
type Config struct {
	// Dir is the data directory. Store overrides its opening, for tests.
	Dir   string
	Store *state.Store
	// Workers is the number of workers of the circuit; 0 = GOMAXPROCS.
	Workers int
	// MemoryLimit bounds operator state and queries, in bytes; 0 = 70 % of the machine's memory.
	MemoryLimit int64
	// QueryMemory bounds the state of one query, in bytes; 0 = only MemoryLimit does.
	QueryMemory int64
	// SyncInterval is how often committed epochs are made durable when nobody waits for it; 0 = 100 ms.
	SyncInterval time.Duration
	// Tick is how fine the time is that now() has in materialized views; 0 = 1 s.
	Tick time.Duration
	// StepRows bounds the rows that one epoch takes from one source; 0 = 64 k.
	StepRows int
	// Check runs invariant checkers on every edge and view, as all tests do.
	Check bool
	// System provides the virtual relations; may be nil.
	System System
	Log    *slog.Logger
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Engine is a running database. Its exported methods may be called from any goroutine.
type Engine struct {
	cfg     Config
	log     *slog.Logger
	store   *state.Store
	budget  *mem.Budget
	queries *mem.Budget
	circuit *flow.Circuit
	metrics Metrics

	// publish guards the pair (store snapshot, catalog): a commit changes both under the write lock.
	publish sync.RWMutex
	cat     atomic.Pointer[catalog.Snapshot]

	requests chan *request
	wakeup   chan struct{}
	stop     chan struct{}
	stopped  chan struct{}
	syncer   *syncer
	readers  readers
	failure  atomic.Pointer[error]

	// edges guards the maps below, which only the step loop changes.
	edges   sync.RWMutex
	views   map[uint32]*view.View   // storage of tables and materialized views
	uniques map[uint32][]*view.View // of the unique constraints of tables
	sources map[uint32]*feeder      // main feeder of each source that is read
	fills   map[uint32]*backfill    // dataflows that are being created
	sinks   map[uint32]*sink
	// changed is the epoch of the last change of each table since the start. It belongs to the step loop.
	changed map[uint32]uint64
	// indexes are the ids of the indexes on a relation, indexFills those that are not complete yet.
	indexes    map[uint32][]uint32
	indexFills map[uint32]*indexFill
	times      map[uint32]*eventTime // of sources and tables with a watermark
	follows    map[uint32]*following // relations that clients subscribe to; only the step loop uses it

	// closing counts feeders and sinks that are being closed beside the loop.
	closing sync.WaitGroup

	sequences sequences
	pending   pending
	inflight  *epoch      // the epoch being applied; only the step loop uses it
	rewriting *rewrite    // of an ALTER TABLE
	parked    []*request  // what waits for its end
	alarm     *time.Timer // wakes the loop when a partition becomes idle
	// now is the time of the epochs, µs since 1970, and storedNow what the store has. Only the step loop
	// uses them. clocked tells the clock that dataflows depend on it.
	now, storedNow int64
	clocked        atomic.Bool
	// stored is the catalog as the store has it, nil in a new store. Only the step loop uses it.
	stored *catalog.Snapshot
}

// request is work for the step loop.
type request struct {
	// do runs in the loop between two epochs. An error is the outcome; without one the outcome is that
	// of the epoch that do's changes are part of.
	do func() error
	// fresh asks that the table changes served before are committed first, because do reads tables.
	fresh bool
	// defines tells that do defines something, tables which tables it changes: see rewrite.
	defines bool
	tables  []uint32
	// done receives the outcome once the epoch is durable.
	done chan error
	// claimed is set by who decides over the request: the loop when it begins, or a caller that gives up.
	claimed atomic.Bool
}

// pending is what the next epoch holds beside the sources' rows. Only the step loop uses it.
type pending struct {
	catalog *catalog.Snapshot // nil = unchanged
	deltas  map[uint32][]*rows.Batch
	over    overlays // the same changes for statements to read
	writes  []func(*state.Commit) error
	waiters []chan error
	feeds   []flow.Feed // for the dataflows alone, not for a relation's storage
	force   bool        // run an epoch even without rows
}

func (p *pending) empty() bool {
	return p.catalog == nil && len(p.deltas) == 0 && len(p.writes) == 0 && len(p.waiters) == 0 && len(p.feeds) == 0 && !p.force
}

// Open opens or creates a database and continues where it stopped.
func Open(cfg Config) (*Engine, error) {
	e, err := newEngine(cfg)
	if err != nil {
		return nil, err
	}
	if err := e.recover(); err != nil {
		e.abort()
		e.store.Close()
		return nil, err
	}
	e.syncer = startSyncer(e)
	e.startSinks()
	e.closing.Go(e.runClock)
	go e.loop()
	return e, nil
}

func newEngine(cfg Config) (*Engine, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.SyncInterval <= 0 {
		cfg.SyncInterval = 100 * time.Millisecond
	}
	if cfg.Tick < time.Microsecond {
		cfg.Tick = tickInterval
	}
	if cfg.StepRows <= 0 {
		cfg.StepRows = 64 << 10
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MemoryLimit <= 0 {
		cfg.MemoryLimit = defaultMemory()
	}
	store := cfg.Store
	if store == nil {
		limitHeap(cfg.MemoryLimit)
		var err error
		if store, err = state.Open(state.Options{Dir: cfg.Dir}); err != nil {
			return nil, fmt.Errorf("opening data directory %s: %w", cfg.Dir, err)
		}
	}
	e := &Engine{
		cfg: cfg, log: cfg.Log, store: store,
		budget:   mem.NewBudget("server", cfg.MemoryLimit),
		requests: make(chan *request, 256), wakeup: make(chan struct{}, 1),
		stop: make(chan struct{}), stopped: make(chan struct{}),
		views: map[uint32]*view.View{}, uniques: map[uint32][]*view.View{}, sources: map[uint32]*feeder{},
		fills: map[uint32]*backfill{}, sinks: map[uint32]*sink{}, times: map[uint32]*eventTime{},
		follows: map[uint32]*following{},
		changed: map[uint32]uint64{}, indexes: map[uint32][]uint32{}, indexFills: map[uint32]*indexFill{},
	}
	e.readers.init()
	e.sequences.list, e.sequences.dirty = map[sequenceID]*sequence{}, map[sequenceID][]byte{}
	e.queries = e.budget.Child("queries", cfg.MemoryLimit/2)
	e.circuit = flow.New(flow.Config{
		Workers: cfg.Workers, Store: store, Mem: e.budget, Check: cfg.Check,
	})
	return e, nil
}

// limitHeap makes the garbage collector work harder from a bit above the memory limit on, unless
// GOMEMLIMIT says where. Garbage must not be what the process dies of.
func limitHeap(limit int64) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(limit / 7 * 9)
	}
}

// Catalog returns the current catalog.
func (e *Engine) Catalog() *catalog.Snapshot { return e.cat.Load() }

// Store gives access to the store for metrics, checks and backup.
func (e *Engine) Store() *state.Store { return e.store }

// Metrics returns the engine's counters.
func (e *Engine) Metrics() *Metrics { return &e.metrics }

// Done is closed when the engine has stopped, by Close or by a failure that Err tells.
func (e *Engine) Done() <-chan struct{} { return e.stopped }

// Err returns the failure that stopped the engine, or nil.
func (e *Engine) Err() error {
	if p := e.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// wake tells the step loop that something waits.
func (e *Engine) wake() {
	select {
	case e.wakeup <- struct{}{}:
	default:
	}
}

// submit runs do in the step loop and waits until its epoch is durable. The end of ctx withdraws it as
// long as it has not begun; from then on its outcome counts.
func (e *Engine) submit(ctx context.Context, do func() error) error {
	return e.send(ctx, &request{do: do, done: make(chan error, 1)})
}

// send is submit for a request made by the caller.
func (e *Engine) send(ctx context.Context, r *request) error {
	select {
	case e.requests <- r:
	case <-e.stop:
		return errShutdown()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	over := ctx.Done()
	for {
		select {
		case err := <-r.done:
			return err
		case <-over:
			if r.claimed.CompareAndSwap(false, true) {
				return context.Cause(ctx)
			}
			over = nil
		case <-e.stopped:
			if r.claimed.CompareAndSwap(false, true) {
				return errShutdown()
			}
			select { // its epoch may be committed and on its way to the disk
			case err := <-r.done:
				return err
			case <-e.syncer.done:
			}
			select {
			case err := <-r.done:
				return err
			default:
				return errShutdown()
			}
		}
	}
}

// Close stops reading, finishes the epoch under way, makes everything durable and closes the store.
func (e *Engine) Close() error {
	close(e.stop)
	e.readers.shut()
	<-e.stopped
	e.edges.RLock()
	var feeders []*feeder
	for _, f := range e.sources {
		feeders = append(feeders, f)
	}
	for _, b := range e.fills {
		feeders = append(feeders, b.feeders...)
	}
	var sinks []*sink
	for _, s := range e.sinks {
		sinks = append(sinks, s)
	}
	e.edges.RUnlock()
	var wg sync.WaitGroup
	for _, f := range feeders {
		wg.Add(1)
		go func() { defer wg.Done(); f.close() }()
	}
	for _, s := range sinks {
		wg.Add(1)
		go func() { defer wg.Done(); s.close() }()
	}
	wg.Wait()
	e.closing.Wait()
	e.syncer.close()
	e.readers.wait()
	return e.store.Close()
}

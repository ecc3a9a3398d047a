package engine

import (
	"context"
	"sync"
	"time"

	"tidemill/catalog"
	"tidemill/exec/batch"
	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// Changes are what an epoch has changed in a relation that is followed.
type Changes struct {
	Epoch   uint64
	batches []*rows.Batch
}

// following keeps the latest changes of a stored relation while somebody follows it. The step loop adds
// each epoch's at the end; a Subscription is a place in the list, so that any number of them cost one
// copy of the changes, and a slow one holds up nobody: what is older than the bound is forgotten, and
// who had still to read it is told so.
type following struct {
	obj   uint32
	table uint32 // of its storage: a replaced relation has another

	mu    sync.Mutex
	users int
	since uint64        // all changes behind this epoch are in the list or were forgotten
	first *entry        // the oldest that is kept
	last  *entry        // of the newest epoch, or a start without changes
	bytes int           // of what is kept
	bound int           // of bytes
	moved chan struct{} // closed and renewed when there is more to read
	end   error         // why nothing comes any more
	idle  *time.Timer
}

// entry is an epoch of a following. Its changes come in order through next.
type entry struct {
	Changes
	bytes     int
	forgotten bool
	next      *entry
}

const (
	// followBytes bounds the changes that are kept for the followers of one relation.
	followBytes = 64 << 20
	// followIdle is how long changes are kept after the last follower has left, for it to come back.
	followIdle = time.Minute
	// An epoch with one row is mostly its headers: they count as well.
	entryBytes = 256
	vecBytes   = 256
)

// Subscription follows the changes of a stored relation. One goroutine uses it at a time.
type Subscription struct {
	// Epoch is the epoch from which on changes come.
	Epoch uint64
	// Snapshot shows that epoch; nil if the subscription goes on from an epoch that its reader knows. Close
	// it soon.
	Snapshot *Reader
	e        *Engine
	f        *following
	at       *entry
}

// Subscribe follows a table or materialized view from now on, or from behind the epoch since, if that
// is not nil. Close the result.
func (e *Engine) Subscribe(ctx context.Context, o *catalog.Object, since *uint64) (*Subscription, error) {
	var s *Subscription
	err := e.submit(ctx, func() (err error) {
		s, err = e.subscribe(o.ID, since)
		return err
	})
	if err != nil && s != nil { // the epoch that was to answer could not be committed
		s.Close()
	}
	return s, err
}

// subscribe is Subscribe in the step loop, where no epoch is under way.
func (e *Engine) subscribe(id uint32, since *uint64) (*Subscription, error) {
	o := e.cat.Load().ByID(id)
	if o == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation with OID %d does not exist", id)
	}
	if o.Storage == nil || o.Kind == catalog.Source {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot subscribe to %s %q: it is not stored", o.Kind, o.Name).
			WithHint("Subscribe to a materialized view over it.")
	}
	if o.State == catalog.Failed || o.Unfilled {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "%s %q has stopped", o.Kind, o.Name).WithDetail("%s", o.StateReason)
	}
	if o.State == catalog.Creating {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "materialized view %q has not been populated", o.Name).
			WithHint("It is being filled; SHOW JOBS tells how far it is.")
	}
	if now := e.store.Epoch(); since != nil && *since > now {
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisite, "epoch %d is still to come: the last one is %d", *since, now).
			WithHint("Subscribe with a snapshot, without \"since\".")
	}
	f := e.follows[id]
	if f == nil {
		if since != nil && *since < e.store.Epoch() {
			return nil, goneErr(o.Name, *since, e.store.Epoch())
		}
		start := &entry{Changes: Changes{Epoch: e.store.Epoch()}}
		f = &following{obj: id, table: o.Storage.Table, since: start.Epoch, first: start, last: start, bound: followBytes, moved: make(chan struct{})}
		e.follows[id] = f
	}
	s := &Subscription{e: e, f: f, Epoch: e.store.Epoch()}
	if since == nil {
		var err error
		if s.Snapshot, err = e.Reader(); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.at = f.last
	if since != nil {
		if *since < f.since {
			return nil, goneErr(o.Name, *since, f.since)
		}
		for s.at = f.first; s.at.next != nil && s.at.next.Epoch <= *since; {
			s.at = s.at.next
		}
		s.Epoch = *since
	}
	f.users++
	if f.idle != nil {
		f.idle.Stop()
		f.idle = nil
	}
	return s, nil
}

func goneErr(name string, since, oldest uint64) error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisite, "the changes of %q behind epoch %d are not kept", name, since).
		WithDetail("Those behind epoch %d are.", oldest).
		WithHint("Subscribe with a snapshot, without \"since\".")
}

// Next waits for the next epoch in which the relation has changed.
func (s *Subscription) Next(ctx context.Context) (*Changes, error) {
	for {
		c, moved, err := s.try()
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, canceledErr(ctx)
		case <-s.e.stop:
			return nil, errShutdown()
		}
	}
}

// Waiting returns the next epoch's changes if they are there already, else nil.
func (s *Subscription) Waiting() (*Changes, error) {
	c, _, err := s.try()
	return c, err
}

func (s *Subscription) try() (*Changes, <-chan struct{}, error) {
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	next := s.at.next
	if next == nil {
		return nil, f.moved, f.end
	}
	if next.forgotten {
		return nil, nil, sqlerr.New(sqlerr.ConfigurationLimitExceeded, "the subscription fell behind: more than %d MiB of changes waited for its client", f.bound>>20).
			WithHint("Subscribe again, and read faster or select less.")
	}
	// What a client has been told must not be lost in a crash, or it could not go on from there.
	if durable, later := s.e.syncer.durableAfter(); next.Epoch > durable {
		return nil, later, nil
	}
	s.at = next
	s.Epoch = next.Epoch
	return &next.Changes, nil, nil
}

// EndSnapshot closes the snapshot, if there is one.
func (s *Subscription) EndSnapshot() {
	if s.Snapshot != nil {
		s.Snapshot.Close()
		s.Snapshot = nil
	}
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.EndSnapshot()
	f := s.f
	f.mu.Lock()
	defer f.mu.Unlock()
	s.at = nil
	if f.users--; f.users > 0 || f.end != nil {
		return
	}
	f.idle = time.AfterFunc(followIdle, func() {
		select {
		case s.e.requests <- &request{do: func() error { s.e.unfollow(f); return nil }, done: make(chan error, 1)}:
		case <-s.e.stop:
		}
	})
}

// unfollow forgets a relation that nobody has come back to.
func (e *Engine) unfollow(f *following) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == 0 && e.follows[f.obj] == f {
		delete(e.follows, f.obj)
	}
}

// noteChanges copies what an epoch changes in the relations that are followed.
func (e *Engine) noteChanges(ep *epoch) {
	if len(e.follows) == 0 {
		return
	}
	note := func(id uint32, deltas []*rows.Batch) {
		if e.follows[id] == nil || len(deltas) == 0 {
			return
		}
		n := &entry{Changes: Changes{Epoch: ep.number}, bytes: entryBytes}
		for _, d := range deltas {
			if d.Len() == 0 {
				continue
			}
			c := d.Compact().Clone()
			n.batches = append(n.batches, c)
			n.bytes += c.SizeBytes() + len(c.Cols)*vecBytes
		}
		if len(n.batches) > 0 {
			ep.changes = append(ep.changes, noted{id, n})
		}
	}
	for id, deltas := range ep.p.deltas {
		note(id, deltas)
	}
	for _, out := range ep.outs {
		if out.Err == nil {
			note(out.Flow.ID, out.Deltas)
		}
	}
}

// noted are the changes of one relation on their way to its followers.
type noted struct {
	id    uint32
	entry *entry
}

// tellFollowers hands out the changes of an epoch that is in the store.
func (e *Engine) tellFollowers(ep *epoch) {
	for _, n := range ep.changes {
		if f := e.follows[n.id]; f != nil {
			f.add(n.entry)
		}
	}
	if len(ep.changes) > 0 {
		defer e.syncer.hurry()
	}
	if ep.catalog == nil {
		return
	}
	for id, f := range e.follows {
		o := ep.catalog.ByID(id)
		switch {
		case o == nil:
			f.finish(sqlerr.New(sqlerr.UndefinedTable, "the relation that was subscribed to has been dropped"))
		case o.Storage == nil || o.Storage.Table != f.table:
			f.finish(sqlerr.New(sqlerr.ObjectNotInPrerequisite, "%s %q has been replaced", o.Kind, o.Name).WithHint("Subscribe again."))
		case o.State == catalog.Failed:
			f.finish(sqlerr.New(sqlerr.ObjectNotInPrerequisite, "%s %q has stopped", o.Kind, o.Name).WithDetail("%s", o.StateReason))
		default:
			continue
		}
		delete(e.follows, id)
	}
}

// add appends an epoch's changes and forgets the oldest beyond the bound.
func (f *following) add(n *entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last.next = n
	f.last = n
	f.bytes += n.bytes
	for f.bytes > f.bound && f.first != f.last {
		f.first = f.first.next
		f.first.forgotten = true
		f.bytes -= f.first.bytes
		f.first.batches, f.since = nil, f.first.Epoch
	}
	close(f.moved)
	f.moved = make(chan struct{})
}

// finish ends all subscriptions when they have read what there is.
func (f *following) finish(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end = err
	close(f.moved)
	f.moved = make(chan struct{})
}

// RunChanges executes a query on an epoch's changes instead of the relation's rows. The plan must be
// Linear; what it gives is then the change of its answer.
func (s *Subscription) RunChanges(ctx context.Context, q *Run, c *Changes) error {
	acct := s.e.queries.Child("query_memory", s.e.cfg.QueryMemory).Account("subscription")
	defer acct.Close()
	visible := q.Plan.Visible
	return batch.Run(ctx, &batch.Query{
		Plan: q.Plan, Scanner: changeScanner(c.batches), Fn: q.Fn, Mem: acct,
		Out: func(b *rows.Batch) error {
			cut := *b
			cut.Cols = b.Cols[:visible]
			return q.Out(&cut)
		},
	})
}

// changeScanner reads changes in place of a relation.
type changeScanner []*rows.Batch

// Scan implements batch.Scanner.
func (s changeScanner) Scan(_ context.Context, sc *plan.Scan, f func(*rows.Batch) error) error {
	for _, b := range s {
		part := *b
		part.Cols = make([]*rows.Vec, len(sc.Cols))
		for i, c := range sc.Cols {
			part.Cols[i] = b.Cols[c]
		}
		if err := f(&part); err != nil {
			return err
		}
	}
	return nil
}

// Followed returns the one stored relation that a plan computes its answer from row by row, so that the
// plan can be run on changes as well.
func Followed(cat *catalog.Snapshot, p *plan.Plan) (*catalog.Object, error) {
	refuse := func(why string) error {
		return sqlerr.Unsupported("cannot subscribe to this query: %s", why).
			WithHint("Make it a materialized view, and subscribe to that.")
	}
	for i := range p.Nodes {
		switch p.Nodes[i].Op {
		case plan.ScanOp, "filter", "project":
		default:
			return nil, refuse("it does more than choose rows and compute columns")
		}
	}
	scans, err := p.Scans()
	if err != nil {
		return nil, err
	}
	if len(scans) != 1 {
		return nil, refuse("it does not read just one relation")
	}
	o := cat.ByID(scans[0])
	if o == nil {
		return nil, refuse("it reads a system catalog")
	}
	return o, nil
}

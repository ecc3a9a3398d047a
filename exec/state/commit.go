package state

import (
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Commit is everything that one epoch changes: it becomes visible at once or not at all.
type Commit struct {
	CommitWriter
	writers []*CommitWriter
}

// CommitWriter collects changes for a commit. It belongs to one goroutine; a commit can have one per
// worker. Keys and values are copied. A later change of a key wins over an earlier one of the same
// writer; the changes of the commit itself come before those of its workers, and workers must change
// different keys, Merge excepted.
type CommitWriter struct {
	store *Store
	epoch uint64
	b     *pebble.Batch
	err   error
}

// NewCommit begins the commit of an epoch, which must not be smaller than Epoch. A commit of the
// current epoch again is for changes outside of the stream, such as the catalog's.
func (s *Store) NewCommit(epoch uint64) *Commit {
	return &Commit{CommitWriter: CommitWriter{store: s, epoch: epoch, b: s.db.NewBatch()}}
}

// Epoch returns the epoch that is being committed.
func (c *Commit) Epoch() uint64 { return c.epoch }

// Writer returns the writer of a worker. Call it for all workers before they run: it is not safe for
// use by several goroutines, the writers it returns are.
func (c *Commit) Writer(worker int) *CommitWriter {
	for len(c.writers) <= worker {
		c.writers = append(c.writers, nil)
	}
	if c.writers[worker] == nil {
		c.writers[worker] = &CommitWriter{store: c.store, epoch: c.epoch, b: c.store.db.NewBatch()}
	}
	return c.writers[worker]
}

// Set stores value under key.
func (w *CommitWriter) Set(key, value []byte) { w.keep(w.b.Set(key, value, nil)) }

// Delete removes key.
func (w *CommitWriter) Delete(key []byte) { w.keep(w.b.Delete(key, nil)) }

// Merge adds the weight that operand begins with (AppendWeight) to the weight stored under key.
func (w *CommitWriter) Merge(key, operand []byte) { w.keep(w.b.Merge(key, operand, nil)) }

// AddWeight adds weight to the weight stored under key.
func (w *CommitWriter) AddWeight(key []byte, weight int64) {
	var buf [10]byte
	w.Merge(key, AppendWeight(buf[:0], weight))
}

// DeleteRange removes all keys in [lower, upper), those set by this writer before it included.
func (w *CommitWriter) DeleteRange(lower, upper []byte) {
	w.keep(w.b.DeleteRange(lower, upper, nil))
}

// DropTable removes all keys of a table.
func (w *CommitWriter) DropTable(space Space, table TableID) {
	lower, upper := TableSpan(space, table)
	w.DeleteRange(lower, upper)
}

// Snapshot returns the content before this commit, for checks.
func (w *CommitWriter) Snapshot() *Snap { return w.store.Snapshot() }

// Err returns the first mistake in a change, such as a batch that has become too long.
func (w *CommitWriter) Err() error { return w.err }

// Len returns the size of the collected changes in bytes.
func (w *CommitWriter) Len() int { return w.b.Len() }

// Count returns the number of collected changes.
func (w *CommitWriter) Count() int { return int(w.b.Count()) }

func (w *CommitWriter) keep(err error) {
	if err != nil && w.err == nil {
		w.err = err
	}
}

// Apply commits the epoch. With sync it returns when the commit and all before it are durable,
// otherwise as soon as it is visible. The commit must not be used afterwards.
func (c *Commit) Apply(sync bool) error {
	s := c.store
	start := time.Now()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if err := s.failure(); err != nil {
		return err
	}
	if s.closed {
		return pebble.ErrClosed
	}
	if last := s.epoch.Load(); c.epoch < last {
		return fmt.Errorf("commit of epoch %d after epoch %d", c.epoch, last)
	}
	b, err := c.combine()
	if err != nil {
		return fmt.Errorf("commit of epoch %d: %w", c.epoch, err)
	}
	c.Set(epochKey, s.epochRecord(c.epoch))
	size, count := b.Len(), b.Count()
	opts := pebble.NoSync
	if sync {
		opts = pebble.Sync
	}
	if err := s.guarded(func() error { return s.db.Apply(b, opts) }); err != nil {
		// What Pebble did with the batch is unknown, and so is whether the log goes on after it.
		return s.fail(err)
	}
	_ = b.Close()
	// The sequence number last: Sync reads it first and must not cover more than it syncs.
	s.epoch.Store(c.epoch)
	s.commitSeq.Add(1)
	if sync {
		raise(&s.durable, c.epoch)
	}
	s.counters.commit(size, int(count), time.Since(start))
	return nil
}

// combine joins the batches of all writers into the first that is not empty.
func (c *Commit) combine() (*pebble.Batch, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.b.Empty() && len(c.writers) > 0 && c.writers[0] != nil {
		c.b, c.writers[0].b = c.writers[0].b, c.b
	}
	for _, w := range c.writers {
		if w == nil {
			continue
		}
		if w.err != nil {
			return nil, w.err
		}
		if !w.b.Empty() {
			if err := c.b.Apply(w.b, nil); err != nil {
				return nil, err
			}
		}
		_ = w.b.Close()
		w.b = nil
	}
	return c.b, nil
}

// Abandon throws the commit away.
func (c *Commit) Abandon() {
	_ = c.b.Close()
	for _, w := range c.writers {
		if w != nil {
			_ = w.b.Close()
		}
	}
}

// Sync returns when everything committed before the call is durable. Calls that come together share
// one sync of the log. A sync that fails is final: the store takes no more commits.
func (s *Store) Sync() error {
	target := s.commitSeq.Load()
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if err := s.failure(); err != nil {
		return err
	}
	if s.syncedSeq >= target {
		return nil
	}
	seq, epoch := s.commitSeq.Load(), s.epoch.Load()
	start := time.Now()
	if err := s.guarded(func() error { return s.db.LogData(nil, pebble.Sync) }); err != nil {
		return s.fail(err)
	}
	s.syncedSeq = seq
	raise(&s.durable, epoch)
	s.counters.sync(time.Since(start))
	return nil
}

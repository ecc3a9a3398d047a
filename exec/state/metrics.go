package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// counters are what the store counts itself.
type counters struct {
	commits, commitBytes, commitKeys, commitNanos atomic.Int64
	syncs, syncNanos                              atomic.Int64
	stalls, stallStart, stallNanos                atomic.Int64
	backgroundErrors                              atomic.Int64
}

func (c *counters) commit(size, keys int, took time.Duration) {
	c.commits.Add(1)
	c.commitBytes.Add(int64(size))
	c.commitKeys.Add(int64(keys))
	c.commitNanos.Add(int64(took))
}

func (c *counters) sync(took time.Duration) {
	c.syncs.Add(1)
	c.syncNanos.Add(int64(took))
}

// raise sets a to v unless it is greater already.
func raise(a *atomic.Uint64, v uint64) {
	for {
		old := a.Load()
		if old >= v || a.CompareAndSwap(old, v) {
			return
		}
	}
}

// Metrics are figures about a store. Counts and times are since it was opened.
type Metrics struct {
	Epoch, Durable uint64

	DiskBytes      int64 // all files
	MemTableBytes  int64
	CacheBytes     int64
	CacheHits      int64
	CacheMisses    int64
	WALBytes       int64 // the log's files
	TableFiles     int64
	CompactionDebt int64 // bytes that compactions have still to rewrite
	ReadAmp        int   // sorted runs that a point read may look into

	Commits, CommitKeys, CommitBytes int64
	CommitTime                       time.Duration
	Syncs                            int64
	SyncTime                         time.Duration
	Stalls                           int64
	StallTime                        time.Duration
	BackgroundErrors                 int64
	OldestSnapshots                  int
}

// Metrics returns the store's figures.
func (s *Store) Metrics() Metrics {
	p := s.db.Metrics()
	c := &s.counters
	total := p.Total()
	return Metrics{
		Epoch:            s.Epoch(),
		Durable:          s.Durable(),
		DiskBytes:        int64(p.DiskSpaceUsage()),
		MemTableBytes:    int64(p.MemTable.Size),
		CacheBytes:       p.BlockCache.Size,
		CacheHits:        p.BlockCache.Hits,
		CacheMisses:      p.BlockCache.Misses,
		WALBytes:         int64(p.WAL.PhysicalSize),
		TableFiles:       total.TablesCount,
		CompactionDebt:   int64(p.Compact.EstimatedDebt),
		ReadAmp:          p.ReadAmp(),
		Commits:          c.commits.Load(),
		CommitKeys:       c.commitKeys.Load(),
		CommitBytes:      c.commitBytes.Load(),
		CommitTime:       time.Duration(c.commitNanos.Load()),
		Syncs:            c.syncs.Load(),
		SyncTime:         time.Duration(c.syncNanos.Load()),
		Stalls:           c.stalls.Load(),
		StallTime:        time.Duration(c.stallNanos.Load()),
		BackgroundErrors: c.backgroundErrors.Load(),
		OldestSnapshots:  p.Snapshots.Count,
	}
}

// Checkpoint writes a copy of the store, as of now and durable, to a data directory that must not
// hold one yet. Files are linked where the file system can do that, so that it costs little.
func (s *Store) Checkpoint(dir string) error {
	if err := s.failure(); err != nil {
		return err
	}
	if err := ensureDir(s.fs, dir); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if _, err := s.fs.Stat(s.fs.PathJoin(dir, storeName)); err == nil {
		return fmt.Errorf("checkpoint: %q holds a store already: %w", dir, fs.ErrExist)
	}
	tmp := s.fs.PathJoin(dir, newName)
	if err := s.fs.RemoveAll(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w", err)
	}
	err := s.guarded(func() error {
		if err := s.db.Checkpoint(tmp, pebble.WithFlushedWAL()); err != nil {
			return err
		}
		return sealStore(s.fs, dir)
	})
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// DropTable removes all keys of a table at once, outside of an epoch.
func (s *Store) DropTable(space Space, table TableID) error {
	c := s.NewCommit(s.Epoch())
	c.DropTable(space, table)
	return c.Apply(false)
}

// Compact rewrites all tables, which drops what was deleted.
func (s *Store) Compact(ctx context.Context) error {
	end := []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}
	return s.guarded(func() error { return s.db.Compact(ctx, []byte{0}, end, false) })
}

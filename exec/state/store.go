package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/sql/sqlerr"
)

// Options say how a store is opened. Only Dir has to be set.
type Options struct {
	Dir           string
	FS            vfs.FS // nil = the disk
	CacheBytes    int64  // block cache; 0 = 64 MiB
	MemTableBytes int64  // 0 = 64 MiB
	// CompactionsMax bounds the compactions that run at a time; 0 = half of the processors, at least 1.
	CompactionsMax int
	ReadOnly       bool
	Logger         *slog.Logger // nil = discard
}

// Store is the durable home of everything in one process: a Pebble database whose content is always
// that of a committed epoch. It may be used by many goroutines.
type Store struct {
	fs   vfs.FS
	dir  string
	db   *pebble.DB
	lock io.Closer
	log  *slog.Logger

	epoch       atomic.Uint64 // last committed
	durable     atomic.Uint64 // last known to be synced
	incarnation uint64

	commitMu  sync.Mutex // one commit at a time
	commitSeq atomic.Uint64
	syncMu    sync.Mutex // one sync at a time
	syncedSeq uint64     // the commitSeq that the last sync covered

	failMu  sync.Mutex
	failErr error
	failed  chan struct{} // closed by the first failure

	logs     logs
	counters counters
	closed   bool
}

// epochKey is the key of the epoch record: the epoch, then the incarnation that wrote it, each
// 8 bytes big endian.
var epochKey = append(AppendPrefix(nil, SpaceMeta, 0, 0, PrefixWhole), "epoch"...)

// Open opens the store in opts.Dir and creates it when there is none.
func Open(opts Options) (_ *Store, err error) {
	s := &Store{fs: opts.FS, dir: opts.Dir, log: opts.Logger, failed: make(chan struct{})}
	if s.fs == nil {
		s.fs = vfs.Default
	}
	s.fs = orderedFS{s.fs}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if !opts.ReadOnly {
		if err := ensureDir(s.fs, s.dir); err != nil {
			return nil, fmt.Errorf("create data directory: %w", err)
		}
	}
	if s.lock, err = lockDir(s.fs, s.dir); err != nil {
		return nil, err
	}
	if err := s.guarded(func() error { return s.open(&opts) }); err != nil {
		if s.failure() == nil {
			s.lock.Close()
		}
		var known *sqlerr.Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, fmt.Errorf("open store in %q: %w", s.dir, err)
	}
	return s, nil
}

func (s *Store) open(opts *Options) error {
	path := s.fs.PathJoin(s.dir, storeName)
	cache := pebble.NewCache(orDefault(opts.CacheBytes, 64<<20))
	defer cache.Unref()
	if _, err := s.fs.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if opts.ReadOnly {
			return sqlerr.New(sqlerr.UndefinedFile, "no store in %q", s.dir)
		}
		if err := createStore(s.fs, s.dir, s.pebbleOptions(opts, cache)); err != nil {
			return fmt.Errorf("create: %w", err)
		}
	} else if err != nil {
		return err
	}
	if err := checkFormat(s.fs, path); err != nil {
		return err
	}
	po := s.pebbleOptions(opts, cache)
	po.ErrorIfNotExists = true
	db, err := pebble.Open(path, po)
	if err != nil {
		return err
	}
	s.db = db
	if err := s.loadEpoch(); err != nil {
		return errors.Join(err, db.Close())
	}
	if opts.ReadOnly {
		return nil
	}
	// The log was replayed from what the disk gave; this makes it durable before anybody builds on it.
	s.incarnation++
	if err := db.Set(epochKey, s.epochRecord(s.epoch.Load()), pebble.Sync); err != nil {
		return errors.Join(err, db.Close())
	}
	s.durable.Store(s.epoch.Load())
	return nil
}

func (s *Store) loadEpoch() error {
	v, closer, err := s.db.Get(epochKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	if len(v) != 16 {
		return corrupt("malformed epoch record %x", v)
	}
	s.epoch.Store(binary.BigEndian.Uint64(v))
	s.incarnation = binary.BigEndian.Uint64(v[8:])
	return nil
}

func (s *Store) epochRecord(epoch uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, epoch), s.incarnation)
}

func orDefault(n, def int64) int64 {
	if n <= 0 {
		return def
	}
	return n
}

// pebbleOptions are tuned for sorted batches of one writer on few cores: large memtables, cheap
// write-ahead logging without a sync per commit, and level-0 limits that never stop the writer.
func (s *Store) pebbleOptions(opts *Options, cache *pebble.Cache) *pebble.Options {
	compactions := opts.CompactionsMax
	if compactions <= 0 {
		compactions = max(1, runtime.GOMAXPROCS(0)/2)
	}
	po := &pebble.Options{
		FS:                          s.fs,
		Cache:                       cache,
		Comparer:                    comparer,
		Merger:                      weightMerger,
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		MemTableSize:                uint64(orDefault(opts.MemTableBytes, 64<<20)),
		MemTableStopWritesThreshold: 8,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               128 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, compactions },
		BytesPerSync:                512 << 10,
		WALBytesPerSync:             512 << 10,
		ReadOnly:                    opts.ReadOnly,
		Logger:                      (*storeLogger)(s),
		EventListener:               s.events(),
	}
	po.TargetFileSizes[0] = 8 << 20
	po.Experimental.SpanPolicyFunc = s.logs.policy
	// What is flushed is soon written again by a compaction, which compresses it.
	po.Levels[0].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	po.Levels[1].Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
	for i := range po.Levels {
		po.Levels[i].BlockSize = 16 << 10
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return po
}

func (s *Store) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.counters.backgroundErrors.Add(1)
			s.log.Error("store: background work failed, it will be tried again", "err", err)
		},
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) {
			s.counters.stalls.Add(1)
			s.counters.stallStart.Store(time.Now().UnixNano())
			s.log.Warn("store: writes stall", "reason", i.Reason)
		},
		WriteStallEnd: func() {
			s.counters.stallNanos.Add(time.Now().UnixNano() - s.counters.stallStart.Load())
		},
	}
}

// Dir returns the data directory.
func (s *Store) Dir() string { return s.dir }

// Epoch returns the last committed epoch. It is visible to new snapshots but maybe not durable yet.
func (s *Store) Epoch() uint64 { return s.epoch.Load() }

// Durable returns the last epoch that is known to survive a crash.
func (s *Store) Durable() uint64 { return s.durable.Load() }

// Incarnation counts how many times the store has been opened for writing.
func (s *Store) Incarnation() uint64 { return s.incarnation }

// Err returns the failure that has stopped the store for good, if any.
func (s *Store) Err() error { return s.failure() }

// Failed is closed when the store has failed for good.
func (s *Store) Failed() <-chan struct{} { return s.failed }

// Close syncs and closes the store. All snapshots must be closed before. After a failure the
// directory stays locked when Pebble cannot be stopped cleanly: then only a new process may open it.
func (s *Store) Close() error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.failure() != nil {
		return s.closeFailed()
	}
	if err := s.guarded(s.db.Close); err != nil {
		if s.failure() != nil {
			return err
		}
		return errors.Join(err, s.lock.Close())
	}
	return s.lock.Close()
}

func (s *Store) closeFailed() error {
	done := make(chan struct{})
	go func() {
		defer func() {
			if recover() == nil {
				close(done)
			}
		}()
		_ = s.db.Close()
	}()
	select {
	case <-done:
		s.lock.Close()
	case <-time.After(2 * time.Second):
		s.log.Error("store: could not be stopped after its failure; the data directory stays locked")
	}
	return s.failure()
}

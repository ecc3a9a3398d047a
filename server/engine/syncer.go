package engine

import (
	"sync"
	"time"
)

// syncer makes committed epochs durable: at once when a statement waits for it, else every
// SyncInterval. Statements that wait at the same time share one sync.
type syncer struct {
	e     *Engine
	mu    sync.Mutex
	epoch uint64 // newest epoch committed
	waits []syncWait
	kick  chan struct{}
	stop  chan struct{}
	done  chan struct{}
	// durable is closed and replaced at each sync; sinks wait on it.
	durable chan struct{}
	synced  uint64
}

type syncWait struct {
	epoch uint64
	done  chan error
}

func startSyncer(e *Engine) *syncer {
	s := &syncer{
		e: e, kick: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		durable: make(chan struct{}), epoch: e.store.Epoch(), synced: e.store.Epoch(),
	}
	go s.run()
	return s
}

// await answers the waiters once epoch is durable.
func (s *syncer) await(epoch uint64, waiters []chan error) {
	s.mu.Lock()
	s.epoch = epoch
	for _, w := range waiters {
		s.waits = append(s.waits, syncWait{epoch, w})
	}
	s.mu.Unlock()
	if len(waiters) > 0 {
		s.hurry()
	}
}

// hurry asks for a sync now.
func (s *syncer) hurry() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// durableAfter returns the newest durable epoch and a channel that is closed when it has moved.
func (s *syncer) durableAfter() (uint64, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.synced, s.durable
}

func (s *syncer) run() {
	defer close(s.done)
	tick := time.NewTicker(s.e.cfg.SyncInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.kick:
		case <-tick.C:
		case <-s.stop:
			s.sync()
			return
		}
		s.sync()
	}
}

// sync makes everything committed so far durable and answers who waited for it.
func (s *syncer) sync() {
	s.mu.Lock()
	epoch, synced := s.epoch, s.synced
	s.mu.Unlock()
	var err error
	ack := func() {}
	if epoch > synced {
		ack = s.e.acks()
		start := time.Now()
		err = s.e.store.Sync()
		s.e.metrics.syncs.observe(time.Since(start))
	}
	s.mu.Lock()
	var rest []syncWait
	var ready []syncWait
	for _, w := range s.waits {
		if w.epoch <= epoch || err != nil {
			ready = append(ready, w)
		} else {
			rest = append(rest, w)
		}
	}
	s.waits = rest
	moved := err == nil && epoch > s.synced
	if moved {
		s.synced = epoch
		close(s.durable)
		s.durable = make(chan struct{})
	}
	s.mu.Unlock()
	for _, w := range ready {
		w.done <- err
	}
	if moved {
		ack()
	}
}

func (s *syncer) close() {
	close(s.stop)
	<-s.done
}

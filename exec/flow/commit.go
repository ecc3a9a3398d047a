package flow

import (
	"sync"

	"tidemill/exec/state"
)

// Work is a storage write of an epoch that is independent of the others.
type Work func(w *state.CommitWriter) error

// Flush writes the operator state that the step changed into the commit, and runs the other storage
// writes, spread over as many goroutines as there are workers. Dataflows that failed in the step are
// left out: the store keeps their last good epoch.
func (c *Circuit) Flush(cm *state.Commit, outs []Output, work []Work) error {
	jobs := append([]Work(nil), work...)
	for _, out := range outs {
		if out.Err != nil {
			continue
		}
		for _, in := range out.Flow.instances {
			for _, t := range in.tables {
				jobs = append(jobs, t.Flush)
			}
		}
	}
	writers := make([]*state.CommitWriter, c.cfg.Workers)
	for w := range writers {
		writers[w] = cm.Writer(w)
	}
	var mu sync.Mutex
	next := 0
	var first error
	take := func() Work {
		mu.Lock()
		defer mu.Unlock()
		if next == len(jobs) || first != nil {
			return nil
		}
		next++
		return jobs[next-1]
	}
	run := func(w int) {
		for job := take(); job != nil; job = take() {
			if err := job(writers[w]); err != nil {
				mu.Lock()
				if first == nil {
					first = err
				}
				mu.Unlock()
			}
		}
	}
	var wg sync.WaitGroup
	if len(jobs) > 1 {
		for w := 1; w < c.cfg.Workers; w++ {
			wg.Add(1)
			go func() { defer wg.Done(); run(w) }()
		}
	}
	run(0)
	wg.Wait()
	return first
}

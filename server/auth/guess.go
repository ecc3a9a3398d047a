package auth

import (
	"context"
	"sync"
	"time"
)

// guesses slows down attempts to find a password: after n failures of a user from an address the next
// attempt waits, twice as long each time.
type guesses struct {
	mu    sync.Mutex
	count map[string]int
}

const (
	freeGuesses   = 3
	firstDelay    = 100 * time.Millisecond
	longestDelay  = 5 * time.Second
	guessKeysMax  = 10_000
	delayDoubling = 6 // more doublings pass longestDelay anyway
)

func newGuesses() *guesses { return &guesses{count: map[string]int{}} }

func (g *guesses) delay(key string) time.Duration {
	g.mu.Lock()
	n := g.count[key] - freeGuesses
	g.mu.Unlock()
	if n < 0 {
		return 0
	}
	return min(firstDelay<<min(n, delayDoubling), longestDelay)
}

func (g *guesses) wait(ctx context.Context, key string) {
	if d := g.delay(key); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
}

func (g *guesses) failed(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.count) >= guessKeysMax {
		clear(g.count)
	}
	g.count[key]++
}

func (g *guesses) succeeded(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.count, key)
}

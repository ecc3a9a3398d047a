package fn

import (
	"sync"
	"sync/atomic"
)

// Memo keeps what was parsed from texts that are the same in row after row: a template, a pattern.
// Finding one takes no lock. Its zero value is ready.
type Memo[V any] struct {
	known atomic.Pointer[map[string]V]
	mu    sync.Mutex // of writers
}

// Texts that vary by row would fill a memo, so it is emptied when it holds so many.
const memoMax = 64

// Get returns what parse makes of text, from an earlier call if there was one. Failures are not kept.
func (m *Memo[V]) Get(text []byte, parse func(string) (V, error)) (V, error) {
	if known := m.known.Load(); known != nil {
		if v, ok := (*known)[string(text)]; ok {
			return v, nil
		}
	}
	key := string(text)
	v, err := parse(key)
	if err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[string]V{key: v}
	if known := m.known.Load(); known != nil && len(*known) < memoMax {
		for k, v := range *known {
			next[k] = v
		}
	}
	m.known.Store(&next)
	return v, nil
}

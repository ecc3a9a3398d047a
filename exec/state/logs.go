package state

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// logs knows the tables that are stored as logs and grow. Their chunks come in key order, but beside
// other keys of the same commits; Pebble is made to begin a new file at both ends of such a log, so
// that its files do not overlap and compactions move them instead of writing them again.
type logs struct {
	mu     sync.Mutex
	size   map[TableID]int          // written since the store was opened
	bounds atomic.Pointer[[][]byte] // ends of the big logs' spans, sorted
}

// logSplitBytes is the size from which a log gets files of its own.
const logSplitBytes = 8 << 20

// wrote notes that a table has got that many bytes of log.
func (l *logs) wrote(id TableID, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size == nil {
		l.size = map[TableID]int{}
	}
	old := l.size[id]
	l.size[id] = old + n
	if old >= logSplitBytes || old+n < logSplitBytes {
		return
	}
	lower, upper := VNodeSpan(SpaceOperator, id, logVNode)
	bounds := [][]byte{lower, upper}
	if p := l.bounds.Load(); p != nil {
		bounds = append(bounds, *p...)
	}
	slices.SortFunc(bounds, bytes.Compare)
	bounds = slices.CompactFunc(bounds, bytes.Equal)
	l.bounds.Store(&bounds)
}

// policy is Pebble's SpanPolicyFunc: a file that begins at start ends before end.
func (l *logs) policy(start []byte) (_ pebble.SpanPolicy, end []byte, _ error) {
	p := l.bounds.Load()
	if p == nil {
		return pebble.SpanPolicy{}, nil, nil
	}
	i, exact := slices.BinarySearchFunc(*p, start, bytes.Compare)
	if exact {
		i++
	}
	if i < len(*p) {
		end = (*p)[i]
	}
	return pebble.SpanPolicy{}, end, nil
}

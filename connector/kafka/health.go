package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchErrorShown is how long a fetch error stays in the status.
const fetchErrorShown = 15 * time.Second

// health gathers what is wrong at the moment.
type health struct {
	mu      sync.Mutex
	problem string // of the last look at the topic
	connect string // of the last connection, "" when it succeeded
	fetch   string
	fetchAt time.Time
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (h *health) OnBrokerConnect(b kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connect = ""
	if err != nil && !errors.Is(err, context.Canceled) {
		h.connect = fmt.Sprintf("cannot connect to broker %s: %v", net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), err)
	}
}

func (h *health) set(problem string) {
	h.mu.Lock()
	h.problem = problem
	h.mu.Unlock()
}

func (h *health) fetchFailed(what string) {
	h.mu.Lock()
	h.fetch, h.fetchAt = what, time.Now()
	h.mu.Unlock()
}

func (h *health) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.problem != "" && h.connect != "" && !strings.HasPrefix(h.problem, unreachablePrefix):
		return h.problem + "; " + h.connect
	case h.problem != "":
		return h.problem
	case h.connect != "":
		return h.connect
	case h.fetch != "" && time.Since(h.fetchAt) < fetchErrorShown:
		return h.fetch
	}
	return ""
}

// recordPool lends slices of records to the client, so that they are not garbage after each fetch.
type recordPool struct{ pool sync.Pool }

// GetRecords implements kgo.PoolRecords.
func (p *recordPool) GetRecords(n int) []kgo.Record {
	if s, ok := p.pool.Get().(*[]kgo.Record); ok && cap(*s) >= n {
		return (*s)[:0]
	}
	return make([]kgo.Record, 0, n)
}

// PutRecords implements kgo.PoolRecords.
func (p *recordPool) PutRecords(s []kgo.Record) { p.pool.Put(&s) }

package mem

import (
	"fmt"
	"sync/atomic"

	"tidemill/sql/sqlerr"
)

// Budget is a limit on the memory used below it. It may be used by many goroutines.
type Budget struct {
	name   string
	parent *Budget
	limit  atomic.Int64 // 0 = none of its own
	used   atomic.Int64
	peak   atomic.Int64
}

// NewBudget returns a root with a limit in bytes; 0 means no limit.
func NewBudget(name string, limit int64) *Budget {
	b := &Budget{name: name}
	b.limit.Store(limit)
	return b
}

// Child returns a budget below b with a limit of its own; 0 means only the limits above.
func (b *Budget) Child(name string, limit int64) *Budget {
	c := NewBudget(name, limit)
	c.parent = b
	return c
}

// Name returns the name that messages show.
func (b *Budget) Name() string { return b.name }

// Used returns the bytes that the accounts below b have reserved.
func (b *Budget) Used() int64 { return b.used.Load() }

// Peak returns the greatest value that Used has had.
func (b *Budget) Peak() int64 { return b.peak.Load() }

// Limit returns b's own limit in bytes; 0 means none.
func (b *Budget) Limit() int64 { return b.limit.Load() }

// SetLimit changes b's own limit. Memory in use above a lower limit stays; only growth fails.
func (b *Budget) SetLimit(limit int64) { b.limit.Store(limit) }

// Account returns an account that draws from b.
func (b *Budget) Account(name string) *Account { return &Account{name: name, budget: b} }

// reserve takes n bytes from b and all budgets above, or from none of them. It returns the budget
// that refused.
func (b *Budget) reserve(n int64) *Budget {
	for p := b; p != nil; p = p.parent {
		used := p.used.Add(n)
		if limit := p.limit.Load(); limit > 0 && used > limit {
			p.used.Add(-n)
			for q := b; q != p; q = q.parent {
				q.used.Add(-n)
			}
			return p
		}
		for {
			peak := p.peak.Load()
			if used <= peak || p.peak.CompareAndSwap(peak, used) {
				break
			}
		}
	}
	return nil
}

func (b *Budget) release(n int64) {
	for p := b; p != nil; p = p.parent {
		p.used.Add(-n)
	}
}

// portion is how much an account takes from its budget at a time.
const portion = 64 << 10

// Account is a leaf of the tree. It belongs to one goroutine at a time. A nil Account counts nothing
// and never refuses.
type Account struct {
	name   string
	budget *Budget
	used   int64
	held   int64 // reserved from the budget, ≥ used
}

// Grow takes n more bytes, or fails with 53200 and takes none.
func (a *Account) Grow(n int64) error {
	if a == nil {
		return nil
	}
	if a.used+n > a.held {
		need := a.used + n - a.held
		want := (need + portion - 1) / portion * portion
		if full := a.budget.reserve(want); full != nil {
			// Near the limit a portion may not fit although the bytes themselves do.
			if full = a.budget.reserve(need); full != nil {
				return a.refuse(n, full)
			}
			want = need
		}
		a.held += want
	}
	a.used += n
	return nil
}

// Shrink gives n bytes back.
func (a *Account) Shrink(n int64) {
	if a == nil {
		return
	}
	a.used -= n
	if a.used < 0 {
		panic("mem: account " + a.name + " shrunk below zero")
	}
	if spare := a.held - a.used; spare >= 2*portion {
		give := spare - portion
		a.held -= give
		a.budget.release(give)
	}
}

// Used returns the bytes taken and not given back.
func (a *Account) Used() int64 {
	if a == nil {
		return 0
	}
	return a.used
}

// Close gives everything back. The account may be used again.
func (a *Account) Close() {
	if a == nil {
		return
	}
	a.budget.release(a.held)
	a.used, a.held = 0, 0
}

func (a *Account) refuse(n int64, full *Budget) error {
	return sqlerr.New(sqlerr.OutOfMemory, "out of memory").
		WithDetail("%s needs %s more, but %s has used %s of its limit of %s.", a.name, Bytes(n), full.name,
			Bytes(full.Used()), Bytes(full.Limit())).
		WithHint("Reduce the data that %s keeps, or raise the memory limit of %s.", a.name, full.name)
}

// Bytes renders a size the way messages show it.
func Bytes(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

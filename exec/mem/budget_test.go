package mem

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"tidemill/sql/sqlerr"
)

func TestLimits(t *testing.T) {
	root := NewBudget("the server", 1<<20)
	query := root.Child("the query", 300<<10)
	other := root.Child("the views", 0)
	a, b := query.Account("sort"), other.Account("view v")
	if err := a.Grow(200 << 10); err != nil {
		t.Fatal(err)
	}
	err := a.Grow(101 << 10)
	if e := sqlerr.As(err); e == nil || e.Code != sqlerr.OutOfMemory || !strings.Contains(e.Detail, "the query") || e.Hint == "" {
		t.Fatalf("%v", err)
	}
	if err := a.Grow(100 << 10); err != nil {
		t.Fatalf("exactly the limit: %v", err)
	}
	if err := b.Grow(900 << 10); err == nil || !strings.Contains(sqlerr.As(err).Detail, "the server") {
		t.Fatalf("%v", err)
	}
	if err := b.Grow(700 << 10); err != nil {
		t.Fatal(err)
	}
	a.Shrink(300 << 10)
	b.Close()
	a.Close()
	if root.Used() != 0 || query.Used() != 0 || root.Peak() == 0 {
		t.Fatalf("used %d", root.Used())
	}
	var none *Account
	if none.Grow(1) != nil || none.Used() != 0 {
		t.Fatal("nil account")
	}
	none.Shrink(1)
	none.Close()
}

func TestConcurrent(t *testing.T) {
	root := NewBudget("root", 8<<20)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(uint64(g), 1))
			a := root.Child("c", 2<<20).Account("a")
			for range 20_000 {
				if n := r.Int64N(100 << 10); a.Grow(n) != nil || r.IntN(3) == 0 {
					a.Shrink(a.Used() / 2)
				}
				if used := root.Used(); used > 9<<20 {
					t.Errorf("used %d", used)
					return
				}
			}
			a.Close()
		}()
	}
	wg.Wait()
	if root.Used() != 0 {
		t.Fatalf("%d bytes left", root.Used())
	}
}

func BenchmarkGrow(b *testing.B) {
	a := NewBudget("root", 0).Child("c", 1<<40).Account("a")
	for range b.N {
		_ = a.Grow(4096)
		a.Shrink(4096)
	}
}

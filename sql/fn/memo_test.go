package fn

import (
	"errors"
	"strconv"
	"sync"
	"testing"
)

func TestMemo(t *testing.T) {
	var m Memo[int]
	parsed := 0
	parse := func(s string) (int, error) {
		parsed++
		return strconv.Atoi(s)
	}
	for range 3 {
		if v, err := m.Get([]byte("12"), parse); v != 12 || err != nil {
			t.Fatalf("12: %d, %v", v, err)
		}
	}
	if parsed != 1 {
		t.Errorf("parsed %d times, want once", parsed)
	}
	for range 2 {
		if _, err := m.Get([]byte("x"), parse); !errors.Is(err, strconv.ErrSyntax) {
			t.Errorf("x: %v", err)
		}
	}
	if parsed != 3 {
		t.Errorf("parsed %d times, want 3: failures are not kept", parsed)
	}
}

func TestMemoIsBounded(t *testing.T) {
	var m Memo[int]
	for i := range 10 * memoMax {
		if v, err := m.Get([]byte(strconv.Itoa(i)), strconv.Atoi); v != i || err != nil {
			t.Fatalf("%d: %d, %v", i, v, err)
		}
		if n := len(*m.known.Load()); n > memoMax {
			t.Fatalf("%d texts are kept", n)
		}
	}
}

func TestMemoBetweenGoroutines(t *testing.T) {
	var m Memo[int]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				if v, err := m.Get([]byte(strconv.Itoa(i%100)), strconv.Atoi); v != i%100 || err != nil {
					t.Errorf("%d: %d, %v", i%100, v, err)
				}
			}
		})
	}
	wg.Wait()
}

package state

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// logTable returns a table of a new provider over the store, loaded.
func logTable(t *testing.T, s *Store, log bool, vnodes func(uint16) bool) (*Tables, *Multi) {
	t.Helper()
	tables := NewProvider(s, map[string]uint32{"m": 7}, nil)
	m := tables.Multi("m")
	if log {
		m.KeepLog()
	}
	snap := s.Snapshot()
	defer snap.Close()
	must(t, tables.Load(snap, vnodes))
	return tables, m
}

func addInts(m *Multi, from, to int) {
	for i := from; i < to; i++ {
		k := intKey(nil, uint64(i))
		m.Add(rows.HashKey(k), k, fmt.Appendf(nil, "row %d", i), 1)
	}
}

func wantInts(t *testing.T, m *Multi, n int) {
	t.Helper()
	if m.Len() != n {
		t.Fatalf("%d rows, want %d", m.Len(), n)
	}
	for i := range n {
		k := intKey(nil, uint64(i))
		if _, ok := m.Find(rows.HashKey(k), k, fmt.Appendf(nil, "row %d", i)); !ok {
			t.Fatalf("row %d is not there", i)
		}
	}
}

func commitTables(t *testing.T, s *Store, epoch uint64, tables ...*Tables) {
	t.Helper()
	c := s.NewCommit(epoch)
	for i, x := range tables {
		must(t, x.Flush(c.Writer(i)))
	}
	must(t, c.Apply(false))
}

// TestLogKeys: no chunk ever replaces another: not one of another worker, not one of a second flush in
// an epoch, not one from before a restart in the same epoch. A table that has entries goes on as a log.
func TestLogKeys(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	old, m := logTable(t, s, false, func(uint16) bool { return true })
	addInts(m, 0, 1000)
	commitTables(t, s, 1, old)

	half := func(w uint16) func(uint16) bool { return func(v uint16) bool { return v/128 == w } }
	n := 1000
	add := func(a, b *Multi, to int) {
		for ; n < to; n++ {
			k := intKey(nil, uint64(n))
			h := rows.HashKey(k)
			m := a
			if VNodeOf(h) >= 128 {
				m = b
			}
			m.Add(h, k, fmt.Appendf(nil, "row %d", n), 1)
		}
	}
	for range 2 { // the second time it is a restart
		ta, a := logTable(t, s, true, half(0))
		tb, b := logTable(t, s, true, half(1))
		for range 2 {
			add(a, b, n+5000)
			if a.Dirty()+b.Dirty() != 5000 {
				t.Fatal("Dirty")
			}
			commitTables(t, s, 5, ta, tb)
		}
		add(a, b, n+10)
		commitTables(t, s, 6, ta, tb)
		add(a, b, n+10)
		commitTables(t, s, 6, ta, tb)
		s.epoch.Store(5) // so that the restart commits an epoch that is there
	}
	_, all := logTable(t, s, true, func(uint16) bool { return true })
	wantInts(t, all, n)
	_, one := logTable(t, s, true, func(v uint16) bool { return v == 200 })
	one.EachEntry(func(_ Ref, key, _ []byte, _ int64) bool {
		if VNodeOf(rows.HashKey(key)) != 200 {
			t.Fatal("row of another virtual node")
		}
		return true
	})
}

// TestLogBecomesEntries opens a log as a table without one, on two workers, and takes rows out of it.
func TestLogBecomesEntries(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	everything := func(uint16) bool { return true }
	tables, m := logTable(t, s, true, everything)
	addInts(m, 0, 100)
	commitTables(t, s, 1, tables)
	var halves []*Tables
	var tops [2]*Multi
	for half := range tops {
		x, m := logTable(t, s, false, func(v uint16) bool { return v>>7 == uint16(half) })
		m.DeleteRows(func(row []byte) bool { return string(row) == "row 3" })
		halves, tops[half] = append(halves, x), m
	}
	if tops[0].Len() == 0 || tops[1].Len() == 0 || tops[0].Len()+tops[1].Len() != 99 {
		t.Fatalf("%d and %d rows", tops[0].Len(), tops[1].Len())
	}
	commitTables(t, s, 2, halves...)
	for _, log := range []bool{false, true} { // nothing of the log is left
		if _, m := logTable(t, s, log, everything); m.Len() != 99 {
			t.Fatalf("%d rows", m.Len())
		}
	}
}

// TestLogRefusals: nothing is taken out of a log, and damage is noticed.
func TestLogRefusals(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	everything := func(uint16) bool { return true }
	tables, m := logTable(t, s, true, everything)
	addInts(m, 0, 10)
	commitTables(t, s, 1, tables)
	load := func() error {
		x := NewProvider(s, map[string]uint32{"m": 7}, nil)
		x.Multi("m").KeepLog()
		snap := s.Snapshot()
		defer snap.Close()
		return x.Load(snap, everything)
	}
	func() {
		defer func() {
			if e, ok := recover().(error); !ok || sqlerr.As(e).Code != sqlerr.Internal {
				t.Fatal("a row was taken out of a log")
			}
		}()
		k := intKey(nil, 3)
		m.Add(rows.HashKey(k), k, []byte("row 3"), -1)
	}()
	good := binary.AppendVarint([]byte{logFormat, 9, 1, 1}, 1)
	good = append(good, "kr"...)
	key := append(AppendPrefix(nil, SpaceOperator, 7, logVNode, PrefixNone), make([]byte, logKeyLen-HeaderLen)...)
	key[len(key)-2], key[len(key)-1] = 9, 9
	set := func(key, value []byte) error {
		c := s.NewCommit(s.Epoch())
		c.Set(key, value)
		must(t, c.Apply(false))
		defer func() {
			c := s.NewCommit(s.Epoch())
			c.Delete(key)
			must(t, c.Apply(false))
		}()
		return load()
	}
	must(t, set(key, good))
	for i := range good {
		if i == 1 {
			continue // one byte alone is a chunk without rows
		}
		if set(key, good[:i]) == nil {
			t.Fatalf("a chunk cut to %d bytes was read", i)
		}
	}
	if set(key, append([]byte{logFormat + 1}, good[1:]...)) == nil || set(key[:len(key)-1], good) == nil {
		t.Fatal("a chunk of another format was read")
	}
}

// TestLogSplit: big logs get files of their own.
func TestLogSplit(t *testing.T) {
	var l logs
	bounds := func(id TableID) (lower, upper []byte) { return VNodeSpan(SpaceOperator, id, logVNode) }
	if _, end, _ := l.policy([]byte{0}); end != nil {
		t.Fatal("a bound without a log")
	}
	l.wrote(9, logSplitBytes-1)
	l.wrote(4, logSplitBytes)
	l.wrote(9, 1)
	l.wrote(9, logSplitBytes)
	lower4, upper4 := bounds(4)
	lower9, upper9 := bounds(9)
	for _, c := range []struct{ start, end []byte }{
		{[]byte{0}, lower4}, {lower4, upper4}, {append(lower4[:len(lower4):len(lower4)], 1), upper4}, {upper4, lower9}, {lower9, upper9}, {upper9, nil},
	} {
		if _, end, _ := l.policy(c.start); string(end) != string(c.end) {
			t.Fatalf("from %x to %x, want %x", c.start, end, c.end)
		}
	}
}

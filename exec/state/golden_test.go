package state

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemill/exec/mem"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// TestStoredBytes holds the bytes that docs/format/state.md promises.
func TestStoredBytes(t *testing.T) {
	s := openMem(t, vfs.NewMem())
	defer s.Close()
	tables := NewProvider(s, map[string]uint32{"m": 1, "r": 2, "o": 3, "l": 4}, nil)
	key := []byte("k")
	h := rows.HashKey(key)
	ref, _ := tables.Map("m").Upsert(h, key, 2)
	copy(tables.Map("m").Value(ref), "v!")
	_, _, ref = tables.Multi("r").Add(h, key, []byte("row"), 3)
	tables.Multi("r").SetAux(ref, -1)
	tables.Multi("r").Add(h, key, bytes.Repeat([]byte("long"), 200), 1)
	tables.Ordered("o").AddWeight(0x12, []byte("w"), 5)
	l := tables.Multi("l")
	l.KeepLog()
	l.Add(WithVNode(rows.HashKey([]byte("j")), 0xAB), []byte("j"), []byte("row"), 1)
	l.Add(h, key, []byte("row2"), 2)
	l.Add(h, key, []byte("row2"), 3)
	c := s.NewCommit(258)
	must(t, tables.Flush(c.Writer(0)))
	must(t, c.Apply(false))
	snap := s.Snapshot()
	defer snap.Close()
	var got []string
	must(t, snap.Scan(nil, nil, false, func(k, v []byte) (bool, error) {
		got = append(got, hex.EncodeToString(k)+" "+hex.EncodeToString(v[:min(len(v), 24)]))
		return true, nil
	}))
	want := []string{
		"00000000000000ff65706f6368 00000000000001020000000000000001",
		"020000000100c3006b 7621",
		"020000000200c300016b00726f77 0601",
		"020000000200c300016b016950b77638b2af5f754276f1012fb65153f6b65ada467a8a65837fa25c22e984 02006c6f6e676c6f6e676c6f6e676c6f6e676c6f6e676c6f",
		"020000000300120077 0500000000000000",
		"020000000400c300016b00726f7732 0a00",
		"0200000004010000000000000000010200000000abc3 01ab0103026a726f77c30104046b726f7732",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if comparer.Name != "tidemill.v1" || weightMerger.Name != "tidemill.weight.v1" {
		t.Fatal("the names that Pebble stores have changed")
	}
}

func TestSplit(t *testing.T) {
	k := func(p uint8) []byte { return append(AppendPrefix(nil, SpaceView, 1, 2, p), "abcdef"...) }
	for p, want := range map[uint8]int{PrefixNone: 8, PrefixWhole: 14, 3: 11, 6: 14, 200: 14} {
		if n := splitKey(k(p)); n != want {
			t.Fatalf("p=%d: %d, want %d", p, n, want)
		}
	}
	if splitKey(k(PrefixNone)[:5]) != 5 {
		t.Fatal("short key")
	}
}

// TestUpsertBatch compares it with single upserts on both sides of the size where it looks ahead.
func TestUpsertBatch(t *testing.T) {
	const n = 5000
	m := Ephemeral(nil).Map("m")
	seen := map[string]Ref{}
	refs, added := make([]Ref, n), make([]bool, n)
	for range 12 {
		ks := randomKeys(n, 30_000, 2)
		for i := range ks.hashes { // other keys each round
			ks.data[ks.offs[i]+1] ^= byte(len(seen))
			ks.hashes[i] = rows.HashKey(ks.data[ks.offs[i]:ks.offs[i+1]])
		}
		m.UpsertBatch(ks.hashes, ks.data, ks.offs, 8, refs, added)
		for i, ref := range refs {
			key := string(ks.data[ks.offs[i]:ks.offs[i+1]])
			old, had := seen[key]
			if had == added[i] || had && old != ref || string(m.Key(ref)) != key {
				t.Fatalf("row %d: ref %d, added %v, had %v as %d", i, ref, added[i], had, old)
			}
			seen[key] = ref
		}
	}
	if m.Len() != len(seen) || m.Len() < 2*cachedMax {
		t.Fatalf("%d entries, want %d", m.Len(), len(seen))
	}
}

// TestMemoryLimit: tables report a refusal of memory and give everything back.
func TestMemoryLimit(t *testing.T) {
	budget := mem.NewBudget("query", 4<<20)
	acct := budget.Account("group by")
	tables := Ephemeral(acct)
	m, o, r := tables.Map("m"), tables.Ordered("o"), tables.Multi("r")
	var k []byte
	for i := uint64(0); tables.Err() == nil; i++ {
		k = intKey(k[:0], i)
		m.Upsert(rows.HashKey(k), k, 16)
		o.AddWeight(0, k, 1)
		r.Add(rows.HashKey(k), k, k, 1)
		if i > 1<<20 {
			t.Fatal("no limit")
		}
	}
	if e := sqlerr.As(tables.Err()); e.Code != sqlerr.OutOfMemory {
		t.Fatal(e)
	}
	if used := budget.Used(); used > 4<<20 || used < 2<<20 {
		t.Fatalf("used %d", used)
	}
	if m.Len() != o.Len() || m.Len() != r.Len() {
		t.Fatal("the last row is missing somewhere")
	}
	tables.Reset()
	acct.Close()
	if budget.Used() != 0 || tables.Len() != 0 {
		t.Fatalf("%d bytes left", budget.Used())
	}
}

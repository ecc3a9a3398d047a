package order

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"tidemill/exec/plan"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Sorter collects copies of rows and sorts them: by partition columns, then by ORDER BY columns, then
// by arrival. Row numbers are sorted by their encoded keys, of which the first eight bytes are
// compared as one number.
type Sorter struct {
	schema    types.Schema
	partition []int
	keys      []plan.SortKey
	orders    []rows.Order

	rows  *rows.Builder
	data  []byte
	ends  []int // key r is data[ends[2r]:ends[2r+2]], its partition part ends at ends[2r+1]
	items []item
}

type item struct {
	prefix uint64
	row    int32
}

// NewSorter returns a Sorter for rows of the given schema.
func NewSorter(schema types.Schema, partition []int, keys []plan.SortKey) (*Sorter, error) {
	orders, err := Of(keys, schema)
	s := &Sorter{schema: schema, partition: partition, keys: keys, orders: orders}
	s.clear(0)
	return s, err
}

func (s *Sorter) clear(capacity int) {
	s.rows, s.data, s.ends, s.items = rows.NewBuilder(s.schema, capacity), nil, []int{0}, nil
}

// Len returns the number of rows.
func (s *Sorter) Len() int { return len(s.items) }

// Add adds row r of b with weight w.
func (s *Sorter) Add(b *rows.Batch, r int, w int64) {
	for _, c := range s.partition {
		s.data = rows.AppendKey(s.data, b.Cols[c], r)
	}
	s.ends = append(s.ends, len(s.data))
	s.data = Append(s.data, s.keys, s.orders, b.Cols, r)
	s.enter(b, r, w)
}

// enter enters a row whose key is complete.
func (s *Sorter) enter(b *rows.Batch, r int, w int64) {
	row := int32(s.rows.Len())
	s.ends = append(s.ends, len(s.data))
	s.items = append(s.items, item{prefix(s.key(row)), row})
	s.rows.AppendRow(b, r, w)
}

func (s *Sorter) key(row int32) []byte { return s.data[s.ends[2*row]:s.ends[2*row+2]] }

func prefix(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

func (s *Sorter) sort() {
	slices.SortFunc(s.items, func(a, b item) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		if c := bytes.Compare(s.key(a.row), s.key(b.row)); c != 0 {
			return c
		}
		return cmp.Compare(a.row, b.row)
	})
}

// Cut throws away all but the first n rows in order.
func (s *Sorter) Cut(n int) {
	if n >= len(s.items) {
		return
	}
	s.sort()
	old, b := *s, s.rows.Finish()
	s.clear(n)
	for _, it := range old.items[:n] {
		start := old.ends[2*it.row]
		at := len(s.data)
		s.data = append(s.data, old.key(it.row)...)
		s.ends = append(s.ends, at+old.ends[2*it.row+1]-start)
		s.enter(b, int(it.row), b.Weight(int(it.row)))
	}
}

// Sorted is the outcome of sorting.
type Sorted struct {
	Batch *rows.Batch // the rows in the order of their arrival
	Rows  []int32     // their numbers in order
	s     Sorter
}

// Finish sorts the rows, hands them over and empties the Sorter.
func (s *Sorter) Finish() *Sorted {
	s.sort()
	out := &Sorted{Batch: s.rows.Finish(), Rows: make([]int32, len(s.items)), s: *s}
	for i, it := range s.items {
		out.Rows[i] = it.row
	}
	s.clear(0)
	return out
}

// Gather returns the rows at places from … to−1 of the order.
func (s *Sorted) Gather(from, to int) *rows.Batch {
	b := *s.Batch
	b.Sel = s.Rows[from:to]
	return b.Compact()
}

// SamePartition tells whether the rows at places i and j of the order are in one partition.
func (s *Sorted) SamePartition(i, j int) bool {
	part := func(r int32) []byte { return s.s.data[s.s.ends[2*r]:s.s.ends[2*r+1]] }
	return bytes.Equal(part(s.Rows[i]), part(s.Rows[j]))
}

// OrderKey returns the key of the row at place i by ORDER BY alone.
func (s *Sorted) OrderKey(i int) []byte {
	r := s.Rows[i]
	return s.s.data[s.s.ends[2*r+1]:s.s.ends[2*r+2]]
}

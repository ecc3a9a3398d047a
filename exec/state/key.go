package state

import "encoding/binary"

// TableID names a table within a space. The catalog hands ids out and never reuses one.
type TableID uint32

// Space is the first byte of a key: what kind of thing is stored.
type Space uint8

// The spaces. They are on disk: never renumber.
const (
	SpaceMeta      Space = 0 // the store's own records
	SpaceCatalog   Space = 1 // the catalog
	SpaceOperator  Space = 2 // state tables of operators
	SpaceView      Space = 3 // rows of tables and materialized views
	SpaceSinkLog   Space = 4 // what sinks have still to deliver
	SpacePositions Space = 5 // how far sources have been read
	SpaceErrors    Space = 6 // diverted rows
	SpaceSequences Space = 7 // how far the sequences of tables have come
)

// VNodes is the number of virtual nodes that keys are spread over.
const VNodes = 256

// HeaderLen is the length of the fixed part of every key: space, table, virtual node, p.
const HeaderLen = 1 + 4 + 2 + 1

// The values of a key's p byte that do not count columns.
const (
	PrefixNone  uint8 = 0   // Split ends after the header: the table is only scanned
	PrefixWhole uint8 = 255 // the whole key is its prefix: point reads profit from Bloom filters
)

// AppendPrefix appends the fixed part of a key. p is the number of memcomparable columns that follow
// and form the prefix for Bloom filters, or PrefixNone or PrefixWhole; a table must use one p for all
// its keys.
func AppendPrefix(dst []byte, space Space, table TableID, vnode uint16, p uint8) []byte {
	dst = append(dst, byte(space))
	dst = binary.BigEndian.AppendUint32(dst, uint32(table))
	dst = binary.BigEndian.AppendUint16(dst, vnode)
	return append(dst, p)
}

// TableSpan returns the bounds [lower, upper) of all keys of a table.
func TableSpan(space Space, table TableID) (lower, upper []byte) {
	lower = binary.BigEndian.AppendUint32([]byte{byte(space)}, uint32(table))
	return lower, PrefixEnd(lower)
}

// VNodeSpan returns the bounds of a table's keys in one virtual node.
func VNodeSpan(space Space, table TableID, vnode uint16) (lower, upper []byte) {
	lower = binary.BigEndian.AppendUint32([]byte{byte(space)}, uint32(table))
	lower = binary.BigEndian.AppendUint16(lower, vnode)
	return lower, PrefixEnd(lower)
}

// PrefixEnd returns the smallest key greater than every key that starts with prefix, or nil when
// there is none.
func PrefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// KeyVNode reads the virtual node of a physical key.
func KeyVNode(key []byte) uint16 { return binary.BigEndian.Uint16(key[5:]) }

// VNodeOf is the virtual node of an entry: the top eight bits of its hash.
func VNodeOf(hash uint64) uint16 { return uint16(hash >> 56) }

// WithVNode returns hash with its virtual node replaced. A table whose key is longer than the columns
// that its rows are distributed by uses it: vnode comes from the hash of the distribution columns.
func WithVNode(hash uint64, vnode uint16) uint64 {
	return hash&(1<<56-1) | uint64(vnode)<<56
}

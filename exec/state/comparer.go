package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// comparerName is stored by Pebble, which refuses to open a database under another name.
const comparerName = "tidemill.v1"

// comparer orders keys by their bytes. It is our own and not Pebble's default because Split decides
// what Bloom filters hold, and a comparer cannot be changed later.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = comparerName
	c.Split = splitKey
	c.FormatKey = func(key []byte) fmt.Formatter { return formattedKey(key) }
	return &c
}()

// splitKey returns the length of the part of key that Bloom filters hold, which the p byte tells:
// the header alone, the header and p bytes, or everything. Columns of the key encoding do not tell
// their own length without their types, so p counts bytes and not columns. The end is found from left
// to right, so that byte order is the order by prefix and then by suffix, as Pebble requires.
func splitKey(key []byte) int {
	if len(key) <= HeaderLen {
		return len(key)
	}
	p := key[HeaderLen-1]
	if p == PrefixWhole {
		return len(key)
	}
	return min(len(key), HeaderLen+int(p))
}

type formattedKey []byte

// Format prints a key as space/table/vnode/rest.
func (k formattedKey) Format(s fmt.State, _ rune) {
	if len(k) < HeaderLen {
		fmt.Fprintf(s, "%x", []byte(k))
		return
	}
	fmt.Fprintf(s, "%d/%d/%d/%x", k[0], binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint16(k[5:]), []byte(k[HeaderLen:]))
}

// mergerName is stored by Pebble like comparerName.
const mergerName = "tidemill.weight.v1"

// weightMerger adds weights. An operand is a varint weight and then a payload; all operands of one
// key have the same payload, often none. A weight of zero means that the key does not exist; readers
// leave it out and whoever writes the table deletes it some time. Pebble can leave such keys out
// itself, but must not be let: its compactions then corrupt the key or panic (Pebble issue 6168).
var weightMerger = &pebble.Merger{
	Name: mergerName,
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		m := &weightSum{}
		return m, m.add(value)
	},
}

type weightSum struct {
	sum     int64
	payload []byte
}

func (m *weightSum) add(value []byte) error {
	w, n := binary.Varint(value)
	if n <= 0 {
		return fmt.Errorf("%s: malformed weight %x", mergerName, value)
	}
	m.sum += w
	if len(value) > n && len(m.payload) == 0 {
		m.payload = bytes.Clone(value[n:])
	}
	return nil
}

// MergeNewer implements pebble.ValueMerger.
func (m *weightSum) MergeNewer(value []byte) error { return m.add(value) }

// MergeOlder implements pebble.ValueMerger.
func (m *weightSum) MergeOlder(value []byte) error { return m.add(value) }

// Finish implements pebble.ValueMerger.
func (m *weightSum) Finish(bool) ([]byte, io.Closer, error) {
	return append(binary.AppendVarint(nil, m.sum), m.payload...), nil, nil
}

// AppendWeight appends a weight in the form that Merge adds up; a payload may follow it.
func AppendWeight(dst []byte, w int64) []byte { return binary.AppendVarint(dst, w) }

// Weight reads a weight and the payload after it. Zero means that there is no such key.
func Weight(value []byte) (w int64, payload []byte, err error) {
	w, n := binary.Varint(value)
	if n <= 0 {
		return 0, nil, corrupt("malformed weight %x", value)
	}
	return w, value[n:], nil
}

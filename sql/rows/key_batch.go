package rows

import (
	"encoding/binary"

	"tidemill/sql/types"
)

// KeyBuf holds the encoded keys of a batch, one after the other: key k is Data[Off[k]:Off[k+1]].
// Reuse one KeyBuf from batch to batch.
type KeyBuf struct {
	Data []byte
	Off  []int32
}

// Len returns the number of keys.
func (b *KeyBuf) Len() int { return max(0, len(b.Off)-1) }

// Key returns key k, a view.
func (b *KeyBuf) Key(k int) []byte { return b.Data[b.Off[k]:b.Off[k+1]] }

// reset makes room for n keys of about size bytes together.
func (b *KeyBuf) reset(n, size int) {
	if cap(b.Off) < n+1 {
		b.Off = make([]int32, 0, n+n/4+1)
	}
	if cap(b.Data) < size {
		b.Data = make([]byte, 0, size)
	}
	b.Off, b.Data = append(b.Off[:0], 0), b.Data[:0]
}

// intKeyLen is the length of the key of one int column that is not NULL.
const intKeyLen = 9

// EncodeKeys encodes the keys of the given rows (nil = rows 0…n-1) over cols, ascending with NULLs
// last, replacing what buf holds.
func EncodeKeys(cols []*Vec, rws []int32, n int, buf *KeyBuf) {
	if rws != nil {
		n = len(rws)
	}
	buf.reset(n, n*16*len(cols))
	if allInts(cols) {
		encodeIntKeys(cols, rws, n, buf)
		return
	}
	encs := encodersOf(cols)
	data, off := buf.Data, buf.Off[:n+1]
	for k := range n {
		i := k
		if rws != nil {
			i = int(rws[k])
		}
		for c, v := range cols {
			if v.Valid != nil && !v.Valid.Get(i) {
				data = append(data, tagNullLast)
				continue
			}
			data = append(data, tagValue)
			switch encs[c] {
			case encInt:
				data = binary.BigEndian.AppendUint64(data, uint64(v.I[i])^signBit)
			case encFloat:
				data = binary.BigEndian.AppendUint64(data, floatKey(v.F[i]))
			case encBool:
				data = appendKeyBool(data, v.B[i])
			case encRaw:
				data = appendEscaped(data, v.Data[v.Off[i]:v.Off[i+1]])
			default:
				data = appendKeyBytes(data, v.Type, v.Data[v.Off[i]:v.Off[i+1]])
			}
		}
		off[k+1] = int32(len(data))
	}
	buf.Data, buf.Off = data, off
}

// encoder is how a column's values are written; found once per batch.
type encoder uint8

const (
	encOther encoder = iota
	encInt
	encFloat
	encBool
	encRaw // escaped bytes
)

func encodersOf(cols []*Vec) []encoder {
	out := make([]encoder, len(cols))
	for i, c := range cols {
		switch c.Type.Phys() {
		case types.PhysInt:
			out[i] = encInt
		case types.PhysFloat:
			out[i] = encFloat
		case types.PhysBool:
			out[i] = encBool
		default:
			switch c.Type.ID {
			case types.Text, types.Varchar, types.Name, types.Bytea:
				out[i] = encRaw
			}
		}
	}
	return out
}

// allInts tells whether all columns are ints without NULLs, whose keys have a fixed length.
func allInts(cols []*Vec) bool {
	for _, c := range cols {
		if c.Valid != nil || c.Type.Phys() != types.PhysInt {
			return false
		}
	}
	return true
}

func encodeIntKeys(cols []*Vec, rws []int32, n int, buf *KeyBuf) {
	size := intKeyLen * len(cols)
	if cap(buf.Data) < n*size {
		buf.Data = make([]byte, n*size)
	}
	data, off := buf.Data[:n*size], buf.Off[:n+1]
	for k := range off {
		off[k] = int32(k * size)
	}
	for c, v := range cols {
		p := c * intKeyLen
		if rws == nil {
			for _, x := range v.I[:n] {
				data[p] = tagValue
				binary.BigEndian.PutUint64(data[p+1:], uint64(x)^signBit)
				p += size
			}
			continue
		}
		for _, i := range rws {
			data[p] = tagValue
			binary.BigEndian.PutUint64(data[p+1:], uint64(v.I[i])^signBit)
			p += size
		}
	}
	buf.Data, buf.Off = data, off
}

package rows

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// The stable hash of a key is xxhash64, seed 0, of its key encoding. Rows are placed on virtual
// nodes by it, in memory, on disk and between machines: it can never change.

// VNodes is the number of virtual nodes.
const VNodes = 256

// VNode returns the virtual node of a key by its hash: the top 8 bits. The lower bits stay
// independent of the placement, for hash tables inside a virtual node.
func VNode(hash uint64) uint16 { return uint16(hash >> 56) }

// HashKey returns the hash of an encoded key.
func HashKey(key []byte) uint64 { return xxhash.Sum64(key) }

// HashKeys appends the hash of every key of buf to dst.
func HashKeys(dst []uint64, buf *KeyBuf) []uint64 {
	for k := 0; k+1 < len(buf.Off); k++ {
		dst = append(dst, xxhash.Sum64(buf.Data[buf.Off[k]:buf.Off[k+1]]))
	}
	return dst
}

// HashColumns appends the hashes of the keys that EncodeKeys would make. buf is working space.
func HashColumns(dst []uint64, cols []*Vec, rws []int32, n int, buf *KeyBuf) []uint64 {
	if len(cols) == 1 && allInts(cols) {
		v := cols[0].I
		if rws == nil {
			for _, x := range v[:n] {
				dst = append(dst, hashIntKey(x))
			}
			return dst
		}
		for _, i := range rws {
			dst = append(dst, hashIntKey(v[i]))
		}
		return dst
	}
	EncodeKeys(cols, rws, n, buf)
	return HashKeys(dst, buf)
}

const (
	xxPrime1 = 11400714785074694791
	xxPrime2 = 14029467366897019727
	xxPrime3 = 1609587929392839161
	xxPrime4 = 9650029242287828579
	xxPrime5 = 2870177450012600261
)

// hashIntKey is HashKey of the key of one int that is not NULL: xxhash64 unrolled for 9 bytes.
func hashIntKey(x int64) uint64 {
	key := uint64(x) ^ signBit
	h := uint64(xxPrime5) + intKeyLen
	// The first 8 bytes of the key, read little endian, are the tag and 7 bytes of the number.
	k := bits.ReverseBytes64(key)<<8 | tagValue
	k *= xxPrime2
	k = bits.RotateLeft64(k, 31) * xxPrime1
	h ^= k
	h = bits.RotateLeft64(h, 27)*xxPrime1 + xxPrime4
	h ^= (key & 0xFF) * xxPrime5
	h = bits.RotateLeft64(h, 11) * xxPrime1
	h ^= h >> 33
	h *= xxPrime2
	h ^= h >> 29
	h *= xxPrime3
	return h ^ h>>32
}

// HashInt returns the hash of the key of one int that is not NULL.
func HashInt(x int64) uint64 { return hashIntKey(x) }

package math

import (
	"encoding/binary"
	"math/bits"

	"tidemill/sql/fn"
	"tidemill/sql/types"
)

// PostgreSQL's hash functions (Jenkins's lookup3), which people use in SQL to shard and to sample.
// They have nothing to do with how Tidemill places rows.

const hashSeed = 0x9e3779b9 + 3923095

func init() {
	hash := func(name string, arg types.Type, k fn.Kernel, sql, result string) {
		fn.RegisterScalar(fn.Scalar{Name: name, Args: []types.Type{arg}, Ret: int4, Strict: true, Kernel: k,
			Family: "Hash", Summary: "PostgreSQL's hash of the value, a 32-bit integer.",
			Examples: []fn.Example{{SQL: "SELECT " + sql, Result: result}}})
	}
	word := func(f func(int64) uint32) fn.Kernel {
		return fn.Unary(int4, func(v int64) int64 { return int64(int32(hashWord(f(v)))) })
	}
	narrow := word(func(v int64) uint32 { return uint32(v) })
	hash("hashint2", int2, narrow, "hashint2(1::int2)", "-1905060026")
	hash("hashint4", int4, narrow, "hashint4(1)", "-1905060026")
	hash("hashint8", int8, word(func(v int64) uint32 {
		// Folded so that a value hashes alike in all three widths.
		if v >= 0 {
			return uint32(v) ^ uint32(v>>32)
		}
		return uint32(v) ^ ^uint32(v>>32)
	}), "hashint8(1)", "-1905060026")
	hash("hashtext", types.T(types.Text), fn.OfBytes(int4, func(s []byte) int64 { return int64(int32(hashBytes(s))) }),
		"hashtext('tidemill')", "-1352649412")
}

func hashWord(k uint32) uint32 {
	s := uint32(hashSeed & 0xFFFFFFFF)
	s += 4
	return hashFinal(s+k, s, s)
}

func hashBytes(k []byte) uint32 {
	s := uint32(hashSeed&0xFFFFFFFF) + uint32(len(k))
	a, b, c := s, s, s
	le := binary.LittleEndian
	for ; len(k) >= 12; k = k[12:] {
		a, b, c = hashMix(a+le.Uint32(k), b+le.Uint32(k[4:]), c+le.Uint32(k[8:]))
	}
	// The lowest byte of c stands for the length, which the seed holds already.
	var tail [13]byte
	copy(tail[:8], k)
	if len(k) > 8 {
		copy(tail[9:12], k[8:])
	}
	return hashFinal(a+le.Uint32(tail[0:]), b+le.Uint32(tail[4:]), c+le.Uint32(tail[8:]))
}

func hashMix(a, b, c uint32) (uint32, uint32, uint32) {
	rot := bits.RotateLeft32
	a -= c
	a ^= rot(c, 4)
	c += b
	b -= a
	b ^= rot(a, 6)
	a += c
	c -= b
	c ^= rot(b, 8)
	b += a
	a -= c
	a ^= rot(c, 16)
	c += b
	b -= a
	b ^= rot(a, 19)
	a += c
	c -= b
	c ^= rot(b, 4)
	b += a
	return a, b, c
}

func hashFinal(a, b, c uint32) uint32 {
	rot := bits.RotateLeft32
	c ^= b
	c -= rot(b, 14)
	a ^= c
	a -= rot(c, 11)
	b ^= a
	b -= rot(a, 25)
	c ^= b
	c -= rot(b, 16)
	a ^= c
	a -= rot(c, 4)
	b ^= a
	b -= rot(a, 14)
	c ^= b
	c -= rot(b, 24)
	return c
}

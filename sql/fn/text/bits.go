package text

import (
	"math/bits"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
)

// badIndex is the error for a position outside a binary string.
func badIndex(n, last int64) error {
	return sqlerr.New("2202E", "index %d out of valid range, 0..%d", n, last)
}

func init() {
	def(familyBinary, "get_bit", sig(byteaT, int8T), int4T, fn.Rowwise(int4T, true, func(_ *fn.Ctx, args []*rows.Vec, i int, out *rows.VecBuilder) error {
		b, n := args[0].Bytes(i), args[1].I[i]
		if n < 0 || n >= int64(len(b))*8 {
			return badIndex(n, int64(len(b))*8-1)
		}
		out.AppendInt(int64(b[n/8] >> (n % 8) & 1))
		return nil
	}), "Returns a bit, counted from 0, the least of the first byte.", `select get_bit('\x1234567890'::bytea, 30)`, "1")
	def(familyBinary, "set_bit", sig(byteaT, int8T, int4T), byteaT, appending(byteaT, func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		b, n, v := args[0].Bytes(i), args[1].I[i], args[2].I[i]
		if n < 0 || n >= int64(len(b))*8 {
			return dst, badIndex(n, int64(len(b))*8-1)
		}
		if v != 0 && v != 1 {
			return dst, sqlerr.New(sqlerr.InvalidParameterValue, "new bit must be 0 or 1")
		}
		at := len(dst) + int(n/8)
		dst = append(dst, b...)
		dst[at] = dst[at]&^(1<<(n%8)) | byte(v)<<(n%8)
		return dst, nil
	}), "Sets a bit, counted from 0, the least of the first byte.", `select set_bit('\x1234567890'::bytea, 30, 0)`, `\x1234563890`)
	def(familyBinary, "set_byte", sig(byteaT, int4T, int4T), byteaT, appending(byteaT, func(dst []byte, args []*rows.Vec, i int) ([]byte, error) {
		b, n := args[0].Bytes(i), args[1].I[i]
		if n < 0 || n >= int64(len(b)) {
			return dst, badIndex(n, int64(len(b))-1)
		}
		at := len(dst) + int(n)
		dst = append(dst, b...)
		dst[at] = byte(args[2].I[i])
		return dst, nil
	}), "Sets a byte, counted from 0.", `select set_byte('\x1234567890'::bytea, 4, 64)`, `\x1234567840`)
	def(familyBinary, "bit_count", sig(byteaT), int8T, fn.OfBytes(int8T, func(b []byte) int64 {
		n := 0
		for _, c := range b {
			n += bits.OnesCount8(c)
		}
		return int64(n)
	}), "Counts the bits that are set.", `select bit_count('\x1234567890'::bytea)`, "15")
}

package math

import (
	"tidemill/sql/fn"
	"tidemill/sql/types"
)

func init() {
	for _, t := range intIDs {
		width := map[types.ID]int64{types.Int2: 16, types.Int4: 32, types.Int8: 64}[t.ID]
		doc := t.ID == types.Int4
		operator("&", t, t, t, fn.Binary(t, func(a, b int64) int64 { return a & b }), doc, "Bitwise AND.", "91 & 15", "11")
		operator("|", t, t, t, fn.Binary(t, func(a, b int64) int64 { return a | b }), doc, "Bitwise OR.", "32 | 3", "35")
		operator("#", t, t, t, fn.Binary(t, func(a, b int64) int64 { return a ^ b }), doc, "Bitwise exclusive OR.", "17 # 5", "20")
		unary("~", t, t, fn.Unary(t, func(a int64) int64 { return ^a }), doc, "Bitwise NOT.", "~1", "-2")
		operator("<<", t, int4, t, fn.Binary(t, func(a, b int64) int64 { return wrap(t, a<<shiftOf(b, width)) }),
			doc, "Shifts left.", "1 << 4", "16")
		operator(">>", t, int4, t, fn.Binary(t, func(a, b int64) int64 { return a >> shiftOf(b, width) }),
			doc, "Shifts right, keeping the sign.", "8 >> 2", "2")
	}
}

// shiftOf takes a shift modulo the operand's width as the machine does for Postgres; a smallint is
// shifted as an integer there, so all of its bits can go.
func shiftOf(b, width int64) uint64 {
	if width < 32 {
		width = 32
	}
	return uint64(b) & uint64(width-1)
}

// wrap drops the bits that t does not have.
func wrap(t types.Type, v int64) int64 {
	switch t.ID {
	case types.Int2:
		return int64(int16(v))
	case types.Int4:
		return int64(int32(v))
	}
	return v
}

package agg

import (
	"encoding/binary"
	"math"

	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// A cell is the remembered result of an Ordered call: a tag and the value's exact bytes, or the
// error that computing it gave.
//
//	0 NULL · 1 bool byte · 2 int, 8 bytes little endian · 3 float bits · 4 bytes
//	5 error: SQLSTATE (5 bytes), message
const (
	cellNull = iota
	cellBool
	cellInt
	cellFloat
	cellBytes
	cellError
)

// AppendCell appends value i of v.
func AppendCell(dst []byte, v *rows.Vec, i int) []byte {
	if v.IsNull(i) {
		return append(dst, cellNull)
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		if v.B[i] {
			return append(dst, cellBool, 1)
		}
		return append(dst, cellBool, 0)
	case types.PhysInt:
		return binary.LittleEndian.AppendUint64(append(dst, cellInt), uint64(v.I[i]))
	case types.PhysFloat:
		return binary.LittleEndian.AppendUint64(append(dst, cellFloat), math.Float64bits(v.F[i]))
	}
	return append(append(dst, cellBytes), v.Bytes(i)...)
}

// AppendErrorCell appends a failure.
func AppendErrorCell(dst []byte, err error) []byte {
	e := sqlerr.As(err)
	dst = append(append(dst, cellError), (string(e.Code) + "     ")[:5]...)
	return append(dst, e.Message...)
}

// cellValue appends the value in a cell to out, or returns the error in it. An absent cell is NULL.
func cellValue(cell []byte, out *rows.VecBuilder) error {
	if len(cell) == 0 {
		out.AppendNull()
		return nil
	}
	body := cell[1:]
	switch cell[0] {
	case cellBool:
		out.AppendBool(body[0] != 0)
	case cellInt:
		out.AppendInt(int64(binary.LittleEndian.Uint64(body)))
	case cellFloat:
		out.AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(body)))
	case cellBytes:
		out.AppendBytes(body)
	case cellError:
		return sqlerr.New(sqlerr.Code(body[:5]), "%s", body[5:])
	default:
		out.AppendNull()
	}
	return nil
}

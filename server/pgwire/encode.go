package pgwire

import (
	"encoding/binary"
	"math"
	"strconv"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// encoder writes the values of one column; how is chosen once per batch, not once per value.
type encoder struct {
	v    *rows.Vec
	kind encoding
}

type encoding uint8

const (
	textAny encoding = iota
	textInt
	textBool
	raw // bytes are the same in the column, as text and as binary
	binaryAny
	binary2
	binary4
	binary8
	binaryFloat4
	binaryFloat8
	binaryBool
)

func chooseEncoding(t types.Type, format int16) encoding {
	switch t.ID {
	case types.Text, types.Varchar, types.Bpchar, types.Name, types.JSON:
		return raw
	case types.Unknown:
		return raw
	case types.Int2, types.Int4, types.Int8, types.OID, types.Xid:
		switch {
		case format == Text:
			return textInt
		case t.ID == types.Int2:
			return binary2
		case t.ID == types.Int8:
			return binary8
		}
		return binary4
	case types.Bool:
		if format == Text {
			return textBool
		}
		return binaryBool
	case types.Float4:
		if format == Binary {
			return binaryFloat4
		}
	case types.Float8:
		if format == Binary {
			return binaryFloat8
		}
	}
	if format == Binary {
		return binaryAny
	}
	return textAny
}

// Rows sends the selected rows from on, at most n of them, as DataRow messages, each once whatever
// its weight.
func (w *Writer) Rows(b *rows.Batch, from, n int, formats []int16, env *types.Env) error {
	w.encoders = w.encoders[:0]
	for i, v := range b.Cols {
		w.encoders = append(w.encoders, encoder{v, chooseEncoding(v.Type, Format(formats, i))})
	}
	for k := from; k < from+n; k++ {
		row := b.Row(k)
		at := w.begin('D')
		buf := binary.BigEndian.AppendUint16(w.buf, uint16(len(w.encoders)))
		for i := range w.encoders {
			buf = w.encoders[i].appendValue(buf, row, env)
		}
		w.buf = buf
		w.end(at)
		if err := w.spill(); err != nil {
			return err
		}
	}
	return w.err
}

// appendValue appends the length and bytes of value i.
func (e *encoder) appendValue(dst []byte, i int, env *types.Env) []byte {
	v := e.v
	if v.Valid != nil && !v.Valid.Get(i) {
		return append(dst, 0xff, 0xff, 0xff, 0xff)
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	switch e.kind {
	case raw:
		dst = append(dst, v.Data[v.Off[i]:v.Off[i+1]]...)
	case textInt:
		dst = strconv.AppendInt(dst, v.I[i], 10)
	case textBool:
		if v.B[i] {
			dst = append(dst, 't')
		} else {
			dst = append(dst, 'f')
		}
	case binary2:
		dst = binary.BigEndian.AppendUint16(dst, uint16(v.I[i]))
	case binary4:
		dst = binary.BigEndian.AppendUint32(dst, uint32(v.I[i]))
	case binary8:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.I[i]))
	case binaryFloat4:
		dst = binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v.F[i])))
	case binaryFloat8:
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(v.F[i]))
	case binaryBool:
		if v.B[i] {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
	case binaryAny:
		dst = types.AppendBinary(dst, v.Datum(i))
	default:
		dst = types.AppendText(dst, v.Datum(i), env)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

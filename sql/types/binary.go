package types

import (
	"encoding/binary"
	"math"

	"tidemill/sql/sqlerr"
)

func badBinary(what string) error {
	return sqlerr.New(sqlerr.InvalidBinaryRepresent, "incorrect binary data format for type %s", what)
}

// ParseBinary reads a value of type t from Postgres's binary form.
func ParseBinary(t Type, b []byte) (Datum, error) {
	d := Datum{Type: t}
	if n := t.Len(); n > 0 && t.Phys() != PhysBytes && len(b) != int(n) {
		return Datum{}, badBinary(t.String())
	}
	be := binary.BigEndian
	var err error
	switch t.ID {
	case Bool:
		d.B = b[0] != 0
	case Int2:
		d.I = int64(int16(be.Uint16(b)))
	case Int4:
		d.I = int64(int32(be.Uint32(b)))
	case Int8:
		d.I = int64(be.Uint64(b))
	case OID, Xid, Regclass, Regtype, Regproc, Regnamespace, Regrole:
		d.I = int64(be.Uint32(b))
	case Float4:
		d.F = float64(math.Float32frombits(be.Uint32(b)))
	case Float8:
		d.F = math.Float64frombits(be.Uint64(b))
	case Date:
		d.I, err = dateFromWire(int32(be.Uint32(b)))
	case Time:
		if d.I = int64(be.Uint64(b)); d.I < 0 || d.I > MicrosPerDay {
			return Datum{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time out of range")
		}
	case Timestamp, Timestamptz:
		d.I, err = timestampFromWire(int64(be.Uint64(b)))
	case Array, Int2Vector, OIDVector:
		return parseArrayBinary(t, b)
	case Record:
		d.S, err = parseRecordBinary(t, b)
	default:
		d.S, err = bytesFromWire(t, b)
	}
	if err != nil {
		return Datum{}, err
	}
	if t.Mod >= 0 {
		return Coerce(d, t, false)
	}
	return d, nil
}

func bytesFromWire(t Type, b []byte) ([]byte, error) {
	switch t.ID {
	case Numeric:
		return numericParseBinary(nil, b)
	case Interval:
		if len(b) != IntervalLen {
			return nil, badBinary("interval")
		}
		be := binary.BigEndian
		return AppendInterval(nil, IntervalValue{
			Micros: int64(be.Uint64(b)), Days: int32(be.Uint32(b[8:])), Months: int32(be.Uint32(b[12:])),
		}), nil
	case UUID:
		if len(b) != 16 {
			return nil, badBinary("uuid")
		}
	case InternalChar:
		if len(b) != 1 {
			return nil, badBinary("\"char\"")
		}
		if b[0] == 0 { // the empty value
			return []byte{}, nil
		}
	case Enum:
		return parseEnum(t, string(b))
	case Bytea:
	case JSONB:
		if len(b) == 0 || b[0] != 1 {
			v := -1
			if len(b) > 0 {
				v = int(b[0])
			}
			return nil, sqlerr.New(sqlerr.InvalidBinaryRepresent, "unsupported jsonb version number %d", v)
		}
		return CanonicalJSON(nil, b[1:])
	case JSON:
		if err := CheckJSON(b); err != nil {
			return nil, err
		}
	default:
		if err := CheckText(string(b)); err != nil {
			return nil, err
		}
	}
	return append([]byte{}, b...), nil
}

func dateFromWire(v int32) (int64, error) {
	switch v {
	case math.MaxInt32:
		return TimeInfinity, nil
	case math.MinInt32:
		return TimeNegInfinity, nil
	}
	d := int64(v) + pgEpochDays
	if d < MinDays || d > MaxDays {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range")
	}
	return d, nil
}

func timestampFromWire(v int64) (int64, error) {
	if !IsFinite(v) {
		return v, nil
	}
	if v > MaxMicros-pgEpochMicros || v+pgEpochMicros < MinMicros || v < math.MinInt64+pgEpochMicros {
		return 0, timestampRange()
	}
	return v + pgEpochMicros, nil
}

func parseArrayBinary(t Type, b []byte) (Datum, error) {
	be := binary.BigEndian
	bad := func() (Datum, error) { return Datum{}, badBinary(t.String()) }
	if len(b) < 12 {
		return bad()
	}
	nd, elemOID := int(be.Uint32(b)), be.Uint32(b[8:])
	if nd > ArrayMaxDims || nd < 0 || be.Uint32(b[4:]) > 1 {
		return bad()
	}
	elem := vectorElem(t)
	switch {
	case t.ID == Array && t.Elem == nil:
		u, ok := FromOID(elemOID, -1)
		if !ok {
			return bad()
		}
		elem = u
	case t.ID == Array:
		if elem = *t.Elem; elem.OID() != elemOID {
			return Datum{}, sqlerr.New(sqlerr.DatatypeMismatch, "wrong element type")
		}
	}
	b = b[12:]
	if nd == 0 {
		return Datum{Type: t, S: []byte{0}}, nil
	}
	if len(b) < nd*8 {
		return bad()
	}
	dims, n := make([]ArrayDim, nd), 1
	for i := range dims {
		dims[i] = ArrayDim{Len: int(int32(be.Uint32(b))), Lower: int(int32(be.Uint32(b[4:])))}
		if dims[i].Len < 0 {
			return bad()
		}
		b = b[8:]
		if n *= dims[i].Len; n > len(b)/4 {
			return bad()
		}
	}
	elems := make([]Datum, n)
	for i := range elems {
		v, null, rest, ok := wireValue(b)
		if !ok {
			return bad()
		}
		if b = rest; null {
			elems[i] = NullOf(elem)
			continue
		}
		d, err := ParseBinary(elem, v)
		if err != nil {
			return Datum{}, err
		}
		elems[i] = d
	}
	if len(b) != 0 {
		return bad()
	}
	return Datum{Type: t, S: AppendArrayDims(nil, dims, elems)}, nil
}

// wireValue cuts a length-prefixed value; length -1 is NULL.
func wireValue(b []byte) (v []byte, null bool, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, false, nil, false
	}
	n := int32(binary.BigEndian.Uint32(b))
	b = b[4:]
	if n == -1 {
		return nil, true, b, true
	}
	if n < 0 || int(n) > len(b) {
		return nil, false, nil, false
	}
	return b[:n], false, b[n:], true
}

// parseRecordBinary reads a record. The fields of a composite type must be those that it has.
func parseRecordBinary(t Type, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, badBinary("record")
	}
	n, known := int(binary.BigEndian.Uint32(b)), t.Fields()
	if b = b[4:]; n < 0 || n > len(b)/8 {
		return nil, badBinary("record")
	}
	if known != nil && n != len(known) {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "wrong number of columns: %d, expected %d", n, len(known))
	}
	fields := make([]Datum, n)
	for i := range fields {
		if len(b) < 4 {
			return nil, badBinary("record")
		}
		oid := binary.BigEndian.Uint32(b)
		ft, ok := FromOID(oid, -1)
		if known != nil {
			if ft, ok = known[i].Type, true; ft.OID() != oid {
				return nil, sqlerr.New(sqlerr.DatatypeMismatch, "binary data has type %d (%s) instead of expected %d (%s) in record column %d",
					oid, oidName(oid), ft.OID(), ft, i+1)
			}
		}
		v, null, rest, ok2 := wireValue(b[4:])
		if !ok || !ok2 {
			return nil, badBinary("record")
		}
		if b = rest; null {
			fields[i] = NullOf(ft)
			continue
		}
		d, err := ParseBinary(ft, v)
		if err != nil {
			return nil, err
		}
		fields[i] = d
	}
	if len(b) != 0 {
		return nil, badBinary("record")
	}
	return AppendRecord(nil, fields), nil
}

func oidName(oid uint32) string {
	if t, ok := FromOID(oid, -1); ok {
		return t.String()
	}
	return "???"
}

// AppendBinary appends Postgres's binary form of d, without length. A NULL appends nothing.
func AppendBinary(dst []byte, d Datum) []byte {
	if d.Null {
		return dst
	}
	be := binary.BigEndian
	switch d.Type.ID {
	case Bool:
		if d.B {
			return append(dst, 1)
		}
		return append(dst, 0)
	case Int2:
		return be.AppendUint16(dst, uint16(d.I))
	case Int4, OID, Xid, Regclass, Regtype, Regproc, Regnamespace, Regrole:
		return be.AppendUint32(dst, uint32(d.I))
	case Int8, Time:
		return be.AppendUint64(dst, uint64(d.I))
	case Float4:
		return be.AppendUint32(dst, math.Float32bits(float32(d.F)))
	case Float8:
		return be.AppendUint64(dst, math.Float64bits(d.F))
	case Date:
		return be.AppendUint32(dst, uint32(dateToWire(d.I)))
	case Timestamp, Timestamptz:
		v := d.I
		if IsFinite(v) {
			v -= pgEpochMicros
		}
		return be.AppendUint64(dst, uint64(v))
	case Numeric:
		return numericAppendBinary(dst, d.S)
	case Interval:
		v := IntervalOf(d.S)
		dst = be.AppendUint64(dst, uint64(v.Micros))
		dst = be.AppendUint32(dst, uint32(v.Days))
		return be.AppendUint32(dst, uint32(v.Months))
	case JSONB:
		return append(append(dst, 1), d.S...)
	case Array, Int2Vector, OIDVector:
		return appendArrayBinary(dst, d)
	case Record:
		return appendRecordBinary(dst, d.Type, d.S)
	case Enum:
		return appendEnum(dst, d)
	case InternalChar:
		if len(d.S) == 0 {
			return append(dst, 0)
		}
	}
	return append(dst, d.S...)
}

func dateToWire(d int64) int32 {
	switch d {
	case TimeInfinity:
		return math.MaxInt32
	case TimeNegInfinity:
		return math.MinInt32
	}
	return int32(d - pgEpochDays)
}

// appendWireValue appends a value with its length.
func appendWireValue(dst []byte, d Datum) []byte {
	at := len(dst)
	dst = append(dst, 0xff, 0xff, 0xff, 0xff)
	if d.Null {
		return dst
	}
	dst = AppendBinary(dst, d)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func appendArrayBinary(dst []byte, d Datum) []byte {
	elem := vectorElem(d.Type)
	if d.Type.ID == Array {
		if elem = T(Text); d.Type.Elem != nil {
			elem = *d.Type.Elem
		}
	}
	be := binary.BigEndian
	dims := ArrayDims(d.S)
	elems, _ := ArrayElems(elem, d.S)
	nulls := uint32(0)
	for _, e := range elems {
		if e.Null {
			nulls = 1
		}
	}
	dst = be.AppendUint32(dst, uint32(len(dims)))
	dst = be.AppendUint32(dst, nulls)
	dst = be.AppendUint32(dst, elem.OID())
	for _, dim := range dims {
		dst = be.AppendUint32(dst, uint32(dim.Len))
		dst = be.AppendUint32(dst, uint32(dim.Lower))
	}
	for _, e := range elems {
		dst = appendWireValue(dst, e)
	}
	return dst
}

func appendRecordBinary(dst []byte, t Type, b []byte) []byte {
	fields, _ := TypedFields(t, b)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(fields)))
	for _, f := range fields {
		dst = binary.BigEndian.AppendUint32(dst, f.Type.OID())
		dst = appendWireValue(dst, f)
	}
	return dst
}

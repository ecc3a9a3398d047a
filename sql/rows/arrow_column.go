package rows

import (
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

func noArrowForm(d types.Datum) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value %s of type %s has no Arrow form", types.TextOf(d, &types.Env{}), d.Type)
}

func columnToArrow(mem memory.Allocator, dt arrow.DataType, v *Vec, n int) (arrow.Array, error) {
	b := array.NewBuilder(mem, dt)
	b.Reserve(n)
	for i := range n {
		if v.IsNull(i) {
			b.AppendNull()
			continue
		}
		ok := true
		switch b := b.(type) {
		case *array.BooleanBuilder:
			b.Append(v.B[i])
		case *array.Int16Builder:
			b.Append(int16(v.I[i]))
		case *array.Int32Builder:
			b.Append(int32(v.I[i]))
		case *array.Int64Builder:
			b.Append(v.I[i])
		case *array.Uint32Builder:
			b.Append(uint32(v.I[i]))
		case *array.Float32Builder:
			b.Append(float32(v.F[i]))
		case *array.Float64Builder:
			b.Append(v.F[i])
		case *array.Date32Builder:
			ok = v.I[i] == int64(int32(v.I[i]))
			b.Append(arrow.Date32(v.I[i]))
		case *array.Time64Builder:
			b.Append(arrow.Time64(v.I[i]))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v.I[i]))
		case *array.BinaryBuilder:
			b.Append(v.Bytes(i))
		case *array.FixedSizeBinaryBuilder:
			if ok = len(v.Bytes(i)) == 16; ok {
				b.Append(v.Bytes(i))
			}
		case *array.StringBuilder:
			b.BinaryBuilder.Append(arrowText(v, i))
		case *array.Decimal128Builder:
			ok = appendDecimal(b, dt.(*arrow.Decimal128Type), v.Bytes(i))
		case *array.MonthDayNanoIntervalBuilder:
			x := types.IntervalOf(v.Bytes(i))
			ok = x.Micros*1000/1000 == x.Micros
			b.Append(arrow.MonthDayNanoInterval{Months: x.Months, Days: x.Days, Nanoseconds: x.Micros * 1000})
		default:
			return nil, sqlerr.Unsupported("Arrow type %s", dt)
		}
		if !ok {
			return nil, noArrowForm(v.Datum(i))
		}
	}
	return b.NewArray(), nil
}

// arrowText returns the bytes of a utf8 column: types that are text as they stand, else their text form.
func arrowText(v *Vec, i int) []byte {
	switch v.Type.ID {
	case types.Text, types.Varchar, types.Bpchar, types.Name, types.JSON, types.JSONB, types.Unknown:
		return v.Bytes(i)
	}
	return types.AppendText(nil, v.Datum(i), &types.Env{})
}

func appendDecimal(b *array.Decimal128Builder, dt *arrow.Decimal128Type, s []byte) bool {
	coef, _, ok := types.NumericBig(types.NumericRound(nil, s, int(dt.Scale)))
	if !ok || coef.BitLen() > 126 {
		return false
	}
	b.Append(decimal128.FromBigInt(coef))
	return true
}

func columnFromArrow(t types.Type, col arrow.Array) (*Vec, error) {
	b := NewVecBuilder(t, col.Len())
	for i := range col.Len() {
		if col.IsNull(i) {
			b.AppendNull()
			continue
		}
		switch a := col.(type) {
		case *array.Boolean:
			b.AppendBool(a.Value(i))
		case *array.Int8:
			b.AppendInt(int64(a.Value(i)))
		case *array.Uint8:
			b.AppendInt(int64(a.Value(i)))
		case *array.Int16:
			b.AppendInt(int64(a.Value(i)))
		case *array.Uint16:
			b.AppendInt(int64(a.Value(i)))
		case *array.Int32:
			b.AppendInt(int64(a.Value(i)))
		case *array.Uint32:
			b.AppendInt(int64(a.Value(i)))
		case *array.Int64:
			b.AppendInt(a.Value(i))
		case *array.Float32:
			b.AppendFloat(float64(a.Value(i)))
		case *array.Float64:
			b.AppendFloat(a.Value(i))
		case *array.Date32:
			b.AppendInt(int64(a.Value(i)))
		case *array.Time64:
			b.AppendInt(microsOf(int64(a.Value(i)), a.DataType().(*arrow.Time64Type).Unit))
		case *array.Timestamp:
			b.AppendInt(microsOf(int64(a.Value(i)), a.DataType().(*arrow.TimestampType).Unit))
		case *array.Binary:
			b.AppendBytes(a.Value(i))
		case *array.LargeBinary:
			b.AppendBytes(a.Value(i))
		case *array.FixedSizeBinary:
			b.AppendBytes(a.Value(i))
		case *array.Decimal128:
			scale := int(a.DataType().(*arrow.Decimal128Type).Scale)
			b.CommitScratch(types.NumericFromBig(b.Scratch(), new(big.Int).Set(a.Value(i).BigInt()), scale))
		case *array.MonthDayNanoInterval:
			x := a.Value(i)
			b.CommitScratch(types.AppendInterval(b.Scratch(), types.IntervalValue{Months: x.Months, Days: x.Days, Micros: x.Nanoseconds / 1000}))
		case *array.String:
			if err := appendArrowText(b, t, a.Value(i)); err != nil {
				return nil, err
			}
		case *array.LargeString:
			if err := appendArrowText(b, t, a.Value(i)); err != nil {
				return nil, err
			}
		default:
			return nil, sqlerr.Unsupported("Arrow type %s", col.DataType())
		}
	}
	return b.Finish(), nil
}

// appendArrowText reads a utf8 value, which may be a view into the record.
func appendArrowText(b *VecBuilder, t types.Type, s string) error {
	switch t.ID {
	case types.Text, types.Varchar, types.Bpchar, types.Name, types.JSON, types.JSONB, types.Unknown:
		b.AppendString(s)
		return nil
	}
	d, err := types.ParseText(t, s, &types.Env{})
	if err != nil {
		return err
	}
	b.AppendDatum(d)
	return nil
}

func microsOf(v int64, u arrow.TimeUnit) int64 {
	switch u {
	case arrow.Second:
		return v * 1e6
	case arrow.Millisecond:
		return v * 1e3
	case arrow.Nanosecond:
		return v / 1e3
	}
	return v
}

package rows

import (
	"encoding/json"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// Batches become Arrow records at the edges: Parquet, Flight, spill files, exchange between
// machines. There the types are Arrow's own narrow ones; the SQL type stands in the field's
// metadata, so that a record that we wrote comes back as it was.
//
//	boolean            bool (bits)          smallint, integer, bigint   int16, int32, int64
//	real, double       float32, float64     oid and its kind            uint32
//	numeric(p≤38, s)   decimal128(p, s)     other numeric               utf8
//	text types, json   utf8                 bytea                       binary
//	date, time         date32, time64[us]   timestamp, timestamptz      timestamp[us], with "UTC"
//	interval           month_day_nano       uuid                        fixed_size_binary(16)
//	others             utf8 in text form
//
// Weights are the column __w and the schema metadata delta=1; without them all rows are insertions.
// A decimal column's NaN, a date's infinity and an interval beyond nanoseconds have no Arrow form
// and are errors.
const (
	weightColumn = "__w"
	typeMetadata = "tidemill.type"
)

// ArrowType returns the Arrow type that columns of t become.
func ArrowType(t types.Type) arrow.DataType {
	switch t.ID {
	case types.Bool:
		return arrow.FixedWidthTypes.Boolean
	case types.Int2:
		return arrow.PrimitiveTypes.Int16
	case types.Int4:
		return arrow.PrimitiveTypes.Int32
	case types.Int8:
		return arrow.PrimitiveTypes.Int64
	case types.Float4:
		return arrow.PrimitiveTypes.Float32
	case types.Float8:
		return arrow.PrimitiveTypes.Float64
	case types.Numeric:
		if p, s := t.PrecisionScale(); t.Mod >= 0 && p <= 38 && s >= 0 {
			return &arrow.Decimal128Type{Precision: int32(max(p, s)), Scale: int32(s)}
		}
	case types.Bytea:
		return arrow.BinaryTypes.Binary
	case types.Date:
		return arrow.FixedWidthTypes.Date32
	case types.Time:
		return arrow.FixedWidthTypes.Time64us
	case types.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case types.Timestamptz:
		return arrow.FixedWidthTypes.Timestamp_us
	case types.Interval:
		return arrow.FixedWidthTypes.MonthDayNanoInterval
	case types.UUID:
		return &arrow.FixedSizeBinaryType{ByteWidth: 16}
	}
	if t.Phys() == types.PhysInt {
		return arrow.PrimitiveTypes.Uint32
	}
	return arrow.BinaryTypes.String
}

// ArrowSchema returns the schema of the records that ToArrow makes.
func ArrowSchema(s types.Schema, weights bool) *arrow.Schema {
	fields := make([]arrow.Field, 0, len(s)+1)
	for _, f := range s {
		ty, err := json.Marshal(f.Type)
		if err != nil {
			panic(err) // a Type is numbers
		}
		fields = append(fields, arrow.Field{Name: f.Name, Type: ArrowType(f.Type), Nullable: !f.NotNull,
			Metadata: arrow.NewMetadata([]string{typeMetadata}, []string{string(ty)})})
	}
	if !weights {
		return arrow.NewSchema(fields, nil)
	}
	fields = append(fields, arrow.Field{Name: weightColumn, Type: arrow.PrimitiveTypes.Int64})
	meta := arrow.NewMetadata([]string{"delta"}, []string{"1"})
	return arrow.NewSchema(fields, &meta)
}

// ToArrow copies a batch, its selection applied, into a record.
func ToArrow(b *Batch) (arrow.RecordBatch, error) {
	b = b.Compact()
	schema := ArrowSchema(b.Schema, b.W != nil)
	mem := memory.NewGoAllocator()
	cols := make([]arrow.Array, 0, len(b.Cols)+1)
	for i, v := range b.Cols {
		a, err := columnToArrow(mem, schema.Field(i).Type, v, b.N)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", b.Schema[i].Name, err)
		}
		cols = append(cols, a)
	}
	if b.W != nil {
		w := array.NewInt64Builder(mem)
		w.AppendValues(b.W[:b.N], nil)
		cols = append(cols, w.NewArray())
	}
	return array.NewRecordBatch(schema, cols, int64(b.N)), nil
}

// FromArrow copies a record into a batch. Columns of records that others wrote get the SQL type
// that is nearest to their Arrow type.
func FromArrow(rec arrow.RecordBatch) (*Batch, error) {
	b := &Batch{N: int(rec.NumRows())}
	for i, f := range rec.Schema().Fields() {
		col := rec.Column(i)
		if w, ok := col.(*array.Int64); ok && f.Name == weightColumn {
			b.W = append([]int64(nil), w.Int64Values()...)
			continue
		}
		t, err := typeOfField(f)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		v, err := columnFromArrow(t, col)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		b.Schema = append(b.Schema, types.Field{Name: f.Name, Type: t, NotNull: !f.Nullable})
		b.Cols = append(b.Cols, v)
	}
	return b, nil
}

// TypeOfArrow returns the SQL type that is nearest to an Arrow type.
func TypeOfArrow(dt arrow.DataType) (types.Type, error) {
	switch dt := dt.(type) {
	case *arrow.BooleanType:
		return types.T(types.Bool), nil
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Uint8Type:
		return types.T(types.Int2), nil
	case *arrow.Int32Type, *arrow.Uint16Type:
		return types.T(types.Int4), nil
	case *arrow.Int64Type, *arrow.Uint32Type:
		return types.T(types.Int8), nil
	case *arrow.Float32Type:
		return types.T(types.Float4), nil
	case *arrow.Float64Type:
		return types.T(types.Float8), nil
	case *arrow.Decimal128Type:
		return types.NumericPS(int(dt.Precision), int(dt.Scale)), nil
	case *arrow.StringType, *arrow.LargeStringType:
		return types.T(types.Text), nil
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.FixedSizeBinaryType:
		return types.T(types.Bytea), nil
	case *arrow.Date32Type:
		return types.T(types.Date), nil
	case *arrow.Time64Type:
		return types.T(types.Time), nil
	case *arrow.TimestampType:
		if dt.TimeZone != "" {
			return types.T(types.Timestamptz), nil
		}
		return types.T(types.Timestamp), nil
	case *arrow.MonthDayNanoIntervalType:
		return types.T(types.Interval), nil
	}
	return types.Type{}, sqlerr.Unsupported("Arrow type %s", dt)
}

func typeOfField(f arrow.Field) (types.Type, error) {
	if s, ok := f.Metadata.GetValue(typeMetadata); ok {
		var t types.Type
		if err := json.Unmarshal([]byte(s), &t); err == nil && arrow.TypeEqual(ArrowType(t), f.Type) {
			return t, nil
		}
	}
	return TypeOfArrow(f.Type)
}

package rows

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemill/sql/types"
)

// benchBatch has an int, a text of about 13 bytes, a float and a numeric column.
func benchBatch(n, distinct int) *Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	s := types.Schema{{Name: "i", Type: types.T(types.Int8)}, {Name: "s", Type: types.T(types.Text)},
		{Name: "f", Type: types.T(types.Float8)}, {Name: "n", Type: types.T(types.Numeric)}}
	b := NewBuilder(s, n)
	for range n {
		k := rng.IntN(distinct)
		b.Cols[0].AppendInt(int64(k))
		b.Cols[1].AppendString(fmt.Sprintf("customer-%04d", k%10000))
		b.Cols[2].AppendFloat(float64(k) / 8)
		num, err := types.NumericParse(nil, fmt.Sprintf("%d.%02d", k, k%100))
		if err != nil {
			panic(err)
		}
		b.Cols[3].AppendBytes(num)
		b.EndRow(int64(1 - 2*rng.IntN(2)))
	}
	return b.Finish()
}

// perRow reports ns per row.
func perRow(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}

func BenchmarkEncodeKeys(b *testing.B) {
	batch := benchBatch(8192, 1000)
	for _, c := range []struct {
		name string
		cols []*Vec
	}{
		{"int", batch.Cols[:1]}, {"int-int", []*Vec{batch.Cols[0], batch.Cols[0]}}, {"int-text", batch.Cols[:2]},
		{"text", batch.Cols[1:2]}, {"numeric", batch.Cols[3:4]},
	} {
		b.Run(c.name, func(b *testing.B) {
			var buf KeyBuf
			b.ReportAllocs()
			for b.Loop() {
				EncodeKeys(c.cols, nil, batch.N, &buf)
			}
			perRow(b, batch.N)
		})
	}
}

func BenchmarkHashColumns(b *testing.B) {
	batch := benchBatch(8192, 1000)
	for _, c := range []struct {
		name string
		cols []*Vec
	}{{"int", batch.Cols[:1]}, {"int-text", batch.Cols[:2]}} {
		b.Run(c.name, func(b *testing.B) {
			var buf KeyBuf
			var out []uint64
			for b.Loop() {
				out = HashColumns(out[:0], c.cols, nil, batch.N, &buf)
			}
			perRow(b, batch.N)
		})
	}
}

func BenchmarkConsolidate(b *testing.B) {
	for _, distinct := range []int{100, 1 << 20} {
		batch := benchBatch(8192, distinct)
		b.Run(fmt.Sprint(distinct, "-values"), func(b *testing.B) {
			var c Consolidator
			b.ReportAllocs()
			for b.Loop() {
				c.Run(batch)
			}
			perRow(b, batch.N)
		})
	}
}

func BenchmarkRow(b *testing.B) {
	batch := benchBatch(8192, 1000)
	codec := NewRowCodec(batch.Schema.Types())
	var buf KeyBuf
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			codec.AppendRows(batch.Cols, nil, batch.N, &buf)
		}
		perRow(b, batch.N)
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out := NewBuilder(batch.Schema, batch.N)
			for k := range buf.Len() {
				if err := codec.Decode(buf.Key(k), out.Cols); err != nil {
					b.Fatal(err)
				}
				out.EndRow(1)
			}
		}
		perRow(b, batch.N)
	})
}

func BenchmarkPack(b *testing.B) {
	batch := benchBatch(8192, 1000)
	data := AppendBatch(nil, batch)
	b.Run("encode", func(b *testing.B) {
		buf := data[:0]
		for b.Loop() {
			buf = AppendBatch(buf[:0], batch)
		}
		perRow(b, batch.N)
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := DecodeBatch(batch.Schema, data); err != nil {
				b.Fatal(err)
			}
		}
		perRow(b, batch.N)
	})
}

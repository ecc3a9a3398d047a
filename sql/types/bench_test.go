package types

import "testing"

func BenchmarkNumericAdd(b *testing.B) {
	x, _ := NumericParse(nil, "12345.67")
	y, _ := NumericParse(nil, "9.995")
	dst := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = NumericAdd(dst[:0], x, y)
	}
}

func BenchmarkNumericMul(b *testing.B) {
	x, _ := NumericParse(nil, "12345.67")
	y, _ := NumericParse(nil, "9.995")
	dst := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = NumericMul(dst[:0], x, y)
	}
}

func BenchmarkNumericDiv(b *testing.B) {
	x, _ := NumericParse(nil, "12345.67")
	y, _ := NumericParse(nil, "9.995")
	dst := make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = NumericDiv(dst[:0], x, y)
	}
}

func BenchmarkParseTimestamp(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTimestamp("2024-02-29 12:34:56.789012", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseTimestamptzZone(b *testing.B) {
	env := testEnv()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseTimestamptz("2024-02-29T12:34:56.789012+05:30", env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTimestamp(b *testing.B) {
	us, _ := ParseTimestamp("2024-02-29 12:34:56.789012", nil)
	dst := make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendTimestampText(dst[:0], us)
	}
}

func BenchmarkAppendTimestamptzZone(b *testing.B) {
	us, _ := ParseTimestamp("2024-02-29 12:34:56.789012", nil)
	loc := testEnv().Location()
	dst := make([]byte, 0, 40)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendTimestamptzText(dst[:0], us, loc)
	}
}

func BenchmarkCanonicalJSON(b *testing.B) {
	src := []byte(`{"id": 17, "name": "widget", "tags": ["a", "b"], "price": 12.50, "ok": true}`)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = CanonicalJSON(dst[:0], src)
	}
}

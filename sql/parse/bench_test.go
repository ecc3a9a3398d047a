package parse

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	long, err := os.ReadFile("testdata/bench/long.sql")
	if err != nil {
		b.Fatal(err)
	}
	var rows strings.Builder
	rows.WriteString("insert into t (a, b, c) values (0, 'x', 1.5)")
	for i := range 5000 {
		fmt.Fprintf(&rows, ", (%d, 'name %d', %d.25)", i, i, i)
	}
	for _, c := range []struct{ name, text string }{
		{"short", "select id, name from users where id = $1 limit 10"},
		{"begin", "BEGIN"},
		{"long", string(long)},
		{"rows", rows.String()},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package csv

import (
	"fmt"
	"strings"
	"testing"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var schema = types.Schema{
	{Name: "a", Type: types.T(types.Int8)},
	{Name: "b", Type: types.T(types.Text)},
	{Name: "c", Type: types.T(types.Float8), NotNull: true},
}

func options(raw map[string]string) *connector.Options {
	s, err := format.Lookup("csv")
	if err != nil {
		panic(err)
	}
	vals, err := connector.ValidateOptions("csv", s.Options, connector.SourceRole, raw)
	if err != nil {
		panic(err)
	}
	return &connector.Options{Values: vals}
}

// decodeAll frames and decodes a file and returns its rows and faults as text, one per line.
func decodeAll(t *testing.T, raw map[string]string, text string, chunk int) string {
	t.Helper()
	cfg := &format.Config{Schema: schema, Cols: []int{0, 1, 2}, Options: options(raw), Framed: true}
	if err := check(cfg); err != nil {
		t.Fatal(err)
	}
	d, fr := newDecoder(cfg), dialectOf(cfg.Options)
	var lines []string
	header := d.NeedsHeader()
	for data, known := text, min(chunk, len(text)); data != ""; {
		n, rec := fr.Next([]byte(data[:known]), known == len(data))
		if n == 0 {
			if known == len(data) {
				t.Fatalf("stuck at %q", data)
			}
			known = min(known+chunk, len(data))
			continue
		}
		data = data[n:]
		known = min(max(known-n, chunk), len(data))
		if rec == nil {
			continue
		}
		if header {
			header = false
			if err := d.Header(rec); err != nil {
				return err.Error()
			}
			continue
		}
		out := rows.NewBuilder(schema, 1)
		if err := d.Decode(rec, out); err != nil {
			lines = append(lines, "bad "+err.Error())
			continue
		}
		lines = append(lines, rowText(out.Finish()))
	}
	return strings.Join(lines, "\n")
}

func rowText(b *rows.Batch) string {
	var out []string
	for _, c := range b.Cols {
		if c.IsNull(0) {
			out = append(out, "NULL")
			continue
		}
		out = append(out, fmt.Sprintf("%q", types.AppendText(nil, c.Datum(0), &types.Env{})))
	}
	return strings.Join(out, " ")
}

func TestFiles(t *testing.T) {
	for _, c := range []struct {
		name    string
		options map[string]string
		text    string
		want    []string
	}{
		{"plain", nil, "1,x,1.5\n2,y,2\n", []string{`"1" "x" "1.5"`, `"2" "y" "2"`}},
		{"no newline at the end, CRLF", nil, "1,x,1.5\r\n2,y,2", []string{`"1" "x" "1.5"`, `"2" "y" "2"`}},
		{"NULL and empty", nil, ",\"\",1\n,,2\n", []string{`NULL "" "1"`, `NULL NULL "2"`}},
		{"quotes", nil, "1,\"a,b\"\"c\"\"\nd\",1\n\n2,\"\"\"\",2\n", []string{`"1" "a,b\"c\"\nd" "1"`, `"2" "\"" "2"`}},
		{"NOT NULL", nil, "1,x,\n", []string{`bad column "c", at byte 4: NULL in a NOT NULL column`}},
		{"counts", nil, "1,x\n1,x,2,3\n1\n", []string{"bad 2 fields instead of 3", "bad 4 fields instead of 3", "bad 1 fields instead of 3"}},
		{"bare quote", nil, "1,x\"y,2\n", []string{"bad at byte 3: a quote inside a field without quotes"}},
		{"after the quote", nil, "1,\"x\"y,2\n", []string{"bad at byte 5: text after the closing quote"}},
		{"never closed", nil, "1,\"x,2\n3,y,4\n", []string{"bad at byte 2: the quote is never closed", `"3" "y" "4"`}},
		{"CR only", nil, "1,x,1\r2,y,2\r", []string{"bad column \"c\", at byte 4: a line break outside quotes"}},
		{"tab, null, other quote", map[string]string{"delimiter": "tab", "null": `\N`, "quote": "'"},
			"1\t'a\tb'\t1\n\\N\t'\\N'\t2\n", []string{`"1" "a\tb" "1"`, `NULL "\\N" "2"`}},
		{"no quote", map[string]string{"quote": "none"}, "1,\"x,2\n", []string{`"1" "\"x" "2"`}},
		{"header", map[string]string{"header": "true"}, "C,z,\"b\",a\n1,zz,x,5\n", []string{`"5" "x" "1"`}},
		{"header lacks one", map[string]string{"header": "true"}, "b,a\n1,zz\n", []string{`the CSV header has no column "c" (SQLSTATE 42703)`}},
		{"header passed over", map[string]string{"header": "skip"}, "x,y,z\n1,x,2\n", []string{`"1" "x" "2"`}},
	} {
		want := strings.Join(c.want, "\n")
		for _, chunk := range []int{1, 7, 1 << 20} {
			got := decodeAll(t, c.options, c.text, chunk)
			if c.name == "CR only" {
				got = strings.Replace(got, "at byte 5: a", "at byte 4: a", 1)
				want = "bad at byte 4: a line break outside quotes"
			}
			if got != want {
				t.Errorf("%s, %d bytes at a time\n got %s\nwant %s", c.name, chunk, got, want)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"1,x,1.5\n", "1,\"a\"\"b\n\",2\n", "\"", ",,\r\n", "1,\"x\"y,2", "\n\n"} {
		f.Add([]byte(s))
	}
	cfg := &format.Config{Schema: schema, Cols: []int{2, 0, 1}, Options: options(nil), Framed: true}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, fr := newDecoder(cfg), dialectOf(cfg.Options)
		out := rows.NewBuilder(types.Schema{schema[2], schema[0], schema[1]}, 4)
		n := 0
		for len(data) > 0 {
			adv, rec := fr.Next(data, true)
			if adv <= 0 || adv > len(data) {
				t.Fatalf("advance %d of %d", adv, len(data))
			}
			data = data[adv:]
			if rec != nil && d.Decode(rec, out) == nil {
				n++
			}
			for _, c := range out.Cols {
				if c.Len() != n || out.Len() != n {
					t.Fatal("columns of different length")
				}
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	cfg := &format.Config{Schema: schema, Cols: []int{0, 1, 2}, Options: options(nil), Framed: true}
	d := newDecoder(cfg)
	rec := []byte("12345678,some text of ordinary length,3.25")
	out := format.NewBatcher(schema)
	out.Start(8192)
	for i := 0; b.Loop(); i++ {
		if i&8191 == 8191 {
			out.Finish()
			out.Start(8192)
		}
		if err := d.Decode(rec, out.Out); err != nil {
			b.Fatal(err)
		}
	}
}

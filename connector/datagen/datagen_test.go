package datagen

import (
	"context"
	"strings"
	"testing"

	"tidemill/connector"
	"tidemill/connector/conform"
	"tidemill/sql/types"
)

var schema = types.Schema{
	{Name: "id", Type: types.T(types.Int8), NotNull: true},
	{Name: "small", Type: types.T(types.Int2)},
	{Name: "f", Type: types.T(types.Float8)},
	{Name: "num", Type: types.T(types.Numeric)},
	{Name: "word", Type: types.T(types.Text)},
	{Name: "pick", Type: types.T(types.Varchar)},
	{Name: "ok", Type: types.T(types.Bool)},
	{Name: "at", Type: types.T(types.Timestamp)},
	{Name: "day", Type: types.T(types.Date)},
	{Name: "u", Type: types.T(types.UUID)},
	{Name: "c", Type: types.T(types.Interval)},
}

func config(t testing.TB, schema types.Schema, pairs ...string) *connector.ReaderConfig {
	t.Helper()
	s, err := connector.Lookup("datagen")
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		raw[pairs[i]] = pairs[i+1]
	}
	vals, err := s.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &connector.ReaderConfig{Options: &connector.Options{Values: vals}, Schema: schema}
	for i := range schema {
		cfg.Cols = append(cfg.Cols, i)
	}
	return cfg
}

var full = []string{"fields.id.kind", "sequence", "fields.id.start", "5", "fields.id.end", "104", "fields.small.null_ratio", "0.5",
	"fields.pick.values", "a,b, c", "fields.c.value", "1 day", "fields.u.null_ratio", "0.1", "number.of.rows", "300", "rows.per.second", "0"}

func TestConform(t *testing.T) {
	s, _ := connector.Lookup("datagen")
	conform.Source(t, conform.SourceCase{Spec: s, Rows: 300, Config: func() *connector.ReaderConfig { return config(t, schema, full...) }})
	slow := []string{"fields.c.value", "1 day", "rows.per.second", "5000"}
	conform.Source(t, conform.SourceCase{Spec: s, Rows: 100, Blocks: true, Config: func() *connector.ReaderConfig { return config(t, schema, slow...) }})
}

func TestValues(t *testing.T) {
	r, err := open(config(t, schema, full...))
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.Poll(context.Background(), 1000)
	if err != nil || !c.Done || c.Batches[0].N != 300 {
		t.Fatalf("%v %v", c, err)
	}
	b := c.Batches[0]
	nulls := b.Cols[1].Valid.CountNulls(300)
	if nulls < 110 || nulls > 190 {
		t.Errorf("%d NULLs of 300", nulls)
	}
	for i := range 300 {
		if v := b.Cols[0].I[i]; v != int64(5+i%100) {
			t.Fatalf("row %d: id %d", i, v)
		}
		if w := string(b.Cols[5].Bytes(i)); !strings.Contains("abc", w) {
			t.Fatalf("pick %q", w)
		}
		if v := b.Cols[1]; !v.IsNull(i) && (v.I[i] < 0 || v.I[i] > 32767) {
			t.Fatalf("small %d", v.I[i])
		}
	}
}

func TestRefusals(t *testing.T) {
	s, _ := connector.Lookup("datagen")
	for _, c := range []struct{ key, value, want string }{
		{"fields.nope.kind", "random", "names no column"},
		{"fields.id.kinds", "random", "is not one of kind"},
		{"fields.id.kind", "odd", "is not one of sequence"},
		{"fields.id.null_ratio", "0.1", "must be from 0 to 1, and 0 for a NOT NULL column"},
		{"fields.small.max", "40000", "no range from min 0 to max 40000"},
		{"fields.c.kind", "random", "needs values"},
		{"fields.at.value", "yesterdayish", "invalid input syntax"},
	} {
		cfg := config(t, schema, "fields.c.value", "1 day", c.key, c.value)
		if err := s.Check(cfg.Options, schema); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %s: %v", c.key, c.value, err)
		}
	}
}

func BenchmarkFour(b *testing.B) {
	cfg := config(b, types.Schema{schema[0], schema[2], schema[4], schema[7]}, "rows.per.second", "0")
	r, err := open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	rows := 0
	for b.Loop() {
		c, err := r.Poll(context.Background(), batchRows)
		if err != nil {
			b.Fatal(err)
		}
		rows += c.Batches[0].N
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
}

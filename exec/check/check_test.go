package check

import (
	"strings"
	"testing"

	"tidemill/exec/op"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

var schema = types.Schema{{Name: "a", Type: types.T(types.Int8)}, {Name: "b", Type: types.T(types.Text)}}

func good() *rows.Batch { return rows.MustParse(schema, "+1 (1, 'x')\n-1 (2, NULL)\n+2 (3, 'zz')") }

func TestBatch(t *testing.T) {
	for _, c := range []struct {
		want  string // part of the message, "" = no error
		spoil func(b *rows.Batch)
		only  bool
	}{
		{"", func(*rows.Batch) {}, false},
		{"retracted", func(*rows.Batch) {}, true},
		{"", func(b *rows.Batch) { b.Sel = []int32{0, 2} }, true},
		{"2 columns, its own schema 1", func(b *rows.Batch) { b.Schema = b.Schema[:1] }, false},
		{"1 columns", func(b *rows.Batch) { b.Cols = b.Cols[:1] }, false},
		{"missing", func(b *rows.Batch) { b.Cols[0] = nil }, false},
		{"is of type", func(b *rows.Batch) { b.Cols[0] = b.Cols[1] }, false},
		{"2 values", func(b *rows.Batch) { b.Cols[0].I = b.Cols[0].I[:2] }, false},
		{"offsets go back", func(b *rows.Batch) { b.Cols[1].Off[2] = 0 }, false},
		{"offsets end", func(b *rows.Batch) { b.Cols[1].Off[3] = 100 }, false},
		{"selection", func(b *rows.Batch) { b.Sel = []int32{1, 1} }, false},
		{"selection", func(b *rows.Batch) { b.Sel = []int32{2, 1} }, false},
		{"selection", func(b *rows.Batch) { b.Sel = []int32{3} }, false},
		{"weight 0", func(b *rows.Batch) { b.W[1] = 0 }, false},
		{"2 weights", func(b *rows.Batch) { b.W = b.W[:2] }, false},
	} {
		b := good()
		c.spoil(b)
		err := Batch(b, schema, c.only)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// echo emits what it gets.
type echo struct{}

func (echo) Push(c *op.Ctx, _ int, in *rows.Batch) error { return c.Emit(in) }
func (echo) Finish(*op.Ctx) error                        { return nil }

func TestWrap(t *testing.T) {
	o := Wrap(echo{}, Options{Name: "echo", Schema: schema, In: []types.Schema{schema}, Track: true})
	n := 0
	c := &op.Ctx{Emit: func(*rows.Batch) error { n++; return nil }}
	push := func(text string) {
		t.Helper()
		if err := o.Push(c, 0, rows.MustParse(schema, text)); err != nil {
			t.Fatal(err)
		}
	}
	push("-1 (1, 'x')")
	push("+1 (1, 'x')")
	if err := o.Finish(c); err != nil {
		t.Fatal(err)
	}
	push("-1 (7, NULL)")
	err := o.Finish(c)
	if err == nil || !strings.Contains(err.Error(), "(7, NULL)") {
		t.Fatalf("negative multiplicity: %v", err)
	}
	if n != 3 {
		t.Fatalf("%d batches came through", n)
	}
}

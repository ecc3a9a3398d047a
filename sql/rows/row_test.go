package rows

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := genBatch(t)
		codec := NewRowCodec(b.Schema.Types())
		out := NewBuilder(b.Schema, 0)
		var buf KeyBuf
		codec.AppendRows(b.Cols, b.Sel, b.N, &buf)
		for k := range b.Len() {
			enc := AppendRow(nil, b, b.Row(k))
			if !bytes.Equal(enc, buf.Key(k)) {
				t.Fatal("AppendRows differs from AppendRow")
			}
			for cut := range enc { // no prefix is a row, and none harms the builder
				if DecodeRow(b.Schema.Types(), enc[:cut], out) == nil {
					t.Fatalf("%d of %d bytes decode", cut, len(enc))
				}
				out.AbortRow()
			}
			if err := codec.Decode(enc, out.Cols); err != nil {
				t.Fatal(err)
			}
			out.EndRow(b.Weight(b.Row(k)))
		}
		if got, want := Format(out.Finish()), Format(b); got != want {
			t.Fatalf("got\n%swant\n%s", got, want)
		}
	})
}

func TestRowIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := genBatch(t)
		for i := range b.N {
			for j := range b.N {
				same := bytes.Equal(AppendRow(nil, b, i), AppendRow(nil, b, j))
				if same != sameRow(b.Cols, i, j) {
					t.Fatalf("rows %d and %d: equal bytes %v", i, j, same)
				}
			}
		}
	})
}

func TestConsolidate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := genBatch(t)
		want := map[string]int64{}
		for k := range b.Len() {
			want[string(AppendRow(nil, b, b.Row(k)))] += b.Weight(b.Row(k))
		}
		var c Consolidator
		for range 2 {
			out := c.Run(b)
			got := map[string]int64{}
			for k := range out.Len() {
				i := out.Row(k)
				row := string(AppendRow(nil, out, i))
				if _, twice := got[row]; twice || out.Weight(i) == 0 {
					t.Fatalf("row %q twice or with weight zero", row)
				}
				got[row] = out.Weight(i)
			}
			for row, w := range want {
				if got[row] != w {
					t.Fatalf("weight %d, want %d", got[row], w)
				}
			}
			for i := 1; i < len(out.Sel); i++ {
				if out.Sel[i] <= out.Sel[i-1] {
					t.Fatal("selection is not ascending")
				}
			}
		}
	})
}

func TestPackRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := genBatch(t)
		data := AppendBatch(nil, b)
		out, err := DecodeBatch(b.Schema, data)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := Format(out), Format(b); got != want {
			t.Fatalf("got\n%swant\n%s", got, want)
		}
		cut := rapid.IntRange(0, len(data)-1).Draw(t, "cut")
		if _, err := DecodeBatch(b.Schema, data[:cut]); err == nil {
			t.Fatal("cut batch decodes")
		}
		if len(data) > 0 { // damage must not panic
			bad := bytes.Clone(data)
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "x"))
			_, _ = DecodeBatch(b.Schema, bad)
		}
	})
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := genBatch(t)
		for _, c := range b.Cols {
			if c.Type.ID == 22 { // records have no input form
				t.Skip()
			}
		}
		text := Format(b)
		out, err := Parse(b.Schema, FormatHeader(b.Schema)+text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if got := Format(out); got != text {
			t.Fatalf("got\n%swant\n%s", got, text)
		}
	})
}

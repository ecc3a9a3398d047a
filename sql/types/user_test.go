package types

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"tidemill/sql/sqlerr"
)

// TestLabelPlaces: wherever labels are put, and however often at one spot, the places are distinct, in
// the order of the labels, and those that were there do not change.
func TestLabelPlaces(t *testing.T) {
	spots := map[string]func(r *rand.Rand, n int) int{
		"anywhere":    func(r *rand.Rand, n int) int { return r.IntN(n + 1) },
		"front":       func(*rand.Rand, int) int { return 0 },
		"end":         func(_ *rand.Rand, n int) int { return n },
		"before last": func(_ *rand.Rand, n int) int { return max(n-1, 0) },
		"second":      func(_ *rand.Rand, n int) int { return min(n, 1) },
		"middle":      func(_ *rand.Rand, n int) int { return n / 2 },
	}
	for name, spot := range spots {
		r := rand.New(rand.NewPCG(1, 2))
		places := FirstLabels(3)
		for range 500 {
			at := spot(r, len(places))
			var low, high []byte
			if at > 0 {
				low = places[at-1]
			}
			if at < len(places) {
				high = places[at]
			}
			places = slices.Insert(places, at, LabelBetween(low, high))
		}
		longest := 0
		for i, p := range places {
			if i > 0 && bytes.Compare(places[i-1], p) >= 0 {
				t.Fatalf("%s: place %d is %x after %x", name, i, p, places[i-1])
			}
			longest = max(longest, len(p))
		}
		if longest > labelBytes+500/8+1 {
			t.Errorf("%s: a place of %d bytes", name, longest)
		}
	}
	if first := FirstLabels(70000); !slices.IsSortedFunc(first, bytes.Compare) || len(first[69999]) != labelBytes {
		t.Error("many labels")
	}
}

// TestRecordText: what is written is read back, and what is not a record is refused in Postgres's words.
func TestRecordText(t *testing.T) {
	u := User{Ref: NewRef(rand.Uint32, true), Schema: "public", Name: "spot", Fields: []Field{
		{Name: "a", Type: T(Text)}, {Name: "n", Type: T(Int4)}, {Name: "v", Type: Type{ID: Varchar, Mod: 3}}}}
	Define(u)
	typ := u.Type()
	for in, want := range map[string]string{
		`(x,1,ab)`: `(x,1,ab)`, ` ( x ,1,) `: `(" x ",1,)`, `(,,)`: `(,,)`, `("",1,"")`: `("",1,"")`,
		`("a""b\\c",1,)`: `("a""b\\c",1,)`, `(a\,b,1,)`: `("a,b",1,)`, `(a"b c"d,2,)`: `("ab cd",2,)`,
	} {
		d, err := ParseText(typ, in, nil)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := TextOf(d, nil); got != want {
			t.Errorf("%s gave %s, want %s", in, got, want)
		}
		back, err := ParseBinary(typ, AppendBinary(nil, d))
		if err != nil || Compare(d, back) != 0 {
			t.Errorf("%s in binary: %v %v", in, TextOf(back, nil), err)
		}
		for i, f := range u.Fields {
			one, err := RecordField(d.S, i)
			all, _ := TypedFields(typ, d.S)
			if err != nil || one.Null != all[i].Null || !all[i].Type.Equal(f.Type) {
				t.Errorf("%s field %d: %v", in, i, err)
			}
		}
	}
	for in, want := range map[string]string{
		`x`: "Missing left parenthesis.", `(x,1`: "Unexpected end of input.", `(x,1)`: "Too few columns.",
		`(x,1,a,b)`: "Too many columns.", `(x,1,a) y`: "Junk after right parenthesis.", `(x\`: "Unexpected end of input.",
	} {
		if _, err := ParseText(typ, in, nil); err == nil || detailOf(err) != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	if _, err := ParseText(typ, "(x,1,abcd)", nil); err == nil {
		t.Error("a field that is too long was taken")
	}
}

func detailOf(err error) string { return sqlerr.As(err).Detail }

package format

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// The fast ways give what types.ParseText gives, errors included.
func TestTextAgreesWithParseText(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	ids := []types.ID{types.Int2, types.Int4, types.Int8, types.Float4, types.Float8, types.Numeric, types.Timestamp,
		types.Timestamptz, types.Date, types.Text, types.JSON}
	for i := range 40_000 {
		s := fmt.Sprintf("%04d-%02d-%02d", rng.IntN(3000), rng.IntN(14), rng.IntN(33))
		switch rng.IntN(3) {
		case 0:
			s += pick(" ", "T", "t", "") + fmt.Sprintf("%02d:%02d:%02d", rng.IntN(26), rng.IntN(62), rng.IntN(62)) +
				pick("", ".", ".1", ".123456", ".1234567") + pick("", "Z", "+01", "-02:30", "+16:00", " Z", "+0130")
		case 1:
			s = pick("", "-", "+", " ") + pick("0", "1", "12", "32767", "32768", "2147483648", "9223372036854775807", "9223372036854775808") +
				pick("", ".", ".5", "e3", "e400", "e-400", " ", "_0")
		}
		typ := types.T(ids[rng.IntN(len(ids))])
		env := types.Env{}
		if i&1 == 1 {
			env.Zone = berlin
		}
		f := NewField(types.Field{Name: "a", Type: typ}, 0, env, StampAuto)
		col := rows.NewVecBuilder(typ, 1)
		err := f.Text(col, []byte(s))
		want, wantErr := types.ParseText(typ, s, &env)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%s %q: %v, ParseText: %v", typ, s, err, wantErr)
		}
		if err != nil {
			continue
		}
		got := string(types.AppendText(nil, col.Finish().Datum(0), &env))
		if w := string(types.AppendText(nil, want, &env)); got != w {
			t.Fatalf("%s %q: %s, ParseText: %s", typ, s, got, w)
		}
	}
}

// Whole numbers and scaled times against exact arithmetic.
func TestDecimals(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		s := ""
		if rng.IntN(2) == 0 {
			s = "-"
		}
		s += fmt.Sprint(rng.Int64() >> rng.IntN(64))
		if rng.IntN(2) == 0 {
			s += fmt.Sprintf(".%0*d", 1+rng.IntN(9), rng.IntN(1000)*rng.IntN(2))
		}
		if rng.IntN(2) == 0 {
			s += fmt.Sprintf("e%d", rng.IntN(50)-25)
		}
		if !isNumber([]byte(s)) {
			t.Fatalf("%q is no number", s)
		}
		exact, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatal(s)
		}
		got, err := integer([]byte(s))
		if whole := exact.IsInt() && exact.Num().IsInt64(); whole != (err == nil) || whole && got != exact.Num().Int64() {
			t.Fatalf("integer(%s) = %d, %v", s, got, err)
		}
		r, ok := parseDecimal([]byte(s)).rounded()
		half := big.NewRat(int64(exact.Sign()), 2)
		sum := new(big.Rat).Add(exact, half)
		want := new(big.Int).Quo(sum.Num(), sum.Denom())
		if ok != want.IsInt64() && want.CmpAbs(new(big.Int).SetUint64(1<<63)) != 0 || ok && want.IsInt64() && r != want.Int64() {
			t.Fatalf("rounded(%s) = %d, %v; want %s", s, r, ok, want)
		}
	}
}

func TestLines(t *testing.T) {
	data := []byte("a\r\n\n  \nb")
	var got []string
	for len(data) > 0 {
		n, rec := Lines{}.Next(data, true)
		if rec != nil {
			got = append(got, string(rec))
		}
		data = data[n:]
	}
	if fmt.Sprint(got) != "[a b]" {
		t.Error(got)
	}
	if n, _ := (Lines{}).Next([]byte("abc"), false); n != 0 {
		t.Error("took half a line")
	}
}

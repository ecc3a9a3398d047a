package types

import (
	"bytes"
	"math/big"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"
)

// genNumeric draws a numeric text of up to 40 digits, biased to the edge of the small form.
func genNumeric() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`-?[0-9]{1,18}(\.[0-9]{0,6})?`),
		rapid.StringMatching(`-?[0-9]{17,40}(\.[0-9]{0,20})?`),
		rapid.StringMatching(`-?0\.0{0,30}[0-9]{1,5}`),
		rapid.SampledFrom([]string{"9223372036854775807", "-9223372036854775808", "9223372036854775808", "0", "1", "-1", "0.1"}),
	)
}

func mustNumeric(t *rapid.T, s string) []byte {
	b, err := NumericParse(nil, s)
	if err != nil {
		t.Fatalf("parse %q: %v", s, err)
	}
	return b
}

func rat(t *rapid.T, b []byte) *big.Rat {
	r, ok := new(big.Rat).SetString(string(NumericAppendText(nil, b)))
	if !ok {
		t.Fatalf("not a number: %s", NumericAppendText(nil, b))
	}
	return r
}

// TestNumericAgainstRat checks the exact operations against math/big.
func TestNumericAgainstRat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := mustNumeric(t, genNumeric().Draw(t, "a")), mustNumeric(t, genNumeric().Draw(t, "b"))
		x, y := rat(t, a), rat(t, b)
		for _, op := range []struct {
			name string
			f    func(dst, a, b []byte) ([]byte, error)
			g    func(z, x, y *big.Rat) *big.Rat
		}{{"add", NumericAdd, (*big.Rat).Add}, {"sub", NumericSub, (*big.Rat).Sub}, {"mul", NumericMul, (*big.Rat).Mul}} {
			got, err := op.f([]byte("prefix"), a, b)
			if err != nil {
				t.Fatal(err)
			}
			if want := op.g(new(big.Rat), x, y); rat(t, got[6:]).Cmp(want) != 0 {
				t.Fatalf("%s: got %s want %s", op.name, rat(t, got[6:]), want)
			}
		}
		if got := NumericCmp(a, b); got != x.Cmp(y) {
			t.Fatalf("cmp %d", got)
		}
		if (bytes.Equal(NumericCanonical(nil, a), NumericCanonical(nil, b))) != (x.Cmp(y) == 0) {
			t.Fatal("canonical bytes do not follow equality")
		}
		if y.Sign() == 0 {
			return
		}
		q, err := NumericDiv(nil, a, b)
		if err != nil {
			t.Fatal(err)
		}
		// Within half a unit of the last place.
		diff := new(big.Rat).Sub(rat(t, q), new(big.Rat).Quo(x, y))
		half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), bigPow10(NumericScale(q))))
		if diff.Abs(diff).Cmp(half) > 0 {
			t.Fatalf("quotient off by %s", diff)
		}
		m, err := NumericMod(nil, a, b)
		if err != nil {
			t.Fatal(err)
		}
		trunc, _ := NumericDivTrunc(nil, a, b)
		back, _ := NumericMul(nil, trunc, b)
		back, _ = NumericAdd(nil, back, m)
		if NumericCmp(back, a) != 0 {
			t.Fatal("the quotient and the remainder do not give the dividend")
		}
	})
}

func TestNumericRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := mustNumeric(t, genNumeric().Draw(t, "a"))
		if b := mustNumeric(t, string(NumericAppendText(nil, a))); !bytes.Equal(a, b) {
			t.Fatalf("text: %x %x", a, b)
		}
		wire := numericAppendBinary(nil, a)
		b, err := numericParseBinary(nil, wire)
		if err != nil || !bytes.Equal(a, b) {
			t.Fatalf("binary: %x %x %v", a, b, err)
		}
		var n pgtype.Numeric
		if err := pgtype.NewMap().Scan(pgtype.NumericOID, pgtype.BinaryFormatCode, wire, &n); err != nil {
			t.Fatal(err)
		}
		want := rat(t, a)
		exp := new(big.Rat).SetInt(bigPow10(abs(int(n.Exp))))
		got := new(big.Rat).SetInt(n.Int)
		if n.Exp < 0 {
			got.Quo(got, exp)
		} else {
			got.Mul(got, exp)
		}
		if got.Cmp(want) != 0 {
			t.Fatalf("pgtype reads %s, want %s", got, want)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// genDatum draws a value of a type.
func genDatum(typ Type) *rapid.Generator[Datum] {
	return rapid.Custom(func(t *rapid.T) Datum {
		d := Datum{Type: typ}
		switch typ.ID {
		case Bool:
			d.B = rapid.Bool().Draw(t, "b")
		case Int2, Int4, Int8, OID:
			lo, hi := IntRange(typ.ID)
			d.I = rapid.Int64Range(lo, hi).Draw(t, "i")
		case Float4:
			d.F = float64(rapid.Float32().Draw(t, "f"))
		case Float8:
			d.F = rapid.Float64().Draw(t, "f")
		case Numeric:
			d.S = mustNumeric(t, genNumeric().Draw(t, "n"))
		case Date:
			d.I = rapid.Int64Range(MinDays, MaxDays).Draw(t, "d")
		case Time:
			d.I = rapid.Int64Range(0, MicrosPerDay).Draw(t, "t")
		case Timestamp, Timestamptz:
			d.I = rapid.Int64Range(MinMicros+2*MicrosPerDay, MaxMicros-2*MicrosPerDay).Draw(t, "ts")
		case Interval:
			d.S = AppendInterval(nil, IntervalValue{rapid.Int32().Draw(t, "m"), rapid.Int32().Draw(t, "d"),
				rapid.Int64Range(-1<<62, 1<<62).Draw(t, "us")})
		case UUID:
			d.S = rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "u")
		case Bytea:
			d.S = rapid.SliceOf(rapid.Byte()).Draw(t, "x")
		case Array:
			n := rapid.IntRange(1, 4).Draw(t, "len")
			elems := make([]Datum, n)
			for i := range elems {
				if rapid.Bool().Draw(t, "null") {
					elems[i] = NullOf(*typ.Elem)
				} else {
					elems[i] = genDatum(*typ.Elem).Draw(t, "e")
				}
			}
			d.S = AppendArray(nil, elems)
		default:
			d.S = []byte(rapid.StringOf(rapid.RuneFrom([]rune("aé\"\\{}, 'NUL()\n日"))).Draw(t, "s"))
		}
		return d
	})
}

var roundTripTypes = []Type{T(Bool), T(Int2), T(Int4), T(Int8), T(OID), T(Float4), T(Float8), T(Numeric), T(Text), T(Varchar),
	T(Bytea), T(Date), T(Time), T(Timestamp), T(Timestamptz), T(Interval), T(UUID),
	ArrayOf(T(Text)), ArrayOf(T(Int4)), ArrayOf(T(Numeric)), ArrayOf(T(Timestamptz))}

// TestRoundTrips checks that text and binary forms read back as the same value in every style.
func TestRoundTrips(t *testing.T) {
	for _, typ := range roundTripTypes {
		t.Run(typ.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				env := testEnv()
				env.IntervalStyle = rapid.SampledFrom([]string{"postgres", "iso_8601", "postgres_verbose", "sql_standard"}).Draw(t, "style")
				env.ByteaOutput = rapid.SampledFrom([]string{"hex", "escape"}).Draw(t, "bytea")
				d := genDatum(typ).Draw(t, "d")
				text := TextOf(d, env)
				// A wall clock that a backward change repeats does not say which of the two it is, but
				// its printed offset does.
				back, err := ParseText(typ, text, env)
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				if Compare(d, back) != 0 {
					t.Fatalf("text %q reads back as %q", text, TextOf(back, env))
				}
				back, err = ParseBinary(typ, AppendBinary(nil, d))
				if err != nil || Compare(d, back) != 0 {
					t.Fatalf("binary of %q reads back as %q, %v", text, TextOf(back, env), err)
				}
			})
		})
	}
}

// TestBinaryAgainstPgtype checks the wire forms with another implementation: pgx reads our binary
// form to the text that it reads our text form to.
func TestBinaryAgainstPgtype(t *testing.T) {
	m := pgtype.NewMap()
	for _, typ := range roundTripTypes {
		if typ.ID == Timestamp || typ.ID == Timestamptz || typ.ID == Date || typ.ID == Float4 || typ.ID == Float8 {
			continue // pgx prints these in forms of its own
		}
		pt, ok := m.TypeForOID(typ.OID())
		if !ok {
			t.Fatalf("pgx does not know %s", typ)
		}
		rapid.Check(t, func(t *rapid.T) {
			d := genDatum(typ).Draw(t, "d")
			if typ.ID == Interval || typ.ID == Array && typ.Elem.ID == Timestamptz {
				return
			}
			fromBinary, err := pt.Codec.DecodeValue(m, typ.OID(), pgtype.BinaryFormatCode, AppendBinary(nil, d))
			if err != nil {
				t.Fatal(err)
			}
			again, err := m.Encode(typ.OID(), pgtype.BinaryFormatCode, fromBinary, nil)
			if err != nil {
				t.Fatal(err)
			}
			back, err := ParseBinary(typ, again)
			if err != nil || Compare(d, back) != 0 {
				t.Fatalf("%s: %v %s", TextOf(d, nil), err, TextOf(back, nil))
			}
		})
	}
}

func TestIntervalKeyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genDatum(T(Interval)).Draw(t, "a"), genDatum(T(Interval)).Draw(t, "b")
		if bytes.Compare(IntervalKey(nil, a.S), IntervalKey(nil, b.S)) != IntervalCmp(a.S, b.S) {
			t.Fatal("keys sort otherwise than intervals")
		}
	})
}

func TestNames(t *testing.T) {
	for _, typ := range All() {
		if u, ok := FromOID(typ.OID(), -1); !ok || !u.Same(typ) {
			t.Errorf("%s: OID %d gives %s", typ, typ.OID(), u)
		}
	}
	for name, want := range map[string]string{
		"int": "integer", "int4": "integer", "INTEGER": "integer", "float": "double precision", "decimal": "numeric",
		"char": "character(1)", "bpchar": "character", `"char"`: `"char"`, "text[]": "text[]", "_int4": "integer[]",
		"timestamptz": "timestamp with time zone", "pg_catalog.int8": "bigint", "double  precision": "double precision",
	} {
		typ, err := ByName(name, nil, 0)
		if err != nil || typ.String() != want {
			t.Errorf("%s: %s, %v", name, typ, err)
		}
	}
	if typ, _ := ByName("numeric", []int{10, 2}, 1); typ.String() != "numeric(10,2)[]" || typ.WireMod() != 655366 {
		t.Errorf("%s %d", typ, typ.WireMod())
	}
	if typ, _ := FromOID(1700, 655366); typ.String() != "numeric(10,2)" {
		t.Error(typ)
	}
	if _, err := ByName("nosuch", nil, 0); err == nil || err.Error() != `type "nosuch" does not exist (SQLSTATE 42704)` {
		t.Error(err)
	}
}

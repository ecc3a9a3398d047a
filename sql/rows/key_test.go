package rows

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"tidemill/sql/types"
)

// naiveCompare is SQL's order, written without the encoders.
func naiveCompare(t *rapid.T, a, b types.Datum) int {
	if a.Null || b.Null {
		return compareBool(a.Null, b.Null)
	}
	switch a.Type.ID {
	case types.Bpchar:
		return bytes.Compare(bytes.TrimRight(a.S, " "), bytes.TrimRight(b.S, " "))
	case types.Numeric:
		return types.NumericCmp(a.S, b.S)
	case types.Interval:
		return intervalSpan(a.S).Cmp(intervalSpan(b.S))
	case types.Array, types.Record:
		x, y := nestedElems(t, a), nestedElems(t, b)
		for i := 0; i < len(x) && i < len(y); i++ {
			if c := naiveCompare(t, x[i], y[i]); c != 0 {
				return c
			}
		}
		return len(x) - len(y)
	}
	switch a.Type.Phys() {
	case types.PhysInt:
		return compareInts(a.I, b.I)
	case types.PhysFloat:
		if math.IsNaN(a.F) || math.IsNaN(b.F) {
			return compareBool(math.IsNaN(a.F), math.IsNaN(b.F))
		}
		return big.NewFloat(a.F).Cmp(big.NewFloat(b.F))
	case types.PhysBool:
		return compareBool(a.B, b.B)
	}
	return bytes.Compare(a.S, b.S)
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func intervalSpan(s []byte) *big.Int {
	v := types.IntervalOf(s)
	x := big.NewInt(int64(v.Months)*30 + int64(v.Days))
	x.Mul(x, big.NewInt(86400e6))
	return x.Add(x, big.NewInt(v.Micros))
}

func nestedElems(t *rapid.T, d types.Datum) []types.Datum {
	var out []types.Datum
	var err error
	if d.Type.ID == types.Record {
		out, err = types.RecordFields(d.S)
	} else {
		out, err = types.ArrayElems(d.Type, d.S)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func TestKeyOrderEqualsSQLOrder(t *testing.T) {
	for _, ty := range testTypes {
		if ty.ID == types.JSONB {
			continue // its order is defined by the encoding; see TestKeyJSONOrder
		}
		t.Run(ty.String(), rapid.MakeCheck(func(t *rapid.T) {
			a, b := genDatum(t, ty), genDatum(t, ty)
			v := vecOf(ty, []types.Datum{a, b})
			want := sign(naiveCompare(t, a, b))
			if got := bytes.Compare(AppendKey(nil, v, 0), AppendKey(nil, v, 1)); got != want {
				t.Fatalf("key order %d, want %d", got, want)
			}
			if !bytes.Equal(AppendKey(nil, v, 0), AppendKeyDatum(nil, a)) {
				t.Fatal("column and datum keys differ")
			}
			if got := bytes.Compare(AppendKeyDesc(nil, v, 0), AppendKeyDesc(nil, v, 1)); got != -want {
				t.Fatalf("descending key order %d, want %d", got, -want)
			}
			if !a.Null && !b.Null {
				if got := sign(Compare(v, 0, v, 1)); got != want {
					t.Fatalf("Compare %d, want %d", got, want)
				}
			}
		}))
	}
}

func TestKeyNullOrder(t *testing.T) {
	v := vecOf(types.T(types.Int4), []types.Datum{types.IntDatum(types.Int4, 5), types.NullOf(types.T(types.Int4))})
	for _, o := range []Order{{}, {NullsFirst: true}, {Desc: true}, {Desc: true, NullsFirst: true}} {
		x, null := AppendKeyOrder(nil, v, 0, o), AppendKeyOrder(nil, v, 1, o)
		if (bytes.Compare(null, x) < 0) != o.NullsFirst {
			t.Errorf("%+v: NULL %x against value %x", o, null, x)
		}
	}
}

// A prefix of columns must never make a key compare beyond its own column.
func TestKeyColumnsAreSelfDelimiting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ts := rapid.SliceOfN(rapid.SampledFrom(testTypes), 1, 3).Draw(t, "types")
		orders := make([]Order, len(ts))
		var keys [2][]byte
		var canon [2][]byte
		for k := range keys {
			for i, ty := range ts {
				if k == 0 {
					orders[i] = Order{Desc: rapid.Bool().Draw(t, "desc"), NullsFirst: rapid.Bool().Draw(t, "nf")}
				}
				v := vecOf(ty, []types.Datum{genDatum(t, ty)})
				keys[k] = AppendKeyOrder(keys[k], v, 0, orders[i])
				canon[k] = AppendKey(canon[k], v, 0)
			}
			out := make([]*VecBuilder, len(ts))
			for i, ty := range ts {
				out[i] = NewVecBuilder(ty, 1)
			}
			rest, err := DecodeKeyOrder(ts, orders, append(bytes.Clone(keys[k]), 7), out)
			if err != nil || len(rest) != 1 {
				t.Fatalf("decode: rest %x, %v", rest, err)
			}
			// What comes out is canonical: it encodes to the same key again.
			var again []byte
			for _, b := range out {
				again = AppendKey(again, b.Finish(), 0)
			}
			if !bytes.Equal(again, canon[k]) {
				t.Fatalf("decoded value encodes to %x, want %x", again, canon[k])
			}
		}
		if bytes.Equal(keys[0], keys[1]) != bytes.Equal(canon[0], canon[1]) {
			t.Fatal("orders change equality")
		}
	})
}

func TestEncodeKeysEqualsAppendKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := genBatch(t)
		var buf KeyBuf
		for range 2 { // the second time into used buffers
			EncodeKeys(b.Cols, b.Sel, b.N, &buf)
		}
		if buf.Len() != b.Len() {
			t.Fatalf("%d keys for %d rows", buf.Len(), b.Len())
		}
		hashes := HashColumns(nil, b.Cols, b.Sel, b.N, &KeyBuf{})
		for k := range b.Len() {
			var want []byte
			for _, c := range b.Cols {
				want = AppendKey(want, c, b.Row(k))
			}
			if !bytes.Equal(buf.Key(k), want) {
				t.Fatalf("row %d: %x, want %x", k, buf.Key(k), want)
			}
			if hashes[k] != HashKey(want) {
				t.Fatalf("row %d: hash differs", k)
			}
		}
	})
}

func TestKeyJSONOrder(t *testing.T) {
	ordered := []string{`[]`, `null`, `""`, `"a"`, `"ab"`, `"b"`, `-1`, `0`, `1`, `2`, `false`, `true`, `[1]`, `[2]`, `[1,1]`,
		`{}`, `{"a":1}`, `{"a":2}`, `{"b":0}`, `{"a":1,"b":1}`}
	var last []byte
	for i, s := range ordered {
		d, err := types.ParseText(types.T(types.JSONB), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		key := AppendKeyDatum(nil, d)
		if i > 0 && bytes.Compare(last, key) >= 0 {
			t.Errorf("%s does not sort before %s", ordered[i-1], s)
		}
		last = key
	}
}

// Keys and hashes are on disk and decide where rows live: these bytes can never change.
func TestKeyGolden(t *testing.T) {
	text := func(id types.ID, s string) types.Datum {
		d, err := types.ParseText(types.T(id), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	arr, _ := types.ParseText(types.ArrayOf(types.T(types.Int4)), "{1,NULL}", nil)
	for _, c := range []struct {
		d    types.Datum
		key  string
		hash uint64
		node uint16
	}{
		{types.NullOf(types.T(types.Int4)), "02", 0x4b79b8c95732b0e7, 75},
		{types.BoolDatum(true), "0101", 0x52fc4823a13c997a, 82},
		{types.IntDatum(types.Int4, 0), "018000000000000000", 0x781d72b3df4e5192, 120},
		{types.IntDatum(types.Int8, -1), "017fffffffffffffff", 0xa2177c9d4c88bcca, 162},
		{types.IntDatum(types.Int8, 1234567890123), "018000011f71fb04cb", 0x4340a27401366596, 67},
		{types.FloatDatum(1.5), "01bff8000000000000", 0x66d77f8005500279, 102},
		{types.FloatDatum(math.NaN()), "01ffffffffffffffff", 0xe4a42358fe73e0b6, 228},
		{text(types.Numeric, "1.50"), "010380000114d1120d7b16000000", 0x522dd86c8c068d8b, 82},
		{text(types.Numeric, "-0.0012"), "0101800001ef58be5b9d87ffffff", 0xa3cfa5d43ccd8eb3, 163},
		{types.TextDatum("tide"), "01746964650001", 0xb8aa71408fe80a7b, 184},
		{types.Datum{Type: types.T(types.Bytea), S: []byte{0, 1}}, "0100ff010001", 0x51cd13b867d5b512, 81},
		{text(types.Interval, "1 mon"), "0180000000000000000000025b7f3d4000", 0x23d6251651037ec6, 35},
		{text(types.UUID, "00112233-4455-6677-8899-aabbccddeeff"), "0100112233445566778899aabbccddeeff", 0x92179d56cc77769f, 146},
		{text(types.JSONB, `{"a":[1,null]}`), "010600000001610001050000000203038000010de0b6b3a76400000001", 0x931ccf7511d1ee67, 147},
		{arr, "0101800000000000000102000180000001", 0xf32a293a3697cee7, 243},
	} {
		key := AppendKeyDatum(nil, c.d)
		h := HashKey(key)
		if got := hex.EncodeToString(key); got != c.key || h != c.hash || VNode(h) != c.node {
			t.Errorf("%s: key %q, hash %#x, vnode %d", types.TextOf(c.d, nil), got, h, VNode(h))
		}
	}
}

package types

import "testing"

// The fuzz targets look for panics and for values that do not survive their own output.

func FuzzParseText(f *testing.F) {
	for _, s := range []string{"1", "-1.5e10", "2024-01-01 12:34:56.789+02", "Jan 8 1999", "1 day 02:03:04", "{1,{2}}", `{"a":[1,"\u00e9"]}`, "[0:1]={a,b}", "P1Y2M3DT4H5M6.7S", "J2451187"} {
		for i := range roundTripTypes {
			f.Add(i, s)
		}
	}
	all := append(All(), roundTripTypes...)
	f.Fuzz(func(t *testing.T, i int, s string) {
		typ := all[uint(i)%uint(len(all))]
		d, err := ParseText(typ, s, nil)
		if err != nil {
			return
		}
		text := TextOf(d, nil)
		back, err := ParseText(typ, text, nil)
		if err != nil {
			t.Fatalf("%s %q: printed as %q, which is refused: %v", typ, s, text, err)
		}
		if typ.ID != InternalChar && Compare(d, back) != 0 {
			t.Fatalf("%s %q: printed as %q, read back as %q", typ, s, text, TextOf(back, nil))
		}
	})
}

func FuzzParseBinary(f *testing.F) {
	for i, typ := range roundTripTypes {
		if d, err := ParseText(typ, "1", nil); err == nil {
			f.Add(i, AppendBinary(nil, d))
		}
	}
	all := append(All(), roundTripTypes...)
	f.Fuzz(func(t *testing.T, i int, b []byte) {
		typ := all[uint(i)%uint(len(all))]
		d, err := ParseBinary(typ, b)
		if err != nil {
			return
		}
		TextOf(d, nil)
		back, err := ParseBinary(typ, AppendBinary(nil, d))
		if err != nil || Compare(d, back) != 0 {
			t.Fatalf("%s %x: %v", typ, b, err)
		}
	})
}

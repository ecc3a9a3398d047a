package json

import (
	"fmt"
	"strings"
	"testing"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func field(name string, id types.ID) types.Field {
	return types.Field{Name: name, Type: types.T(id)}
}

var bidSchema = types.Schema{
	field("auction", types.Int8), field("bidder", types.Int8), field("price", types.Int8),
	field("channel", types.Varchar), field("url", types.Varchar), field("date_time", types.Timestamp),
	field("extra", types.Varchar),
}

const bid = `{"auction":12345678,"bidder":87654321,"price":1234567,"channel":"channel-4711","url":"https://www.nexmark.com/abcde/fghij/klmno/item.htm?query=1&channel_id=123456789","date_time":"2015-07-15T00:00:01.234Z","extra":"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx"}`

func decoderFor(schema types.Schema, cols []int, options map[string]string) *decoder {
	if cols == nil {
		for i := range schema {
			cols = append(cols, i)
		}
	}
	return newDecoder(&format.Config{Schema: schema, Cols: cols, Options: &connector.Options{Values: options}})
}

func builderFor(schema types.Schema, cols []int) *rows.Builder {
	if cols == nil {
		return rows.NewBuilder(schema, 16)
	}
	var s types.Schema
	for _, c := range cols {
		s = append(s, schema[c])
	}
	return rows.NewBuilder(s, 16)
}

// decodeOne returns the row as text, or "bad: " and the reason.
func decodeOne(d *decoder, schema types.Schema, rec string) string {
	out := builderFor(schema, nil)
	// A row before and after, so that an aborted row shows.
	if err := d.Decode([]byte(rec), out); err != nil {
		if out.Len() != 0 {
			return "row left behind"
		}
		for _, c := range out.Cols {
			if c.Len() != 0 {
				return "value left behind"
			}
		}
		return "bad: " + err.Error()
	}
	b := out.Finish()
	if b.N != 1 {
		return fmt.Sprintf("%d rows", b.N)
	}
	var vals []string
	for _, c := range b.Cols {
		if c.Len() != 1 {
			return fmt.Sprintf("%d values", c.Len())
		}
		if c.IsNull(0) {
			vals = append(vals, "NULL")
			continue
		}
		vals = append(vals, string(types.AppendText(nil, c.Datum(0), &types.Env{})))
	}
	return strings.Join(vals, "|")
}

func TestDecodeOneColumn(t *testing.T) {
	deep := strings.Repeat("[", 63) + strings.Repeat("]", 63)
	deeper := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	for _, c := range []struct {
		id        types.ID
		rec, want string
	}{
		{types.Int8, `{"a":1}`, "1"},
		{types.Int8, ` { "a" : -1 } `, "-1"},
		{types.Int8, `{"a":9223372036854775807}`, "9223372036854775807"},
		{types.Int8, `{"a":-9223372036854775808}`, "-9223372036854775808"},
		{types.Int8, `{"a":9223372036854775808}`, `bad: column "a", at byte 5: 9223372036854775808 is out of range for bigint`},
		{types.Int8, `{"a":1.0}`, "1"},
		{types.Int8, `{"a":12e3}`, "12000"},
		{types.Int8, `{"a":1200e-2}`, "12"},
		{types.Int8, `{"a":-0}`, "0"},
		{types.Int8, `{"a":1.5}`, `bad: column "a", at byte 5: 1.5 is not a whole number`},
		{types.Int8, `{"a":1e400}`, `bad: column "a", at byte 5: 1e400 is out of range for bigint`},
		{types.Int8, `{"a":1e-400}`, `bad: column "a", at byte 5: 1e-400 is not a whole number`},
		{types.Int8, `{"a":01}`, `bad: column "a", at byte 5: not a number of JSON`},
		{types.Int8, `{"a":+1}`, `bad: column "a", at byte 5: expected a value, found '+'`},
		{types.Int8, `{"a":-}`, `bad: column "a", at byte 5: not a number of JSON`},
		{types.Int8, `{"a":1.}`, `bad: column "a", at byte 5: not a number of JSON`},
		{types.Int8, `{"a":NaN}`, `bad: column "a", at byte 5: expected a value, found 'N'`},
		{types.Int8, `{"a":"12"}`, "12"},
		{types.Int8, `{"a":true}`, `bad: column "a", at byte 5: a boolean is not a value of type bigint`},
		{types.Int8, `{"a":{}}`, `bad: column "a", at byte 5: an object is not a value of type bigint`},
		{types.Int8, `{"a":null}`, "NULL"},
		{types.Int8, `{}`, "NULL"},
		{types.Int8, `{"b":1}`, "NULL"},
		{types.Int8, `{"a":1,"a":2}`, "2"},
		{types.Int8, `{"a":1,"a":null}`, "NULL"},
		{types.Int8, `{"A":1}`, "1"},
		{types.Int8, `{"A":1,"a":2,"A":3}`, "2"},
		{types.Int8, `{"\u0061":7}`, "7"},
		{types.Int8, `{"x":{"a":[1,{"b":null}],"c":"}"},"a":1}`, "1"},
		{types.Int4, `{"a":2147483648}`, `bad: column "a", at byte 5: 2147483648 is out of range for integer`},
		{types.Int2, `{"a":-32769}`, `bad: column "a", at byte 5: -32769 is out of range for smallint`},
		{types.Float8, `{"a":0.1}`, "0.1"},
		{types.Float8, `{"a":1e400}`, `bad: column "a", at byte 5: 1e400 is out of range for double precision`},
		{types.Float8, `{"a":1e-400}`, `bad: column "a", at byte 5: 1e-400 is out of range for double precision`},
		{types.Float8, `{"a":"1.5"}`, "1.5"},
		{types.Numeric, `{"a":0.1234567890123456789012345678901234567890}`, "0.1234567890123456789012345678901234567890"},
		{types.Numeric, `{"a":"12.50"}`, "12.50"},
		{types.Bool, `{"a":true}`, "t"},
		{types.Bool, `{"a":0}`, "f"},
		{types.Bool, `{"a":2}`, `bad: column "a", at byte 5: the number 2 is not a value of type boolean`},
		{types.Text, `{"a":"x"}`, "x"},
		{types.Text, `{"a":""}`, ""},
		{types.Text, `{"a":"\"\\\/\b\f\n\r\tä\u00e4\ud83d\ude00"}`, "\"\\/\b\f\n\r\tää😀"},
		{types.Text, `{"a":"\ud83d"}`, `bad: column "a", at byte 6: half of a surrogate pair`},
		{types.Text, `{"a":"\ude00\ud83d"}`, `bad: column "a", at byte 6: half of a surrogate pair`},
		{types.Text, `{"a":"\u0000"}`, `bad: column "a", at byte 5: a text cannot hold the character NUL`},
		{types.Text, "{\"a\":\"\x01\"}", `bad: column "a", at byte 6: control character in a string`},
		{types.Text, "{\"a\":\"x\xff\"}", `bad: at byte 7: invalid UTF-8`},
		{types.Text, `{"a":"\x"}`, `bad: column "a", at byte 6: not an escape of JSON`},
		{types.Text, `{"a":1.50}`, "1.50"},
		{types.Text, `{"a":false}`, "false"},
		{types.Text, `{"a":{"b": 1}}`, `{"b": 1}`},
		{types.Text, `{"a":[1, 2]}`, `[1, 2]`},
		{types.JSON, `{"a":"x"}`, `"x"`},
		{types.JSON, `{"a":{"b": 1}}`, `{"b": 1}`},
		{types.JSON, `{"a":` + deep + `}`, deep},
		{types.JSON, `{"a":` + deeper + `}`, `bad: column "a", at byte 68: nested deeper than 64 levels`},
		{types.JSON, `{"b":` + deeper + `}`, `bad: at byte 68: nested deeper than 64 levels`},
		{types.Timestamp, `{"a":"2015-07-15T00:00:01.234Z"}`, "2015-07-15 00:00:01.234"},
		{types.Timestamp, `{"a":"2015-07-15 00:00:01"}`, "2015-07-15 00:00:01"},
		{types.Timestamp, `{"a":1436918400000}`, "2015-07-15 00:00:00"},
		{types.Timestamp, `{"a":1436918400000.5}`, "2015-07-15 00:00:00.0005"},
		{types.Timestamp, `{"a":1e300}`, `bad: column "a", at byte 5: 1e300 is out of range for timestamp without time zone`},
		{types.Timestamptz, `{"a":"2015-07-15T02:00:00+02:00"}`, "2015-07-15 00:00:00+00"},
		{types.Timestamp, `{"a":"2015-02-30T00:00:00Z"}`, `bad: column "a", at byte 5: date/time field value out of range: "2015-02-30T00:00:00Z"`},
		{types.Date, `{"a":"2024-02-29"}`, "2024-02-29"},
		{types.UUID, `{"a":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}`, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{types.Bytea, `{"a":"AQL/"}`, `\x0102ff`},
		{types.Bytea, `{"a":"\\x0102ff"}`, `\x0102ff`},
		{types.Bytea, `{"a":"?"}`, `bad: column "a", at byte 5: neither base64 nor \x and hex digits`},
		{types.Int8, ``, "bad: the record is empty"},
		{types.Int8, `  `, "bad: the record is empty"},
		{types.Int8, `[]`, "bad: at byte 0: expected an object, found an array"},
		{types.Int8, `nul`, "bad: at byte 0: expected an object, found 'n'"},
		{types.Int8, `{"a":1}x`, "bad: at byte 7: more bytes after the object"},
		{types.Int8, `{"a":1`, "bad: at byte 6: the record ends here, it is cut off"},
		{types.Int8, `{"a":`, `bad: column "a", at byte 5: the record ends here, it is cut off`},
		{types.Int8, `{"a"`, "bad: at byte 4: expected ':', found the end of the record"},
		{types.Int8, `{"a`, "bad: at byte 3: the record ends here, it is cut off"},
		{types.Int8, `{`, "bad: at byte 1: expected a key, found the end of the record"},
		{types.Int8, `{"a":1,}`, "bad: at byte 7: expected a key, found '}'"},
		{types.Int8, `{"a":1 "b":2}`, "bad: at byte 7: expected ',' or '}', found a string"},
		{types.Int8, `{a:1}`, "bad: at byte 1: expected a key, found 'a'"},
		{types.Int8, `{"b":tru}`, "bad: at byte 5: expected a value, found 't'"},
		{types.Int8, `{"b":[1,2}`, "bad: at byte 9: expected ',' or ']', found '}'"},
	} {
		schema := types.Schema{field("a", c.id)}
		if got := decodeOne(decoderFor(schema, nil, nil), schema, c.rec); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.rec, got, c.want)
		}
	}
}

func TestDecodeOptionsAndShapes(t *testing.T) {
	ts := types.Schema{field("a", types.Timestamp)}
	for _, c := range []struct{ format, rec, want string }{
		{"epoch_s", `{"a":1436918400}`, "2015-07-15 00:00:00"},
		{"epoch_s", `{"a":1436918400.000001}`, "2015-07-15 00:00:00.000001"},
		{"epoch_us", `{"a":1436918400000001}`, "2015-07-15 00:00:00.000001"},
		{"epoch_ms", `{"a":"1436918400000"}`, "2015-07-15 00:00:00"},
		{"epoch_ms", `{"a":"2015-07-15"}`, `bad: column "a", at byte 5: "2015-07-15" is not a number, which timestamp.format asks for`},
		{"iso", `{"a":1}`, `bad: column "a", at byte 5: the number 1 is not a text, which timestamp.format asks for`},
	} {
		if got := decodeOne(decoderFor(ts, nil, map[string]string{optStamp: c.format}), ts, c.rec); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.format, c.rec, got, c.want)
		}
	}
	nn := types.Schema{{Name: "a", Type: types.T(types.Int8), NotNull: true}}
	for rec, want := range map[string]string{
		`{}`:         `bad: column "a", the key is missing and the column is NOT NULL`,
		`{"a":null}`: `bad: column "a", at byte 5: null, and the column is NOT NULL`,
	} {
		if got := decodeOne(decoderFor(nn, nil, nil), nn, rec); got != want {
			t.Errorf("%s\n got %s\nwant %s", rec, got, want)
		}
	}
	arr := types.Schema{{Name: "a", Type: types.ArrayOf(types.T(types.Int8))}}
	for rec, want := range map[string]string{
		`{"a":[1,2,null]}`: `{1,2,NULL}`,
		`{"a":[]}`:         `{}`,
		`{"a":"{3,4}"}`:    `{3,4}`,
		`{"a":[[1]]}`:      `bad: column "a", at byte 6: an array inside an array`,
		`{"a":["x"]}`:      `bad: column "a", at byte 6: invalid input syntax for type bigint: "x"`,
	} {
		if got := decodeOne(decoderFor(arr, nil, nil), arr, rec); got != want {
			t.Errorf("%s\n got %s\nwant %s", rec, got, want)
		}
	}
	two := types.Schema{field("a", types.Int8), field("A", types.Int8)}
	if got := decodeOne(decoderFor(two, nil, nil), two, `{"A":1,"a":2}`); got != "2|1" {
		t.Errorf("names that differ in case: %s", got)
	}
}

// One decoder over many records of different shapes gives what a fresh decoder gives for each.
func TestDecodeKeepsNothing(t *testing.T) {
	schema := types.Schema{field("a", types.Int8), field("b", types.Text), field("c", types.Float8)}
	recs := []string{`{"a":1,"b":"x","c":1.5}`, `{"b":"y"}`, `{"c":2,"a":3}`, `{"z":1,"a":4}`, `{"a":"bad","b":"q"}`,
		`{"b":"\n","a":1}`, `{}`, `{"A":9,"B":"k"}`, `{"a":1,"b":"x","c":1.5}`}
	shared := decoderFor(schema, nil, nil)
	for range 3 {
		for _, rec := range recs {
			want := decodeOne(decoderFor(schema, nil, nil), schema, rec)
			if got := decodeOne(shared, schema, rec); got != want {
				t.Errorf("%s: %s, fresh %s", rec, got, want)
			}
		}
	}
}

func TestDecodeBid(t *testing.T) {
	want := "12345678|87654321|1234567|channel-4711|https://www.nexmark.com/abcde/fghij/klmno/item.htm?query=1&channel_id=123456789|2015-07-15 00:00:01.234|abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwx"
	if got := decodeOne(decoderFor(bidSchema, nil, nil), bidSchema, bid); got != want {
		t.Error(got)
	}
	for i := range bid {
		if got := decodeOne(decoderFor(bidSchema, nil, nil), bidSchema, bid[:i]); !strings.HasPrefix(got, "bad: ") {
			t.Errorf("cut at %d: %s", i, got)
		}
	}
	big := `{"a":"` + strings.Repeat("x", format.MaxRecordBytes) + `"}`
	if got := decodeOne(decoderFor(bidSchema, nil, nil), bidSchema, big); got != "bad: the record has 8388616 bytes, more than 8388608" {
		t.Error(got)
	}
}

func benchDecode(b *testing.B, cols []int) {
	d := decoderFor(bidSchema, cols, nil)
	rec := []byte(bid)
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	out := format.NewBatcher(builderFor(bidSchema, cols).Schema)
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

func BenchmarkDecodeBidAll(b *testing.B)   { benchDecode(b, []int{0, 1, 2, 3, 4, 5, 6}) }
func BenchmarkDecodeBidThree(b *testing.B) { benchDecode(b, []int{0, 2, 5}) }

// TestDecodeUserTypes: labels are checked, composite columns take objects or their text.
func TestDecodeUserTypes(t *testing.T) {
	n := uint32(0)
	ref := func(composite bool) uint32 { return types.NewRef(func() uint32 { n += 1 << 8; return n }, composite) }
	mood := types.User{Ref: ref(false), Name: "mood", Schema: "public"}
	for i, pos := range types.FirstLabels(2) {
		mood.Labels = append(mood.Labels, types.Label{Name: []string{"sad", "ok"}[i], Pos: pos})
	}
	types.Define(mood)
	place := types.User{Ref: ref(true), Name: "place", Schema: "public", Fields: []types.Field{
		field("city", types.Text), {Name: "m", Type: mood.Type()}, {Name: "l", Type: types.ArrayOf(mood.Type())}}}
	types.Define(place)
	schema := types.Schema{{Name: "m", Type: mood.Type()}, {Name: "p", Type: place.Type()}, {Name: "ps", Type: types.ArrayOf(place.Type())}}
	d := decoderFor(schema, nil, nil)
	for rec, want := range map[string]string{
		`{"m": "ok"}`:   "ok|NULL|NULL",
		`{"m": "glad"}`: `bad: column "m", at byte 6: invalid input value for enum mood: "glad"`,
		`{"p": {}}`:     "NULL|(,,)|NULL",
		`{"p": {"city": "a \"b", "x": [{}], "l": ["ok", null], "m": "sad"}}`: `NULL|("a ""b",sad,"{ok,NULL}")|NULL`,
		`{"p": "(x,ok,)"}`:  "NULL|(x,ok,)|NULL",
		`{"p": {"m": 1}}`:   `bad: column "p", at byte 12: the number 1 is not a value of type mood`,
		`{"p": {"m": "ok"`:  `bad: column "p", at byte 16: expected ',' or '}', found the end of the record`,
		`{"p": {"m" "ok"}}`: `bad: column "p", at byte 11: expected ':', found a string`,
		`{"p": {m: 1}}`:     `bad: column "p", at byte 7: expected a key, found 'm'`,
		`{"p": [1]}`:        `bad: column "p", at byte 6: an array is not a value of type place`,
		`{"ps": [{"city": "x"}, null, {"m": "ok"}]}`: `NULL|NULL|{"(x,,)",NULL,"(,ok,)"}`,
	} {
		if got := decodeOne(d, schema, rec); got != want {
			t.Errorf("%s\n got %s\nwant %s", rec, got, want)
		}
	}
	b := rows.NewBuilder(schema, 1)
	if err := d.Decode([]byte(`{"m": "ok", "p": {"city": "x", "l": ["sad"]}, "ps": []}`), b); err != nil {
		t.Fatal(err)
	}
	got, err := newEncoder(&format.EncoderConfig{Schema: schema, Options: &connector.Options{}}).Value(nil, b.Finish(), 0)
	if want := `{"m":"ok","p":{"city":"x","m":null,"l":["sad"]},"ps":[]}`; string(got) != want || err != nil {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}

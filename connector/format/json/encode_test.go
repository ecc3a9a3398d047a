package json

import (
	"encoding/json"
	"testing"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

func TestEncode(t *testing.T) {
	schema := types.Schema{field("i", types.Int8), field("f", types.Float8), field("n", types.Numeric), field("t", types.Text),
		field("b", types.Bool), field("ts", types.Timestamp), field("tz", types.Timestamptz), field("y", types.Bytea),
		field("j", types.JSONB), field("d", types.Date), field("u", types.UUID), {Name: "a\"rr", Type: types.ArrayOf(types.T(types.Text))}}
	texts := [][]string{
		{"-5", "1.5", "0.10", "a\"\\\n\x01ü\u2028", "t", "2024-02-29 12:34:56.7", "2024-02-29 12:34:56+02", `\x00ff`, `{"k": [1]}`, "2024-02-29",
			"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `{x,NULL,"a b"}`},
		{"0", "NaN", "NaN", "", "f", "infinity", "0044-03-15 00:00:00+00 BC", `\x`, "null", "-infinity", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{}"},
	}
	want := []string{
		`{"i":-5,"f":1.5,"n":0.10,"t":"a\"\\\n\u0001ü` + "\u2028" + `","b":true,"ts":"2024-02-29T12:34:56.7","tz":"2024-02-29T10:34:56Z","y":"\\x00ff","j":{"k": [1]},"d":"2024-02-29","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","a\"rr":["x",null,"a b"]}`,
		`{"i":0,"f":"NaN","n":"NaN","t":"","b":false,"ts":"infinity","tz":"0044-03-15 00:00:00+00 BC","y":"\\x","j":null,"d":"-infinity","u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","a\"rr":[]}`,
	}
	b := rows.NewBuilder(schema, 2)
	for _, row := range texts {
		for i, s := range row {
			d, err := types.ParseText(schema[i].Type, s, &types.Env{})
			if err != nil {
				t.Fatal(err)
			}
			b.Cols[i].AppendDatum(d)
		}
		b.EndRow(1)
	}
	batch := b.Finish()
	e := newEncoder(&format.EncoderConfig{Schema: schema, Key: []int{3, 0}, Options: &connector.Options{}})
	for i := range want {
		got, err := e.Value(nil, batch, i)
		if err != nil || string(got) != want[i] {
			t.Errorf("%v\n got %s\nwant %s", err, got, want[i])
		}
		if !json.Valid(got) {
			t.Errorf("no JSON: %s", got)
		}
		// What the encoder writes the decoder reads.
		back := rows.NewBuilder(schema, 1)
		if err := decoderFor(schema, nil, nil).Decode(got, back); err != nil {
			t.Error(err)
			continue
		}
		again, err := e.Value(nil, back.Finish(), 0)
		if err != nil || i == 0 && string(again) != want[i] {
			t.Errorf("%v\nback %s", err, again)
		}
	}
	key, _ := e.Key(nil, batch, 1)
	if string(key) != `{"t":"","i":0}` {
		t.Errorf("key %s", key)
	}
	e.stamp = format.StampMillis
	got, _ := e.Value(nil, batch, 0)
	if want := `"ts":1709210096700,"tz":1709202896000`; !json.Valid(got) || !contains(string(got), want) {
		t.Errorf("%s", got)
	}
}

func contains(s, sub string) bool {
	for i := 0; i+len(sub) <= len(s); i++ {
		if s[i:i+len(sub)] == sub {
			return true
		}
	}
	return false
}

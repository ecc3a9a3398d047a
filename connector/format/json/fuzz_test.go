package json

import (
	"encoding/json"
	"testing"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// FuzzDecode checks the decoder against encoding/json: what it takes is valid JSON with the same
// values; a record that is a valid object of plain values is not refused for its grammar.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{bid, `{"a":1}`, `{"t":"\ud83d\ude00\n"}`, `{"x":[1,{"y":null}],"f":1e5}`, `{"a":"1","n":"0.10"}`,
		`{"j":{"k":[]}}`, `{"a":1,"a":2,"A":3}`, `{"\u0061":1.0}`, "{\"t\":\"\xff\"}", `{"arr":[1,null]}`, `{"s":"2024-01-01T00:00:00Z"}`} {
		f.Add([]byte(s))
	}
	schema := types.Schema{field("a", types.Int8), field("t", types.Text), field("f", types.Float8),
		field("n", types.Numeric), field("j", types.JSON), field("s", types.Timestamp), field("b", types.Bool),
		field("y", types.Bytea), {Name: "arr", Type: types.ArrayOf(types.T(types.Int8))}}
	shared := decoderFor(schema, nil, nil)
	f.Fuzz(func(t *testing.T, rec []byte) {
		got := decodeOne(shared, schema, string(rec))
		if again := decodeOne(decoderFor(schema, nil, nil), schema, string(rec)); again != got {
			t.Fatalf("%q differs with history: %q", got, again)
		}
		// Without the columns only the grammar counts.
		none := rows.NewBuilder(nil, 1)
		err := decoderFor(schema, []int{}, nil).Decode(rec, none)
		if err == nil && !json.Valid(rec) {
			t.Fatalf("took %q, which is no JSON", rec)
		}
		if len(got) > 5 && got[:5] != "bad: " && !json.Valid(rec) {
			t.Fatalf("took %q, which is no JSON", rec)
		}
	})
}

package json

import (
	"tidemill/connector"
	"tidemill/connector/format"
)

const optStamp = "timestamp.format"

func init() {
	format.Register(format.Spec{
		Name:      "json",
		Envelopes: []string{"plain"},
		Summary:   "One JSON object per record.",
		Doc: `A column takes the value of the key of its name; when no column has exactly the key's name, upper and
lower case are not told apart. A key that is missing gives NULL, as null does; in a NOT NULL column both make
the record bad. Of a key that comes twice the last value counts. Keys without a column are passed over.

| column | takes |
| --- | --- |
| smallint, integer, bigint | whole numbers in range (1.0 and 1e3 are whole), strings that hold one |
| real, double precision | numbers, strings such as "1.5", "NaN", "Infinity" |
| numeric | numbers and strings, exactly |
| boolean | true, false, 1, 0, strings such as "t" and "off" |
| text, varchar, char | strings; of numbers, booleans, objects and arrays their JSON text |
| timestamp, timestamptz | strings in RFC 3339 or any form of PostgreSQL's input; numbers as timestamp.format says |
| date, time, interval, uuid and others | strings as PostgreSQL's input reads them |
| bytea | strings: base64, or \x and hex digits |
| json | any value, text kept as it is |
| jsonb | any value |
| arrays | arrays of such values, strings such as "{1,2}" |

A record is bad when it is not one object in valid UTF-8, nested deeper than 64 levels, longer than 8 MiB,
or holds a value that its column cannot take. Values of columns that no view reads are checked for JSON's
grammar only.

Sinks write what PostgreSQL's row_to_json does, with timestamptz in UTC ("2024-01-01T00:00:00Z").`,
		Options: []connector.Option{
			{Name: optStamp, Default: "auto", Check: connector.OneOf("auto", "iso", "epoch_ms", "epoch_us", "epoch_s"),
				Doc: "How timestamps are written: auto (sources: text, or a number of milliseconds since 1970; sinks: text), iso (text), epoch_ms, epoch_us, epoch_s."},
		},
		Example: `CREATE SOURCE bid (auction bigint, price bigint, date_time timestamp)
WITH (connector = 'kafka', topic = 'bid', properties.bootstrap.server = 'localhost:9092')
FORMAT PLAIN ENCODE JSON (timestamp.format = 'epoch_ms');`,
		NewDecoder: func(cfg *format.Config) (format.Decoder, error) { return newDecoder(cfg), nil },
		NewFramer:  func(*format.Config) (format.Framer, error) { return format.Lines{}, nil },
		NewEncoder: func(cfg *format.EncoderConfig) (format.Encoder, error) { return newEncoder(cfg), nil },
	})
}

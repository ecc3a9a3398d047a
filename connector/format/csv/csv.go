// Package csv is the CSV format as RFC 4180 has it, with the NULLs of PostgreSQL's COPY.
package csv

import (
	"fmt"

	"tidemill/connector"
	"tidemill/connector/format"
	"tidemill/sql/sqlerr"
)

const (
	optHeader    = "header"
	optDelimiter = "delimiter"
	optQuote     = "quote"
	optNull      = "null"
	optStamp     = "timestamp.format"
)

func init() {
	format.Register(format.Spec{
		Name:      "csv",
		Envelopes: []string{"plain"},
		Summary:   "Comma-separated values (RFC 4180), a line per record.",
		Doc: `Columns go by position, or by the names of the header line with header = 'true'; there each column of
the source must be named (upper and lower case are told apart only where both occur) and further columns are
passed over. A field may be in quotes and then hold delimiters, line breaks and doubled quotes. A field
without quotes that equals null (by default: nothing) is NULL; "" is the empty string. Everything else is
read as PostgreSQL reads text for the column's type. Lines end with LF or CRLF; empty lines are passed over.

A record is bad when it has too few or too many fields, a quote inside a field without quotes or never
closed, invalid UTF-8, more than 8 MiB, or a value that its column cannot take.`,
		Options: []connector.Option{
			{Name: optHeader, Default: "false", Check: connector.OneOf("true", "false", "skip"),
				Doc: "true: the first line of each file names the columns; skip: it is ignored; false: there is none."},
			{Name: optDelimiter, Default: ",", Doc: "What stands between fields: one ASCII character, or 'tab'.", Check: checkChar},
			{Name: optQuote, Default: `"`, Doc: "The quote: one ASCII character, or 'none'.", Check: checkChar},
			{Name: optNull, Doc: "The text of NULL (default: nothing)."},
			{Name: optStamp, Default: "auto", Check: connector.OneOf("auto", "iso", "epoch_ms", "epoch_us", "epoch_s"),
				Doc: "How timestamps are written: auto and iso (text), epoch_ms, epoch_us, epoch_s."},
		},
		Example: `CREATE SOURCE trips (id int, started timestamp, km real)
WITH (connector = 'file', path = 'trips/*.csv', mode = 'once')
FORMAT PLAIN ENCODE CSV (header = 'true');`,
		Check: check,
		NewDecoder: func(cfg *format.Config) (format.Decoder, error) {
			if err := check(cfg); err != nil {
				return nil, err
			}
			return newDecoder(cfg), nil
		},
		NewFramer: func(cfg *format.Config) (format.Framer, error) { return dialectOf(cfg.Options), nil },
	})
}

func checkChar(v string) error {
	if _, ok := char(v); !ok {
		return fmt.Errorf("%q is not one ASCII character", v)
	}
	return nil
}

// char reads the delimiter or quote option; 0 = none.
func char(v string) (byte, bool) {
	switch v {
	case "tab", `\t`:
		return '\t', true
	case "none":
		return 0, true
	}
	if len(v) != 1 || v[0] >= 0x80 || v[0] == '\n' || v[0] == '\r' || v[0] == 0 {
		return 0, false
	}
	return v[0], true
}

// dialect is what a stream's records look like.
type dialect struct {
	delimiter, quote byte // quote 0 = none
	null             string
}

func dialectOf(o *connector.Options) *dialect {
	d := &dialect{null: o.Get(optNull)}
	d.delimiter, _ = char(o.Get(optDelimiter)) // checked by the option
	d.quote, _ = char(o.Get(optQuote))
	return d
}

func check(cfg *format.Config) error {
	d := dialectOf(cfg.Options)
	if d.delimiter == 0 || d.delimiter == d.quote {
		return sqlerr.New(sqlerr.InvalidParameterValue, "the CSV delimiter must be a character, and not the quote")
	}
	if cfg.Options.Get(optHeader) != "false" && !cfg.Framed {
		return sqlerr.New(sqlerr.InvalidParameterValue, "a CSV header is for files, here each record stands alone").
			WithHint("Leave out the option header; columns go by position.")
	}
	return nil
}

package format

import (
	"fmt"
	"sort"
	"strings"
	"sync"

	"tidemill/connector"
	"tidemill/sql/rows"
	"tidemill/sql/sqlerr"
	"tidemill/sql/types"
)

// MaxRecordBytes bounds a record; a longer one is bad.
const MaxRecordBytes = 8 << 20

// Config is what a decoder is made with.
type Config struct {
	// Schema are all columns of the source. Out.Cols[i] takes column Cols[i] of it. Columns in Include
	// are filled by the reader and not touched by the decoder.
	Schema  types.Schema
	Cols    []int
	Include map[int]string
	// Envelope and Options are those of the FORMAT clause, Options with defaults filled.
	Envelope string
	Options  *connector.Options
	Env      types.Env
	// Framed tells that records come from the format's own Framer, one stream per decoder.
	Framed bool
}

// Decoder reads records. One goroutine uses it.
type Decoder interface {
	// Decode appends the rows of one record: values to the decoder's columns, then EndRow. An error
	// (mostly a *Bad) means that the record is bad and that nothing was appended. It keeps no reference
	// to rec.
	Decode(rec []byte, out *rows.Builder) error
}

// HeaderDecoder is a Decoder for streams whose first record names the columns.
type HeaderDecoder interface {
	Decoder
	// NeedsHeader tells whether the first record is a header.
	NeedsHeader() bool
	// Header takes the first record. An error is final: no record of the stream can be read.
	Header(rec []byte) error
}

// Framer cuts records off a byte stream.
type Framer interface {
	// Next finds the first record of data: rec are its bytes without terminator, advance what it takes
	// from the stream. A zero advance asks for more data. With eof the data are the last ones: what is
	// left is a record. A nil rec with advance > 0 is nothing, such as an empty line.
	Next(data []byte, eof bool) (advance int, rec []byte)
}

// Encoder writes rows. One goroutine uses it.
type Encoder interface {
	// Value appends the message for row i of b to dst.
	Value(dst []byte, b *rows.Batch, i int) ([]byte, error)
	// Key appends the message's key: the key columns of the row.
	Key(dst []byte, b *rows.Batch, i int) ([]byte, error)
}

// EncoderConfig is what an encoder is made with.
type EncoderConfig struct {
	Schema  types.Schema
	Key     []int
	Options *connector.Options
	Env     types.Env
}

// Spec describes a format.
type Spec struct {
	Name      string   // ENCODE name
	Envelopes []string // FORMAT words that sources accept
	Summary   string
	Doc       string
	Options   []connector.Option
	Example   string

	// Check validates what the options alone cannot say, at CREATE time.
	Check      func(cfg *Config) error
	NewDecoder func(cfg *Config) (Decoder, error)
	NewFramer  func(cfg *Config) (Framer, error)         // nil = not for streams
	NewEncoder func(cfg *EncoderConfig) (Encoder, error) // nil = not for sinks
}

// Bad is why a record could not be read.
type Bad struct {
	Column string // "" = not about one column
	Pos    int    // byte position in the record; -1 = unknown
	Reason string
}

// Error says what is wrong, where.
func (b *Bad) Error() string {
	out := b.Reason
	if b.Pos >= 0 {
		out = fmt.Sprintf("at byte %d: %s", b.Pos, out)
	}
	if b.Column != "" {
		out = fmt.Sprintf("column %q, %s", b.Column, out)
	}
	return out
}

// BadRecord makes the connector's value for a bad record. Raw is cut to what is kept.
func BadRecord(partition, offset string, raw []byte, err error) connector.BadRecord {
	if len(raw) > connector.MaxRawBytes {
		raw = raw[:connector.MaxRawBytes]
	}
	return connector.BadRecord{Partition: partition, Offset: offset, Raw: append([]byte(nil), raw...),
		Reason: err.Error(), Time: now()}
}

var (
	mu       sync.Mutex
	registry = map[string]*Spec{}
)

// Register adds a format; a second one of the same name panics.
func Register(s Spec) {
	mu.Lock()
	defer mu.Unlock()
	if _, dup := registry[s.Name]; dup {
		panic("format: duplicate format " + s.Name)
	}
	registry[s.Name] = &s
}

// Lookup finds a format by its ENCODE name; the error names the known ones.
func Lookup(name string) (*Spec, error) {
	mu.Lock()
	s := registry[strings.ToLower(name)]
	mu.Unlock()
	if s != nil {
		return s, nil
	}
	var known []string
	for _, f := range All() {
		known = append(known, strings.ToUpper(f.Name))
	}
	return nil, sqlerr.New(sqlerr.UndefinedObject, "encoding %q does not exist", name).
		WithHint("Known encodings: %s.", strings.Join(known, ", "))
}

// All returns the formats sorted by name.
func All() []*Spec {
	mu.Lock()
	defer mu.Unlock()
	out := make([]*Spec, 0, len(registry))
	for _, s := range registry {
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// ForSource finds the format of a source's FORMAT clause, checks the clause, and completes cfg.
func ForSource(o *connector.Options, cfg *Config) (*Spec, error) {
	s, opts, err := resolve(o, connector.SourceRole)
	if err != nil {
		return nil, err
	}
	cfg.Envelope = strings.ToLower(o.Envelope)
	if cfg.Envelope == "" {
		cfg.Envelope = "plain"
	}
	cfg.Options = opts
	if !contains(s.Envelopes, cfg.Envelope) {
		return nil, sqlerr.Unsupported("FORMAT %s ENCODE %s is not available for sources",
			strings.ToUpper(cfg.Envelope), strings.ToUpper(s.Name)).
			WithHint("ENCODE %s goes with FORMAT %s.", strings.ToUpper(s.Name), strings.ToUpper(strings.Join(s.Envelopes, ", ")))
	}
	if cfg.Framed && s.NewFramer == nil {
		return nil, sqlerr.Unsupported("ENCODE %s cannot be read from files", strings.ToUpper(s.Name))
	}
	if s.Check != nil {
		if err := s.Check(cfg); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// ForSink finds the format of a sink's FORMAT clause, checks its options, and makes the encoder.
func ForSink(o *connector.Options, cfg *EncoderConfig) (Encoder, error) {
	s, opts, err := resolve(o, connector.SinkRole)
	if err != nil {
		return nil, err
	}
	if s.NewEncoder == nil {
		return nil, sqlerr.Unsupported("ENCODE %s is not available for sinks", strings.ToUpper(s.Name))
	}
	cfg.Options = opts
	return s.NewEncoder(cfg)
}

func resolve(o *connector.Options, role connector.Role) (*Spec, *connector.Options, error) {
	name := o.Encoding
	if name == "" {
		name = "json"
	}
	s, err := Lookup(name)
	if err != nil {
		return nil, nil, err
	}
	vals, err := connector.ValidateOptions("ENCODE "+strings.ToUpper(s.Name), s.Options, role, o.Format)
	if err != nil {
		return nil, nil, err
	}
	return s, &connector.Options{Values: vals}, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

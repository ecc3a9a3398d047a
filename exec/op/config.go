package op

import (
	"bytes"
	"encoding/json"
	"fmt"

	"tidemill/sql/rows"
)

// ChunkRows is the number of rows at which an operator that multiplies rows cuts its output.
const ChunkRows = 16 << 10

// Config decodes a stored configuration; an absent one is the zero T. A field that T does not have
// is an error: what it asks for would not be done.
func Config[T any](cfg json.RawMessage) (T, error) {
	var c T
	if len(cfg) == 0 {
		return c, nil
	}
	if err := DecodeStrict(cfg, &c); err != nil {
		return c, fmt.Errorf("operator configuration: %w", err)
	}
	return c, nil
}

// Peek decodes what it knows of a configuration, which need not be complete: for Explain and Tables.
func Peek[T any](cfg json.RawMessage) (T, error) {
	var c T
	if len(cfg) == 0 {
		return c, nil
	}
	err := json.Unmarshal(cfg, &c)
	return c, err
}

// DecodeStrict is json.Unmarshal that refuses unknown fields.
func DecodeStrict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// Ender is an operator that can tell that no further input would change its output. A batch query
// may then stop reading for it.
type Ender interface{ Done() bool }

// EmitBatch emits b unless it has no rows.
func (c *Ctx) EmitBatch(b *rows.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	return c.Emit(b)
}

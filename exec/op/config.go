package op

import (
	"encoding/json"
	"fmt"

	"tidemill/sql/rows"
)

// ChunkRows is the number of rows at which an operator that multiplies rows cuts its output.
const ChunkRows = 16 << 10

// Config decodes a stored configuration; an absent one is the zero T.
func Config[T any](cfg json.RawMessage) (T, error) {
	var c T
	if len(cfg) == 0 {
		return c, nil
	}
	if err := json.Unmarshal(cfg, &c); err != nil {
		return c, fmt.Errorf("operator configuration: %w", err)
	}
	return c, nil
}

// Describe makes an Explain function from one that takes a decoded configuration.
func Describe[T any](f func(c T) string) func(json.RawMessage) string {
	return func(raw json.RawMessage) string {
		c, err := Config[T](raw)
		if err != nil {
			return err.Error()
		}
		return f(c)
	}
}

// EmitBatch emits b unless it has no rows.
func (c *Ctx) EmitBatch(b *rows.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	return c.Emit(b)
}

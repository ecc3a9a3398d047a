package check

import (
	"fmt"

	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// Batch returns what is wrong with the form of b as a batch of the given schema. appendOnly is the
// promise that nothing is retracted.
func Batch(b *rows.Batch, schema types.Schema, appendOnly bool) error {
	if len(b.Cols) != len(schema) {
		return fmt.Errorf("batch has %d columns, the schema %d", len(b.Cols), len(schema))
	}
	if len(b.Schema) != len(b.Cols) {
		return fmt.Errorf("batch has %d columns, its own schema %d", len(b.Cols), len(b.Schema))
	}
	for i, v := range b.Cols {
		if err := column(v, b.N, schema[i].Type); err != nil {
			return fmt.Errorf("column %d (%s): %w", i, schema[i].Name, err)
		}
	}
	if err := selection(b.Sel, b.N); err != nil {
		return err
	}
	return weights(b, appendOnly)
}

func column(v *rows.Vec, n int, t types.Type) error {
	if v == nil {
		return fmt.Errorf("is missing")
	}
	if v.Type.Phys() != t.Phys() {
		return fmt.Errorf("is of type %s, the schema says %s", v.Type, t)
	}
	if v.Valid != nil && len(v.Valid)*64 < n {
		return fmt.Errorf("has %d validity words for %d rows", len(v.Valid), n)
	}
	if t.Phys() != types.PhysBytes {
		if v.Len() < n {
			return fmt.Errorf("has %d values for %d rows", v.Len(), n)
		}
		return nil
	}
	if n > 0 && len(v.Off) < n+1 {
		return fmt.Errorf("has %d offsets for %d rows", len(v.Off), n)
	}
	for i := range n {
		if v.Off[i] > v.Off[i+1] || v.Off[i] < 0 {
			return fmt.Errorf("offsets go back at row %d", i)
		}
	}
	if n > 0 && int(v.Off[n]) > len(v.Data) {
		return fmt.Errorf("offsets end at %d, the data at %d", v.Off[n], len(v.Data))
	}
	return nil
}

func selection(sel []int32, n int) error {
	last := int32(-1)
	for _, r := range sel {
		if r <= last || int(r) >= n {
			return fmt.Errorf("selection lists row %d after %d of %d", r, last, n)
		}
		last = r
	}
	return nil
}

func weights(b *rows.Batch, appendOnly bool) error {
	if b.W == nil {
		return nil
	}
	if len(b.W) < b.N {
		return fmt.Errorf("%d weights for %d rows", len(b.W), b.N)
	}
	for k := range b.Len() {
		switch w := b.W[b.Row(k)]; {
		case w == 0:
			return fmt.Errorf("row %d has weight 0", b.Row(k))
		case w < 0 && appendOnly:
			return fmt.Errorf("row %d is retracted by an input that never retracts: %s", b.Row(k), rows.FormatRow(b, b.Row(k)))
		}
	}
	return nil
}

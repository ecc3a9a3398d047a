package cast

import (
	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// recordKernel brings records whose fields only their values tell to a composite type.
func recordKernel(from, to types.Type) fn.Kernel {
	want := to.Fields()
	return bytesKernel(to, func(c *fn.Ctx, dst []byte, v *rows.Vec, i int) ([]byte, error) {
		fields, err := types.TypedFields(v.Type, v.Bytes(i))
		if err != nil {
			return dst, err
		}
		if len(fields) != len(want) {
			detail := "Input has too few columns."
			if len(fields) > len(want) {
				detail = "Input has too many columns."
			}
			return dst, cannotCast(from, to).WithDetail("%s", detail)
		}
		for k, f := range fields {
			if f.Type.Equal(want[k].Type) {
				continue
			}
			if fields[k], err = Convert(c, f, want[k].Type); err != nil {
				return dst, err
			}
		}
		return types.AppendRecord(dst, fields), nil
	})
}

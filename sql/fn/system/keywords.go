package system

import (
	"strings"

	"tidemill/sql/fn"
	"tidemill/sql/rows"
	"tidemill/sql/types"
)

// reserved are the words that cannot be a column's name, as in PostgreSQL 15.
const reserved = `all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
create current_catalog current_date current_role current_time current_timestamp current_user default deferrable
desc distinct do else end except false fetch for foreign from grant group having in initially intersect into
lateral leading limit localtime localtimestamp not null offset on only or order placing primary references
returning select session_user some symmetric table then to trailing true union unique user using variadic when
where window with`

func keywordRows(_ *fn.Ctx, _ []types.Datum, out *rows.Builder) error {
	for _, w := range strings.Fields(reserved) {
		for i, v := range []string{w, "R", "", "reserved", "can be bare label"} {
			if i == 2 {
				out.Cols[i].AppendBool(true)
			} else {
				out.Cols[i].AppendString(v)
			}
		}
		out.EndRow(1)
	}
	return nil
}

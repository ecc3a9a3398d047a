// Package all links every family of functions into the program that imports it. It holds nothing
// but blank imports: a family registers its specs from init.
package all

import (
	_ "tidemill/sql/fn/agg"
	_ "tidemill/sql/fn/arr"
	_ "tidemill/sql/fn/cast"
	_ "tidemill/sql/fn/cmp"
	_ "tidemill/sql/fn/json"
	_ "tidemill/sql/fn/math"
	_ "tidemill/sql/fn/system"
	_ "tidemill/sql/fn/text"
	_ "tidemill/sql/fn/user"
	_ "tidemill/sql/fn/when"
)

// Package all links every operator into the binary.
package all

import (
	_ "tidemill/exec/op/apply"
	_ "tidemill/exec/op/asof"
	_ "tidemill/exec/op/distinct"
	_ "tidemill/exec/op/expand"
	_ "tidemill/exec/op/filter"
	_ "tidemill/exec/op/hashagg"
	_ "tidemill/exec/op/join"
	_ "tidemill/exec/op/limit"
	_ "tidemill/exec/op/lookupjoin"
	_ "tidemill/exec/op/maxone"
	_ "tidemill/exec/op/notin"
	_ "tidemill/exec/op/overwindow"
	_ "tidemill/exec/op/partialagg"
	_ "tidemill/exec/op/project"
	_ "tidemill/exec/op/rangejoin"
	_ "tidemill/exec/op/session"
	_ "tidemill/exec/op/setop"
	_ "tidemill/exec/op/sort"
	_ "tidemill/exec/op/tablefunc"
	_ "tidemill/exec/op/temporal"
	_ "tidemill/exec/op/topn"
	_ "tidemill/exec/op/union"
	_ "tidemill/exec/op/values"
	_ "tidemill/exec/op/window"
)

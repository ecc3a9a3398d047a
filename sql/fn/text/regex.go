package text

import (
	"strings"
	"sync"

	"tidemill/sql/are"
	"tidemill/sql/sqlerr"
)

// regexFlags are the options of a call.
type regexFlags struct {
	fold    bool // i
	newline bool // n: ^ and $ match at lines, . and [^…] do not match newline
	partial bool // p: as n, but ^ and $ as by default
	weird   bool // w: ^ and $ match at lines
	expand  bool // x
	literal bool // q
	global  bool // g
}

func parseFlags(s string, global bool, fname string) (f regexFlags, err error) {
	for _, c := range s {
		switch c {
		case 'i':
			f.fold = true
		case 'c':
			f.fold = false
		case 'n', 'm':
			f.newline = true
		case 's':
			f.newline, f.partial, f.weird = false, false, false
		case 'p':
			f.partial = true
		case 'w':
			f.weird = true
		case 'x':
			f.expand = true
		case 't', 'b', 'e':
		case 'q':
			f.literal = true
		case 'g':
			if !global {
				return f, sqlerr.New(sqlerr.InvalidParameterValue, "%s does not support the \"global\" option", fname).
					WithHint("Use the regexp_matches function instead.")
			}
			f.global = true
		default:
			return f, sqlerr.New(sqlerr.InvalidParameterValue, "invalid regular expression option: \"%c\"", c)
		}
	}
	return f, nil
}

// options are what the pattern's reader needs to know.
func (f regexFlags) options() are.Options {
	return are.Options{Fold: f.fold, Stop: f.newline || f.partial, Anchor: f.newline || f.weird, Expand: f.expand, Literal: f.literal}
}

type regexKey struct {
	pattern string
	flags   regexFlags
}

// regexCache keeps compiled patterns of all kernels; patterns that vary by row would flush it, so it
// is simply emptied when full.
var (
	regexMu    sync.Mutex
	regexCache = map[regexKey]*are.Regexp{}
)

const regexCacheMax = 256

func compile(pattern string, f regexFlags) (*are.Regexp, error) {
	f.global = false
	k := regexKey{pattern, f}
	regexMu.Lock()
	re := regexCache[k]
	regexMu.Unlock()
	if re != nil {
		return re, nil
	}
	k.pattern = strings.Clone(pattern)
	re, err := are.Compile(k.pattern, f.options())
	if err != nil {
		return nil, err
	}
	regexMu.Lock()
	defer regexMu.Unlock()
	if len(regexCache) >= regexCacheMax {
		clear(regexCache)
	}
	regexCache[k] = re
	return re, nil
}

//go:build services

package functions

import "regexp"

// differs lists what is registered and cannot be compared call by call, and why.
var differs = map[string]string{
	"pg_typeof":         "its name for the type of a literal is compared with every call",
	"hashint2":          "the hash that partitions state is not PostgreSQL's",
	"version":           "says what server it is",
	"pg_sleep":          "takes time",
	"current_setting":   "settings differ",
	"approx_percentile": "an estimate",
	"first_value":       "an aggregate here, with ORDER BY inside the call",
	"last_value":        "as first_value",
	"bpchar":            "its length is one of PostgreSQL's internal modifiers",
	"varchar":           "a word of the grammar, which no call can use",
	"make_interval":     "PostgreSQL 15 lets its fields overflow silently; here they are out of range",
}

// excuses are the calls, by a pattern of the statement, whose answers may differ, and why.
var excuses = []struct {
	call   *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`age\(.*infinity|infinity.* - '|- '-?infinity`), "PostgreSQL 15 computes with the numbers behind the infinities"},
	{regexp.MustCompile(`294246-12-31|4713-01-01|5874897|178000000 years`), "near the ends of their ranges timestamps differ: here they end in 294247"},
	{regexp.MustCompile(`(avg|sum|stddev|variance|var_|corr|covar|regr_)\w*\(.*(double precision|real)`), "floats are summed exactly here, so that sums in between do not overflow"},
	{regexp.MustCompile(`(max|min|mode|first_value|last_value|sum|avg|array_agg|string_agg|json\w*_agg|percentile_disc|percentile_cont|rank|dense_rank|percent_rank|cume_dist)\(.*(interval|numeric|bpchar|json)`), "which of several equal values is kept is not defined"},
	{regexp.MustCompile(`::(xid|"char"|name)|xid`), "types of the system catalogs"},
	{regexp.MustCompile(`convert_(from|to)\(|, '(LATIN1|SQL_ASCII)'`), "UTF8 is the one encoding"},
	{regexp.MustCompile(`::text\)::(time|date|timestamp)|::(varchar|bpchar)\)::(time|date|timestamp)`), "the error of a text that is no date at all"},
	{regexp.MustCompile(`decode\('[^']*='`), "which of the things wrong with base64 is named"},
	{regexp.MustCompile(`width_bucket\(.*\[\]`), "PostgreSQL expects the limits to be sorted"},
	{regexp.MustCompile(`generate_series\(`), "series are bounded"},
	{regexp.MustCompile(`to_(char|number)\(`), "PostgreSQL names another of several things that are wrong with a template"},
	{regexp.MustCompile(`(pow|power|exp)\(.*numeric|\^ '?.*numeric`), "numbers that are nearly zero have fewer zeros, or none"},
}

func excused(sql string) bool {
	for _, e := range excuses {
		if e.call.MatchString(sql) {
			return true
		}
	}
	return false
}

package functions

// differs lists what is registered and cannot be compared call by call, and why.
var differs = map[string]string{
	"pg_typeof":         "its name for the type of a literal is compared with every call",
	"hashint2":          "the hash that partitions state is not PostgreSQL's",
	"version":           "says what server it is",
	"pg_sleep":          "takes time",
	"current_setting":   "settings differ",
	"approx_percentile": "an estimate",
}

package arch

// shared are packages below a contract that its implementations may use: they hold no implementation.
var shared = map[string]bool{
	"exec/op/agg": true, "exec/op/counted": true, "exec/op/equi": true, "exec/op/expire": true, "exec/op/optest": true, "exec/op/order": true,
	"exec/op/place": true, "exec/op/touch": true, "exec/op/versions": true,
	"connector/conform": true, "connector/format": true,
	"sql/fn/fntest": true,
}

// excused are uses, by package, of impure functions and wrapped dependencies that are the point of
// the code that has them.
var excused = map[string]bool{
	"sql/fn/when time.Now":     true, // clock_timestamp()
	"sql/fn/math math/rand/v2": true, // random()
	"sql/fn/math crypto/rand":  true, // gen_random_uuid()
	"sql/types time.Now":       true, // the word 'now' where nobody says what the time is
	// Test harnesses: settings from the environment, recorded cases, random rows, memory use, a store
	// in memory.
	"exec/op/optest os":                                   true,
	"exec/op/optest syscall":                              true,
	"exec/op/optest math/rand/v2":                         true,
	"exec/op/optest github.com/cockroachdb/pebble/v2/vfs": true,
	"sql/fn/fntest os":                                    true,
}

package arch

// shared are packages below a contract that its implementations may use: they hold no implementation.
var shared = map[string]bool{
	"exec/op/agg": true, "exec/op/touch": true, "exec/op/order": true, "exec/op/counted": true, "exec/op/optest": true,
	"connector/conform": true,
}

// excused are uses of impure functions that are the point of the code that has them.
var excused = map[string]bool{
	"sql/fn/when time.Now": true, // clock_timestamp()
}

package state

// Provider hands an operator its state tables. The flow's provider makes durable tables that are
// flushed with each epoch; a batch query's makes throw-away ones.
type Provider interface {
	// Map is a hash table: key bytes → value bytes that can be changed in place.
	Map(name string) *Map
	// Multi is a hash multimap: key bytes → weighted rows.
	Multi(name string) *Multi
	// Ordered is a sorted table: key bytes → value bytes, scanned by prefix in both directions.
	Ordered(name string) *Ordered
}

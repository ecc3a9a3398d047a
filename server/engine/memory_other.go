//go:build !linux

package engine

// systemMemory is a cautious guess where the system does not tell.
func systemMemory() uint64 { return 4 << 30 }

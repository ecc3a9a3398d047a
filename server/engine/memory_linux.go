package engine

import "syscall"

// systemMemory returns the machine's memory in bytes.
func systemMemory() uint64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 4 << 30
	}
	return info.Totalram * uint64(info.Unit)
}

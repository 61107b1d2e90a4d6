//go:build unix

package tokenserver

import (
	"math"
	"syscall"
)

// openFiles is how many files this process may have open. Go has raised the limit as far as it may.
func openFiles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}

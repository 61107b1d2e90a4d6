//go:build unix

package proc

import (
	"os"
	"syscall"
)

// Signal asks the process to end, or kills it. It does nothing to one that has ended, nor to another that has its ID by now.
func (p Process) Signal(kill bool) {
	sig := syscall.SIGTERM
	if kill {
		sig = syscall.SIGKILL
	}
	process, err := os.FindProcess(p.ID) // on Linux it means this process from here on, whoever gets its ID
	if err == nil && p.State() == Running {
		_ = process.Signal(sig) // it may have ended
	}
}

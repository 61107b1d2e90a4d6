//go:build !unix

package proc

import "os"

// Signal kills the process: it can't be asked here. It does nothing to one that has ended, nor to another that has its ID by
// now.
func (p Process) Signal(bool) {
	process, err := os.FindProcess(p.ID)
	if err == nil && p.State() == Running {
		_ = process.Kill() // it may have ended
	}
}

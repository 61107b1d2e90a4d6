//go:build !unix && !windows

package proc

import "os/exec"

// KillTree leaves it to the os package to kill cmd alone: there are no process groups here.
func KillTree(*exec.Cmd) {}

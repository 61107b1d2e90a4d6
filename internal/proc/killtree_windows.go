package proc

import (
	"os/exec"
	"strconv"
)

// KillTree makes the end of cmd's context kill cmd and all that it started. Call it before cmd is started.
func KillTree(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		if exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}

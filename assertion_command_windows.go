package azoidc

import (
	"os/exec"
	"strconv"
)

// killTree makes the end of cmd's context kill it and all that it started.
func killTree(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		if exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run() == nil {
			return nil
		}
		return cmd.Process.Kill()
	}
}

//go:build unix

package azoidc

import (
	"os/exec"
	"syscall"
)

// killTree makes the end of cmd's context kill its whole process group.
func killTree(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

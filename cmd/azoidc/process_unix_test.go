//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// withoutTerminal makes cmd run as in CI, also when somebody tests in a terminal.
func withoutTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

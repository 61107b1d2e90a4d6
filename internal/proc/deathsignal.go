//go:build linux || freebsd

package proc

import "syscall"

// dieWithParent makes the system kill the command when the thread that started it ends. A program that changes its user,
// such as sudo, gets rid of that.
func dieWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }

//go:build unix && !linux && !freebsd

package proc

import "syscall"

// dieWithParent does nothing: the system knows no such thing, so it's left to the lifeline.
func dieWithParent(*syscall.SysProcAttr) {}

//go:build unix && !linux

package proc

import "syscall"

// alive tells whether there is anything in the process group.
func alive(group int) bool { return syscall.Kill(-group, 0) == nil }

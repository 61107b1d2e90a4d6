package proc

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// alive tells whether anything in the process group runs. What has ended but wasn't buried yet doesn't: in a container,
// process 1 is often a program that buries nobody.
func alive(group int) bool {
	if syscall.Kill(-group, 0) != nil {
		return false
	}
	processes, err := filepath.Glob("/proc/[0-9]*") // with a file behind it, it would read every process' folder
	if err != nil || len(processes) == 0 {          // there is no /proc
		return true
	}
	for _, path := range processes {
		if stat, err := os.ReadFile(path + "/stat"); err == nil && runsIn(stat, group) {
			return true
		}
	}
	return false
}

// runsIn reads "ID (name) state parent group …", see proc_pid_stat(5).
func runsIn(stat []byte, group int) bool {
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	return len(fields) > 2 && fields[2] == strconv.Itoa(group) && !hasEnded(fields)
}

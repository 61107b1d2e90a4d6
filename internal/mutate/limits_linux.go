package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// limitMemory bounds what each test program may take: a loop that never ends may well append. 8 GiB of addresses is far
// more than any of them reserves.
func limitMemory() error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: 8 << 30, Max: 8 << 30})
}

// setApart gives command a process group of its own: a change to what ends a command's group may make it end the one that it
// is in itself. The end of its context ends all of the group.
func setApart(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if command.Cancel != nil {
		command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	}
}

// endLeft ends the processes whose programs are in folder, or that were started by these: what a changed program started and
// detached, or didn't end.
func endLeft(folder string) {
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, process := range processes {
		if id, err := strconv.Atoi(filepath.Base(process)); err == nil && isLeft(process, folder) {
			_ = syscall.Kill(id, syscall.SIGKILL)
		}
	}
}

// isLeft is false of what has ended or is another user's, too.
func isLeft(process, folder string) bool {
	if program, err := os.Readlink(process + "/exe"); err == nil && strings.HasPrefix(program, folder+"/") {
		return true
	}
	environment, err := os.ReadFile(process + "/environ")
	return err == nil && strings.Contains("\x00"+string(environment), "\x00"+folderVariable+"="+folder+"\x00")
}

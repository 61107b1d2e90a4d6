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

// endLeft ends the processes whose programs are in folder: what a changed program started and detached, or didn't end.
func endLeft(folder string) {
	programs, _ := filepath.Glob("/proc/[0-9]*/exe") // the pattern is well formed
	for _, link := range programs {
		if program, err := os.Readlink(link); err != nil || !strings.HasPrefix(program, folder+"/") {
			continue // it has ended, is another user's, or none of these
		}
		if id, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			_ = syscall.Kill(id, syscall.SIGKILL)
		}
	}
}

//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// A group is the process group of the command. It is the command's own, so that what it leaves running can be found,
// except in a terminal: there it is this program's, for the terminal sends its signals, and lets read from it, one group
// only.
type group struct{ own bool }

func newGroup(cmd *exec.Cmd) group {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if hasTerminal() {
		return group{}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return group{own: true}
}

func hasTerminal() bool {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = terminal.Close()
	return true
}

// pass passes a signal on to the command alone, as if it had come to it instead. What a terminal sends, the command got
// already; Terraform, for one, gives up its orderly end when it's interrupted twice.
func (g group) pass(process *os.Process, sig os.Signal) {
	if g.own || sig == syscall.SIGTERM {
		_ = process.Signal(sig) // it may have ended
	}
}

// end ends what the command left running.
func (g group) end(process *os.Process) {
	if !g.own || syscall.Kill(-process.Pid, syscall.SIGTERM) != nil {
		return
	}
	for deadline := time.Now().Add(grace); time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // no call waits for processes that aren't one's children
		if syscall.Kill(-process.Pid, 0) != nil {
			return
		}
	}
	_ = syscall.Kill(-process.Pid, syscall.SIGKILL)
}

func exitOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitOfSignal(status.Signal())
	}
	return state.ExitCode()
}

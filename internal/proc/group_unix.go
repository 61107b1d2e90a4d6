//go:build unix

package proc

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// KillTree makes the end of cmd's context kill cmd and all of its process group, which is its own. Call it before cmd is
// started.
func KillTree(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// Signals returns the signals that a program which runs a command as a [Group] catches, to [Group.Pass] them on.
func Signals() []os.Signal {
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
}

// A Group is a command with its process group. That is the command's own, so that what it leaves running can be found,
// except in a terminal: there it is this program's, for the terminal sends its signals, and lets read from it, one group
// only.
type Group struct {
	cmd *exec.Cmd
	own bool
}

// NewGroup prepares cmd, which isn't started yet, as a Group. The end of cmd's context asks cmd to end, and kills it
// after [Grace].
func NewGroup(cmd *exec.Cmd) *Group {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = Grace
	if hasTerminal() {
		return &Group{cmd: cmd}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return &Group{cmd: cmd, own: true}
}

func hasTerminal() bool {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = terminal.Close()
	return true
}

// Pass passes a signal on to the command alone, as if it had come to it instead. What a terminal sends, the command got
// already; Terraform, for one, gives up its orderly end when it's interrupted twice.
func (g *Group) Pass(sig os.Signal) {
	if g.own || sig == syscall.SIGTERM {
		_ = g.cmd.Process.Signal(sig) // it may have ended
	}
}

// End ends what the command, which has ended, left running: it asks, and kills after [Grace]. In a terminal it does
// nothing.
func (g *Group) End() {
	if !g.own {
		return
	}
	group := -g.cmd.Process.Pid
	if syscall.Kill(group, syscall.SIGTERM) != nil {
		return
	}
	for deadline := time.Now().Add(Grace); time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // no call waits for processes that aren't one's children
		if syscall.Kill(group, 0) != nil {
			return
		}
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
}

// ExitStatus is what a shell reports for a command that ended so, see [SignalStatus].
func ExitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return SignalStatus(status.Signal())
	}
	return state.ExitCode()
}

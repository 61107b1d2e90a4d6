//go:build unix

package proc

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
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
// only, and a shell has put the rest of a pipeline into it. When this program dies, so does the command, with its process
// group if that is its own.
type Group struct {
	cmd     *exec.Cmd
	own     bool
	grace   time.Duration
	witness *witness // in a terminal
	release func()   // of the lifeline
}

// NewGroup prepares cmd, which isn't started yet, as a Group. The end of cmd's context asks cmd to end, and kills it
// after [Grace].
func NewGroup(cmd *exec.Cmd) *Group {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = Grace
	own := !hasTerminal()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: own}
	dieWithParent(cmd.SysProcAttr)
	return &Group{cmd: cmd, own: own, grace: Grace}
}

func hasTerminal() bool {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = terminal.Close()
	return true
}

// Start starts the command. When it returns nil, Wait must be called, by the same goroutine.
func (g *Group) Start() error {
	if !g.own {
		g.witness = newWitness()
	}
	runtime.LockOSThread() // the end of a thread is the death of the parent for what it started
	if err := g.cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		g.witness.dismiss()
		return err
	}
	g.release = atDeath(`kill -s KILL -- "$1"`, strconv.Itoa(g.target()))
	return nil
}

// target is what kill takes for all that is the command's for certain.
func (g *Group) target() int {
	if g.own {
		return -g.cmd.Process.Pid
	}
	return g.cmd.Process.Pid
}

// Wait returns when the command has ended, with the error of [exec.Cmd.Wait].
func (g *Group) Wait() error {
	defer runtime.UnlockOSThread()
	return g.cmd.Wait()
}

// Pass passes a signal on to the command, unless the command got it already: what a terminal sends, it sends to both.
// Terraform, for one, gives up its orderly end when it's interrupted twice.
func (g *Group) Pass(sig os.Signal) {
	if g.own || !g.witness.got(sig) {
		_ = g.cmd.Process.Signal(sig) // it may have ended
	}
}

// End ends what the command, which has ended, left running: it asks, and kills after [Grace]. In a terminal it leaves
// all as it is.
func (g *Group) End() {
	defer g.release()
	if g.own {
		g.endLeft()
	} else {
		g.witness.dismiss()
	}
}

func (g *Group) endLeft() {
	if syscall.Kill(g.target(), syscall.SIGTERM) != nil {
		return
	}
	// No call waits for processes that aren't one's children.
	pause := time.Millisecond
	for deadline := time.Now().Add(g.grace); time.Now().Before(deadline); pause = min(2*pause, 20*time.Millisecond) {
		time.Sleep(pause)
		if !alive(g.cmd.Process.Pid) {
			return
		}
	}
	_ = syscall.Kill(g.target(), syscall.SIGKILL)
}

// ExitStatus is what a shell reports for a command that ended so, see [SignalStatus].
func ExitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return SignalStatus(status.Signal())
	}
	return state.ExitCode()
}

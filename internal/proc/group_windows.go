package proc

import (
	"os"
	"os/exec"
	"syscall"
)

// Signals returns the signals that a program which runs a command as a [Group] catches, so that it outlives the command:
// the console sends them to both.
func Signals() []os.Signal { return []os.Signal{os.Interrupt} }

// A Group is a command in a job object, with all that it starts. When this program dies, they all do.
type Group struct {
	cmd *exec.Cmd
	job job
}

// createSuspended is CREATE_SUSPENDED: nothing can be started before the job object is there to hold it.
const createSuspended = 0x4

// NewGroup prepares cmd, which isn't started yet, as a Group. The end of cmd's context kills it.
func NewGroup(cmd *exec.Cmd) *Group {
	cmd.WaitDelay = Grace
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: createSuspended}
	return &Group{cmd: cmd}
}

// Start starts the command. When it returns nil, Wait must be called, by the same goroutine.
func (g *Group) Start() (err error) {
	if g.job, err = newJob(); err != nil {
		return err
	}
	if err := g.cmd.Start(); err != nil {
		g.job.close()
		return err
	}
	if err := g.admit(); err != nil {
		_ = g.cmd.Process.Kill()
		_ = g.cmd.Wait()
		g.job.close()
		return err
	}
	return nil
}

// admit puts the command into the job object, and lets it run.
func (g *Group) admit() (err error) {
	outer := g.cmd.Process.WithHandle(func(process uintptr) {
		if err = g.job.assign(process); err == nil {
			err = resume(process)
		}
	})
	if outer != nil {
		return outer
	}
	return err
}

// Wait returns when the command has ended, with the error of [exec.Cmd.Wait].
func (g *Group) Wait() error { return g.cmd.Wait() }

// Pass does nothing: the console has sent the signal to the command, too.
func (*Group) Pass(os.Signal) {}

// End ends what the command, which has ended, left running.
func (g *Group) End() { g.job.close() }

// ExitStatus is the command's own.
func ExitStatus(state *os.ProcessState) int { return state.ExitCode() }

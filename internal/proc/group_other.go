//go:build !unix

package proc

import (
	"os"
	"os/exec"
)

// Signals returns the signals that a program which runs a command as a [Group] catches, so that it outlives the command:
// the console sends them to both.
func Signals() []os.Signal { return []os.Signal{os.Interrupt} }

// A Group is the command alone: only Unix has process groups that can be found again.
type Group struct{}

// NewGroup prepares cmd, which isn't started yet, as a Group. The end of cmd's context kills it.
func NewGroup(cmd *exec.Cmd) *Group {
	cmd.WaitDelay = Grace
	return &Group{}
}

// Pass does nothing: the console has sent the signal to the command, too.
func (*Group) Pass(os.Signal) {}

// End does nothing.
func (*Group) End() {}

// ExitStatus is the command's own.
func ExitStatus(state *os.ProcessState) int { return state.ExitCode() }

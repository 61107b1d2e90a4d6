//go:build !unix && !windows

package proc

import (
	"os"
	"os/exec"
)

// Signals returns the signals that a program which runs a command as a [Group] catches.
func Signals() []os.Signal { return []os.Signal{os.Interrupt} }

// A Group is the command alone: only Unix and Windows know what belongs to it.
type Group struct{ cmd *exec.Cmd }

// NewGroup prepares cmd, which isn't started yet, as a Group. The end of cmd's context kills it.
func NewGroup(cmd *exec.Cmd) *Group {
	cmd.WaitDelay = Grace
	return &Group{cmd}
}

// Start starts the command. When it returns nil, Wait must be called, by the same goroutine.
func (g *Group) Start() error { return g.cmd.Start() }

// Wait returns when the command has ended, with the error of [exec.Cmd.Wait].
func (g *Group) Wait() error { return g.cmd.Wait() }

// Pass passes a signal on to the command.
func (g *Group) Pass(sig os.Signal) { _ = g.cmd.Process.Signal(sig) }

// End does nothing.
func (*Group) End() {}

// ExitStatus is the command's own.
func ExitStatus(state *os.ProcessState) int { return state.ExitCode() }

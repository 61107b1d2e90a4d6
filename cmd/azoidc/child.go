package main

import (
	"context"
	"os"
	"os/exec"
	"time"
)

// grace is how long a process has to end after it was asked to, before it's killed.
const grace = 2 * time.Second

// runChild runs the command at path with the program's stdio, and returns its exit status when it and all of its
// process group have ended.
func (p *program) runChild(ctx context.Context, signals *signals, path string, args, env []string) int {
	cmd := exec.CommandContext(ctx, path)
	cmd.Args, cmd.Env = args, env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.stdin, p.stdout, p.stderr
	cmd.WaitDelay = grace
	group := newGroup(cmd)
	if err := cmd.Start(); err != nil {
		return p.cannotRun(args[0], err)
	}
	stopPassing := signals.passTo(func(sig os.Signal) { group.pass(cmd.Process, sig) })
	_ = cmd.Wait() // what its error says is in ProcessState, or is about output that nobody wrote any more
	stopPassing()
	group.end(cmd.Process)
	if cmd.ProcessState == nil { // the system couldn't tell how it ended
		return exitNotWell
	}
	return exitOf(cmd.ProcessState)
}

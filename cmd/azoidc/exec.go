package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"sync"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// The exit status of env and its like when they fail themselves, so that it isn't taken for the command's; and that of
// shells for a command that can't be run, and for one that isn't there.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/env.html
const (
	exitExecFailed = 125
	exitCannotRun  = 126
	exitNotFound   = 127
)

// exec runs a command that is supplied with tokens, and leaves nothing running.
func (p *program) exec(ctx context.Context, args []string) int {
	var (
		common login.Flags
		wanted supplyFlags
	)
	flags := newFlagSet("exec")
	common.Register(flags, p.env)
	wanted.register(flags)
	if status, ok := p.parse(flags, args); !ok {
		return execStatus(status)
	}
	if flags.NArg() == 0 {
		return execStatus(p.misused("exec", errors.New("a command to run is missing")))
	}
	if err := wanted.check(); err != nil {
		return execStatus(p.misused("exec", err))
	}
	path, err := exec.LookPath(flags.Arg(0))
	if err != nil {
		return p.cannotRun(flags.Arg(0), err)
	}
	l := login.New(p.env, common, p.client)
	if err := l.Check(); err != nil {
		return execStatus(p.failed(err))
	}

	caught := watchSignals()
	defer caught.stop()
	tokens, status := p.untilSignal(ctx, caught, func(ctx context.Context) (*supply, error) { return p.supply(ctx, &l, wanted) })
	if tokens == nil {
		return status
	}
	defer tokens.close()
	env := childEnvironment(p.env, tokens, wanted.keepRequestToken)
	return p.runChild(ctx, caught, path, flags.Args(), env)
}

// untilSignal opens a supply. Without one, because it failed or a signal came first, it returns an exit status.
func (p *program) untilSignal(ctx context.Context, caught *signals, open func(context.Context) (*supply, error)) (*supply, int) {
	ctx, stop := caught.cancel(ctx)
	tokens, err := open(ctx)
	sig := stop()
	switch {
	case sig != nil && tokens != nil:
		tokens.close()
		return nil, proc.SignalStatus(sig)
	case sig != nil:
		return nil, proc.SignalStatus(sig)
	case err != nil:
		return nil, execStatus(p.failed(err))
	}
	return tokens, exitWell
}

// execStatus is what exec reports where another command would report status.
func execStatus(status int) int {
	if status == exitWell {
		return exitWell
	}
	return exitExecFailed
}

// cannotRun reports as shells do.
func (p *program) cannotRun(name string, err error) int {
	status := exitCannotRun
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		status = exitNotFound
		err = errors.New("command not found")
	} else if reason := (*exec.Error)(nil); errors.As(err, &reason) {
		err = reason.Err
	}
	p.log().Print(redact.Line(fmt.Sprintf("%s: %v", name, err)))
	return status
}

// runChild runs the command at path with the program's stdio, and returns its exit status when it and all of its
// process group have ended.
func (p *program) runChild(ctx context.Context, caught *signals, path string, args, env []string) int {
	cmd := exec.CommandContext(ctx, path)
	cmd.Args, cmd.Env = args, env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.stdin, p.direct.stdout, p.direct.stderr
	group := proc.NewGroup(cmd)
	if err := p.startAsItWas(group.Start); err != nil {
		return p.cannotRun(args[0], err)
	}
	stopPassing := caught.passTo(group.Pass)
	_ = group.Wait() // what its error says is in ProcessState, or is about output that nobody wrote any more
	stopPassing()
	group.End()
	if cmd.ProcessState == nil { // the system couldn't tell how it ended
		return exitExecFailed
	}
	return proc.ExitStatus(cmd.ProcessState)
}

// signals are those that came and weren't dealt with yet.
type signals struct {
	came chan os.Signal
}

// watchSignals catches the signals that are passed on, but for those that azoidc was started to ignore (nohup).
func watchSignals() *signals {
	s := &signals{came: make(chan os.Signal, 16)}
	for _, sig := range proc.Signals() {
		if !signal.Ignored(sig) {
			signal.Notify(s.came, sig)
		}
	}
	return s
}

func (s *signals) stop() { signal.Stop(s.came) }

// cancel ends the context it returns when a signal comes. Its stop returns that signal, or nil.
func (s *signals) cancel(parent context.Context) (ctx context.Context, stop func() os.Signal) {
	ctx, cancel := context.WithCancel(parent)
	var (
		waiting sync.WaitGroup
		first   os.Signal
	)
	waiting.Go(func() {
		select {
		case first = <-s.came:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() os.Signal {
		cancel()
		waiting.Wait()
		return first
	}
}

// passTo passes signals on, those that have come already too, until stop is called.
func (s *signals) passTo(pass func(os.Signal)) (stop func()) {
	return untilStopped(func(ctx context.Context) {
		for {
			select {
			case sig := <-s.came:
				pass(sig)
			case <-ctx.Done():
				return
			}
		}
	})
}

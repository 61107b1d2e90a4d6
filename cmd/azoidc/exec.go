package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"

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
		common commonFlags
		wanted supplyFlags
	)
	flags := newFlagSet("exec")
	common.register(flags, p.env)
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
	l := p.login(common)
	if err := l.check(); err != nil {
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

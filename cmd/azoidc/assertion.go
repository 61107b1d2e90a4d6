package main

import (
	"context"
	"fmt"
)

// assertion prints a new OIDC token, once the job's log will mask it.
func (p *program) assertion(ctx context.Context, args []string) int {
	var common commonFlags
	flags := newFlagSet("assertion")
	common.register(flags, p.env)
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("assertion", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	l := p.login(common)
	if err := l.checkRequest(); err != nil {
		return p.failed(err)
	}
	jwt, err := l.assertion()(ctx)
	if err != nil {
		return p.failed(err)
	}
	if err := p.mask(jwt); err != nil {
		return p.failed(err)
	}
	if _, err := fmt.Fprintln(p.direct.stdout, jwt); err != nil {
		return p.failed(err)
	}
	return exitWell
}

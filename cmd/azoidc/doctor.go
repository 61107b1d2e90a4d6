package main

import (
	"context"
	"fmt"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
)

// doctor examines all there is between the job and an access token, and prints what it found.
func (p *program) doctor(ctx context.Context, args []string) int {
	var (
		common login.Flags
		wanted []string
		probe  bool
		output = newForm("text", "json", "markdown")
	)
	flags := newFlagSet("doctor")
	common.Register(flags, p.env)
	scopeFlag(flags, &wanted)
	flags.BoolVar(&probe, "probe", false, "")
	output.register(flags)
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("doctor", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	found := login.Examine(ctx, p.env, login.New(p.env, common, p.client), wanted, probe)
	if err := p.report(found, output.value); err != nil {
		return p.failed(err)
	}
	if !found.Well {
		return exitNotWell
	}
	return exitWell
}

func (p *program) report(found *login.Diagnosis, form string) error {
	switch form {
	case "json":
		return writeJSON(p.stdout, found)
	case "markdown":
		return found.WriteMarkdown(p.stdout)
	}
	if err := found.WriteText(p.stdout); err != nil {
		return err
	}
	return found.TellJob(p.env, p.direct.stdout)
}

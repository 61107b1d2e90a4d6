package main

import (
	"context"
	"fmt"
)

// doctor examines all there is between the job and an access token, and prints what it found.
func (p *program) doctor(ctx context.Context, args []string) int {
	var (
		common commonFlags
		wanted scopes
		probe  bool
		output = newForm("text", "json", "markdown")
	)
	flags := newFlagSet("doctor")
	common.register(flags, p.env)
	flags.Var(&wanted, "scope", "")
	flags.BoolVar(&probe, "probe", false, "")
	flags.Var(output, "o", "")
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("doctor", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	found := p.examine(ctx, common, wanted, probe)
	if err := p.report(found, output.value); err != nil {
		return p.failed(err)
	}
	if !found.Well {
		return exitNotWell
	}
	return exitWell
}

func (p *program) report(found *diagnosis, form string) error {
	switch form {
	case "json":
		return found.writeJSON(p.stdout)
	case "markdown":
		return found.writeMarkdown(p.stdout)
	}
	if err := found.writeText(p.stdout); err != nil {
		return err
	}
	return p.tellJob(found)
}

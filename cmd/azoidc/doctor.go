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
		output = newForm("text", "json")
	)
	flags := newFlagSet("doctor")
	common.register(flags, p.env)
	flags.Var(&wanted, "scope", "")
	flags.Var(output, "o", "")
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("doctor", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	found := p.examine(ctx, common, wanted)
	write := found.writeText
	if output.value == "json" {
		write = found.writeJSON
	}
	if err := write(p.stdout); err != nil {
		return p.failed(err)
	}
	if !found.Well {
		return exitNotWell
	}
	return exitWell
}

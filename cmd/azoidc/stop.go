package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// stop ends the process in the background, and waits for its end. It is well, too, when there is none.
func (p *program) stop(args []string) int {
	name := background.DefaultName
	flags := newFlagSet("stop")
	flags.Var(&name, "name", "")
	if status, ok := p.parse(flags, args); !ok {
		return status
	}
	if flags.NArg() > 0 {
		return p.misused("stop", fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	said, err := p.stopNamed(name)
	if err == nil {
		_, err = fmt.Fprintln(p.stdout, said)
	}
	if err != nil {
		return p.failed(err)
	}
	return exitWell
}

func (p *program) stopNamed(name background.Name) (said string, err error) {
	h, owner, err := background.Find(background.HomesIn(p.env), name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("No azoidc of the name %q runs.", name), nil
	case err != nil:
		return "", err
	case owner.State() == proc.Ended:
		return fmt.Sprintf("The azoidc of the name %q had ended already.", name), h.Tidy(owner)
	}
	asked := h.Ask(background.AskStop, &struct{}{}) // who doesn't answer is told by a signal
	if h.AwaitLeaving(owner, asked) {
		return fmt.Sprintf("The azoidc of the name %q has ended.", name), h.Tidy(owner)
	}
	return "", errors.Join(fmt.Errorf("process %d doesn't end", owner.ID), redact.Error(asked))
}

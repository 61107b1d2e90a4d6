package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// stop ends the process in the background, and waits for its end. It is well, too, when there is none.
func (p *program) stop(args []string) int {
	name := defaultName
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

func (p *program) stopNamed(name nameFlag) (said string, err error) {
	h, owner, err := p.findHome(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("No azoidc of the name %q runs.", name), nil
	case err != nil:
		return "", err
	case owner.State() == proc.Ended:
		return fmt.Sprintf("The azoidc of the name %q had ended already.", name), h.tidy(owner)
	}
	asked := h.ask(askStop, &struct{}{}) // who doesn't answer is told by a signal
	if h.awaitLeaving(owner, asked) {
		return fmt.Sprintf("The azoidc of the name %q has ended.", name), h.tidy(owner)
	}
	return "", errors.Join(fmt.Errorf("process %d doesn't end", owner.ID), redact.Error(asked))
}

// findHome fails with fs.ErrNotExist when there is none.
func (p *program) findHome(name nameFlag) (h home, owner proc.Process, err error) {
	s, err := openHomes(p.homesPath(), false)
	if err != nil {
		return home{}, proc.Process{}, err
	}
	h = home{s, string(name)}
	owner, err = h.owner()
	return h, owner, err
}

// awaitLeaving waits for the owner's end, and helps where it doesn't come. It returns false if nothing helps.
func (h home) awaitLeaving(owner proc.Process, asked error) bool {
	if owner.State() == proc.Elsewhere {
		return asked == nil && h.awaitRemoval(owner)
	}
	if asked == nil && owner.AwaitEnd(endTimeout) {
		return true
	}
	owner.Signal(false)
	if owner.AwaitEnd(endTimeout) {
		return true
	}
	owner.Signal(true)
	return owner.AwaitEnd(endTimeout)
}

// awaitRemoval is for an owner in another container, which removes its home when it ends.
func (h home) awaitRemoval(owner proc.Process) bool {
	for deadline := time.Now().Add(endTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if now, err := h.owner(); err != nil || now != owner {
			return true
		}
	}
	return false
}

// tidy removes what an owner that has ended has left, if it has left anything.
func (h home) tidy(owner proc.Process) error {
	self, err := proc.Find(os.Getpid())
	if err != nil {
		return err
	}
	if err := h.leaveFor(owner, self.Process); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return redact.Error(err)
	}
	return nil
}

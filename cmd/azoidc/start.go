package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/proc"
)

// defaultLife is about how long GitHub's request tokens live.
const defaultLife = 6 * time.Hour

type startFlags struct {
	common login.Flags
	supply supplyFlags
	name   background.Name
	life   time.Duration
	output *form
}

func (p *program) parseStart(args []string) (f startFlags, status int, ok bool) {
	f = startFlags{name: background.DefaultName, output: p.handoutForm()}
	flags := newFlagSet("start")
	f.common.Register(flags, p.env)
	f.supply.register(flags)
	flags.Var(&f.name, "name", "")
	flags.DurationVar(&f.life, "for", defaultLife, "")
	f.output.register(flags)
	if status, ok = p.parse(flags, args); !ok {
		return startFlags{}, status, false
	}
	switch {
	case flags.NArg() > 0:
		return startFlags{}, p.misused("start", fmt.Errorf("unexpected argument %q", flags.Arg(0))), false
	case f.life <= 0:
		return startFlags{}, p.misused("start", errors.New("-for is a time like 90m or 6h")), false
	}
	if err := f.supply.check(); err != nil {
		return startFlags{}, p.misused("start", err), false
	}
	return f, exitWell, true
}

// start leaves a process in the background that supplies the programs of a job with tokens, and gives the job the variables
// by which they find it. It leaves nothing when that fails.
func (p *program) start(ctx context.Context, args []string) int {
	f, status, ok := p.parseStart(args)
	if !ok {
		return status
	}
	l := login.New(p.env, f.common, p.client)
	if err := errors.Join(l.Check(), p.canGive(f.output.value)); err != nil {
		return p.failed(err)
	}
	self, err := proc.Find(os.Getpid())
	if err != nil {
		return p.failed(fmt.Errorf("azoidc can't stay in the background of this system: %w", err))
	}
	caught := watchSignals()
	defer caught.stop()
	h, err := background.Claim(background.HomesIn(p.env), f.name, self.Process)
	if err != nil {
		return p.failed(occupied(f.name, h, err))
	}
	ctx, stop := caught.cancel(ctx)
	err = p.startIn(ctx, h, self, f, args)
	sig := stop()
	if err == nil {
		return exitWell // also when a signal came too late
	}
	left := h.GiveUp(self.Process)
	if sig != nil {
		return proc.SignalStatus(sig)
	}
	return p.failed(errors.Join(err, left))
}

func occupied(name background.Name, h background.Home, err error) error {
	taken := background.OccupiedError{}
	switch {
	case !errors.As(err, &taken):
		return err
	case taken.Owner.State() == proc.Elsewhere:
		return fmt.Errorf("an azoidc of the name %q was started in another container: choose another -name, or, if that container is "+
			"gone, remove %s", name, h.Path())
	}
	return fmt.Errorf("an azoidc of the name %q runs already, as process %d: run 'azoidc stop', or choose another -name", name, taken.Owner.ID)
}

// A handover is what the process in the background is given, by a pipe: neither its arguments nor the environment that it
// is started with hold anything secret.
type handover struct {
	Args  []string            `json:"args"`   // of start
	Dir   string              `json:"folder"` // where it was run
	Env   ci.Variables        `json:"env"`
	Homes string              `json:"homes"`
	Owner proc.Process        `json:"owner"` // whose home it is until then
	While *background.Watched `json:"while,omitempty"`
}

// keepLine ends the handover. Until it has come, the process in the background ends with the one that started it.
const keepLine = "keep"

// A readiness is the answer.
type readiness struct {
	Handout handout  `json:"handout"`
	Secrets []string `json:"secrets"` // in Handout
	Failed  string   `json:"failed,omitempty"`
}

// startIn fails with nothing left running.
func (p *program) startIn(ctx context.Context, h background.Home, self proc.Listed, f startFlags, args []string) error {
	child, channel, err := h.Launch(inBackground)
	if err != nil {
		return err
	}
	dir, _ := os.Getwd() // "" if the folder is gone
	stopWaiting := context.AfterFunc(ctx, func() { _ = channel.Close() })
	ready, err := handOver(channel, handover{
		Args: args, Dir: dir, Env: p.env, Homes: h.Folder(), Owner: self.Process, While: background.JobProcess(p.env, self),
	})
	if err == nil {
		err = p.give(ready.Handout, f.output.value)
	}
	if err == nil && stopWaiting() {
		if _, err = fmt.Fprintln(channel, keepLine); err == nil {
			return errors.Join(channel.Close(), child.Process.Release())
		}
	}
	_ = channel.Close()
	background.End(child)
	if errors.Is(err, io.EOF) { // it has said nothing, but its crash may be in its log
		said, _ := h.ReadLog()
		return fmt.Errorf("the process in the background ended before it was ready\n%s", strings.TrimSpace(said))
	}
	return err
}

func handOver(channel *background.Channel, all handover) (readiness, error) {
	if err := json.NewEncoder(channel).Encode(all); err != nil {
		return readiness{}, err
	}
	var ready readiness
	if err := json.NewDecoder(channel).Decode(&ready); err != nil {
		return readiness{}, err
	}
	if ready.Failed != "" {
		return readiness{}, errors.New(ready.Failed)
	}
	ready.Handout.secrets = ready.Secrets
	return ready, nil
}

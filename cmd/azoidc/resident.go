package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc/cmd/azoidc/internal/background"
	"github.com/azoidc/azoidc/cmd/azoidc/internal/login"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/proc"
	"github.com/azoidc/azoidc/internal/redact"
)

// inBackground is the command that start starts.
const inBackground = "in-background"

// watchInterval is how soon the end of the job's process is seen.
const watchInterval = time.Second

// Why the process in the background ends.
var (
	errAbandoned = errors.New("whoever started it has gone")
	errStopped   = errors.New("it was told to")
	errJobEnded  = errors.New("the job has ended")
	errLifeOver  = errors.New("the time of -for is over")
)

// A resident is the process in the background.
type resident struct {
	*program
	home    background.Home
	self    proc.Process
	flags   startFlags
	login   login.Login
	while   *background.Watched
	since   time.Time
	until   time.Time
	journal *background.Journal
	tally   *tally

	mu     sync.Mutex
	supply *supply // nil until it's there
}

// background is run by start only.
func (p *program) background(ctx context.Context) int {
	channel, err := background.OpenChannel()
	if err != nil {
		return p.failed(err)
	}
	in := bufio.NewReader(channel)
	var all handover
	if line, err := in.ReadBytes('\n'); err != nil || json.Unmarshal(line, &all) != nil {
		return p.failed(errAbandoned)
	}
	r, err := p.moveIn(all)
	if err != nil {
		tell(channel, readiness{Failed: redact.Text(err.Error())})
		return exitNotWell
	}
	ctx, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		// The starter leaves early when it is cancelled, or when it can't give the variables to the job.
		if line, _ := in.ReadString('\n'); line == keepLine+"\n" {
			close(kept)
		} else {
			cancel(errAbandoned)
		}
		_ = channel.Close()
	}()
	r.live(ctx, cancel, channel, kept)
	return r.moveOut(context.Cause(ctx))
}

// tell has nobody else to tell that the starter has left, which this process sees by itself.
func tell(starter io.Writer, ready readiness) { _ = json.NewEncoder(starter).Encode(ready) }

// moveIn makes this process the one that the handover describes.
func (p *program) moveIn(all handover) (*resident, error) {
	adopt(all.Env)
	p.env = all.Env
	f, _, ok := p.parseStart(all.Args)
	if !ok {
		return nil, errors.New("the handover's arguments aren't those of start")
	}
	f.common.Folder = all.Dir
	h, err := background.Open(all.Homes, f.name)
	if err != nil {
		return nil, err
	}
	self, err := proc.Find(os.Getpid())
	if err != nil {
		return nil, err
	}
	if err := h.Pass(all.Owner, self.Process); err != nil {
		return nil, err
	}
	log, err := background.OpenJournal(h, gateOf(p.env))
	if err != nil {
		return nil, err
	}
	p.stderr = log
	now := time.Now().Round(0) // by the wall clock, which goes on while the machine sleeps
	r := &resident{
		program: p, home: h, self: self.Process, flags: f, login: login.New(p.env, f.common, p.client), while: all.While,
		since: now, until: now.Add(f.life), journal: log, tally: newTally(log.Note),
	}
	r.login.Client.PerCallPolicies = []policy.Policy{r.tally}
	return r, nil
}

// adopt takes over the environment, but for the marks by which CI systems find what a step has left running, to end it: this
// process ends by itself. What this program was started with, others can read; this they can't.
func adopt(env ci.Variables) {
	var marks []string
	for _, system := range ci.Systems() {
		marks = append(marks, system.Tracking)
	}
	os.Clearenv()
	for _, variable := range env.Without(marks...) {
		if name, value, _ := strings.Cut(variable, "="); name != "" {
			_ = os.Setenv(name, value) // it was one already
		}
	}
}

// live returns when it is time to end, with nothing open any more.
func (r *resident) live(ctx context.Context, cancel context.CancelCauseFunc, starter io.Writer, kept <-chan struct{}) {
	catch(cancel)
	answerer, err := background.Listen(r.home, func(asked string) any { return r.answer(asked, cancel) })
	if err != nil {
		tell(starter, readiness{Failed: redact.Text(err.Error())})
		return
	}
	defer answerer.Close()
	if err := r.open(ctx); err != nil {
		tell(starter, readiness{Failed: redact.Text(err.Error())})
		return
	}
	defer r.supply.close()
	h := newHandout(r.env, r.supply, r.flags.output.value, r.flags.supply.keepRequestToken)
	tell(starter, readiness{Handout: h, Secrets: h.secrets})
	r.watch(ctx, cancel, kept)
}

// catch makes signals the end. It does so for as long as the process lives: one that comes while it moves out would leave half of it.
func catch(cancel context.CancelCauseFunc) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, proc.Signals()...)
	go func() { cancel(fmt.Errorf("the signal %q came", <-came)) }()
}

func (r *resident) open(ctx context.Context) error {
	tokens, err := r.program.supply(ctx, &r.login, r.flags.supply)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.supply = tokens
	return nil
}

// watch returns when it is time to end. While its starter isn't through, that one decides.
func (r *resident) watch(ctx context.Context, cancel context.CancelCauseFunc, kept <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-kept:
	}
	tick := time.NewTicker(min(watchInterval, r.flags.life))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch {
		case !time.Now().Before(r.until):
			cancel(errLifeOver)
		case r.while.Ended():
			cancel(errJobEnded)
		}
	}
}

// moveOut, which returns the exit status, leaves nothing behind, but for the log where somebody may wonder why there are no tokens any more.
func (r *resident) moveOut(why error) int {
	if errors.Is(why, errLifeOver) {
		r.journal.Note("azoidc ends: " + why.Error())
		if err := r.journal.Close(); err != nil {
			return exitNotWell
		}
		return exitWell
	}
	// On Windows a folder with an open file in it can't be moved.
	if err := errors.Join(r.journal.Close(), os.Stderr.Close(), r.home.Leave(r.self)); err != nil {
		return exitNotWell // which is all that can be said
	}
	return exitWell
}

func (r *resident) answer(asked string, cancel context.CancelCauseFunc) any {
	switch asked {
	case background.AskStatus:
		return r.report()
	case background.AskStop:
		cancel(errStopped)
	}
	return struct{}{}
}

package main

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/azoidc/azoidc/azoidctest"
)

// A lane is what reached the cloud from one deployment, by the cloud's own record.
type lane struct {
	deployment *deployment
	assertions []mark // OIDC tokens, each from its issue to its end
	tokens     []mark // access tokens, when they were issued
	steps      []mark // from the first request to the last answer
	done       int    // steps
	refusals   []refusal
}

// A mark is something in the timeline. Times are since the deployment's start.
type mark struct {
	sign     rune
	from, to time.Duration
}

// A refusal is Entra's, with its code, or a service's, with the status.
type refusal struct {
	at   time.Duration
	leg  azoidctest.Leg
	text string
}

// newLane finds the deployment's requests in the record: those for OIDC tokens by the job's own address for them, those
// to Entra by the OIDC token that they present, those to services by their path.
func newLane(d *deployment, record []azoidctest.Request) *lane {
	l := &lane{deployment: d}
	issued := map[string]bool{}
	address, _, _ := strings.Cut(d.requestURL, "?")
	for _, r := range record {
		switch {
		case strings.HasPrefix(r.URL, address) && r.Assertion != nil:
			issued[r.Assertion.Raw] = true
			l.assertions = append(l.assertions, mark{'●', l.since(r.Time), l.since(r.Assertion.ExpiresAt)})
		case r.Leg == azoidctest.EntraToken && r.Assertion != nil && issued[r.Assertion.Raw]:
			l.addExchange(r)
		case r.Leg == azoidctest.Services && strings.Contains(r.URL, "/"+d.path+"/"):
			l.addOperation(r)
		}
	}
	return l
}

func (l *lane) since(t time.Time) time.Duration { return t.Sub(l.deployment.began) }

func (l *lane) addExchange(r azoidctest.Request) {
	if r.AccessToken == nil {
		l.refusals = append(l.refusals, refusal{l.since(r.Time), r.Leg, r.Code})
		return
	}
	i := slices.IndexFunc(l.deployment.steps, func(s step) bool { return strings.Contains(r.Scope, s.target.audience+"/.default") })
	if i >= 0 {
		l.tokens = append(l.tokens, mark{sign: l.deployment.steps[i].target.letter, from: l.since(r.Time)})
	}
}

func (l *lane) addOperation(r azoidctest.Request) {
	if r.Status != http.StatusOK && r.Status != http.StatusAccepted {
		l.refusals = append(l.refusals, refusal{l.since(r.Time), r.Leg, http.StatusText(r.Status)})
		return
	}
	i := slices.IndexFunc(l.deployment.steps, func(s step) bool { return s.name == path.Base(r.URL) })
	if i < 0 {
		return
	}
	if i >= len(l.steps) {
		l.steps = append(l.steps, mark{sign: l.deployment.steps[i].target.letter, from: l.since(r.Time)})
	}
	l.steps[len(l.steps)-1].to = max(l.since(r.Time), l.since(r.Answered)) // which may not be noted yet
	if r.Status == http.StatusOK {
		l.done++
	}
}

// ended is when the last thing happened.
func (l *lane) ended() time.Duration {
	var end time.Duration
	for _, step := range l.steps {
		end = max(end, step.to)
	}
	for _, refusal := range l.refusals {
		end = max(end, refusal.at)
	}
	return end
}

// complete tells whether the services have answered that every step is done.
func (l *lane) complete() bool { return l.done == len(l.deployment.steps) }

// refusedWith tells whether Entra refused with the code.
func (l *lane) refusedWith(code string) bool {
	return slices.ContainsFunc(l.refusals, func(r refusal) bool { return r.text == code })
}

// refusedByServices is how often a service refused.
func (l *lane) refusedByServices() (n int) {
	for _, r := range l.refusals {
		if r.leg == azoidctest.Services {
			n++
		}
	}
	return n
}

// judge returns what didn't happen of that which the program claims.
func judge(todays, azoidcs []*lane) error {
	var missing []error
	for _, l := range todays {
		missing = append(missing, l.judgeToday())
	}
	for _, l := range azoidcs {
		missing = append(missing, l.judgeAzoidc())
	}
	if err := errors.Join(missing...); err != nil {
		return fmt.Errorf("not everything happened that was to be shown:\n%w", err)
	}
	return nil
}

// judgeToday wants the failure, in the deployment's eyes and in the cloud's.
func (l *lane) judgeToday() error {
	switch err := l.deployment.err; {
	case err == nil:
		return l.missing("no failure with %s: one OIDC token was enough", outsideItsTime)
	case codeOf(err) != outsideItsTime || !l.refusedWith(outsideItsTime):
		return l.missing("it failed, but not with %s: %w", outsideItsTime, err)
	}
	return nil
}

// judgeAzoidc wants all steps, on several OIDC tokens, without a refusal by any service.
func (l *lane) judgeAzoidc() error {
	switch {
	case l.deployment.err != nil:
		return l.missing("it failed: %w", l.deployment.err)
	case !l.complete():
		return l.missing("the services completed %d of %d steps", l.done, len(l.deployment.steps))
	case len(l.assertions) < 2:
		return l.missing("a second OIDC token: %d was requested", len(l.assertions))
	case l.refusedByServices() > 0:
		return l.missing("requests refused by the services: %d", l.refusedByServices())
	}
	return nil
}

func (l *lane) missing(format string, arguments ...any) error {
	return fmt.Errorf("  %s, %s: %w", l.deployment.job.system, l.deployment.approach.name, fmt.Errorf(format, arguments...))
}

// summary says in two lines what was shown.
func summary(todays, azoidcs []*lane) string {
	return fmt.Sprintf("Today, both deployments failed with %s after %s steps: the one OIDC token of each had ended.\n"+
		"With azoidc, both finished all steps, on %s OIDC tokens, without an error or a refusal by any service.\n",
		outsideItsTime, each(todays, (*lane).progress), each(azoidcs, (*lane).requested))
}

func (l *lane) progress() string  { return fmt.Sprintf("%d of %d", l.done, len(l.deployment.steps)) }
func (l *lane) requested() string { return fmt.Sprint(len(l.assertions)) }

// each joins what is to be said of the lanes, once when it's the same for all.
func each(lanes []*lane, say func(*lane) string) string {
	var said []string
	for _, l := range lanes {
		if text := say(l); len(said) == 0 || said[0] != text {
			said = append(said, text)
		}
	}
	return strings.Join(said, " and ")
}

package main

import (
	"errors"
	"fmt"
	"strings"
)

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

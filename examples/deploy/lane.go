package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/azoidc/azoidc/azoidctest"
	"github.com/azoidc/azoidc/internal/ci"
)

// A lane is what reached the cloud from one deployment, by the cloud's own record.
type lane struct {
	deployment *deployment
	assertions []mark // OIDC tokens, each from its issue to its end
	tokens     []mark // access tokens, when they were issued
	steps      []mark // from the first request to the last answer
	done       int    // steps
	waits      int    // of the deployment's, for access tokens; those before the first step are one
	refusals   []refusal
}

// A mark is something in the timeline. Times are since the deployment's start.
type mark struct {
	sign     rune
	from, to time.Duration
	waited   bool // the deployment, for this access token

	// planned is where it would be if no request took any time, the same in each run: what a step waits for is at the
	// step's start, what happens beside the steps at the nearest second. It lasts, if it does, for so long.
	planned time.Duration
	lasts   time.Duration
}

// inOrder are access tokens by their place, those in the same one by their service: they came at once.
func inOrder(tokens []mark, place func(mark) int) []mark {
	const signs = "RKS"
	return slices.SortedFunc(slices.Values(tokens), func(a, b mark) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(strings.IndexRune(signs, a.sign), strings.IndexRune(signs, b.sign)))
	})
}

// unplanned is an OIDC token that no exchange presented.
const unplanned time.Duration = -1

// A refusal is Entra's, with its code, or a service's, with the status.
type refusal struct {
	at      time.Duration
	planned time.Duration
	leg     azoidctest.Leg
	text    string
}

// newLane finds the deployment's requests in the record: those for OIDC tokens by the job's own address for them, those
// to Entra by the OIDC token that they present, those to services by their path.
func newLane(d *deployment, record []azoidctest.Request) *lane {
	l := &lane{deployment: d}
	issued := map[string]int{} // of the OIDC tokens, by the token
	address, _, _ := strings.Cut(d.job.requestURL, "?")
	exchanges := 0
	for _, r := range record {
		switch {
		case r.Leg == azoidctest.EntraToken:
			if i, ours := issued[rawOf(r.Assertion)]; ours {
				l.addExchange(r, exchanges, &l.assertions[i])
			}
			exchanges++
		case strings.HasPrefix(r.URL, address) && r.Assertion != nil:
			issued[r.Assertion.Raw] = len(l.assertions)
			l.assertions = append(l.assertions, l.assertion(r))
		case r.Leg == azoidctest.Services && strings.Contains(r.URL, "/"+d.path+"/"):
			l.addOperation(r)
		}
	}
	return l
}

// assertion is an OIDC token of the deployment's. Its place is that of the first exchange that presents it.
func (l *lane) assertion(r azoidctest.Request) mark {
	lifetime := r.Assertion.ExpiresAt.Sub(r.Assertion.IssuedAt)
	return mark{sign: '●', from: l.since(r.Time), to: l.since(r.Assertion.ExpiresAt), planned: unplanned, lasts: lifetime}
}

func rawOf(claims *azoidctest.Claims) string {
	if claims == nil {
		return ""
	}
	return claims.Raw
}

func (l *lane) since(t time.Time) time.Duration { return t.Sub(l.deployment.began) }

// addExchange adds the cloud's exchange with that number, which presented the assertion.
func (l *lane) addExchange(r azoidctest.Request, number int, assertion *mark) {
	waited := r.AccessToken == nil || len(l.steps) == 0 || l.deployment.answers.waitedFor(r.AccessToken.Raw, number)
	planned := l.since(r.Time).Round(time.Second)
	if waited {
		planned = l.plannedStart(l.done)
	}
	if assertion.planned == unplanned {
		assertion.planned = planned
	}
	if r.AccessToken == nil {
		l.refusals = append(l.refusals, refusal{l.since(r.Time), planned, r.Leg, r.Code})
		return
	}
	i := slices.IndexFunc(l.deployment.steps, func(s step) bool { return strings.Contains(r.Scope, s.target.audience+"/.default") })
	if i < 0 {
		return
	}
	if waited && (len(l.steps) > 0 || len(l.tokens) == 0) {
		l.waits++
	}
	l.tokens = append(l.tokens, mark{sign: l.deployment.steps[i].target.letter, from: l.since(r.Time), waited: waited, planned: planned})
}

func (l *lane) addOperation(r azoidctest.Request) {
	if r.Status != http.StatusOK && r.Status != http.StatusAccepted {
		l.refusals = append(l.refusals, refusal{l.since(r.Time), l.plannedStart(l.done), r.Leg, http.StatusText(r.Status)})
		return
	}
	i := slices.IndexFunc(l.deployment.steps, func(s step) bool { return s.name == path.Base(r.URL) })
	if i < 0 {
		return
	}
	if i >= len(l.steps) {
		l.steps = append(l.steps, mark{sign: l.deployment.steps[i].target.letter, from: l.since(r.Time), planned: l.plannedStart(i), lasts: l.deployment.steps[i].takes})
	}
	l.steps[len(l.steps)-1].to = max(l.since(r.Time), l.since(r.Answered)) // which may not be noted yet
	if r.Status == http.StatusOK {
		l.done++
	}
}

// plannedStart is that of the step with the index, or the end of all of them.
func (l *lane) plannedStart(index int) (start time.Duration) {
	for _, step := range l.deployment.steps[:index] {
		start += step.takes
	}
	return start
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

// ending says how the steps ended.
func (l *lane) ending() string {
	n := len(l.refusals)
	switch {
	case l.complete():
		return "✓"
	case n == 0:
		return "✗"
	}
	return "✗ " + l.refusals[n-1].text
}

// judge returns what didn't happen of that which the program claims.
func judge(todays, azoidcs []*lane) error {
	var missing []error
	for _, l := range todays {
		if l.deployment.job.system == ci.GitHubActions {
			missing = append(missing, l.judgeOneToken())
		} else {
			missing = append(missing, l.judgeNewTokens())
		}
	}
	for _, l := range azoidcs {
		missing = append(missing, l.judgeNewTokens(), l.judgePreloaded())
	}
	if err := errors.Join(missing...); err != nil {
		return fmt.Errorf("not everything happened that was to be shown:\n%w", err)
	}
	return nil
}

// judgeOneToken wants the failure, in the deployment's eyes and in the cloud's.
func (l *lane) judgeOneToken() error {
	switch err := l.deployment.err; {
	case err == nil:
		return l.missing("no failure with %s: one OIDC token was enough", outsideItsTime)
	case codeOf(err) != outsideItsTime || !l.refusedWith(outsideItsTime):
		return l.missing("it failed, but not with %s: %w", outsideItsTime, err)
	}
	return nil
}

// judgeNewTokens wants all steps, on several OIDC tokens, without a refusal by any service.
func (l *lane) judgeNewTokens() error {
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

// judgePreloaded wants no wait after the first step's start.
func (l *lane) judgePreloaded() error {
	if l.deployment.err == nil && l.waits != 1 {
		return l.missing("waited for access tokens %d times, not once", l.waits)
	}
	return nil
}

func (l *lane) missing(format string, arguments ...any) error {
	return fmt.Errorf("  %s, %s: %w", l.deployment.job.system.Name, l.deployment.approach.name, fmt.Errorf(format, arguments...))
}

// summary says in a few lines what was shown.
func summary(todays, azoidcs []*lane) string {
	var text strings.Builder
	for _, l := range todays {
		system := l.deployment.job.system.Name
		if l.complete() {
			fmt.Fprintf(&text, "Today, from %s it finished on %d OIDC tokens, and waited for access tokens %d times.\n", system, len(l.assertions), l.waits)
		} else {
			fmt.Fprintf(&text, "Today, from %s it failed with %s after %s steps: its one OIDC token had ended.\n", system, outsideItsTime, l.progress())
		}
	}
	fmt.Fprintf(&text, "With azoidc, both finished all steps, on %s OIDC tokens, without an error or a refusal by any service, and waited once, at their start.\n",
		each(azoidcs, (*lane).requested))
	return text.String()
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

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc"
)

// An examination tries one step after the other, and goes on when one fails.
type examination struct {
	job   job
	clock *clock
	found diagnosis
}

func (p *program) examine(ctx context.Context, common commonFlags, wanted []string) *diagnosis {
	e := &examination{job: p.job(common), clock: newClock(p.transport)}
	e.job.client.Transport = e.clock
	if len(wanted) == 0 {
		wanted = []string{managementScope(e.job.authorityHost)}
	}
	e.found.describe(p.env, &e.job)
	e.step("settings", func() (string, error) { return "complete", e.job.check() })
	e.requestAssertion(ctx)
	e.step("Microsoft Entra's configuration", func() (string, error) { return e.configuration(ctx) })
	for _, scope := range wanted {
		e.step("access token for "+scope, func() (string, error) { return e.accessToken(ctx, scope) })
	}
	e.step("clock", e.readClock)
	e.found.conclude(&e.job)
	return &e.found
}

// managementScope is that of Azure Resource Manager in the authority host's cloud.
func managementScope(authorityHost string) string {
	switch {
	case strings.Contains(authorityHost, "microsoftonline.us"):
		return "https://management.usgovcloudapi.net/.default"
	case strings.Contains(authorityHost, "chinacloudapi.cn"), strings.Contains(authorityHost, "partner.microsoftonline.cn"):
		return "https://management.chinacloudapi.cn/.default"
	}
	return "https://management.azure.com/.default"
}

// skipped is the error of a step that can't be tried.
type skipped string

func (s skipped) Error() string { return string(s) }

// step tries one thing, and notes how that went and how long it took.
func (e *examination) step(name string, try func() (string, error)) {
	began := time.Now()
	detail, err := try()
	s := step{Name: name, Result: resultOK, Milliseconds: time.Since(began).Milliseconds(), Detail: detail}
	if err != nil {
		s.Result, s.Detail = resultFailed, err.Error()
	}
	if reason := skipped(""); errors.As(err, &reason) {
		s.Result, s.Milliseconds = resultSkipped, 0
	}
	e.found.Steps = append(e.found.Steps, s)
}

func (e *examination) requestAssertion(ctx context.Context) {
	e.step("OIDC token", func() (string, error) {
		if err := e.job.checkRequest(); err != nil {
			return "", skipped("the settings for it are missing")
		}
		jwt, err := e.job.assertion()(ctx)
		if err != nil {
			return "", err
		}
		claims, err := azoidc.ParseClaims(jwt)
		if err != nil {
			return "", fmt.Errorf("%s handed out something else: %w", e.job.ci.name, err)
		}
		e.found.identify(&e.job, claims)
		return "from " + e.job.ci.name + ", " + lifeOf(claims, time.Now()), nil
	})
}

func lifeOf(claims azoidc.Claims, now time.Time) string {
	if claims.ExpiresAt.IsZero() {
		return "without an end"
	}
	return "ends in " + claims.ExpiresAt.Sub(now).Round(time.Second).String()
}

func (e *examination) accessToken(ctx context.Context, scope string) (string, error) {
	if e.job.check() != nil {
		return "", skipped("settings are missing")
	}
	if e.found.Identity == nil {
		return "", skipped("there is no OIDC token to exchange")
	}
	cred, err := e.job.credential()
	if err != nil {
		return "", err
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		return "", err
	}
	return "ends in " + time.Until(token.ExpiresOn).Round(time.Second).String(), nil
}

// wrongClock is where trouble begins: tokens are refused at about five minutes.
const wrongClock = 2 * time.Minute

func (e *examination) readClock() (string, error) {
	offset, ok := e.clock.offset()
	if !ok {
		return "", skipped("no server told its time")
	}
	seconds := int64(offset.Round(time.Second) / time.Second)
	e.found.ClockOffset = &seconds
	text := describeOffset(offset)
	if offset.Abs() >= wrongClock {
		return "", fmt.Errorf("%s: set it, because tokens are valid by the clock", text)
	}
	return text, nil
}

func describeOffset(offset time.Duration) string {
	switch offset = offset.Round(time.Second); {
	case offset.Abs() <= time.Second: // all that a Date header can tell
		return "this machine's clock agrees with the servers'"
	case offset > 0:
		return fmt.Sprintf("this machine's clock is %s behind the servers'", offset)
	default:
		return fmt.Sprintf("this machine's clock is %s ahead of the servers'", -offset)
	}
}

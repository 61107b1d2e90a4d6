package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
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

// An examination tries one step after the other, and goes on when one fails.
type examination struct {
	login login
	clock *clock
	found diagnosis
}

func (p *program) examine(ctx context.Context, common commonFlags, wanted []string) *diagnosis {
	e := &examination{login: p.login(common), clock: newClock(p.transport)}
	e.login.client.Transport = e.clock
	if len(wanted) == 0 {
		wanted = []string{managementScope(e.login.authorityHost)}
	}
	e.found.describe(p.env, &e.login)
	e.step("settings", func() (string, error) { return "complete", e.login.check() })
	e.requestAssertion(ctx)
	e.step("Microsoft Entra's configuration", func() (string, error) { return e.configuration(ctx) })
	for _, scope := range wanted {
		e.step("access token for "+scope, func() (string, error) { return e.accessToken(ctx, scope) })
	}
	e.step("clock", e.readClock)
	e.found.conclude(&e.login)
	return &e.found
}

// managementScope is that of Azure Resource Manager in the authority host's cloud.
func managementScope(authorityHost string) string {
	resource := "https://management.azure.com"
	switch {
	case strings.Contains(authorityHost, "microsoftonline.us"):
		resource = "https://management.usgovcloudapi.net"
	case strings.Contains(authorityHost, "chinacloudapi.cn"), strings.Contains(authorityHost, "partner.microsoftonline.cn"):
		resource = "https://management.chinacloudapi.cn"
	}
	return resource + "/.default"
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
		if err := e.login.checkRequest(); err != nil {
			return "", skipped("the settings for it are missing")
		}
		jwt, err := e.login.assertion()(ctx)
		if err != nil {
			return "", err
		}
		claims, err := azoidc.ParseClaims(jwt)
		if err != nil {
			return "", fmt.Errorf("%s handed out something else: %w", e.login.system.Name, err)
		}
		e.found.identify(&e.login, claims)
		return "from " + e.login.system.Name + ", " + lifeOf(claims, time.Now()), nil
	})
}

func lifeOf(claims azoidc.Claims, now time.Time) string {
	if claims.ExpiresAt.IsZero() {
		return "without an end"
	}
	return "ends in " + claims.ExpiresAt.Sub(now).Round(time.Second).String()
}

func (e *examination) accessToken(ctx context.Context, scope string) (string, error) {
	if e.login.check() != nil {
		return "", skipped("settings are missing")
	}
	if e.found.Identity == nil {
		return "", skipped("there is no OIDC token to exchange")
	}
	cred, err := e.login.credential()
	if err != nil {
		return "", err
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		return "", err
	}
	return "ends in " + time.Until(token.ExpiresOn).Round(time.Second).String(), nil
}

func (e *examination) readClock() (string, error) {
	offset, ok := e.clock.offset()
	if !ok {
		return "", skipped("no server told its time")
	}
	seconds := int64(offset.Round(time.Second) / time.Second)
	e.found.ClockOffset = &seconds
	text := "this machine's clock is " + advice.DescribeOffset(offset)
	if offset.Abs() >= advice.WrongClock {
		return "", fmt.Errorf("%s: set it, because tokens are valid by the clock", text)
	}
	return text, nil
}

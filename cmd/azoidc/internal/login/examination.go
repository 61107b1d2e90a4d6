package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azoidc/azoidc"
	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
)

// An examination tries one step after the other, and goes on when one fails.
type examination struct {
	env   ci.Variables
	login Login
	proxy func(*http.Request) (*url.URL, error) // through which a request goes; nil where that can't be told
	clock *clock
	found Diagnosis
	// Of the job's OIDC token, once found.Identity is there.
	claims   azoidc.Claims
	received time.Time
}

// Examine tries all there is between the job and an access token for each scope, and asks the scopes' services with the tokens
// if probe is set. Without a scope, it is that of Azure Resource Manager.
func Examine(ctx context.Context, env ci.Variables, l Login, wanted []string, probe bool) *Diagnosis {
	e := newExamination(env, l)
	if len(wanted) == 0 {
		wanted = []string{managementScope(e.login.AuthorityHost)}
	}
	e.found.describe(env, &e.login)
	e.step("settings", func() (string, error) { return "complete", e.login.Check() })
	e.step("proxy", e.proxySettings)
	if host, ok := hostOf(e.login.requestURL); ok {
		e.step("network to "+oneLine(host.Host), func() (string, error) { return e.reach(ctx, host) })
	}
	e.requestAssertion(ctx)
	if host, ok := hostOf(e.login.AuthorityHost); ok {
		e.step("network to "+oneLine(host.Host), func() (string, error) { return e.reach(ctx, host) })
	}
	e.step("Microsoft Entra's configuration", func() (string, error) { return e.configuration(ctx) })
	for _, scope := range wanted {
		e.try(ctx, scope, probe)
	}
	e.step("clock", e.readClock)
	if e.found.Identity != nil { // by a clock that is known now
		e.step("the OIDC token's times", e.tokenTimes)
	}
	e.found.conclude(&e.login)
	return &e.found
}

func newExamination(env ci.Variables, l Login) *examination {
	e := &examination{env: env, login: l, clock: newClock(l.Client.Transport)}
	if l.Client.Transport == nil {
		e.proxy = http.ProxyFromEnvironment
	}
	e.login.Client.Transport = e.clock
	return e
}

// try acquires a token for the scope and, if wanted, asks its service with it.
func (e *examination) try(ctx context.Context, scope string, probe bool) {
	var token azcore.AccessToken
	e.step("access token for "+oneLine(scope), func() (detail string, err error) {
		token, err = e.accessToken(ctx, scope)
		return "ends in " + time.Until(token.ExpiresOn).Round(time.Second).String(), err
	})
	if probe {
		e.step("probe with the token for "+oneLine(scope), func() (string, error) { return e.probe(ctx, scope, token.Token) })
	}
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

// hostOf is the root of an https address.
func hostOf(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, false
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}, true
}

// skipped is why a step isn't tried.
type skipped string

func (s skipped) Error() string { return string(s) }

// questionable is what works and should be looked at all the same.
type questionable string

func (q questionable) Error() string { return string(q) }

// step tries one thing, and notes how that went and how long it took.
func (e *examination) step(name string, try func() (string, error)) {
	began := time.Now()
	detail, err := try()
	s := Step{Name: name, Result: resultOK, Milliseconds: time.Since(began).Milliseconds(), Detail: detail}
	if err != nil {
		s.Result, s.Detail = ResultFailed, err.Error()
	}
	if reason := skipped(""); errors.As(err, &reason) {
		s.Result, s.Milliseconds = resultSkipped, 0
	}
	if what := questionable(""); errors.As(err, &what) {
		s.Result = resultWarning
	}
	e.found.Steps = append(e.found.Steps, s)
}

func (e *examination) requestAssertion(ctx context.Context) {
	e.step("OIDC token", func() (string, error) {
		if err := e.login.CheckRequest(); err != nil {
			return "", skipped("the settings for it are missing")
		}
		jwt, err := e.login.Assertion()(ctx)
		if err != nil {
			return "", err
		}
		claims, err := azoidc.ParseClaims(jwt)
		if err != nil {
			return "", fmt.Errorf("%s handed out something else: %w", e.login.Source(), err)
		}
		e.claims, e.received = claims, time.Now()
		e.found.identify(&e.login, claims)
		detail := "from " + e.login.Source() + ", " + lifeOf(claims, time.Now())
		if retiring := advice.Retiring(claims.Issuer, e.login.ExchangeAudience()); retiring != "" {
			return "", questionable(detail + "; " + retiring)
		}
		return detail, nil
	})
}

func lifeOf(claims azoidc.Claims, now time.Time) string {
	if claims.ExpiresAt.IsZero() {
		return "without an end"
	}
	return "ends in " + claims.ExpiresAt.Sub(now).Round(time.Second).String()
}

func (e *examination) accessToken(ctx context.Context, scope string) (azcore.AccessToken, error) {
	if e.login.Check() != nil {
		return azcore.AccessToken{}, skipped("settings are missing")
	}
	if e.found.Identity == nil {
		return azcore.AccessToken{}, skipped("there is no OIDC token to exchange")
	}
	cred, err := e.login.Credential()
	if err != nil {
		return azcore.AccessToken{}, err
	}
	token, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	if lacksFederation(err) {
		e.found.Federated.Commands = e.found.Federated.commands
	}
	return token, err
}

// lacksFederation tells whether Entra refused because no federated identity credential matches.
func lacksFederation(err error) bool {
	var refused *azoidc.ExchangeError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "AADSTS70021", "AADSTS700211", "AADSTS700212", "AADSTS700213", "AADSTS7002131", "AADSTS7002137", "AADSTS70025", "AADSTS7000226":
		return true
	}
	return false
}

package azoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/retry"
)

// traceHeaders identify a request in Azure DevOps' and GitHub's own logs.
var traceHeaders = []string{"X-Vss-E2eid", "X-Msedge-Ref", "Activityid", "X-Github-Request-Id"}

// clientOptions returns the caller's options as both legs use them: nothing in them can take a secret into a log or to
// another host, and a connection that is dead for one leg is so for the other.
func clientOptions(o azcore.ClientOptions) azcore.ClientOptions {
	o.Transport = outbound.Transport(o.Transport)
	o.Logging.IncludeBody = false // the bodies are assertions and access tokens
	o.Logging.AllowedHeaders = slices.DeleteFunc(slices.Concat(traceHeaders, o.Logging.AllowedHeaders), func(name string) bool {
		return strings.EqualFold(name, "Authorization") // which holds the request token
	})
	o.Logging.AllowedQueryParams = slices.Clone(o.Logging.AllowedQueryParams)
	o.PerCallPolicies = slices.Clone(o.PerCallPolicies)
	o.PerRetryPolicies = slices.Clone(o.PerRetryPolicies)
	o.Cloud = resolveCloud(o.Cloud)
	return o
}

// An oidcEndpoint is where a CI system hands out assertions, as far as the systems are alike.
type oidcEndpoint struct {
	system  *ci.System
	client  *azcore.Client
	retries retry.Options
}

// newOIDCEndpoint takes what [clientOptions] returned.
func newOIDCEndpoint(system *ci.System, o azcore.ClientOptions) (oidcEndpoint, error) {
	client, err := azcore.NewClient(outbound.Module, outbound.ReadBuild().Version, runtime.PipelineOptions{
		Tracing: runtime.TracingOptions{Namespace: "azoidc"},
	}, &o)
	return oidcEndpoint{system: system, client: client, retries: retry.New(o.Retry)}, err
}

func (e oidcEndpoint) name() string { return e.system.Name }

func (e oidcEndpoint) failure(err error) *retry.Failure {
	if unusable, ok := err.(*AssertionError); ok {
		return ownFailure(unusable)
	}
	if isUnavailable(err) {
		return &retry.Failure{Err: err}
	}
	return ownFailure(&AssertionError{Source: e.name(), Err: err})
}

// A setting is a value that the caller or an environment variable gave.
type setting struct {
	system          *ci.System
	variable, value string
}

func (e oidcEndpoint) setting(variable, value string) setting {
	return setting{e.system, variable, value}
}

// lacking are the settings without a value. Where none has one, what a job of the system needs is one remedy for all.
func lacking(settings []setting) (lacks []ci.Lack) {
	for _, s := range settings {
		if s.value == "" {
			lacks = append(lacks, s.system.Lack(s.variable))
		}
	}
	if len(lacks) == len(settings) {
		for i := range lacks {
			lacks[i].Remedy = settings[i].system.Setup
		}
	}
	return lacks
}

// unexpanded is the error of settings that hold a macro's text in place of a value, which nobody is to be sent.
func unexpanded(settings []setting) error {
	for _, s := range settings {
		if ci.IsMacro(s.value) {
			problem, remedy := ci.Unexpanded(s.variable, s.value)
			return &AssertionError{Source: s.system.Name, Err: errors.New(problem), advice: remedy}
		}
	}
	return nil
}

// available reports what keeps a request from being made: a credential-unavailable error when settings have no value, so
// that a chain goes on.
func (e oidcEndpoint) available(settings []setting) error {
	if lacks := lacking(settings); len(lacks) > 0 {
		return unavailable(e.system.Credential, ci.Missing(lacks...))
	}
	return unexpanded(settings)
}

// noURL is the error of a request URL that is none.
func (e oidcEndpoint) noURL() error {
	return &AssertionError{Source: e.system.Name, Err: fmt.Errorf("%s is no URL", e.system.RequestURL),
		advice: "pass the variable on as the CI system sets it"}
}

// An oidcRequest is one request for an assertion, authorized with the CI system's own token.
type oidcRequest struct {
	method string
	url    *url.URL
	header http.Header
	bearer string
}

// An oidcAnswer is what came back, whole.
type oidcAnswer struct {
	status   int
	header   http.Header
	body     []byte
	received time.Time
	asked    string
	response *http.Response // without anything secret, its body included
	secrets  []string
}

// send makes the request once.
func (e oidcEndpoint) send(ctx context.Context, r oidcRequest) (answer oidcAnswer, err error) {
	ctx, endSpan := runtime.StartSpan(e.retries.Once(ctx), e.system.Name+".RequestAssertion", e.client.Tracer(), nil)
	defer func() { endSpan(err) }()
	asked := r.method + " " + redact.Line(redact.URL(r.url).String())
	req, err := runtime.NewRequest(ctx, r.method, r.url.String())
	if err != nil {
		return oidcAnswer{}, e.failed(asked, err)
	}
	for name, values := range r.header {
		req.Raw().Header[name] = values
	}
	req.Raw().Header.Set("Authorization", "Bearer "+r.bearer)
	resp, body, err := payload(e.client.Pipeline().Do(req))
	if err != nil {
		return oidcAnswer{}, e.failed(asked, err)
	}
	answer = oidcAnswer{
		status: resp.StatusCode, header: resp.Header, body: body, received: time.Now(), asked: asked,
		response: redact.Response(resp, nil), secrets: []string{r.bearer},
	}
	if !answer.succeeded() {
		outbound.LogRefusal(redact.Response(resp, body, r.bearer), "")
	}
	return answer, nil
}

// failed is the error of a request without an answer.
func (e oidcEndpoint) failed(asked string, err error) error {
	return &AssertionError{
		Source: e.system.Name, Err: redact.Error(err), asked: asked,
		advice:    adviseNetwork(err),
		transient: e.retries.Judge(nil, err) == retry.Transient,
	}
}

// refused is the error of an answer that isn't a success.
func (e oidcEndpoint) refused(a oidcAnswer, said, advice string) *AssertionError {
	return &AssertionError{
		Source: e.system.Name, StatusCode: a.status,
		Err:        fmt.Errorf("the OIDC endpoint answered HTTP %d", a.status),
		asked:      a.asked,
		said:       said,
		trace:      a.trace(),
		advice:     advice,
		transient:  e.retries.Judge(a.response, nil) == retry.Transient,
		retryAfter: retry.After(a.header),
		response:   a.response,
	}
}

// tokenless is the error of a success without a token. Its body isn't quoted but for what the service says in it.
func (e oidcEndpoint) tokenless(a oidcAnswer, said, advice string) *AssertionError {
	unusable := e.refused(a, said, advice)
	unusable.Err = fmt.Errorf("the OIDC endpoint answered HTTP %d without a token", a.status)
	unusable.transient = true
	return unusable
}

func (a oidcAnswer) assertion(jwt string) assertion {
	a.secrets = append(a.secrets, jwt)
	fresh := assertion{jwt: jwt, received: a.received, answer: &a}
	fresh.clockOffset, fresh.clockTold = outbound.ClockOffset(a.header, a.received)
	return fresh
}

// traced makes the error of an assertion that isn't used tell which request it came from, as far as that is known.
func (a *assertion) traced(err error) error {
	if unusable := (*AssertionError)(nil); a.answer != nil && errors.As(err, &unusable) {
		unusable.StatusCode = a.answer.status
		unusable.asked, unusable.trace, unusable.response = a.answer.asked, a.answer.trace(), a.answer.response
	}
	return err
}

func (a oidcAnswer) succeeded() bool { return a.status >= 200 && a.status < 300 }

func (a oidcAnswer) trace() []string {
	var trace []string
	for _, name := range traceHeaders {
		if value := a.header.Get(name); value != "" {
			trace = append(trace, redact.Line(name+" "+value, a.secrets...))
		}
	}
	return trace
}

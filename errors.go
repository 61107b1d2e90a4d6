package azoidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/advice"
	"github.com/azoidc/azoidc/internal/ci"
	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/redact"
)

// AssertionError says that there was no usable assertion, so that nothing was sent to Microsoft Entra.
//
// It unwraps to its cause. [errors.As] also finds an [*azidentity.AuthenticationFailedError] in it, so a program that
// was written for azidentity handles it unchanged. It contains no secret, in whatever format it is printed.
//
// From the message to what to do: https://github.com/azoidc/azoidc/blob/main/docs/troubleshooting.md#without-a-code
type AssertionError struct {
	Source     string  // "GitHub Actions", "Azure Pipelines", "file", "command", …
	StatusCode int     // of the OIDC endpoint's answer; 0 when there was none
	Claims     *Claims // of a token that was refused, e.g. as expired; nil when there was none
	Err        error   // what went wrong

	asked      string         // method and URL, without its query
	said       string         // the service's own words
	trace      []string       // the service's identifiers of this very request
	advice     string         // what to do next
	attempts   int            // how many requests were made
	transient  bool           // whether another request may do better
	retryAfter time.Duration  // how long the service asked to be left alone
	response   *http.Response // without anything secret
}

// Error returns a text of several lines: what was asked, what came back, what was presented, and what to do next.
func (e *AssertionError) Error() string {
	e = e.shown()
	r := report{headline: e.headline()}
	r.line("asked", e.asked)
	r.line("said", e.said)
	r.claims("assertion", e.Claims)
	r.attempts(e.attempts)
	r.line("trace", e.trace...)
	r.line("do", e.advice)
	return r.String()
}

// Unwrap returns the cause.
func (e *AssertionError) Unwrap() error { return e.Err }

// As sets target if it is of the type **azidentity.AuthenticationFailedError: to such an error as azidentity's own
// credentials return.
func (e *AssertionError) As(target any) bool {
	failed, ok := target.(**azidentity.AuthenticationFailedError)
	if ok {
		*failed = e.authenticationFailed()
	}
	return ok
}

func (e *AssertionError) authenticationFailed() *azidentity.AuthenticationFailedError {
	if e.response != nil {
		return &azidentity.AuthenticationFailedError{RawResponse: ownResponse(e.response)}
	}
	var failed *azidentity.AuthenticationFailedError
	errors.As(failedAuthentication(e.Error()), &failed)
	return failed
}

func (e *AssertionError) headline() string {
	headline := "no assertion"
	if e.Source != "" {
		headline = e.Source + ": " + headline
	}
	if e.Err != nil {
		headline += prefixed(": ", e.Err.Error())
	}
	return headline
}

// NonRetriable marks the error for azcore's retry policy: this library has already tried again.
func (*AssertionError) NonRetriable() {}

// shown returns a copy of e in which all text of others has passed the gate.
func (e *AssertionError) shown() *AssertionError {
	shown := *e
	shown.Source = redact.Line(e.Source)
	shown.Claims = e.Claims.shown()
	return &shown
}

// Format prints the message; %q and %#v quote it.
func (e AssertionError) Format(s fmt.State, verb rune) {
	redact.FormatText(s, verb, "azoidc.AssertionError", e.Error())
}

// MarshalJSON returns the error's fields and its message, for structured logs.
func (e AssertionError) MarshalJSON() ([]byte, error) {
	shown := e.shown()
	return json.Marshal(struct {
		Message    string  `json:"message"`
		Source     string  `json:"source"`
		StatusCode int     `json:"statusCode,omitempty"`
		Claims     *Claims `json:"claims,omitempty"`
	}{e.Error(), shown.Source, e.StatusCode, shown.Claims})
}

// ExchangeError says that Microsoft Entra didn't exchange an assertion for an access token: Entra refused, or
// couldn't be reached, or gave an answer without a token.
//
// It unwraps to Err. [errors.Is] and [errors.As] also reach the network error behind it. It contains no secret, in
// whatever format it is printed.
//
// From the code to what to do: https://github.com/azoidc/azoidc/blob/main/docs/troubleshooting.md#aadsts-codes
type ExchangeError struct {
	Code                   string  // "AADSTS700213"; empty when the answer held none
	StatusCode             int     // of the answer; 0 when there was none
	TraceID, CorrelationID string  // to quote to Microsoft's support
	Claims                 *Claims // of the assertion that was presented; nil when none was
	Attempts               int     // how many exchanges were tried, each with an assertion of its own
	Err                    error   // the *azidentity.AuthenticationFailedError

	credential  string        // the type that made the request
	identity    identity      // for whom
	scopes      []string      // and for what
	asked       string        // method and URL
	user        *Claims       // of the user's assertion, on behalf of whom the request was made
	said        string        // Entra's own words
	problem     string        // what was wrong, when Entra said nothing
	cause       error         // of a request without an answer
	known       knownCode     // what is known of Code
	clockOffset time.Duration // how far Entra's clock is ahead of this machine's
	received    time.Time     // when the assertion arrived, by this machine's clock
	arrived     time.Time     // and by the best that is known
	host        authorityHost // of the credential
	retryAfter  time.Duration // how long Entra asked to be left alone
}

// Error returns a text of several lines: what was asked, what came back, what was presented, and what to do next.
func (e *ExchangeError) Error() string {
	e = e.shown()
	r := report{headline: e.headline()}
	if e.credential != "" {
		r.headline = e.credential + ": " + r.headline
	}
	r.line("asked", e.asked, labelled("tenant", e.identity.tenantID), labelled("client", e.identity.clientID), scopeList(e.scopes))
	r.line("said", e.said)
	r.claims("presented", e.Claims)
	r.claims("user", e.user)
	r.attempts(e.Attempts)
	r.line("trace", labelled("trace ID", e.TraceID), labelled("correlation ID", e.CorrelationID))
	r.line("do", e.advice())
	for _, note := range e.notes() {
		r.line("note", note)
	}
	return r.String()
}

// Unwrap returns Err.
func (e *ExchangeError) Unwrap() error { return e.Err }

// ownCopy returns what one caller gets of an error that many wait for: to read a response changes it.
func ownCopy(err error) error {
	switch e := err.(type) {
	case *ExchangeError:
		own := *e
		own.Err = ownCopy(e.Err)
		return &own
	case *azidentity.AuthenticationFailedError:
		own := *e
		own.RawResponse = ownResponse(e.RawResponse)
		return &own
	case interface{ Each(func(error) error) error }:
		return e.Each(ownCopy)
	}
	return err
}

// reading is held while a response is read that many share.
var reading sync.Mutex

func ownResponse(resp *http.Response) *http.Response {
	if resp == nil {
		return nil
	}
	reading.Lock()
	defer reading.Unlock()
	body, _ := runtime.Payload(resp) // none of what was cut
	own := *resp
	own.Header = resp.Header.Clone()
	own.Body = io.NopCloser(bytes.NewReader(body))
	return &own
}

// Is reports whether the network error behind e is target, for example [context.DeadlineExceeded].
func (e *ExchangeError) Is(target error) bool { return errors.Is(e.cause, target) }

// As finds target in the network error behind e.
func (e *ExchangeError) As(target any) bool { return e.cause != nil && errors.As(e.cause, target) }

// NonRetriable marks the error for azcore's retry policy: this library has already tried again.
func (*ExchangeError) NonRetriable() {}

// shown returns a copy of e in which all text of others has passed the gate.
func (e *ExchangeError) shown() *ExchangeError {
	shown := *e
	for _, text := range []*string{&shown.Code, &shown.TraceID, &shown.CorrelationID, &shown.identity.tenantID, &shown.identity.clientID} {
		*text = redact.Line(*text)
	}
	shown.Claims, shown.user = e.Claims.shown(), e.user.shown()
	return &shown
}

// shownList lets each of others' texts pass the gate.
func shownList(texts []string) []string {
	var shown []string
	for _, text := range texts {
		shown = append(shown, redact.Line(text))
	}
	return shown
}

// shownError returns err of somebody else's code with a text that has passed the gate. An error of this package has, and a
// report in another error keeps its lines.
func shownError(err error) error {
	switch err.(type) {
	case *AssertionError, *ExchangeError, *chainError:
		return err
	}
	var (
		unusable *AssertionError
		refused  *ExchangeError
	)
	if errors.As(err, &unusable) || errors.As(err, &refused) {
		return redact.Against().Report(err)
	}
	return redact.Error(err)
}

// Format prints the message; %q and %#v quote it.
func (e ExchangeError) Format(s fmt.State, verb rune) {
	redact.FormatText(s, verb, "azoidc.ExchangeError", e.Error())
}

// MarshalJSON returns the error's fields and its message, for structured logs.
func (e ExchangeError) MarshalJSON() ([]byte, error) {
	shown := e.shown()
	return json.Marshal(struct {
		Message       string  `json:"message"`
		Code          string  `json:"code,omitempty"`
		StatusCode    int     `json:"statusCode,omitempty"`
		TraceID       string  `json:"traceId,omitempty"`
		CorrelationID string  `json:"correlationId,omitempty"`
		Claims        *Claims `json:"claims,omitempty"`
		Attempts      int     `json:"attempts"`
	}{e.Error(), shown.Code, e.StatusCode, shown.TraceID, shown.CorrelationID, shown.Claims, e.Attempts})
}

func (e *ExchangeError) headline() string {
	switch {
	case e.problem != "":
		return e.problem
	case e.Code != "":
		return fmt.Sprintf("Entra refused the exchange with %s (HTTP %d)%s", e.Code, e.StatusCode, prefixed(": ", e.known.meaning))
	case e.StatusCode == http.StatusTooManyRequests:
		return "Entra throttles the application (HTTP 429)" + prefixed(" and asked to be left alone for ", orEmpty(e.retryAfter))
	case e.StatusCode == 0:
		return "no answer from Entra"
	case e.retryAfter > 0:
		return fmt.Sprintf("Entra answered HTTP %d and asked to be left alone for %s", e.StatusCode, e.retryAfter)
	}
	return fmt.Sprintf("Entra answered HTTP %d", e.StatusCode)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func (e *ExchangeError) advice() string {
	switch {
	case strings.HasSuffix(e.asked, "/discovery/instance"):
		return adviseDiscovery(e)
	case e.known.advice != nil:
		return e.known.advice(e)
	case e.cause != nil:
		return adviseNetwork(e.cause)
	case e.StatusCode >= 300 && e.StatusCode < 400:
		return adviseRedirect
	case e.StatusCode == http.StatusProxyAuthRequired:
		return advice.Proxy
	case e.StatusCode == http.StatusTooManyRequests:
		return adviseThrottled(e)
	case e.StatusCode >= 500 || e.StatusCode == http.StatusOK:
		return adviseLater
	case e.Code != "":
		return "look the code up at https://login.microsoftonline.com/error?code=" + strings.TrimPrefix(e.Code, "AADSTS")
	}
	return "check the authority host (AZURE_AUTHORITY_HOST) and the proxy: what answers there doesn't speak as Microsoft Entra does"
}

const adviseRedirect = "a request for a token is never redirected: check the address, and whether a proxy answers in the service's place"

// adviseService is for an answer of an OIDC endpoint that says nothing by itself: a failure of the service, whose status
// page may know of it, or the wrong address.
func adviseService(status int, system *ci.System) string {
	switch {
	case status < 300, status == http.StatusRequestTimeout, status >= 500:
		return "try again later; if it goes on, look at " + system.StatusPage
	case status < 400:
		return adviseRedirect
	case status == http.StatusProxyAuthRequired:
		return advice.Proxy
	case status == http.StatusTooManyRequests:
		return system.Name + " throttles this job: keep one credential for the whole program, so that its cache serves, instead of making one for each request, " +
			"and try again later"
	}
	return "check that " + system.RequestURL + " is passed on as the CI system set it"
}

// adviseNetwork says what to do about a request that no answer came for.
func adviseNetwork(err error) string {
	switch {
	case errors.Is(err, outbound.ErrInsecure):
		return "use an https address; plain http is for loopback only"
	case errors.Is(err, outbound.ErrRedirected):
		return "let the Transport hand redirects back instead of following them, as http.Client does with CheckRedirect returning http.ErrUseLastResponse"
	case errors.Is(err, outbound.ErrTooLarge):
		return "check the address: what answers there is no token service"
	}
	return advice.Network(err, "; RetryOptions.TryTimeout and TokenCacheOptions.AcquireTimeout set the times")
}

// A report is an error's text: a headline, then one labelled line for each thing that is known.
type report struct {
	headline string
	lines    []string
}

func (r *report) line(label string, parts ...string) {
	parts = slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return part == "" })
	if len(parts) > 0 {
		text := strings.ReplaceAll(strings.Join(parts, ", "), "\n", "\n             ")
		r.lines = append(r.lines, fmt.Sprintf("\n  %-11s%s", label+":", text))
	}
}

func (r *report) claims(label string, c *Claims) {
	if c == nil {
		return
	}
	r.line(label,
		labelled("issuer", c.Issuer),
		labelled("subject", c.Subject),
		labelled("audience", strings.Join(c.Audience, " ")),
		labelled("issued", timestamp(c.IssuedAt)),
		labelled("expires", timestamp(c.ExpiresAt)),
		labelled("job_workflow_ref", c.JobWorkflowRef))
}

func (r *report) attempts(n int) {
	if n > 1 {
		r.line("attempts", fmt.Sprint(n))
	}
}

// String lets the whole pass the gate as well: pieces that are harmless by themselves can make up a command.
func (r *report) String() string { return redact.Text(r.headline + strings.Join(r.lines, "")) }

func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + " " + value
}

func orEmpty(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func scopeList(scopes []string) string {
	return labelled("scope", strings.Join(scopes, " "))
}

package azoidc

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// AssertionError says that no usable assertion could be had; nothing was sent to Microsoft Entra.
//
// It unwraps to its cause, and [errors.As] also finds an [*azidentity.AuthenticationFailedError] in it, so that a
// program written for azidentity handles it unchanged. It holds no secret, in no format it can be printed in.
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

// Error tells what was asked, what came back, what was presented, and what to do next.
func (e *AssertionError) Error() string {
	r := report{headline: e.Source + ": no assertion: " + e.Err.Error()}
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

// As finds an [*azidentity.AuthenticationFailedError], as azidentity's own credentials return one.
func (e *AssertionError) As(target any) bool {
	failed, ok := target.(**azidentity.AuthenticationFailedError)
	if ok {
		*failed = &azidentity.AuthenticationFailedError{RawResponse: e.response}
	}
	return ok
}

// NonRetriable marks the error for azcore's retry policy: this library has already tried again.
func (*AssertionError) NonRetriable() {}

// MarshalJSON writes the error's fields and its message for structured logs.
func (e *AssertionError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Message    string  `json:"message"`
		Source     string  `json:"source"`
		StatusCode int     `json:"statusCode,omitempty"`
		Claims     *Claims `json:"claims,omitempty"`
	}{e.Error(), e.Source, e.StatusCode, e.Claims})
}

// ExchangeError says that Microsoft Entra didn't exchange an assertion for an access token: it refused, or it couldn't
// be reached, or its answer held no token.
//
// It unwraps to Err; [errors.Is] and [errors.As] also reach the network error behind it. It holds no secret, in no
// format it can be printed in.
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
	refusal     refusal       // what is known of Code
	clockOffset time.Duration // how far Entra's clock is ahead of this machine's
	age         time.Duration // of the assertion when it arrived
	retryAfter  time.Duration // how long Entra asked to be left alone
}

// Error tells what was asked, what came back, what was presented, and what to do next.
func (e *ExchangeError) Error() string {
	r := report{headline: e.credential + ": " + e.headline()}
	r.line("asked", e.asked, "tenant "+e.identity.tenantID, "client "+e.identity.clientID, scopeList(e.scopes))
	r.line("said", e.said)
	r.claims("presented", e.Claims)
	r.claims("user", e.user)
	r.attempts(e.Attempts)
	r.line("trace", labelled("trace ID", e.TraceID), labelled("correlation ID", e.CorrelationID))
	r.line("do", e.advice())
	return r.String()
}

// Unwrap returns Err.
func (e *ExchangeError) Unwrap() error { return e.Err }

// Is reports whether the network error behind e is target, for example [context.DeadlineExceeded].
func (e *ExchangeError) Is(target error) bool { return errors.Is(e.cause, target) }

// As finds target in the network error behind e.
func (e *ExchangeError) As(target any) bool { return e.cause != nil && errors.As(e.cause, target) }

// NonRetriable marks the error for azcore's retry policy: this library has already tried again.
func (*ExchangeError) NonRetriable() {}

// MarshalJSON writes the error's fields and its message for structured logs.
func (e *ExchangeError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Message       string  `json:"message"`
		Code          string  `json:"code,omitempty"`
		StatusCode    int     `json:"statusCode,omitempty"`
		TraceID       string  `json:"traceId,omitempty"`
		CorrelationID string  `json:"correlationId,omitempty"`
		Claims        *Claims `json:"claims,omitempty"`
		Attempts      int     `json:"attempts"`
	}{e.Error(), e.Code, e.StatusCode, e.TraceID, e.CorrelationID, e.Claims, e.Attempts})
}

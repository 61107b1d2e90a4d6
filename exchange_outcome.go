package azoidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// explain makes the failure of an attempt that ended with err, azidentity's error.
func (a *attempt) explain(ctx context.Context, err error) *failure {
	if a.document != "" {
		a.documents.Forget(a.document) // MSAL found it wrong, or never saw it
	}
	var authFailed *azidentity.AuthenticationFailedError
	isAuthFailed := errors.As(err, &authFailed)
	failed := a.failed
	switch {
	case failed == nil && a.answer != nil:
		failed, isAuthFailed = a.unkept(err), false
	case failed == nil && !isAuthFailed:
		return &failure{err: err} // about the request itself, for example a tenant that isn't allowed
	case failed == nil:
		failed = a.failure(&ExchangeError{problem: quote(err.Error(), a.secrets()...), cause: ctx.Err()})
	}
	if refused := (*ExchangeError)(nil); errors.As(failed.err, &refused) {
		refused.Err = authFailed
		if !isAuthFailed {
			refused.Err = &azidentity.AuthenticationFailedError{}
		}
	}
	return failed
}

// unreached is the failure of a request that no answer came for.
func (a *attempt) unreached(req *http.Request, err error) *failure {
	failed := a.failure(&ExchangeError{
		asked:   describe(req),
		problem: "no answer from Entra: " + quote(err.Error(), a.secrets()...),
		cause:   err,
	})
	failed.verdict = a.retries.judge(nil, err)
	return failed
}

// unusable is the failure of a success without a usable token. Its body may hold one all the same, so it is not kept.
func (a *attempt) unusable(req *http.Request, resp *http.Response, problem string) *failure {
	failed := a.failure(&ExchangeError{
		asked:      describe(req),
		StatusCode: resp.StatusCode,
		problem:    problem,
		TraceID:    resp.Header.Get("X-Ms-Request-Id"),
	})
	failed.verdict = transient
	return failed
}

// unkept is the failure of an exchange whose answer was good by RFC 6749, yet MSAL couldn't read it all or write it to the
// persistent cache. What MSAL can't read it quotes whole, access token included.
func (a *attempt) unkept(err error) *failure {
	problem := "MSAL couldn't use Entra's answer"
	if text := err.Error(); !strings.Contains(text, "raw message") {
		problem += ": " + quote(text, tokensIn(a.answer)...)
	}
	return a.failure(&ExchangeError{problem: problem, StatusCode: http.StatusOK})
}

// refused is the failure of a request that Entra answered with anything but a success.
func (a *attempt) refused(req *http.Request, resp *http.Response, body []byte) *failure {
	answer := parseEntraError(body)
	code := answer.code()
	known := refusals[code]
	failed := a.failure(&ExchangeError{
		Code:          codeName(code),
		StatusCode:    resp.StatusCode,
		TraceID:       firstOf(quote(answer.TraceID), resp.Header.Get("X-Ms-Request-Id")),
		CorrelationID: quote(answer.CorrelationID),
		asked:         describe(req),
		said:          a.words(answer, body),
		refusal:       known,
		clockOffset:   clockOffset(resp.Header, time.Now()),
		retryAfter:    retryAfter(resp.Header),
	})
	failed.verdict = known.verdict
	switch {
	case answer.Error == "temporarily_unavailable":
		failed.verdict = transient
	case known.verdict == final:
		failed.verdict = a.retries.judge(resp, nil)
	}
	failed.retryAfter = retryAfter(resp.Header)
	logRefusal(resp, codeName(code))
	if resp.StatusCode == http.StatusTooManyRequests {
		a.hold.extend(max(failed.retryAfter, a.retries.RetryDelay))
	}
	return failed
}

func (a *attempt) words(answer entraError, body []byte) string {
	if answer.ErrorDescription != "" {
		return quote(answer.ErrorDescription, a.secrets()...)
	}
	return quoteBody(body, a.secrets()...)
}

// heldBack is the failure of an attempt that wasn't made, because Entra wants none for longer than there is time.
func (x *exchange) heldBack(left time.Duration, scopes []string) *failure {
	return &failure{
		verdict:    transient,
		retryAfter: left,
		err: &ExchangeError{
			credential: x.credential, identity: x.identity, scopes: scopes, retryAfter: left,
			problem: fmt.Sprintf("not tried: Entra asked with a 429 to be left alone, for another %s", left.Round(time.Second)),
			refusal: refusals[50196],
			Err:     &azidentity.AuthenticationFailedError{},
		},
	}
}

// failure completes e with what the attempt knows.
func (a *attempt) failure(e *ExchangeError) *failure {
	e.credential, e.identity, e.scopes = a.credential, a.identity, a.scopes
	if user, err := ParseClaims(a.userAssertion); err == nil {
		e.user = &user
	}
	if presented := a.assertion.peek(); presented.jwt != "" {
		e.Claims = &presented.claims
		e.age = presented.age()
	}
	return &failure{err: e}
}

// describe names a request without its query, headers or body.
func describe(req *http.Request) string { return req.Method + " " + withoutQuery(req.URL).String() }

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

package azoidc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/msal"
	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/redact"
	"github.com/azoidc/azoidc/internal/retry"
)

// explain makes the failure of an attempt that ended with err, azidentity's error.
func (a *attempt) explain(ctx context.Context, err error) *retry.Failure {
	if a.document != "" {
		a.documents.Forget(a.document) // MSAL found it wrong, or never saw it
		if unavailable := a.assertion.unavailable(); unavailable != nil {
			return unavailable
		}
	}
	var authFailed *azidentity.AuthenticationFailedError
	isAuthFailed := errors.As(err, &authFailed)
	failed := a.failed
	switch {
	case failed == nil && a.answer != nil:
		failed, isAuthFailed = a.unkept(err), false
	case failed == nil && !isAuthFailed:
		return &retry.Failure{Err: redact.Error(err)} // about the request itself, for example a tenant that isn't allowed
	case failed == nil:
		failed = a.failure(&ExchangeError{problem: redact.Line(err.Error(), a.secrets()...), cause: ctx.Err()})
	}
	// Only what this attempt made is completed: an AssertionFunc's error can be the ExchangeError of somebody else.
	if a.refusal != nil {
		a.refusal.Err = authFailed
		if !isAuthFailed {
			a.refusal.Err = failedAuthentication(a.refusal.problem)
		}
	}
	return failed
}

// panicked is the failure of an attempt in which a policy, the transport or another option of the caller's panicked.
func (a *attempt) panicked(err error) *retry.Failure {
	return a.failure(&ExchangeError{problem: err.Error(), Err: failedAuthentication(err.Error())})
}

// unreached is the failure of a request that no answer came for.
func (a *attempt) unreached(req *http.Request, err error, gate *redact.Gate) *retry.Failure {
	failed := a.failure(&ExchangeError{
		asked:   describe(req),
		problem: "no answer from Entra: " + gate.Line(err.Error()),
		cause:   gate.Error(err),
	})
	failed.Verdict = a.retries.Judge(nil, err)
	return failed
}

// unusable is the failure of a success without a usable token. Its body may hold one all the same, so it is not kept.
func (a *attempt) unusable(req *http.Request, resp *http.Response, problem string) *retry.Failure {
	failed := a.failure(&ExchangeError{
		asked:      describe(req),
		StatusCode: resp.StatusCode,
		problem:    problem,
		TraceID:    resp.Header.Get("X-Ms-Request-Id"),
	})
	failed.Verdict = retry.Transient
	return failed
}

// unkept is the failure of an exchange whose answer was good by RFC 6749, yet MSAL couldn't read it all or write it to the
// persistent cache. What MSAL can't read it quotes whole, access token included.
func (a *attempt) unkept(err error) *retry.Failure {
	problem := "MSAL couldn't use Entra's answer"
	if text := err.Error(); !strings.Contains(text, "raw message") {
		problem += ": " + redact.Line(text, tokensIn(a.answer)...)
	}
	return a.failure(&ExchangeError{problem: problem, StatusCode: http.StatusOK})
}

// refused is the failure of a request that Entra answered with anything but a success.
func (a *attempt) refused(req *http.Request, resp *http.Response, body []byte, gate *redact.Gate) *retry.Failure {
	answer := parseEntraError(body)
	code := answer.code()
	known := knownCodes[code]
	offset, _ := outbound.ClockOffset(resp.Header, time.Now())
	failed := a.failure(&ExchangeError{
		Code:          codeName(code),
		StatusCode:    resp.StatusCode,
		TraceID:       cmp.Or(gate.Line(answer.TraceID), resp.Header.Get("X-Ms-Request-Id")),
		CorrelationID: gate.Line(answer.CorrelationID),
		asked:         describe(req),
		said:          words(answer, body, gate),
		known:         known,
		clockOffset:   offset,
		retryAfter:    retry.After(resp.Header),
	})
	failed.Verdict = known.verdict
	switch {
	case answer.Error == "temporarily_unavailable":
		failed.Verdict = retry.Transient
	case known.verdict == retry.Final:
		failed.Verdict = a.retries.Judge(resp, nil)
	}
	failed.RetryAfter = retry.After(resp.Header)
	outbound.LogRefusal(resp, codeName(code))
	if resp.StatusCode == http.StatusTooManyRequests && req.Method == http.MethodPost {
		a.cooldowns.Extend(a.tenantID, max(failed.RetryAfter, a.retries.RetryDelay))
	}
	return failed
}

func words(answer entraError, body []byte, gate *redact.Gate) string {
	if answer.ErrorDescription != "" {
		return gate.Line(answer.ErrorDescription)
	}
	return gate.Body(body)
}

// coolingDown is the failure of an attempt that wasn't made, because Entra wants none for longer than there is time.
func (x *exchange) coolingDown(ctx context.Context, left time.Duration, scopes []string) *retry.Failure {
	e := &ExchangeError{
		credential: x.credential, identity: x.identity, scopes: scopes, retryAfter: left, cause: ctx.Err(),
		problem: fmt.Sprintf("not tried: Entra asked with a 429 to be left alone, for another %s", left.Round(time.Second)),
		known:   knownCodes[50196],
	}
	e.Err = failedAuthentication(e.problem)
	return &retry.Failure{
		Err: e, Verdict: retry.Transient, RetryAfter: left, Untried: true,
		Counted: func(attempts int) { e.Attempts = attempts },
	}
}

// failure completes e with what the attempt knows.
func (a *attempt) failure(e *ExchangeError) *retry.Failure {
	e.credential, e.identity, e.scopes = a.credential, a.identity, a.scopes
	e.host = hostOf(a.options.Cloud)
	user, _ := ParseClaims(a.userAssertion.Reveal()) // of one that can't be read nothing is told
	e.user = &user
	if presented := a.presented; presented.jwt != "" {
		e.Claims = &presented.claims
		e.received, e.arrived = presented.received, presented.arrived()
	}
	a.refusal = e
	return &retry.Failure{Err: e, Counted: func(attempts int) { e.Attempts = attempts }}
}

// describe names a request without its query, headers or body.
func describe(req *http.Request) string {
	return req.Method + " " + redact.Line(redact.URL(req.URL).String())
}

// checkAnswer returns what is wrong with the body of a success.
func checkAnswer(req *http.Request, body []byte) string {
	var problem string
	switch {
	case req.Method == http.MethodPost:
		problem = checkTokenAnswer(body)
	case msal.AsksForDocument(req) && !msal.UsableDocument(body):
		problem = "Entra's openid-configuration, or what it says of the authority, was empty, cut or of another kind"
	}
	if problem == "" && !redact.Harmless(body) {
		return "Entra's answer held control characters or commands to a CI system" // MSAL and azidentity log and quote them
	}
	return problem
}

// checkTokenAnswer returns what is wrong with the body of a success, without a word of it: MSAL and azidentity would
// quote it whole, access token included.
// https://www.rfc-editor.org/rfc/rfc6749#section-5.1
func checkTokenAnswer(body []byte) string {
	var answer struct {
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if len(body) == 0 {
		return "Entra's answer was empty"
	}
	if json.Unmarshal(body, &answer) != nil {
		return "Entra's answer was no JSON document of a token, or was cut"
	}
	if answer.AccessToken == "" {
		return "Entra's answer held no access_token"
	}
	if !isBearerToken(answer.AccessToken) {
		return "Entra's answer held an access_token with characters that no bearer token has"
	}
	if lifetime, err := answer.ExpiresIn.Int64(); err != nil || lifetime <= 0 {
		return "Entra's answer held no expires_in above 0"
	}
	return ""
}

// isBearerToken holds for a b64token. https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func isBearerToken(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~+/=", r))
	})
}

// tokensIn are the secrets in the body of a success.
func tokensIn(body []byte) []string {
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		IDToken      string `json:"id_token"`
	}
	_ = json.Unmarshal(body, &answer) // what it can't decode, MSAL couldn't quote as a token either
	return []string{answer.AccessToken, answer.RefreshToken, answer.IDToken}
}

// failedAuthentication makes azidentity's error of what azidentity wasn't told: nobody else can put a text into one.
func failedAuthentication(problem string) error {
	unasked := StaticAssertion("") // for it fails before, when MSAL asks for the openid-configuration
	cred, err := azidentity.NewClientAssertionCredential("adfs", "client", unasked, &azidentity.ClientAssertionCredentialOptions{
		ClientOptions: azcore.ClientOptions{Cloud: cloud.AzurePublic, PerCallPolicies: []policy.Policy{telling{errors.New(problem)}}},
	})
	if err == nil {
		_, err = cred.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{"scope"}})
	}
	return err
}

// telling is a policy that answers every request with its error.
type telling struct{ err error }

func (t telling) Do(*policy.Request) (*http.Response, error) { return nil, t.err }

var unavailableType = reflect.TypeOf(azidentity.NewCredentialUnavailableError(""))

// isUnavailable tells whether err is, or wraps, an error by which a chain recognizes that a credential's source isn't here.
func isUnavailable(err error) bool {
	return errors.As(err, reflect.New(unavailableType).Interface())
}

package tokenserver

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/redact"
)

const (
	// answerTimeout bounds the wait for a token. It is longer than a TokenCache's own bound on an acquisition, whose error
	// tells more.
	answerTimeout = 150 * time.Second
	// defaultRetryAfter is what clients are asked to wait when the service behind the credential didn't say.
	defaultRetryAfter = 5 * time.Second
)

// Options are the options of [New] and [Start]. They are read once and never modified.
type Options struct {
	// ClientID is the application that the credential authenticates. A request may name it as the identity it wants
	// (client_id), as SDKs do when AZURE_CLIENT_ID is set. A request that names another identity is refused. When
	// ClientID is empty, every request that names an identity is refused.
	ClientID string

	// ErrorLog gets a line for each token that couldn't be had, because many clients don't show the reason. The lines
	// hold no secret. When ErrorLog is nil, nothing is logged.
	ErrorLog *log.Logger
}

// Handler answers the token requests of a managed identity's clients. It is safe for concurrent use. An http.Server
// that serves it should have timeouts, as that of [Start] has.
type Handler struct {
	cred     azcore.TokenCredential
	clientID string
	errorLog *log.Logger
	secret   secret
	// addressSecret is another one, because addresses are more likely to be logged than headers.
	addressSecret secret
}

// New makes a Handler that serves the tokens of cred and has a secret of its own. Every request asks cred for a token,
// so cred should be a TokenCache or another credential that caches. Options may be nil. New fails only when cred is nil.
func New(cred azcore.TokenCredential, options *Options) (*Handler, error) {
	if cred == nil {
		return nil, errors.New("tokenserver: the credential is nil")
	}
	if options == nil {
		options = &Options{}
	}
	return &Handler{
		cred: cred, clientID: options.ClientID, errorLog: options.ErrorLog,
		secret: newSecret(), addressSecret: newSecret(),
	}, nil
}

// ServeHTTP answers with a token, or with an error in the protocol's form. It looks at what a request asks for only
// after the request has presented the secret.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connectionOf(r)
	if refused := h.admit(r); refused != nil {
		conn.refuse()
		refused.write(w, r)
		return
	}
	if !conn.admit() {
		busy().write(w, r)
		return
	}
	request, refused := h.parse(r)
	if refused != nil {
		refused.write(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	token, err := h.token(ctx, request.scope())
	if err != nil {
		h.log(r, request.resource, err)
		explain(err).write(w, r)
		return
	}
	writeJSON(w, http.StatusOK, newTokenAnswer(token, request.resource, h.clientID))
}

// busy refuses for as long as the requests of others take.
func busy() *errorAnswer {
	refused := refuse(http.StatusServiceUnavailable, "too many requests wait for tokens at the same time")
	refused.retryAfter = time.Second
	return refused
}

// Preload acquires a token for each scope, all at the same time, exactly as later requests for them will: a TokenCache
// then answers those requests at once. Preload returns when all tokens are there or have failed. Its error joins those
// of the scopes that failed, each with its scope.
func (h *Handler) Preload(ctx context.Context, scopes ...string) error {
	results := make(chan error, len(scopes))
	for _, scope := range scopes {
		go func() {
			_, err := h.token(ctx, scopeOf(scope))
			if err != nil {
				err = fmt.Errorf("%s: %w", redact.Line(scope), redact.Against().Report(err))
			}
			results <- err
		}()
	}
	var errs []error
	for range scopes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}

// token asks without CAE: a client of this protocol has no way to pass on a claims challenge, so it must not get tokens
// that are revoked by one, and live for a day otherwise.
// https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation
func (h *Handler) token(ctx context.Context, scope string) (azcore.AccessToken, error) {
	return h.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
}

func (h *Handler) log(r *http.Request, resource string, err error) {
	if h.errorLog != nil && r.Context().Err() == nil { // a client that has left needs no explanation
		h.errorLog.Print(redact.Text(fmt.Sprintf("no token for %q: %v", resource, err)))
	}
}

// explain answers with an error of the credential, in its own words. They hold no secret: azidentity's and this library's
// errors don't quote tokens.
func explain(err error) *errorAnswer {
	refused := refuse(statusOf(err), err.Error())
	if refused.StatusCode == http.StatusTooManyRequests || refused.StatusCode == http.StatusServiceUnavailable {
		refused.retryAfter = retryAfterOf(err)
	}
	return refused
}

// statusOf tells trouble that may pass (429, 5xx) from what asking again can't mend (400).
func statusOf(err error) int {
	var (
		failed *azidentity.AuthenticationFailedError
		final  interface{ NonRetriable() } // marks errors that azcore's retry policy mustn't repeat
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	case errors.As(err, &failed):
		return statusFor(upstreamStatus(failed))
	case errors.As(err, &final): // such as a credential that is unavailable here
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// upstreamStatus is what Microsoft Entra or the CI system answered; 0 when there was no answer.
func upstreamStatus(failed *azidentity.AuthenticationFailedError) int {
	if failed.RawResponse == nil {
		return 0
	}
	return failed.RawResponse.StatusCode
}

func statusFor(upstream int) int {
	switch {
	case upstream == http.StatusTooManyRequests:
		return http.StatusTooManyRequests
	case upstream < 300, upstream == http.StatusRequestTimeout, upstream >= 500:
		return http.StatusServiceUnavailable // no answer, or one without a token
	}
	return http.StatusBadRequest
}

func retryAfterOf(err error) time.Duration {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) && failed.RawResponse != nil {
		if seconds, err := strconv.ParseUint(failed.RawResponse.Header.Get("Retry-After"), 10, 16); err == nil && seconds > 0 {
			return time.Duration(seconds) * time.Second
		}
	}
	return defaultRetryAfter
}

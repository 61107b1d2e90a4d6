package tokenserver

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/redact"
)

const (
	// lastWords is how long a client that sends a body may take for it before its connection is closed.
	lastWords = 5 * time.Second
	// defaultRetryAfter is what clients are asked to wait when the service behind the credential didn't say.
	defaultRetryAfter = 5 * time.Second
)

// An errorAnswer is a refusal. Its status decides what clients do: they repeat a request that was answered 408, 429 or 5xx,
// some of them also 404 and 410, and show the message of any other.
type errorAnswer struct {
	status     int
	message    string
	form       func(*errorAnswer) any // what is written; nil: App Service's
	header     http.Header            // that belongs to the status
	retryAfter time.Duration
}

// refuse makes an answer of a message that may quote the request or an error: clients show it, in the log of a job, too.
func refuse(status int, message string) *errorAnswer {
	return &errorAnswer{status: status, message: redact.Text(message)}
}

// with adds a header that the status demands.
func (e *errorAnswer) with(name, value string) *errorAnswer {
	e.header = http.Header{name: {value}}
	return e
}

// in makes the answer one of another protocol.
func (e *errorAnswer) in(form func(*errorAnswer) any) *errorAnswer {
	e.form = form
	return e
}

// write ends the connection, too: it isn't for those who are refused to keep.
func (e *errorAnswer) write(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 { // don't wait long for a body that nobody reads
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lastWords))
	}
	w.Header().Set("Connection", "close")
	for name, values := range e.header {
		w.Header()[name] = values
	}
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((e.retryAfter+time.Second-1)/time.Second), 10))
	}
	form := e.form
	if form == nil {
		form = appServiceError
	}
	writeJSON(w, e.status, form(e))
}

// writeJSON writes an answer that nobody may keep, because tokens are kept by TokenCache and by the clients.
func writeJSON(w http.ResponseWriter, status int, content any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(content) // fails only when the client has left
}

// busy refuses for as long as the requests of others take.
func busy() *errorAnswer {
	refused := refuse(http.StatusServiceUnavailable, "too many requests wait for tokens at the same time")
	refused.retryAfter = time.Second
	return refused
}

// explain answers with an error of the credential, in its own words. They hold no secret: azidentity's and this library's
// errors don't quote tokens.
func explain(err error) *errorAnswer {
	refused := refuse(statusOf(err), err.Error())
	if refused.status == http.StatusTooManyRequests || refused.status == http.StatusServiceUnavailable {
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

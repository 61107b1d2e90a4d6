package tokenserver

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	// defaultRetryAfter is what clients are asked to wait when the service behind the credential didn't say.
	defaultRetryAfter = 5 * time.Second
	// lastWords is how long a client that sends a body may take for it before its connection is closed.
	lastWords = 5 * time.Second
)

// A refusal is {"statusCode":400,"message":"…"}. Its status decides what clients do: they repeat a request that was
// answered 408, 429 or 5xx, some of them also 404 and 410, and show the message of any other.
type refusal struct {
	StatusCode int    `json:"statusCode"`
	Message    string `json:"message"`
	retryAfter time.Duration
}

func refuse(status int, message string) *refusal {
	return &refusal{StatusCode: status, Message: message}
}

func (f *refusal) write(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 { // don't wait long for a body that nobody reads
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lastWords))
		w.Header().Set("Connection", "close")
	}
	switch f.StatusCode {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "X-IDENTITY-HEADER") // a challenge is required, RFC 9110 section 15.5.2
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet)
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.retryAfter+time.Second-1)/time.Second), 10))
	}
	writeJSON(w, f.StatusCode, f)
}

// explain makes the refusal for an error of the credential, in its own words, which hold no secret: azidentity's and
// this library's errors don't quote tokens.
func explain(err error) *refusal {
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

package azoidc

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azoidc/azoidc/internal/outbound"
)

// defaultTryTimeout bounds one request where neither RetryOptions.TryTimeout nor the caller's context does.
const defaultTryTimeout = 30 * time.Second

// retries are policy.RetryOptions with azcore's defaults filled in.
// https://pkg.go.dev/github.com/Azure/azure-sdk-for-go/sdk/azcore/policy#RetryOptions
type retries struct {
	policy.RetryOptions
	// maxRetryAfter is MaxRetryDelay where the caller set one: a service that asks for more isn't waited for.
	maxRetryAfter time.Duration
}

func newRetries(o policy.RetryOptions) retries {
	switch {
	case o.MaxRetries == 0:
		o.MaxRetries = 3
	case o.MaxRetries < 0:
		o.MaxRetries = 0
	}
	o.TryTimeout = orDefault(o.TryTimeout, defaultTryTimeout)
	o.RetryDelay = orDefault(o.RetryDelay, 800*time.Millisecond)
	limit := max(o.MaxRetryDelay, 0)
	switch {
	case o.MaxRetryDelay == 0:
		o.MaxRetryDelay = 60 * time.Second
	case o.MaxRetryDelay < 0:
		o.MaxRetryDelay = math.MaxInt64
	}
	if o.StatusCodes == nil {
		o.StatusCodes = []int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	}
	return retries{RetryOptions: o, maxRetryAfter: limit}
}

// orDefault follows azcore: zero means the default, less than zero means none.
func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, 0)
}

// once is for the pipelines of both legs: their requests are never repeated, because each attempt needs a new
// assertion. As a context value it also overrides what the caller's context may carry for its own requests.
func (r retries) once(ctx context.Context) context.Context {
	ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: r.TryTimeout})
	// These two are meant for the request that the token is for, and a detached flight outlives the variable.
	ctx = policy.WithCaptureResponse(ctx, new(*http.Response))
	return policy.WithHTTPHeader(ctx, http.Header{})
}

// judge decides about a request's outcome that no AADSTS code explains.
func (r retries) judge(resp *http.Response, err error) verdict {
	switch {
	case errors.Is(err, outbound.ErrInsecure), errors.Is(err, outbound.ErrRedirected), errors.Is(err, outbound.ErrTooLarge):
		return final
	case r.ShouldRetry != nil:
		return transientIf(r.ShouldRetry(resp, err))
	case err != nil:
		return transient
	}
	return transientIf(slices.Contains(r.StatusCodes, resp.StatusCode))
}

func transientIf(again bool) verdict {
	if again {
		return transient
	}
	return final
}

// backoff is how long to wait before retry n, the first being 1: the base doubles each time, from 0.8 to 1.3 of it at
// random, as azcore does, so that many programs don't come back in step.
func (r retries) backoff(n int32) time.Duration {
	delay := r.RetryDelay
	for ; n > 1 && delay < r.MaxRetryDelay/2; n-- {
		delay *= 2
	}
	return min(spread(delay, 0.8, 1.3), r.MaxRetryDelay)
}

// spread is d times a random number between from and to.
func spread(d time.Duration, from, to float64) time.Duration {
	return time.Duration(float64(d) * (from + rand.Float64()*(to-from)))
}

// maxRetryAfter keeps a hostile value from overflowing a time.Duration.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads how long a service wants to be left alone, as azcore does; 0 when it doesn't say.
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func retryAfter(header http.Header) time.Duration {
	for _, name := range []string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if d := units(header.Get(name), time.Millisecond); d > 0 {
			return d
		}
	}
	value := header.Get("Retry-After")
	if d := units(value, time.Second); d > 0 {
		return d
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(date), 0), maxRetryAfter)
	}
	return 0
}

// retryAfterOf is what a failed acquisition says about when to try again; 0 when it doesn't.
func retryAfterOf(err error) time.Duration {
	if refused := (*ExchangeError)(nil); errors.As(err, &refused) {
		return refused.retryAfter
	}
	if unusable := (*AssertionError)(nil); errors.As(err, &unusable) {
		return unusable.retryAfter
	}
	// Of another library's credential that this library's cache serves.
	if failed := (*azidentity.AuthenticationFailedError)(nil); errors.As(err, &failed) && failed.RawResponse != nil {
		return retryAfter(failed.RawResponse.Header)
	}
	return 0
}

func units(value string, unit time.Duration) time.Duration {
	n, err := strconv.ParseUint(value, 10, 63)
	if errors.Is(err, strconv.ErrRange) || n > uint64(maxRetryAfter/unit) {
		return maxRetryAfter
	}
	return time.Duration(n) * unit
}

// sleep returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Package retry decides whether and when a request that failed is tried again: the options, the attempts of one
// acquisition, the verdict over a failure, and a service that wants to be left alone.
package retry

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

	"github.com/azoidc/azoidc/internal/outbound"
)

// defaultTryTimeout bounds one request where neither RetryOptions.TryTimeout nor the caller's context does.
const defaultTryTimeout = 30 * time.Second

// Options are policy.RetryOptions with azcore's defaults filled in.
// https://pkg.go.dev/github.com/Azure/azure-sdk-for-go/sdk/azcore/policy#RetryOptions
type Options struct {
	policy.RetryOptions
	// longestRetryAfter is MaxRetryDelay where the caller set one: a service that asks for more isn't waited for.
	longestRetryAfter time.Duration
}

// New fills in what o leaves open.
func New(o policy.RetryOptions) Options {
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
	o.StatusCodes = slices.Clone(o.StatusCodes)
	return Options{RetryOptions: o, longestRetryAfter: limit}
}

// orDefault follows azcore: zero means the default, less than zero means none.
func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, 0)
}

// Once is for the pipelines of both legs: their requests are never repeated, because each attempt needs a new
// assertion. As a context value it also overrides what the caller's context may carry for its own requests.
func (o Options) Once(ctx context.Context) context.Context {
	ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, TryTimeout: o.TryTimeout})
	// These two are meant for the request that the token is for, and a detached flight outlives the variable.
	ctx = policy.WithCaptureResponse(ctx, new(*http.Response))
	return policy.WithHTTPHeader(ctx, http.Header{})
}

// Judge decides about a request's outcome that no AADSTS code explains.
func (o Options) Judge(resp *http.Response, err error) Verdict {
	switch {
	case errors.Is(err, outbound.ErrInsecure), errors.Is(err, outbound.ErrRedirected), errors.Is(err, outbound.ErrTooLarge):
		return Final
	case o.ShouldRetry != nil:
		return transientIf(o.ShouldRetry(resp, err))
	case err != nil:
		return Transient
	}
	return transientIf(slices.Contains(o.StatusCodes, resp.StatusCode))
}

func transientIf(again bool) Verdict {
	if again {
		return Transient
	}
	return Final
}

// backoff is how long to wait before retry n, the first being 1: the base doubles each time, from 0.8 to 1.3 of it at
// random, as azcore does, so that many programs don't come back in step.
func (o Options) backoff(n int32) time.Duration {
	delay := o.RetryDelay
	for range n - 1 {
		delay = 2 * min(delay, math.MaxInt64/2) // never more than fits
	}
	return min(Spread(delay, 0.8, 1.3), o.MaxRetryDelay)
}

// Spread is d times a random number between from and to, at most the longest duration there is.
func Spread(d time.Duration, from, to float64) time.Duration {
	if spread := float64(d) * (from + rand.Float64()*(to-from)); spread < math.MaxInt64 {
		return time.Duration(spread)
	}
	return math.MaxInt64
}

// maxRetryAfter keeps a hostile value from overflowing a time.Duration.
const maxRetryAfter = 24 * time.Hour

// After reads how long a service wants to be left alone, as azcore does; 0 when it doesn't say.
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func After(header http.Header) time.Duration {
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
		now := time.Now()
		offset, _ := outbound.ClockOffset(header, now) // 0, if the service doesn't say by which clock
		return min(max(date.Sub(now.Add(offset)), 0), maxRetryAfter)
	}
	return 0
}

func units(value string, unit time.Duration) time.Duration {
	n, _ := strconv.ParseUint(value, 10, 64) // 0 for what is no number, the greatest for what is beyond
	return time.Duration(min(n, uint64(maxRetryAfter/unit))) * unit
}

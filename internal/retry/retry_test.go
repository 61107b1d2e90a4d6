package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/internal/outbound"
	"github.com/azoidc/azoidc/internal/retry"
)

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "0", "-1", "7", "1.5", "9223372036854775807", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
			d := retry.After(http.Header{name: {value}})
			require.GreaterOrEqual(t, d, d*0)
			require.LessOrEqual(t, d, 24*time.Hour)
		}
	})
}

// TestWhatEndedTheAttemptsIsNamed: the error of attempts whose time ran out is found as its reason, and as its end.
func TestWhatEndedTheAttemptsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := errors.New("mine")
		err := retry.New(policy.RetryOptions{}).Plan(0).Run(t.Context(), failTwice(mine, context.Canceled))
		require.ErrorIs(t, err, mine)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "mine\n  then:")
	})
}

// TestAnErrorThatLedNowhereIsAlone: what an earlier attempt failed of isn't why this one did.
func TestAnErrorThatLedNowhereIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := errors.New("mine")
		run := func(attempt func(context.Context) *retry.Failure) error {
			return retry.New(policy.RetryOptions{}).Plan(0).Run(t.Context(), attempt)
		}
		require.Equal(t, mine, run(failTwice(errors.New("earlier"), mine)))
		require.Equal(t, context.Canceled, run(func(context.Context) *retry.Failure { return &retry.Failure{Err: context.Canceled} }))
		require.NoError(t, run(func(context.Context) *retry.Failure { return nil }))
	})
}

// TestEachCallerHasItsOwnErrors, of both.
func TestEachCallerHasItsOwnErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := retry.New(policy.RetryOptions{}).Plan(0).Run(t.Context(), failTwice(errors.New("mine"), context.Canceled))
		var each interface {
			Each(own func(error) error) error
		}
		require.ErrorAs(t, err, &each)
		own := each.Each(func(err error) error { return fmt.Errorf("own: %w", err) })
		require.ErrorContains(t, own, "own: mine\n  then:")
		require.ErrorIs(t, own, context.Canceled)
		require.NotContains(t, err.Error(), "own")
	})
}

func TestNetworkErrors(t *testing.T) {
	for err, want := range map[error]bool{
		&net.OpError{Op: "dial", Err: errors.New("refused")}: true,
		io.EOF:                                true,
		fmt.Errorf("%w", io.ErrUnexpectedEOF): true,
		errors.New("mine"):                    false,
		context.Canceled:                      false,
	} {
		require.Equal(t, want, retry.IsNetworkError(err), err)
	}
}

// failTwice is an attempt that fails with first for a moment, then finally with second.
func failTwice(first, second error) func(context.Context) *retry.Failure {
	failures := []*retry.Failure{{Err: first, Verdict: retry.Transient}, {Err: second}}
	return func(context.Context) *retry.Failure {
		failed := failures[0]
		failures = failures[1:]
		return failed
	}
}

// TestRetryAfter has each header, form and bound.
func TestRetryAfter(t *testing.T) {
	now := time.Now()
	date := func(d time.Duration) string { return now.Add(d).UTC().Format(http.TimeFormat) }
	for name, test := range map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"none":                       {http.Header{}, 0},
		"seconds":                    {http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		"milliseconds":               {http.Header{"Retry-After-Ms": {"1500"}}, 1500 * time.Millisecond},
		"Microsoft's milliseconds":   {http.Header{"X-Ms-Retry-After-Ms": {"1500"}}, 1500 * time.Millisecond},
		"the most precise counts":    {http.Header{"Retry-After-Ms": {"1"}, "X-Ms-Retry-After-Ms": {"2"}, "Retry-After": {"3"}}, time.Millisecond},
		"a day is the most":          {http.Header{"Retry-After": {"86401"}}, 24 * time.Hour},
		"a day, in milliseconds":     {http.Header{"Retry-After-Ms": {"86400001"}}, 24 * time.Hour},
		"more than fits":             {http.Header{"Retry-After": {"99999999999999999999"}}, 24 * time.Hour},
		"overflow":                   {http.Header{"Retry-After": {"9223372036854775807"}}, 24 * time.Hour},
		"negative":                   {http.Header{"Retry-After": {"-7"}}, 0},
		"words":                      {http.Header{"Retry-After": {"soon"}}, 0},
		"a date in the past":         {http.Header{"Retry-After": {date(-time.Hour)}}, 0},
		"a date in years":            {http.Header{"Retry-After": {date(3 * 365 * 24 * time.Hour)}}, 24 * time.Hour},
		"a date by the other clock":  {http.Header{"Retry-After": {date(-time.Hour + 7*time.Second)}, "Date": {date(-time.Hour)}}, 7 * time.Second},
		"a date by a clock in years": {http.Header{"Retry-After": {date(26280*time.Hour + 7*time.Second)}, "Date": {date(26280 * time.Hour)}}, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, retry.After(test.header)) })
	}
}

// waits runs a plan whose attempts all fail so, and returns how long it waited before each further one.
func waits(t *testing.T, options policy.RetryOptions, failed retry.Failure) (waited []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		failed.Err = errors.New("mine")
		first := true
		err := retry.New(options).Plan(time.Hour).Run(ctx, func(context.Context) *retry.Failure {
			if !first {
				waited = append(waited, time.Since(before))
			}
			first, before = false, time.Now()
			return &failed
		})
		require.Error(t, err)
		require.Zero(t, time.Since(before), "who doesn't try again doesn't wait either")
	})
	return waited
}

// TestOneAttemptMeansOne, whatever it failed of.
func TestOneAttemptMeansOne(t *testing.T) {
	for _, verdict := range []retry.Verdict{retry.Final, retry.Transient, retry.StaleAssertion, retry.NotReplicated} {
		require.Empty(t, waits(t, policy.RetryOptions{MaxRetries: -1}, retry.Failure{Verdict: verdict}))
	}
}

func TestHowLongAPlanWaits(t *testing.T) {
	longest := time.Duration(math.MaxInt64)
	for name, test := range map[string]struct {
		options policy.RetryOptions
		failed  retry.Failure
		waits   int
		atLeast time.Duration
		atMost  time.Duration
	}{
		"azcore's delays":  {policy.RetryOptions{}, retry.Failure{Verdict: retry.Transient}, 3, 640 * time.Millisecond, 4160 * time.Millisecond},
		"no longest delay": {policy.RetryOptions{RetryDelay: 50 * time.Second, MaxRetryDelay: -1}, retry.Failure{Verdict: retry.Transient}, 1, 40 * time.Second, 65 * time.Second},
		"a longest delay":  {policy.RetryOptions{RetryDelay: 50 * time.Second, MaxRetryDelay: time.Second}, retry.Failure{Verdict: retry.Transient}, 3, time.Second, time.Second},
		"a negative longest delay and Retry-After": {policy.RetryOptions{MaxRetryDelay: -1, MaxRetries: 1},
			retry.Failure{Verdict: retry.Transient, RetryAfter: 70 * time.Second}, 1, 70 * time.Second, 105 * time.Second},
		"the longest delay there is": {policy.RetryOptions{RetryDelay: longest, MaxRetryDelay: longest}, retry.Failure{Verdict: retry.Transient}, 0, 0, 0},
		"Retry-After":                {policy.RetryOptions{}, retry.Failure{Verdict: retry.Transient, RetryAfter: 10 * time.Second}, 3, 10 * time.Second, 15 * time.Second},
		"Retry-After, the longest":   {policy.RetryOptions{MaxRetryDelay: 10 * time.Second, MaxRetries: 1}, retry.Failure{Verdict: retry.Transient, RetryAfter: 10 * time.Second}, 1, 10 * time.Second, 15 * time.Second},
		"Retry-After, longer":        {policy.RetryOptions{MaxRetryDelay: 10*time.Second - 1}, retry.Failure{Verdict: retry.Transient, RetryAfter: 10 * time.Second}, 0, 0, 0},
		"hardly any longest delay":   {policy.RetryOptions{MaxRetryDelay: 1}, retry.Failure{Verdict: retry.Transient, RetryAfter: 10 * time.Second}, 0, 0, 0},
		"Retry-After, too long":      {policy.RetryOptions{}, retry.Failure{Verdict: retry.Transient, RetryAfter: 24 * time.Hour}, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			waited := waits(t, test.options, test.failed)
			require.Len(t, waited, test.waits)
			for _, w := range waited {
				require.GreaterOrEqual(t, w, test.atLeast)
				require.LessOrEqual(t, w, test.atMost)
			}
		})
	}
}

// TestBackoffDoubles, up to the longest delay.
func TestBackoffDoubles(t *testing.T) {
	shortest, longest := [4]float64{1e9, 1e9, 1e9, 1e9}, [4]float64{}
	for range 200 {
		options := policy.RetryOptions{RetryDelay: time.Second, MaxRetryDelay: 6 * time.Second, MaxRetries: 4}
		for i, waited := range waits(t, options, retry.Failure{Verdict: retry.Transient}) {
			shortest[i], longest[i] = min(shortest[i], waited.Seconds()), max(longest[i], waited.Seconds())
		}
	}
	for i, base := range []float64{1, 2, 4, 8} {
		require.InDelta(t, min(0.8*base, 6), shortest[i], 0.05*base)
		require.InDelta(t, min(1.3*base, 6), longest[i], 0.05*base)
	}
}

// TestReplicationIsWaitedFor: longer and longer, as long as was said and not a moment longer.
func TestReplicationIsWaitedFor(t *testing.T) {
	delays := []time.Duration{1, 2, 4, 8, 10, 10, 10}
	for replication, want := range map[time.Duration]int{45 * time.Second: 7, 45*time.Second - 1: 6, 0: 0} {
		synctest.Test(t, func(t *testing.T) {
			var began []time.Time
			failed := &retry.Failure{Err: errors.New("mine"), Verdict: retry.NotReplicated}
			plan := retry.New(policy.RetryOptions{MaxRetries: 1}).Plan(replication)
			require.Error(t, plan.Run(t.Context(), func(context.Context) *retry.Failure {
				began = append(began, time.Now())
				return failed
			}))
			require.Len(t, began, 1+want)
			for i, delay := range delays[:want] {
				require.Equal(t, delay*time.Second, began[i+1].Sub(began[i]))
			}
		})
	}
}

// TestAStaleAssertionIsRenewedOnce, at once, unless the caller has left.
func TestAStaleAssertionIsRenewedOnce(t *testing.T) {
	stale := retry.Failure{Err: errors.New("mine"), Verdict: retry.StaleAssertion}
	require.Equal(t, []time.Duration{0}, waits(t, policy.RetryOptions{}, stale))
	require.Equal(t, []time.Duration{0}, waits(t, policy.RetryOptions{MaxRetries: 1}, stale))
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		attempts := 0
		require.Error(t, retry.New(policy.RetryOptions{}).Plan(0).Run(ctx, func(context.Context) *retry.Failure {
			attempts++
			cancel()
			return &stale
		}))
		require.Equal(t, 1, attempts)
	}
}

// TestHowFarRetryAfterIsSpread: up to half as long again, as far as there is time.
func TestHowFarRetryAfterIsSpread(t *testing.T) {
	const asked = 10 * time.Second
	for name, test := range map[string]struct {
		time   time.Duration // 0 is no deadline
		waits  bool
		atMost time.Duration
	}{
		"no deadline":       {0, true, 15 * time.Second},
		"a near deadline":   {12 * time.Second, true, 12 * time.Second},
		"no time to spread": {10 * time.Second, false, 0},
		"too little time":   {9 * time.Second, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shortest, longest := time.Hour, time.Duration(0)
				for range 100 {
					ctx := t.Context()
					if test.time > 0 {
						ctx = within(t, test.time)
					}
					began, attempts := time.Now(), 0
					plan := retry.New(policy.RetryOptions{MaxRetries: 1}).Plan(0)
					require.Error(t, plan.Run(ctx, func(context.Context) *retry.Failure {
						attempts++
						return &retry.Failure{Err: errors.New("mine"), Verdict: retry.Transient, RetryAfter: asked}
					}))
					require.Equal(t, test.waits, attempts == 2)
					shortest, longest = min(shortest, time.Since(began)), max(longest, time.Since(began))
				}
				if !test.waits {
					require.Zero(t, longest, "it fails at once")
					return
				}
				require.GreaterOrEqual(t, shortest, asked)
				require.InDelta(t, asked.Seconds(), shortest.Seconds(), 0.5)
				require.LessOrEqual(t, longest, test.atMost)
				require.InDelta(t, test.atMost.Seconds(), longest.Seconds(), 0.5)
			})
		})
	}
}

// TestADelayThatOutlastsTheCallerIsNotWaitedFor, not even one that ends at the same moment.
func TestADelayThatOutlastsTheCallerIsNotWaitedFor(t *testing.T) {
	for timeout, want := range map[time.Duration]int{time.Second: 1, time.Second + 1: 2} {
		synctest.Test(t, func(t *testing.T) {
			began, attempts := time.Now(), 0
			require.Error(t, retry.New(policy.RetryOptions{}).Plan(time.Second).Run(within(t, timeout), func(context.Context) *retry.Failure {
				attempts++
				return &retry.Failure{Err: errors.New("mine"), Verdict: retry.NotReplicated}
			}))
			require.Equal(t, want, attempts)
			require.Equal(t, time.Duration(want-1)*time.Second, time.Since(began))
		})
	}
}

// TestAttemptsAreThoseThatWereMade: what was only waited for isn't counted.
func TestAttemptsAreThoseThatWereMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counted []int
		count := func(attempts int) { counted = append(counted, attempts) }
		failures := []*retry.Failure{
			{Err: errors.New("untried"), Verdict: retry.Transient, Untried: true, Counted: count},
			{Err: errors.New("tried"), Verdict: retry.Transient, Counted: count},
			{Err: errors.New("untried"), Untried: true, Counted: count},
		}
		err := retry.New(policy.RetryOptions{}).Plan(0).Run(t.Context(), func(context.Context) *retry.Failure {
			failed := failures[0]
			failures = failures[1:]
			return failed
		})
		require.Error(t, err)
		require.Equal(t, []int{0, 1, 1}, counted)
	})
}

// TestWhatOptionsLeaveOpen is what azcore makes of it, but for a request's timeout.
func TestWhatOptionsLeaveOpen(t *testing.T) {
	codes := []int{408, 429, 500, 502, 503, 504}
	for name, test := range map[string]struct{ given, want policy.RetryOptions }{
		"all": {policy.RetryOptions{}, policy.RetryOptions{
			MaxRetries: 3, TryTimeout: 30 * time.Second, RetryDelay: 800 * time.Millisecond, MaxRetryDelay: time.Minute, StatusCodes: codes,
		}},
		"none": {policy.RetryOptions{MaxRetries: 1, TryTimeout: 1, RetryDelay: 1, MaxRetryDelay: 1, StatusCodes: []int{}},
			policy.RetryOptions{MaxRetries: 1, TryTimeout: 1, RetryDelay: 1, MaxRetryDelay: 1, StatusCodes: []int{}}},
		"below zero": {policy.RetryOptions{MaxRetries: -1, TryTimeout: -1, RetryDelay: -1, MaxRetryDelay: -1},
			policy.RetryOptions{MaxRetryDelay: math.MaxInt64, StatusCodes: codes}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, retry.New(test.given).RetryOptions) })
	}
}

// TestOnceIsForOneRequest: a pipeline doesn't repeat it, and gives the caller's own request nothing of it.
func TestOnceIsForOneRequest(t *testing.T) {
	requests, headers := 0, http.Header{}
	transport := transporter(func(request *http.Request) (*http.Response, error) {
		requests++
		headers = request.Header
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Request: request}, nil
	})
	pipeline := runtime.NewPipeline("test", "v0", runtime.PipelineOptions{}, &policy.ClientOptions{Transport: transport})
	var captured *http.Response
	ctx := policy.WithCaptureResponse(t.Context(), &captured)
	ctx = policy.WithHTTPHeader(ctx, http.Header{"Callers": {"own"}})
	ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{RetryDelay: time.Nanosecond})
	request, err := runtime.NewRequest(retry.New(policy.RetryOptions{}).Once(ctx), http.MethodGet, "https://example.com")
	require.NoError(t, err)
	_, err = pipeline.Do(request)
	require.NoError(t, err)
	require.Equal(t, 1, requests)
	require.Nil(t, captured)
	require.NotContains(t, headers, "Callers")
}

type transporter func(*http.Request) (*http.Response, error)

func (f transporter) Do(request *http.Request) (*http.Response, error) { return f(request) }

func TestJudgement(t *testing.T) {
	always := policy.RetryOptions{ShouldRetry: func(*http.Response, error) bool { return true }}
	never := policy.RetryOptions{ShouldRetry: func(*http.Response, error) bool { return false }}
	for name, test := range map[string]struct {
		options policy.RetryOptions
		status  int
		err     error
		want    retry.Verdict
	}{
		"an address without https":               {always, 0, outbound.ErrInsecure, retry.Final},
		"a redirect":                             {always, 0, outbound.ErrRedirected, retry.Final},
		"an answer that is too long":             {always, 0, outbound.ErrTooLarge, retry.Final},
		"an answer that the caller repeats":      {always, 418, nil, retry.Transient},
		"an error that the caller repeats":       {always, 0, errors.New("mine"), retry.Transient},
		"an error that the caller has had":       {never, 0, errors.New("mine"), retry.Final},
		"an answer that the caller has had":      {never, 503, nil, retry.Final},
		"an error":                               {policy.RetryOptions{}, 0, errors.New("mine"), retry.Transient},
		"a status that passes":                   {policy.RetryOptions{}, 503, nil, retry.Transient},
		"a status that stays":                    {policy.RetryOptions{}, 400, nil, retry.Final},
		"a status that isn't among the caller's": {policy.RetryOptions{StatusCodes: []int{}}, 503, nil, retry.Final},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, retry.New(test.options).Judge(&http.Response{StatusCode: test.status}, test.err))
		})
	}
}

// TestTheCallersStatusCodesAreReadOnce, when the options are.
func TestTheCallersStatusCodesAreReadOnce(t *testing.T) {
	codes := []int{418}
	options := retry.New(policy.RetryOptions{StatusCodes: codes})
	codes[0] = 500
	require.Equal(t, retry.Transient, options.Judge(&http.Response{StatusCode: 418}, nil))
	require.Equal(t, retry.Final, options.Judge(&http.Response{StatusCode: 500}, nil))
}

// TestSpreadNeverTurnsNegative where it would overflow.
func TestSpreadNeverTurnsNegative(t *testing.T) {
	for range 1000 {
		require.Positive(t, retry.Spread(math.MaxInt64, 0.8, 1.3))
	}
	require.Positive(t, retry.Spread(math.MaxInt64, 1, 1))
}

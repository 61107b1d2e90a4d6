package retry_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

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
}
